//! What a newcomer runs: `cargo xtask setup`, `demo`, `test` and `bench`.
//!
//! Each command first makes sure of the tools it needs, says what it does and how long it took, and does
//! nothing twice. Two dependencies only: this is the first thing that a fresh clone compiles.

mod bench;
mod demo;
mod exec;
mod first_load;
mod setup;
mod steps;
mod test;

use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// Builds, demonstrates and tests the player.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs missing tools, or prints the command to install them.
    Setup {
        /// What the tools are needed for.
        #[arg(long = "for", value_enum, default_value_t = Purpose::Test)]
        purpose: Purpose,
    },
    /// Builds the page and the helper, and plays the built-in clip through an AMT tunnel on this machine.
    Demo {
        /// Open the page in the browser as soon as it is served.
        #[arg(long)]
        open: bool,
        /// Arguments for `amt-helper demo`, after `--`.
        #[arg(last = true)]
        helper: Vec<String>,
    },
    /// Runs all checks: formatting, clippy, tests on the host, in wasm, and end to end in Chromium.
    Test {
        /// Also test the helper with a third-party relay, play every codec in Firefox (quicast-amt,
        /// firefox-esr and geckodriver are installed if missing), and run every benchmark briefly.
        #[arg(long)]
        full: bool,
    },
    /// Runs a benchmark.
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
    /// Waits until something listens and opens the address (the other half of `demo --open`).
    #[command(hide = true)]
    OpenWhenServed {
        /// Host and port.
        address: String,
    },
}

/// What the tools are wanted for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Purpose {
    /// Building the page and the helper.
    Demo,
    /// As for `demo`, plus the tests: Chromium, its driver, wasm-pack, ffmpeg, network namespaces.
    Test,
    /// As for `test`, plus `test --full`: another relay, another browser.
    FullTest,
}

fn main() -> ExitCode {
    let done = match Options::parse().task {
        Task::Setup { purpose } => setup::run(purpose),
        Task::Demo { open, helper } => demo::run(open, &helper),
        Task::Test { full } => test::run(full),
        Task::Bench { bench } => bench::run(&bench),
        Task::OpenWhenServed { address } => demo::open_when_served(&address),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
