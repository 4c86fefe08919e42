//! The tunnel stays, whatever happens around it: real processes in namespaces, and how long each thing took.
//!
//! Each test prints its figure as `FIGURE:` and holds it against the bound that this project promises. Times are
//! taken where the data comes out of `receive`.

use amt_e2e::stage::on_stage;
use amt_e2e::wait::PATIENCE;
use amt_e2e::{Namespace, Process, Reception, Stage, Switch, namespace, stage, within};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// The demo's channel.
const CHANNEL: &str = "amt://192.0.2.1@232.0.2.1:1234";
const FIRST: &str = "10.93.0.1";
const SECOND: &str = "10.93.0.2";
const GATEWAY: &str = "10.93.0.10";
const MOVED: &str = "10.93.0.11";
const STRANGER: &str = "10.93.0.66";
/// Nobody has it, and nobody says so: what is sent there is lost.
const NOWHERE: &str = "10.93.0.99";
/// After whatever happened, data comes again within this time.
const PROMISED: Duration = Duration::from_secs(5);
/// A pause in the data that is no pause: the clip's packets come many times a second.
const PAUSE: Duration = Duration::from_secs(1);

/// Two relays, a gateway and a stranger on one switch.
struct Network {
    relays: [Namespace; 2],
    gateway: Namespace,
    stranger: Namespace,
    _switch: Switch,
}

impl Network {
    /// `None`, and said aloud, where this machine has no namespaces.
    fn new() -> Result<Option<Self>> {
        if let Some(reason) = namespace::unavailable() {
            println!("SKIPPED: {reason}");
            return Ok(None);
        }
        let switch = Switch::new()?;
        let host = |label: &str, address: &str| {
            let host = Namespace::new(label)?;
            switch.plug(&host, "lan", &[&format!("{address}/24")])?;
            anyhow::Ok(host)
        };
        let network = Self {
            relays: [host("first", FIRST)?, host("second", SECOND)?],
            gateway: host("gateway", GATEWAY)?,
            stranger: host("stranger", STRANGER)?,
            _switch: switch,
        };
        let nowhere = ["neighbour", "add", NOWHERE, "lladdr", "02:00:00:00:00:99", "dev", "lan", "nud", "permanent"];
        network.gateway.run("ip", &nowhere)?;
        Ok(Some(network))
    }

    /// Starts the first or the second relay, with the demo's clip.
    fn relay(&self, stage: &Stage, number: usize) -> Result<Process> {
        let mut command = self.relays[number].program(stage::helper_binary()?);
        command.args(["demo", "--relay-only", "--relay-address", [FIRST, SECOND][number]]);
        Process::start(["first-relay", "second-relay"][number], &mut command, stage.dir())
    }

    /// Receives the demo's channel through these relays, in the order to be tried.
    fn receive(&self, stage: &Stage, relays: &str) -> Result<Reception> {
        let helper = self.gateway.program(stage::helper_binary()?);
        Reception::start(stage, "receive", helper, &format!("{CHANNEL}?relay={relays}"), &["--transport", "udp"])
    }
}

/// Waits until the relay says that a gateway at this address did something: joined, or left. Its port.
async fn relay_says(relay: &mut Process, address: &str, what: &str) -> Result<u16> {
    within(Duration::from_secs(20), &format!("the relay says that the gateway {address} {what}"), async || {
        relay.check_running()?;
        let log = relay.log();
        let mut ports = log.lines().filter_map(|line| {
            let (_, after) = line.split_once(&format!("gateway {address}:"))?;
            let (port, after) = after.split_once(' ')?;
            after.starts_with(what).then(|| port.parse::<u16>().ok())?
        });
        Ok(ports.next_back())
    })
    .await
}

/// Prints a figure, and holds it against its bound.
fn hold(what: &str, took: Duration, bound: Duration) -> Result<()> {
    println!("FIGURE: {what}: {:.2} s (at most {bound:?})", took.as_secs_f64());
    ensure!(took <= bound, "{what} took {took:?}, and {bound:?} are promised");
    Ok(())
}

#[tokio::test]
async fn a_relay_that_was_killed_brings_data_again_as_soon_as_it_is_back() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let mut relay = network.relay(stage, 0)?;
        let begun = Instant::now();
        let mut receiving = network.receive(stage, FIRST)?;
        hold("the first data", receiving.data_after(begun, PATIENCE).await?, PROMISED)?;

        // Soon back, and so late that whoever waits longer each time would be caught in a long wait.
        for down in [Duration::from_secs(2), Duration::from_secs(12)] {
            relay.kill()?;
            receiving.silence(down).await?;
            let back = Instant::now();
            relay = network.relay(stage, 0)?;
            let took = receiving.data_after(back, PATIENCE).await?;
            hold(&format!("data after the start of a relay that was dead for {down:?}"), took, PROMISED)?;
        }

        // Not even a word that nobody listens there: its whole host is off the network.
        network.relays[0].run("ip", &["link", "set", "lan", "down"])?;
        receiving.silence(Duration::from_secs(8)).await?;
        let back = Instant::now();
        network.relays[0].run("ip", &["link", "set", "lan", "up"])?;
        let took = receiving.data_after(back, PATIENCE).await?;
        hold("data after the return of a relay's host", took, PROMISED)?;
        receiving.data_for(Instant::now(), Duration::from_secs(1), PAUSE).await
    })
    .await;
}

#[tokio::test]
async fn of_several_relays_one_that_works_is_used_at_once_and_the_next_one_when_it_dies() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let mut first = network.relay(stage, 0)?;
        let mut second = network.relay(stage, 1)?;
        let begun = Instant::now();
        let mut receiving = network.receive(stage, &format!("{NOWHERE},{FIRST},{SECOND}"))?;
        let took = receiving.data_after(begun, PATIENCE).await?;
        hold("the first data where the first relay of the list is dead", took, Duration::from_secs(2))?;

        // Whichever it chose.
        let joined = |relay: &Process| relay.log().contains(&format!("gateway {GATEWAY}"));
        receiving.data_for(Instant::now(), Duration::from_secs(1), PAUSE).await?;
        let (used, other) = if joined(&first) { (&mut first, &mut second) } else { (&mut second, &mut first) };
        let killed = Instant::now();
        used.kill()?;
        // Where both were joined the data does not even stop.
        let end = Instant::now() + PROMISED + PAUSE;
        receiving.data_after(end, PATIENCE).await?;
        hold("without data after the relay in use died", receiving.longest_gap(killed, end), PROMISED)?;
        relay_says(other, GATEWAY, "joined").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_new_address_or_an_interface_that_was_down_costs_seconds_and_the_old_endpoint_is_torn_down() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let mut relay = network.relay(stage, 0)?;
        let begun = Instant::now();
        let mut receiving = network.receive(stage, FIRST)?;
        receiving.data_after(begun, PATIENCE).await?;
        relay_says(&mut relay, GATEWAY, "joined").await?;

        let gateway = &network.gateway;
        gateway.run("ip", &["address", "delete", &format!("{GATEWAY}/24"), "dev", "lan"])?;
        gateway.add_address("lan", &format!("{MOVED}/24"))?;
        let moved = Instant::now();
        // What was under way to the old address may still have arrived.
        let took = receiving.data_after(moved + Duration::from_millis(100), PATIENCE).await?;
        hold("data after the host's address changed", took, PROMISED)?;
        relay_says(&mut relay, MOVED, "joined").await?;
        relay_says(&mut relay, GATEWAY, "left").await.context("the old endpoint is torn down")?;

        gateway.run("ip", &["link", "set", "lan", "down"])?;
        receiving.silence(Duration::from_secs(4)).await?;
        let up = Instant::now();
        gateway.run("ip", &["link", "set", "lan", "up"])?;
        let took = receiving.data_after(up, PATIENCE).await?;
        hold("data after the interface came up again", took, PROMISED)?;
        receiving.data_for(Instant::now(), Duration::from_secs(1), PAUSE).await
    })
    .await;
}

#[tokio::test]
async fn started_without_a_network_it_plays_as_soon_as_there_is_one() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let _relay = network.relay(stage, 0)?;
        let gateway = &network.gateway;
        let address = format!("{GATEWAY}/24");
        // Soon, and so late that whoever waits longer each time would be caught in a long wait.
        for without in [Duration::from_secs(3), Duration::from_secs(14)] {
            gateway.run("ip", &["link", "set", "lan", "down"])?;
            let mut receiving = network.receive(stage, FIRST)?;
            receiving.silence(without).await?;
            let up = Instant::now();
            gateway.run("ip", &["link", "set", "lan", "up"])?;
            let took = receiving.data_after(up, PATIENCE).await?;
            hold(&format!("data after a link came up {without:?} after the start"), took, PROMISED)?;
            receiving.process.kill()?;

            // The link is there, and the address is given out later.
            gateway.run("ip", &["address", "delete", &address, "dev", "lan"])?;
            let mut receiving = network.receive(stage, FIRST)?;
            receiving.silence(without).await?;
            let up = Instant::now();
            gateway.add_address("lan", &address)?;
            let took = receiving.data_after(up, PATIENCE).await?;
            hold(&format!("data after an address came {without:?} after the start"), took, PROMISED)?;
            receiving.process.kill()?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_forged_messages_costs_neither_data_nor_memory_nor_lines() {
    const FORGED: u32 = 10_000;
    const A_SECOND: u32 = 5_000;
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let mut relay = network.relay(stage, 0)?;
        let begun = Instant::now();
        let mut receiving = network.receive(stage, FIRST)?;
        receiving.data_after(begun, PATIENCE).await?;
        let port = relay_says(&mut relay, GATEWAY, "joined").await?;
        receiving.data_for(Instant::now(), Duration::from_secs(1), PAUSE).await?;

        let stranger = &network.stranger;
        // May send as if it were the relay, while nobody is told by ARP that it has the relay's address.
        let quiet = "cd /proc/sys/net/ipv4/conf/all && echo 1 > arp_ignore && echo 2 > arp_announce";
        stranger.run("sh", &["-c", quiet])?;
        stranger.add_address("lo", &format!("{FIRST}/32"))?;
        let (memory, lines, begun) = (receiving.process.memory_kb()?, receiving.lines(), Instant::now());
        for (name, address) in [("as-relay", FIRST), ("as-itself", STRANGER)] {
            let mut command = stranger.program(env!("CARGO_BIN_EXE_forge"));
            command.args(["--from", &format!("{address}:2268"), "--to", &format!("{GATEWAY}:{port}")]);
            command.args(["--relay", &format!("{FIRST}:2268"), "--source", "192.0.2.1", "--group", "232.0.2.1:1234"]);
            command.args(["--count", &FORGED.to_string(), "--per-second", &A_SECOND.to_string()]);
            let mut forging = Process::start(name, &mut command, stage.dir())?;
            let status = forging.wait(PATIENCE)?;
            ensure!(status.success(), "the forger itself failed: {}", forging.log());
        }
        let over = Instant::now();
        receiving.data_for(over, Duration::from_secs(1), PAUSE).await?;

        let (packets, losses, duplicates) = receiving.count(begun, over);
        let gap = receiving.longest_gap(begun, over);
        let more_memory = receiving.process.memory_kb()?.saturating_sub(memory);
        let more_lines = receiving.lines() - lines;
        println!(
            "FIGURE: {} forged messages in {:.1} s: {losses} losses and {duplicates} duplicates in {packets} packets, \
             longest pause {gap:?}, {more_memory} kB more memory, {more_lines} lines",
            2 * FORGED,
            (over - begun).as_secs_f64(),
        );
        ensure!(packets > 1000, "{packets} packets are no television");
        ensure!((losses, duplicates) == (0, 0), "the data goes on as it is");
        ensure!(gap < PAUSE, "no data for {gap:?}");
        ensure!(more_memory < 8192, "{more_memory} kB more");
        // A line with the rate every five seconds is all that is due.
        ensure!(more_lines <= 12, "{more_lines} lines more:\n{}", receiving.process.log());

        receiving.process.terminate()?;
        let log = receiving.process.log();
        let refused =
            log.lines().filter_map(|line| line.split_once("Discarded ")?.1.split_once(": ")?.0.parse::<u32>().ok());
        let refused: u32 = refused.sum();
        println!("FIGURE: {refused} of {} forged messages are reported as discarded", 2 * FORGED);
        // An empty datagram, a tenth of an eighth of them, is none.
        ensure!(refused > 2 * FORGED * 9 / 10, "what was refused is counted:\n{log}");
        ensure!(
            log.lines()
                .filter(|line| line.contains("Relay Discovery") || line.contains("Contacting the relay"))
                .count()
                <= 1,
            "no new discovery:\n{log}"
        );
        relay_says(&mut relay, GATEWAY, "left").await?;
        Ok(())
    })
    .await;
}
