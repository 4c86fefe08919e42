//! `cargo xtask bench`: what is measured rather than tested.

mod segmenter;

use crate::{Purpose, demo, exec, setup, steps::Steps};
use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Delay from the demo relay sending a frame to the frame on screen, in headless Chromium.
    Latency {
        /// Seconds to measure, after five seconds to settle.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
    /// Start-up time of a page for a channel that the helper already receives, in headless Chromium.
    SecondPage {
        /// How many times to open the page.
        #[arg(long, default_value_t = 20)]
        runs: u32,
        /// Also print the intermediate steps.
        #[arg(long)]
        steps: bool,
    },
    /// Cost of 1 to 200 pages with one channel of 8 Mbit/s, and whether each page receives all of it.
    Viewers,
    /// The gateway at 1,000 to 100,000 packets per second, compared with a bare receive loop. Needs root.
    Gateway {
        /// Run the helper and the loop as an ordinary user, with receive buffers limited by the kernel.
        #[arg(long)]
        without_root: bool,
    },
    /// The segmenter in wasm compared with other players' code, in Node: throughput, longest push, CPU time, memory.
    Segmenter(segmenter::Options),
}

/// Builds what measures, but for the segmenter.
const PROGRAMS: &str = "cargo build --locked --quiet --release -p amt-e2e --bins";

/// The programs of `amt-e2e` that measure, each with what makes it a matter of seconds.
const SHORT: [(&str, &str); 4] = [
    ("latency", "--seconds 5 --settle 5"),
    ("second_page", "--runs 2"),
    ("viewers", "--pages 1,2 --seconds 2"),
    ("gateway", "--rates 1000 --seconds 2"),
];

/// Every bench for a moment, so that none breaks unseen: what is measured says nothing then. Page and helper are built
/// already.
///
/// # Errors
/// With the name of the bench that no longer works.
pub(crate) fn short(steps: &mut Steps) -> Result<()> {
    steps.program("benches", &mut exec::line(PROGRAMS))?;
    for (program, arguments) in SHORT {
        let mut command = exec::program(exec::target().join("release").join(program));
        steps.program(&format!("bench {program}, short"), command.args(arguments.split(' ')))?;
    }
    steps.step("bench segmenter, short", || segmenter::run(&segmenter::Options::short()))
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
    exec::run(&mut exec::line(PROGRAMS))?;
    exec::run(exec::program(exec::target().join("release").join(program)).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bench_has_a_short_run() {
        let all = Bench::augment_subcommands(clap::Command::new("bench"));
        let mut names: Vec<String> = all.get_subcommands().map(|bench| bench.get_name().replace('-', "_")).collect();
        let mut short: Vec<&str> = SHORT.iter().map(|(name, _)| *name).chain(["segmenter"]).collect();
        names.sort();
        short.sort_unstable();
        assert_eq!(names, short);
    }
}
