//! What the page's thread and the worker tell each other.
//!
//! A message of the worker is an array: a list of [`FromWorker`] as JSON first, then one `ArrayBuffer`, given
//! away and not copied, for each `Init`, `Media` and `Cue` in the list, in order. A message of the page is one
//! [`ToWorker`] as JSON. Their names stand outside of them, as serde has it: a name within, as `amt_shared::wire` has it, is
//! read in two steps, which makes the page's first load larger.

mod channel;
mod cue;
mod helper;
mod takes;

pub use channel::{Event, Program, ProgramEntry, Schedule, Stream, TextPage};
pub use cue::Cue;
pub use helper::{Heading, from_helper};

use crate::segmenter::{self, Takes, Track};
use serde::{Deserialize, Serialize};

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// Play this AMT URL, now and after every reconnection.
    Tune {
        /// An AMT URL in text form.
        url: String,
        /// What the browser says that it can play.
        #[serde(with = "takes::Form")]
        takes: Takes,
        /// What the viewer has chosen in it.
        choice: Choice,
        /// Whether the viewer named its relays, and not a link alone.
        typed: bool,
    },
    /// Play another programme of the stream, now and after every reconnection; its sound is its first again.
    ChooseProgram {
        /// `program_number`; `None` for the first that can be played.
        number: Option<u16>,
    },
    /// Play another sound track of the programme, now and after every reconnection.
    ChooseAudio {
        /// Its PID; `None` for the first.
        pid: Option<u16>,
    },
    /// Leave the channel.
    Stop,
    /// The page has taken so many bytes of media off the worker's hands.
    Taken {
        /// Sum over the buffers of the messages since the last time.
        bytes: u32,
    },
}

/// What the viewer has chosen within a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// A programme by its `program_number`; `None` for the first that can be played.
    pub program: Option<u16>,
    /// A sound track by its PID; `None` for the programme's first.
    pub audio: Option<u16>,
    /// Show pictures that lack what is lost, artefacts and all; otherwise the last clean one stands until the next
    /// random access point.
    #[serde(default)]
    pub damaged: bool,
}

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    /// The worker listens: the first message.
    Ready,
    /// The helper's first message has not come, or the connection is gone. The worker keeps trying.
    Unreachable {
        /// How often it has tried since the helper was last there.
        attempts: u32,
        /// The connection was there, and nothing has come over it for longer than the helper is ever silent.
        silent: bool,
    },
    /// The worker is at work, if it says nothing else.
    Alive,
    /// What the helper says.
    Helper {
        /// Its message as it came, for [`from_helper`].
        text: String,
    },
    /// A new segmenter with a new timeline: nothing that came before belongs to what follows.
    Restart,
    /// Whether what arrives is a transport stream, whenever that changes; it is taken for one at first.
    TransportStream {
        /// Transport packets are found in it.
        found: bool,
    },
    /// Whether the decoders are there that the sound needs.
    Sound {
        /// Why they are not; `None` where they are.
        missing: Option<SoundMissing>,
    },
    /// All programmes of the stream.
    Programs {
        /// In the PAT's order.
        programs: Vec<ProgramEntry>,
    },
    /// The programme that is played, and its streams.
    Program(Program),
    /// What is on now and next in it.
    Schedule(Schedule),
    /// Something with a time besides picture and sound; its bytes are a buffer of the message.
    Cue(Cue),
    /// How the programme's clock and its timestamps go.
    Clock(Clock),
    /// An initialisation segment; its bytes are a buffer of the message.
    Init(Init),
    /// A media segment; its bytes are a buffer of the message.
    Media(Media),
    /// A track's timeline was repaired.
    Discontinuity {
        /// Of which track.
        #[serde(with = "TrackName")]
        track: Track,
        /// Why.
        reason: String,
    },
    /// Something was wrong with the stream.
    Fault {
        /// What.
        reason: String,
        /// How often.
        count: u64,
    },
    /// Media was left out, because the page's thread did not take it in time.
    Overflow,
}

/// Why the sound cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundMissing {
    /// Why the decoders could not be loaded, in the browser's words; empty where one has broken down.
    pub reason: String,
    /// Whether they are tried again.
    pub again: bool,
}

/// How the programme's clock and its timestamps go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// How far the decoding times stand ahead of the clock, in milliseconds.
    pub lead_ms: f64,
    /// How much faster the timestamps go than the clock, in parts per million; negative where they crawl.
    pub timestamps_ppm: f64,
    /// How much faster the clock goes than the helper's, in parts per million; `None` while that is not known.
    pub helper_ppm: Option<f64>,
}

/// An initialisation segment, without its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Init {
    /// Which track it opens.
    #[serde(with = "TrackName")]
    pub track: Track,
    /// For `addSourceBuffer`.
    pub mime: String,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Width of the picture; 0 for audio.
    pub width: u32,
    /// Height of the picture; 0 for audio.
    pub height: u32,
    /// Samples a second; 0 for video.
    pub sample_rate: u32,
    /// Channels; 0 for video.
    pub channels: u16,
}

/// A media segment, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Which track it belongs to.
    #[serde(with = "TrackName")]
    pub track: Track,
    /// Whether decoding can start here.
    pub key: bool,
    /// The first presentation time in it, in seconds of the output timeline.
    pub start: f64,
    /// Where the last of its samples ends, in seconds of the output timeline.
    pub end: f64,
    /// When the helper received it, in milliseconds since the Unix epoch.
    pub received_ms: f64,
    /// Whether it comes from the helper's cache, older than what is live.
    pub cached: bool,
    /// So many bytes at the end of its buffer are the segment in place of it for a decoder that began at the last random
    /// access point; 0 where that is the same.
    pub anew: u32,
    /// Decoding can start here with those alone.
    pub gradual: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Track", rename_all = "snake_case")]
enum TrackName {
    Video,
    Audio,
}

impl From<&segmenter::Init> for Init {
    fn from(init: &segmenter::Init) -> Self {
        Self {
            track: init.track,
            mime: init.mime(),
            codec: init.codec.clone(),
            width: init.width,
            height: init.height,
            sample_rate: init.sample_rate,
            channels: init.channels,
        }
    }
}

impl Media {
    /// What the page needs to know of a segment; `None` where it is empty.
    #[must_use]
    pub fn of(media: &segmenter::Media, timescale: u32, cached: bool) -> Option<Self> {
        let start = media.samples.iter().map(|sample| sample.pts).min()?;
        let end = media.samples.iter().map(|sample| sample.pts + i64::from(sample.duration)).max()?;
        let seconds = |units: i64| units as f64 / f64::from(timescale.max(1));
        Some(Self {
            track: media.track,
            key: media.samples.first()?.key,
            start: seconds(start),
            end: seconds(end),
            received_ms: media.received as f64 / 1000.0,
            cached,
            anew: media.anew.as_ref().map_or(0, |anew| anew.len() as u32),
            gradual: media.gradual,
        })
    }
}

impl From<&segmenter::Clock> for Clock {
    fn from(clock: &segmenter::Clock) -> Self {
        let ppm = |ppb: i64| ppb as f64 / 1000.0;
        Self {
            lead_ms: clock.lead as f64 / 90.0,
            timestamps_ppm: ppm(clock.timestamps_ppb),
            helper_ppm: clock.helper_ppb.map(ppm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segmenter::Sample;

    #[test]
    fn a_segment_spans_from_its_first_to_its_last_presentation() {
        let sample = |pts, key| Sample { dts: 0, pts, duration: 3600, source_pts: 0, key, size: 1, offset: 0 };
        let media = segmenter::Media {
            track: Track::Video,
            pid: 256,
            data: vec![],
            anew: Some(vec![0; 3]),
            gradual: false,
            samples: vec![sample(97_200, true), sample(90_000, false)],
            received: 1_500_000,
        };
        let told = Media::of(&media, 90_000, false).unwrap();
        assert_eq!((told.start, told.end, told.key, told.received_ms), (1.0, 1.12, true, 1500.0));
        assert_eq!((told.anew, told.gradual), (3, false));
    }

    #[test]
    fn messages_read_back() {
        let message = FromWorker::Media(Media {
            track: Track::Audio,
            key: true,
            start: 1.5,
            end: 1.6,
            received_ms: 1.0,
            cached: true,
            anew: 100,
            gradual: false,
        });
        let text = serde_json::to_string(&[&message]).unwrap();
        assert!(text.contains(r#""track":"audio""#), "{text}");
        assert_eq!(serde_json::from_str::<Vec<FromWorker>>(&text).unwrap(), [message]);
    }

    #[test]
    fn what_the_browser_takes_goes_along_with_the_address() {
        let takes = Takes { hevc: false, mp3: true, ..Takes::default() };
        let choice = Choice { program: Some(2), audio: Some(0x101), damaged: true };
        let message = ToWorker::Tune { url: "amt://232.0.0.1:1".into(), takes, choice, typed: true };
        let text = serde_json::to_string(&message).unwrap();
        assert!(text.contains(r#""hevc":false"#), "{text}");
        assert_eq!(serde_json::from_str::<ToWorker>(&text).unwrap(), message);
    }
}
