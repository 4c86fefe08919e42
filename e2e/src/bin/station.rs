//! A station for looking at a page by hand.

use amt_e2e::Station;
use anyhow::{Context, Result};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Plays a transport stream in a loop through its own relay, and prints the address of the channel.
#[derive(Parser)]
struct Options {
    /// The transport stream, in packets of 188 bytes; its own clock sets the pace
    #[arg(value_name = "FILE.ts")]
    file: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match station(&options.file) {
        Ok(station) => {
            println!("{}", station.url());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("station: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn station(file: &Path) -> Result<Station> {
    Station::start(std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?)
}
