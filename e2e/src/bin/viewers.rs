//! What a viewer costs: one channel, many pages on this machine, and whether each of them gets all of it.

use amt_e2e::load::histogram::Histogram;
use amt_e2e::load::sender::{GROUP, PORT, SOURCE, Sent};
use amt_e2e::load::stream::PAYLOAD;
use amt_e2e::load::tool::Tool;
use amt_e2e::load::usage::{Usage, held_memory, peak_memory};
use amt_e2e::load::watcher::Watched;
use amt_e2e::{Helper, Stage, stage};
use anyhow::{Result, ensure};
use clap::Parser;
use std::time::Duration;

/// Before the measurement: pages connect, buffers fill.
const SETTLE: Duration = Duration::from_secs(3);

/// Serves one channel to an increasing number of pages that only count frames, and prints the cost.
#[derive(Parser)]
struct Options {
    /// Numbers of pages to test.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 50, 100, 200])]
    pages: Vec<usize>,
    /// The channel's rate in Mbit/s.
    #[arg(long, default_value_t = 8.0)]
    megabits: f64,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let rate = (options.megabits * 1e6 / 8.0 / PAYLOAD as f64).round() as u32;
    println!(
        "One channel of {} Mbit/s ({rate} datagrams of {PAYLOAD} bytes per second), pages that only count frames, {} s per run.",
        options.megabits, options.seconds
    );
    println!("CPU time in per cent of one core; delay from the kernel's receive time to the page reading it.");
    println!("pages   helper   a page  client   frames/s   missing   p50 ms   p99 ms   memory   a page   peak");
    let mut idle = None;
    for &pages in &options.pages {
        measure(&options, rate, pages, &mut idle).await?;
    }
    Ok(())
}

async fn measure(options: &Options, rate: u32, pages: usize, idle: &mut Option<(f64, u64)>) -> Result<()> {
    let stage = Stage::new()?;
    let relay = format!("127.0.0.1:{}", stage::free_udp_port()?);
    let seconds = options.seconds + 2 * SETTLE.as_secs();
    let mut sender = Tool::start(None, &format!("send --bind {relay} --rate {rate} --seconds {seconds}"))?;
    let helper = Helper::start(&stage, &["--transport", "udp", "--path", "amt"]).await?;
    let url = format!("amt://{SOURCE}@{GROUP}:{PORT}?relay={relay}");
    let mut client = Tool::start(None, &format!("watch --helper {} --url {url} --pages {pages}", helper.address))?;
    client.began()?;
    tokio::time::sleep(SETTLE).await;
    let (id, client_id) = (helper.process.id(), client.id());
    let before = (Usage::of(id)?, Usage::of(client_id)?);
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let (used, client_used) = (Usage::of(id)?.since(&before.0), Usage::of(client_id)?.since(&before.1));
    let (memory, peak) = (held_memory(id)?, peak_memory(id)?);
    sender.began()?;
    let sent: Sent = sender.result()?;
    let watched: Vec<Watched> = client.result()?;
    ensure!(sent.asked == sent.sent, "the sender did not keep up: {sent:?}");

    let mut delay = Histogram::default();
    watched.iter().for_each(|page| delay.merge(&page.delay));
    let missing: u64 = watched.iter().map(|page| page.missing).sum();
    let frames = watched.iter().map(|page| page.frames).sum::<u64>() as f64 / seconds as f64;
    let (one, one_memory) = *idle.get_or_insert((used, memory));
    let more = (pages.max(2) - 1) as f64;
    let at = |part| delay.percentile(part).unwrap_or(0) as f64 / 1000.0;
    println!(
        "{pages:5} {:7.1}% {:7.2}% {:6.1}% {frames:10.0} {missing:9} {:8.2} {:8.2} {:5.1} MB {:5.0} kB {:4.1} MB",
        used * 100.0,
        if pages > 1 { (used - one) / more } else { used } * 100.0,
        client_used * 100.0,
        at(0.5),
        at(0.99),
        memory as f64 / 1e6,
        memory.saturating_sub(one_memory) as f64 / more / 1e3,
        peak as f64 / 1e6,
    );
    Ok(())
}
