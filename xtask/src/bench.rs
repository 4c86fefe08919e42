//! `cargo xtask bench`: what is measured rather than tested.

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
}

/// Builds what is measured, and measures.
///
/// # Errors
/// Where a tool is missing, a build fails, or nothing plays.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    setup::run(Purpose::Test)?;
    demo::build(&mut Steps::new())?;
    // Each measures the programs beside it, so all are built alike.
    exec::run(&mut exec::line("cargo build --locked --quiet --release -p amt-e2e --bins"))?;
    let mut program = exec::program(exec::target().join("release").join(match bench {
        Bench::Latency { .. } => "latency",
        Bench::SecondPage { .. } => "second_page",
        Bench::Viewers => "viewers",
        Bench::Gateway { .. } => "gateway",
    }));
    match bench {
        Bench::Latency { seconds } => program.args(["--seconds", &seconds.to_string()]),
        Bench::SecondPage { runs, steps } => {
            program.args(["--runs", &runs.to_string()]).args(steps.then_some("--steps"))
        }
        Bench::Viewers => &mut program,
        Bench::Gateway { without_root } => program.args(without_root.then_some("--without-root")),
    };
    exec::run(&mut program)
}
