//! `cargo xtask bench`: what is measured rather than tested.

mod segmenter;

use crate::{Purpose, demo, exec, setup, steps::Steps};
use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// From the time the demo's relay has sent a frame to the time it is on screen, in headless Chromium.
    Latency {
        /// Seconds to measure, after five to settle.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
    /// How soon a page shows a channel that the helper receives already, in headless Chromium.
    SecondPage {
        /// How often the page is opened.
        #[arg(long, default_value_t = 20)]
        runs: u32,
        /// Prints what happens on the way as well.
        #[arg(long)]
        steps: bool,
    },
    /// What 1 to 200 pages with one channel of 8 Mbit/s cost, and whether each of them gets all of it.
    Viewers,
    /// The gateway at 1,000 to 100,000 packets a second, beside a bare receive loop. Needs root.
    Gateway {
        /// The helper and the loop as an ordinary user: the kernel limits their receive buffers.
        #[arg(long)]
        without_root: bool,
    },
    /// The segmenter in wasm beside other players' code, in Node: throughput, longest push, processor time, memory.
    Segmenter(segmenter::Options),
}

/// Builds what is measured, and measures.
///
/// # Errors
/// Where a tool is missing, a build fails, or nothing plays.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    let flag = |name: &str, given: &bool| if *given { vec![name.to_owned()] } else { vec![] };
    let number = |name: &str, value: &u32| vec![name.to_owned(), value.to_string()];
    let (program, arguments) = match bench {
        Bench::Segmenter(options) => return segmenter::run(options),
        Bench::Latency { seconds } => ("latency", number("--seconds", seconds)),
        Bench::SecondPage { runs, steps } => ("second_page", [number("--runs", runs), flag("--steps", steps)].concat()),
        Bench::Viewers => ("viewers", vec![]),
        Bench::Gateway { without_root } => ("gateway", flag("--without-root", without_root)),
    };
    setup::run(Purpose::Test)?;
    demo::build(&mut Steps::new())?;
    // Each measures the programs beside it, so all are built alike.
    exec::run(&mut exec::line("cargo build --locked --quiet --release -p amt-e2e --bins"))?;
    exec::run(exec::program(exec::target().join("release").join(program)).args(arguments))
}
