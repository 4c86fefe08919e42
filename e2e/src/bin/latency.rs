//! `cargo xtask bench latency`: how far behind the relay the screen is.

use amt_e2e::latency::{delays, percentile, read_frame_log};
use amt_e2e::{Browser, Helper, Stage};
use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Plays the demo in headless Chromium and measures the delay from the relay sending a frame to the screen.
#[derive(Parser)]
struct Options {
    /// Seconds to measure, after the player has settled.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Seconds to let it settle.
    #[arg(long, default_value_t = 10)]
    settle: u64,
    /// Write the player's state to this file, four times a second.
    #[arg(long)]
    trace: Option<PathBuf>,
}

/// What a line of the trace holds, as a script.
const TRACED: &str = "(() => {
    const video = document.querySelector('video'), of = document.querySelector('#figures').dataset;
    return [performance.now(), video.currentTime, video.playbackRate, video.preservesPitch, of.targetMs, of.delayMs,
        of.bufferMs, of.stalls].join(' ');
})()";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let stage = Stage::new()?;
    let log = stage.dir().join("frames.log");
    let helper = Helper::demo(&stage, &["--frame-log", &log.to_string_lossy()]).await?;
    let browser = Browser::start(&stage).await?;
    browser.open(&helper.page()).await?;
    browser.phase("playing").await?;
    let mut trace = options.trace.as_ref().map(File::create).transpose().context("the trace cannot be written")?;
    look_on(&browser, options.settle, trace.as_mut()).await?;
    browser.record_strip().await?;
    look_on(&browser, options.seconds, trace.as_mut()).await?;
    let record = browser.strip_record().await?;
    let playback = browser.playback().await?;
    let figures = browser.figures().await?;
    browser.close().await?;

    let sent = read_frame_log(&fs::read_to_string(&log).context("the relay wrote no frame log")?)?;
    let found = delays(&sent, &record.frames);
    ensure!(!found.displayed.is_empty(), "no frame was shown whose strip could be read");
    println!("From the relay sending the last packet of a frame to the frame on screen, H.264 with AAC at 25 fps,");
    println!(
        "{} s after {} s to settle, in headless Chromium on this machine, software decoding:",
        options.seconds, options.settle
    );
    for (what, values) in [
        ("on screen (requestVideoFrameCallback's expectedDisplayTime)", &found.displayed),
        ("callback ran", &found.called),
    ] {
        let at = |part| percentile(values, part).unwrap_or(f64::NAN);
        println!(
            "  {what}: p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, least {:.0} ms",
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.0)
        );
    }
    println!(
        "  {} frames shown, {} not shown, {} unreadable, {} stalls, {} bytes of sound decoded",
        found.displayed.len(),
        found.lost,
        record.unread,
        record.stalls.len(),
        playback.audio_bytes
    );
    if !record.stalls.is_empty() {
        println!("  stalls after frames {:?}; {figures:?}", record.stalls);
        for stall in &record.stalls {
            let around = stall.saturating_sub(10)..(stall + 40).min(found.displayed.len());
            let around = found.displayed.get(around).unwrap_or_default();
            println!("  around it, ms: {:?}", around.iter().map(|delay| delay.round()).collect::<Vec<_>>());
        }
    }
    Ok(())
}

/// Lets time pass, and traces meanwhile where that is wanted.
async fn look_on(browser: &Browser, seconds: u64, trace: Option<&mut File>) -> Result<()> {
    let length = Duration::from_secs(seconds);
    let Some(trace) = trace else {
        tokio::time::sleep(length).await;
        return Ok(());
    };
    let begun = Instant::now();
    while begun.elapsed() < length {
        writeln!(trace, "{}", browser.value(TRACED).await?.as_str().unwrap_or_default())?;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}
