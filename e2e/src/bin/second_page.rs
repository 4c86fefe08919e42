//! How soon a page shows a channel that the helper receives already: from its navigation and from its tuning in to
//! the first frame on the screen.

use amt_e2e::latency::percentile;
use amt_e2e::{Browser, Helper, Stage, until};
use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::collections::BTreeMap;
use std::time::Duration;

/// Opens the page repeatedly while the helper receives the demo, and prints the time of each step.
#[derive(Parser)]
struct Options {
    /// Number of runs.
    #[arg(long, default_value_t = 20)]
    runs: u32,
    /// Also print the intermediate steps.
    #[arg(long)]
    steps: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let stage = Stage::new()?;
    let helper = Helper::demo(&stage, &[]).await?;
    let browser = Browser::start(&stage).await?;
    browser.before_pages(include_str!("../first_frame.js")).await?;
    let mut all = BTreeMap::<String, Vec<f64>>::new();
    let mut cold = None;
    for run in 0..=options.runs {
        browser.client.goto("about:blank").await?;
        // Somewhere between two random access points, each time elsewhere.
        tokio::time::sleep(Duration::from_millis(700 + u64::from(run) * 137 % 1000)).await;
        browser.client.goto(&helper.page()).await?;
        let mut times: BTreeMap<String, f64> = until("a second frame is shown", async || {
            let times: BTreeMap<String, f64> = serde_json::from_value(browser.value("window.firstTimes").await?)?;
            Ok(times.contains_key("second_frame").then_some(times))
        })
        .await?;
        let tune = *times.get("ask_tune").context("the page did not tune in")?;
        let frame = *times.get("frame").context("no frame")?;
        times.insert("frame after tune".into(), frame - tune);
        if run == 0 {
            cold = Some(times);
            continue;
        }
        times.into_iter().for_each(|(name, time)| all.entry(name).or_default().push(time));
    }
    browser.close().await?;
    ensure!(!all.is_empty(), "no runs");
    let cold = cold.unwrap_or_default();
    println!(
        "A second page in headless Chromium on this machine, with the channel already being received, {} runs:",
        options.runs
    );
    let mut rows: Vec<(String, Vec<f64>)> = all.into_iter().filter(|(name, _)| name != "frames").collect();
    rows.iter_mut().for_each(|(_, values)| values.sort_by(f64::total_cmp));
    let at = |values: &[f64], part| percentile(values, part).unwrap_or(f64::NAN);
    let line = |what: &str, name: &str| {
        let Some((_, values)) = rows.iter().find(|(of, _)| of == name) else { return };
        println!(
            "  {what}: p50 {:.0} ms, p90 {:.0} ms, least {:.0} ms, most {:.0} ms; the first visit of a new browser: {:.0} ms",
            at(values, 0.5),
            at(values, 0.9),
            at(values, 0.0),
            at(values, 1.0),
            cold.get(name).unwrap_or(&f64::NAN)
        );
    };
    line("navigation to first frame", "frame");
    line("tuning in to first frame", "frame after tune");
    if options.steps {
        rows.sort_by(|(_, one), (_, other)| at(one, 0.5).total_cmp(&at(other, 0.5)));
        rows.iter().for_each(|(name, values)| println!("    {:7.0}  {name}", at(values, 0.5)));
    }
    Ok(())
}
