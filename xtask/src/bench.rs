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
}

/// Builds what is measured, and measures.
///
/// # Errors
/// Where a tool is missing, a build fails, or nothing plays.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    setup::run(Purpose::Test)?;
    demo::build(&mut Steps::new())?;
    match bench {
        Bench::Latency { seconds } => exec::run(
            exec::line("cargo run --locked --quiet --release -p amt-e2e --bin latency --")
                .args(["--seconds", &seconds.to_string()]),
        ),
    }
}
