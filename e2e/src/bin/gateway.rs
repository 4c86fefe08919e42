//! How fast the gateway is: two hosts, a relay that sends as asked on the one, and on the other the helper, beside
//! a bare receive loop as the limit.

use amt_e2e::load::bare::Came;
use amt_e2e::load::sender::{GROUP, PORT, SOURCE, Sent};
use amt_e2e::load::stream::PAYLOAD;
use amt_e2e::load::tool::Tool;
use amt_e2e::load::usage::{Usage, peak_memory};
use amt_e2e::load::watcher::Watched;
use amt_e2e::{Namespace, Process, Stage, namespace, stage, until};
use anyhow::{Context, Result, bail};
use clap::Parser;
use std::process::Command;
use std::time::Duration;

const RELAY: &str = "10.92.1.1:2268";
const GATEWAY: &str = "10.92.1.2";
/// As the helper asks for (`transport::RECEIVE_BUFFER`).
const BUFFER: usize = 32 << 20;

/// Measures `amt-helper receive`, the helper with a page, and a bare receive loop, at increasing rates.
#[derive(Parser)]
struct Options {
    /// Datagrams per second.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 20_000, 50_000, 100_000])]
    rates: Vec<u32>,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Run as an ordinary user; the kernel limits the receive buffer (net.core.rmem_max).
    #[arg(long)]
    without_root: bool,
}

/// One row.
struct Row {
    sent: Sent,
    received: u64,
    /// Where the rest was lost.
    lost: String,
    /// Parts of one processor.
    processor: f64,
    memory: Option<u64>,
    delay: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(reason) = namespace::unavailable() {
        bail!("cannot create network namespaces: {reason}");
    }
    let bench = Bench::new(&options)?;
    println!(
        "Datagrams of {PAYLOAD} bytes through a tunnel between two network namespaces, {} s per run; {}.",
        options.seconds,
        if options.without_root {
            "as an ordinary user: the receive buffer is limited by net.core.rmem_max"
        } else {
            "as root: a receive buffer of 32 MiB each"
        }
    );
    println!(
        "CPU time in per cent of one core; delay from the kernel's receive time to the page reading it (receive: none)."
    );
    println!(
        "{:>9}  {:<8} {:>9} {:>9} {:>7} {:>8} {:>8}  {:<19} where lost",
        "asked/s", "", "sent", "received", "lost", "cpu", "peak", "p50 / p99"
    );
    for &rate in &options.rates {
        for (name, row) in
            [("bare", bench.bare(rate)?), ("receive", bench.receive(rate).await?), ("page", bench.page(rate).await?)]
        {
            let memory = row.memory.map_or_else(String::new, |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
            println!(
                "{rate:9}  {name:<8} {:9} {:9} {:7} {:7.1}% {memory:>8}  {:<19} {}",
                row.sent.sent,
                row.received,
                row.sent.asked.saturating_sub(row.received),
                row.processor * 100.0,
                row.delay,
                if row.sent.sent < row.sent.asked {
                    format!("sender {}; {}", row.sent.asked - row.sent.sent, row.lost)
                } else {
                    row.lost
                }
            );
        }
    }
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    stage: Stage,
    relay: Namespace,
    gateway: Namespace,
}

impl<'a> Bench<'a> {
    fn new(options: &'a Options) -> Result<Self> {
        let (relay, gateway) = (Namespace::new("relay")?, Namespace::new("gateway")?);
        relay.wire("out", "10.92.1.1/24", &gateway, "in", &format!("{GATEWAY}/24"))?;
        Ok(Self { options, stage: Stage::new()?, relay, gateway })
    }

    fn sender(&self, rate: u32, to: &str) -> Result<Tool> {
        let seconds = self.options.seconds;
        Tool::start(Some(&self.relay), &format!("send --bind {RELAY} --rate {rate} --seconds {seconds} {to}"))
    }

    /// What the gateway's host runs, with root's rights or without.
    fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        if !self.options.without_root {
            return self.gateway.program(program);
        }
        let mut command = self.gateway.program("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        command
    }

    fn bare(&self, rate: u32) -> Result<Row> {
        let bind = format!("{GATEWAY}:9999");
        let mut bare = Tool::run(self.program(Tool::path()?), &format!("bare --bind {bind} --buffer {BUFFER}"))?;
        bare.began()?;
        let mut sender = self.sender(rate, &format!("--to {bind}"))?;
        let (sent, processor) = measured(&mut sender, bare.id())?;
        let came: Came = bare.result()?;
        let lost = sent.sent.saturating_sub(came.datagrams);
        let lost = if lost > 0 { format!("socket {lost}") } else { String::new() };
        Ok(Row { sent, received: came.datagrams, lost, processor, memory: None, delay: String::new() })
    }

    async fn receive(&self, rate: u32) -> Result<Row> {
        let mut sender = self.sender(rate, "")?;
        let mut command = self.program(stage::helper_binary()?);
        let url = url();
        command.args(["receive", &url, "--transport", "udp", "--path", "amt", "--output", "/dev/null"]);
        let mut helper = Process::start(&format!("receive-{rate}"), &mut command, self.stage.dir())?;
        let (sent, processor) = measured(&mut sender, helper.id())?;
        // What is in its buffer is still to be read.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let memory = peak_memory(helper.id())?;
        helper.terminate()?;
        let log = helper.log();
        let count = |before: &str, after: &str| -> Option<u64> {
            let (head, _) = log.split_once(after)?;
            head.rsplit_once(before).map_or(head.lines().last()?, |(_, count)| count).trim().parse().ok()
        };
        let received = count(" in ", " datagrams,").with_context(|| format!("no summary in:\n{log}"))?;
        let socket = count("\n", " datagrams dropped by the socket").unwrap_or(0);
        let queue = count("\n", " datagrams dropped because").unwrap_or(0);
        let delay = String::new();
        Ok(Row { sent, received: received - queue, lost: lost(socket, queue), processor, memory: Some(memory), delay })
    }

    async fn page(&self, rate: u32) -> Result<Row> {
        let mut sender = self.sender(rate, "")?;
        let mut command = self.program(stage::helper_binary()?);
        command.args(["--listen", "127.0.0.1:8081", "--transport", "udp", "--path", "amt"]);
        let helper = Process::start(&format!("page-{rate}"), &mut command, self.stage.dir())?;
        until("the helper serves", async || Ok(helper.log().contains("Open http://").then_some(()))).await?;
        let watch = format!("watch --helper 127.0.0.1:8081 --url {}", url());
        let mut page = Tool::start(Some(&self.gateway), &watch)?;
        let (sent, processor) = measured(&mut sender, helper.id())?;
        page.began()?;
        let [watched]: [Watched; 1] = page.result()?;
        let memory = peak_memory(helper.id())?;
        let received = watched.bytes / PAYLOAD as u64;
        let queue = watched.missing;
        let socket = sent.sent.saturating_sub(received);
        let lost = match (socket, queue) {
            (0, _) => String::new(),
            (_, 0) => format!("socket {socket}"),
            (_, frames) => format!("socket or queue {socket}, the queue {frames} frames"),
        };
        let at = |part| watched.delay.percentile(part).unwrap_or(0) as f64 / 1000.0;
        let delay = format!("{:.2} / {:.2} ms", at(0.5), at(0.99));
        Ok(Row { sent, received, lost, processor, memory: Some(memory), delay })
    }
}

fn url() -> String {
    format!("amt://{SOURCE}@{GROUP}:{PORT}?relay={RELAY}")
}

fn lost(socket: u64, queue: u64) -> String {
    let parts = [("socket", socket), ("queue", queue)].into_iter().filter(|(_, count)| *count > 0);
    parts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// What the sender sent, and what a process used meanwhile.
fn measured(sender: &mut Tool, process: u32) -> Result<(Sent, f64)> {
    sender.began()?;
    let before = Usage::of(process)?;
    let sent: Sent = sender.result()?;
    Ok((sent, Usage::of(process)?.since(&before)))
}
