//! A station for looking at a page by hand: plays a transport stream round and round through a relay of its own and
//! prints the address of its channel.

use amt_e2e::Station;
use anyhow::{Context, Result};

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).context("usage: station FILE.ts")?;
    let station = Station::start(std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?)?;
    println!("{}", station.url());
    loop {
        std::thread::park();
    }
}
