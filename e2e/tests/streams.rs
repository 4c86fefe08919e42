//! Streams as they are on the air, in a real browser: joined in the middle, cut together, slow, without a picture; and a
//! helper that stands still for a while.

use amt_e2e::browser::Kind;
use amt_e2e::encoder::{encode, joined_at, splice};
use amt_e2e::stage::on_stage;
use amt_e2e::watch::Watched;
use amt_e2e::{Browser, Helper, Stage, Station, until, within};
use anyhow::{Context, Result, bail, ensure};
use std::process::Command;
use std::time::Duration;

/// A picture may stand for so long on a busy machine, in milliseconds, and no longer.
const STANDS_MAX: f64 = 1500.0;
/// The tone that stands in the sound.
const TONE: f64 = 1000.0;

/// ffmpeg's arguments for a picture of this size and pace, and a tone, for so many seconds.
fn source(size: &str, rate: u32, seconds: u32) -> String {
    format!(
        "-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds} -f lavfi -i sine=f={TONE}:r=48000:d={seconds},volume=12dB \
         -c:a aac -c:v libx264 -preset veryfast"
    )
}

/// A page that plays a stream, watched and listened to.
struct Show {
    browser: Browser,
    helper: Helper,
    _station: Station,
}

impl Show {
    async fn open(stage: &Stage, ts: Vec<u8>) -> Result<Self> {
        let station = Station::start(ts)?;
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::audible(stage, Kind::Chromium).await?;
        browser.open(&format!("{}#{}", helper.page(), station.url())).await?;
        browser.listen().await?;
        browser.watch().await?;
        browser.phase("playing").await?;
        Ok(Self { browser, helper, _station: station })
    }

    async fn figure(&self, name: &str) -> Result<String> {
        Ok(self.browser.figures().await?.get(name).cloned().unwrap_or_default())
    }

    /// Watches from the first picture on: so many pictures come without one standing too long, none goes back, and
    /// nothing had to begin anew.
    async fn plays(&self, pictures: u64, stands_max: f64) -> Result<Watched> {
        self.browser.pictures(1, Duration::from_secs(60)).await?;
        self.browser.watch_anew().await?;
        let recoveries = self.figure("recoveries").await?;
        let watched = self.browser.pictures(pictures, Duration::from_secs(90)).await?;
        let figures = self.browser.figures().await?;
        ensure!(watched.longest < stands_max, "the picture stood: {watched:?}; {figures:?}");
        ensure!(watched.back == 0, "the picture went back: {watched:?}; {figures:?}");
        ensure!(self.figure("recoveries").await? == recoveries, "it began anew: {figures:?}");
        self.browser.hears(TONE).await?;
        println!("  {watched:?}, {} ms behind live", self.figure("delayMs").await?);
        Ok(watched)
    }
}

#[tokio::test]
async fn an_open_gop_is_joined_behind_its_idr_picture() {
    on_stage(async |stage| {
        // B pyramids: pictures that lead the I picture are references of others.
        let encoder = "-g 25 -bf 3 -x264-params aud=1:open-gop=1:b-pyramid=normal:keyint=25:min-keyint=25:scenecut=0";
        let ts = encode(stage.dir(), "open_gop", &format!("{} {encoder}", source("320x180", 25, 20)))?;
        // Without the only IDR picture, also when it goes round.
        let show = Show::open(stage, joined_at(&ts, 0.13)).await?;
        show.plays(25 * 25, STANDS_MAX).await?;
        ensure!(show.figure("recoveries").await? == "0", "{:?}", show.browser.figures().await?);
        show.browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_group_of_pictures_of_a_minute_plays_on() {
    on_stage(async |stage| {
        let encoder = "-g 1500 -keyint_min 1500 -bf 2 -x264-params aud=1:scenecut=0";
        let ts = encode(stage.dir(), "minute", &format!("{} {encoder}", source("320x180", 25, 60)))?;
        let show = Show::open(stage, ts).await?;
        show.plays(25 * 40, STANDS_MAX).await?;
        ensure!(show.figure("recoveries").await? == "0", "{:?}", show.browser.figures().await?);
        show.browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_splice_between_encoders_of_other_reordering_costs_no_second() {
    on_stage(async |stage| {
        let encoder = "-g 100 -keyint_min 100 -x264-params aud=1:scenecut=0";
        let part = |name: &str, more: &str| {
            encode(stage.dir(), name, &format!("{} {encoder} {more}", source("320x180", 25, 8)))
        };
        // What comes behind the splice begins a frame before what came before it ends.
        let (first, second) = (part("first", "-bf 3")?, part("second", "-bf 0 -output_ts_offset 7.96")?);
        let show = Show::open(stage, splice(&[&first, &second])).await?;
        // A GOP is four seconds: a picture that waits for the next one stands longer than this.
        show.plays(25 * 30, 2000.0).await?;
        show.browser.close().await
    })
    .await;
}

#[tokio::test]
async fn an_encoder_that_restarts_with_another_picture_plays_on() {
    on_stage(async |stage| {
        let encoder = "-g 50 -bf 2 -x264-params aud=1";
        let part = |name: &str, size: &str| encode(stage.dir(), name, &format!("{} {encoder}", source(size, 25, 7)));
        let ts = [part("before", "320x180")?, part("after", "256x144")?].concat();
        let show = Show::open(stage, ts).await?;
        show.plays(25 * 30, 2500.0).await?;
        show.browser.close().await
    })
    .await;
}

#[tokio::test]
async fn one_picture_a_second_plays_with_its_sound() {
    on_stage(async |stage| {
        let ts = encode(stage.dir(), "slow", &format!("{} -g 5 -bf 0 -x264-params aud=1", source("320x180", 1, 60)))?;
        let show = Show::open(stage, ts).await?;
        show.plays(12, 3500.0).await?;
        show.browser.close().await
    })
    .await;
}

#[tokio::test]
async fn radio_plays() {
    on_stage(async |stage| {
        let ts = encode(
            stage.dir(),
            "radio",
            &format!("-f lavfi -i sine=f={TONE}:r=48000:d=20,volume=12dB -c:a mp2 -b:a 192k"),
        )?;
        let show = Show::open(stage, ts).await?;
        show.browser.hears(TONE).await?;
        let position = async || {
            let position = show.browser.value("document.querySelector('video#video').currentTime").await?;
            position.as_f64().context("no position")
        };
        let before = position().await?;
        until("ten seconds are heard", async || Ok((position().await? > before + 10.0).then_some(()))).await?;
        show.browser.hears(TONE).await?;
        ensure!(show.figure("recoveries").await? == "0", "{:?}", show.browser.figures().await?);
        show.browser.close().await
    })
    .await;
}

/// Sends a signal that the standard library does not know.
fn signal(helper: &Helper, name: &str) -> Result<()> {
    let status = Command::new("kill").args([&format!("-{name}"), &helper.process.id().to_string()]).status()?;
    ensure!(status.success(), "no {name} to the helper");
    Ok(())
}

#[tokio::test]
async fn a_helper_that_stands_still_for_eight_seconds_costs_no_delay_afterwards_and_the_page_tells_the_truth() {
    on_stage(async |stage| {
        let encoder = "-g 25 -bf 2 -x264-params aud=1";
        let ts = encode(stage.dir(), "plain", &format!("{} {encoder}", source("320x180", 25, 20)))?;
        let show = Show::open(stage, ts).await?;
        show.plays(25 * 8, STANDS_MAX).await?;
        let delay = async || -> Result<f64> { Ok(show.figure("delayMs").await?.parse().unwrap_or(f64::INFINITY)) };
        let usual = delay().await?;

        signal(&show.helper, "STOP")?;
        let told = async {
            // It says how far behind it is, or that the helper is gone; never the delay of before.
            tokio::time::sleep(Duration::from_secs(8)).await;
            anyhow::Ok((delay().await?, show.browser.status_line().await?))
        }
        .await;
        signal(&show.helper, "CONT")?;
        let (standing, line) = told?;
        println!("  usual {usual} ms; after 8 s of standing still {standing} ms: {line:?}");
        ensure!(line.phase != "playing" || standing > 4000.0, "{standing} ms, {line:?}");

        show.browser.phase("playing").await?;
        within(Duration::from_secs(30), "the usual delay is back", async || {
            let now = delay().await?;
            if now > usual + 150.0 {
                bail!("{now} ms behind live, usually {usual}: {:?}", show.browser.figures().await?);
            }
            Ok(Some(()))
        })
        .await?;
        show.plays(25 * 4, STANDS_MAX).await?;
        show.browser.close().await
    })
    .await;
}
