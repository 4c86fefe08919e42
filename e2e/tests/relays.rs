//! Native multicast of another host through a relay, over namespaces, in both versions of IP outside and inside:
//! through ours, and through one that nobody here wrote, the crate `quicast-amt`.
//!
//! The latter wants its program `amt`, which `cargo xtask test --full` installs and hands over; so these tests
//! are left out otherwise.

use amt_e2e::sender::send_clip;
use amt_e2e::stage::on_stage;
use amt_e2e::wait::PATIENCE;
use amt_e2e::{Namespace, Process, Reception, Stage, namespace, stage, within};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const GROUPS: [&str; 2] = ["232.5.5.5", "ff3e::8000:5"];
const SENDERS: [&str; 2] = ["10.94.1.1", "fd94:1::1"];
const UPSTREAMS: [&str; 2] = ["10.94.1.2", "fd94:1::2"];
const RELAYS: [&str; 2] = ["10.94.2.1", "fd94:2::1"];
const GATEWAYS: [&str; 2] = ["10.94.2.2", "fd94:2::2"];
const PAUSE: Duration = Duration::from_secs(1);

/// A version of IP, and the place of its addresses in the tables above.
#[derive(Clone, Copy, Debug)]
enum Version {
    V4,
    V6,
}
use Version::{V4, V6};

/// Whose relay.
#[derive(Clone, Copy, Debug)]
enum Maker {
    Ours,
    Quicast,
}
use Maker::{Ours, Quicast};

impl Maker {
    /// What it prints at the first join and when a gateway has left.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Ours => ("Relay: joined ", " left; gateways: 0."),
            Quicast => ("+1 -0 active=1", "disconnected from AMT relay"),
        }
    }
}

/// A sender, a relay and a gateway in a row.
struct Network {
    sender: Namespace,
    relay: Namespace,
    gateway: Namespace,
}

impl Network {
    /// `None`, and said aloud, where this machine has no namespaces.
    fn new() -> Result<Option<Self>> {
        if let Some(reason) = namespace::unavailable() {
            println!("SKIPPED: {reason}");
            return Ok(None);
        }
        let (sender, relay, gateway) =
            (Namespace::new("sender")?, Namespace::new("relay")?, Namespace::new("gateway")?);
        sender.wire("out", "10.94.1.1/24", &relay, "native", "10.94.1.2/24")?;
        relay.wire("unicast", "10.94.2.1/24", &gateway, "in", "10.94.2.2/24")?;
        for (host, interface, address) in [
            (&sender, "out", SENDERS),
            (&relay, "native", UPSTREAMS),
            (&relay, "unicast", RELAYS),
            (&gateway, "in", GATEWAYS),
        ] {
            host.add_address(interface, &format!("{}/64", address[V6 as usize]))?;
        }
        sender.run("ip", &["route", "add", "232.0.0.0/8", "dev", "out"])?;
        // A sender that leaves fragmenting to the network, as the sets in the field do.
        sender.run("sh", &["-c", "echo 1 > /proc/sys/net/ipv4/ip_no_pmtu_disc"])?;
        Ok(Some(Self { sender, relay, gateway }))
    }

    fn send(&self, stage: &Stage, inner: Version, payload: usize) -> Result<Process> {
        send_clip(stage, &self.sender, (GROUPS[inner as usize].parse::<IpAddr>()?, 5000).into(), payload)
    }

    /// Starts a relay for channels of one version of IP and gateways of another.
    async fn relay(
        &self,
        stage: &Stage,
        maker: Maker,
        outer: Version,
        inner: Version,
        more: &[&str],
    ) -> Result<Process> {
        let address = RELAYS[outer as usize];
        let (mut command, listens) = match maker {
            Ours => {
                let mut command = self.relay.program(stage::helper_binary()?);
                command.args(["demo", "--relay-only", "--relay-address", address, "--upstream-interface", "native"]);
                (command, "listens on")
            }
            Quicast => {
                let mut command = self.relay.program("amt");
                command.args(["relay", "--bind", ["0.0.0.0:2268", "[::]:2268"][outer as usize]]);
                command.args(["--relay-address", address, "--upstream-interface", UPSTREAMS[inner as usize]]);
                (command, "listening on")
            }
        };
        let name = format!("{maker:?}-{outer:?}-{inner:?}");
        let mut relay = Process::start(&name, command.args(more), stage.dir())?;
        within(PATIENCE, "the relay listens", async || {
            relay.check_running()?;
            Ok(relay.log().contains(listens).then_some(()))
        })
        .await?;
        Ok(relay)
    }

    fn receive(&self, stage: &Stage, outer: Version, inner: Version, more: &[&str]) -> Result<Reception> {
        let bracketed = |address: &str| if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let [source, group] = [SENDERS, GROUPS].map(|of| bracketed(of[inner as usize]));
        let url = format!("amt://{source}@{group}:5000?relay={}", bracketed(RELAYS[outer as usize]));
        let arguments = [&["--transport", "udp", "--path", "amt"], more].concat();
        Reception::start(stage, "receive", self.gateway.program(stage::helper_binary()?), &url, &arguments)
    }
}

/// Data for so long, without a hole. What it was since `begun` is printed.
async fn whole_data(what: &str, receiving: &mut Reception, begun: Instant, length: Duration) -> Result<()> {
    let first = receiving.data_after(begun, PATIENCE).await.with_context(|| what.to_owned())?;
    receiving.data_for(Instant::now(), length, PAUSE).await.with_context(|| what.to_owned())?;
    let (packets, losses, duplicates) = receiving.count(begun, Instant::now());
    println!("FIGURE: {what}: first data after {first:?}, {packets} packets, {losses} losses, {duplicates} duplicates");
    ensure!(packets > 50, "{packets} packets are no television");
    ensure!((losses, duplicates) == (0, 0), "{what}: all of it, once; the helper said:\n{}", receiving.process.log());
    Ok(())
}

/// Waits until the relay has printed this so many times.
async fn relay_says(relay: &mut Process, what: &str, times: usize) -> Result<()> {
    within(Duration::from_secs(10), &format!("the relay says “{what}” {times} times"), async || {
        relay.check_running()?;
        Ok((relay.log().matches(what).count() >= times).then_some(()))
    })
    .await
    .with_context(|| relay.log())
}

/// Joins and leaves twice in each combination of the two versions; the second one finds what the first one left.
async fn join_and_leave_in_all_combinations(stage: &Stage, maker: Maker, length: Duration) -> Result<()> {
    let Some(network) = Network::new()? else { return Ok(()) };
    let (joined, left) = maker.words();
    for inner in [V4, V6] {
        let _sending = network.send(stage, inner, 1316)?;
        for outer in [V4, V6] {
            let what = format!("{maker:?}, outer {outer:?}, inner {inner:?}");
            let mut relay = network.relay(stage, maker, outer, inner, &[]).await?;
            for time in 1..=2 {
                let begun = Instant::now();
                let mut receiving = network.receive(stage, outer, inner, &[])?;
                whole_data(&what, &mut receiving, begun, length).await?;
                relay_says(&mut relay, joined, time).await?;
                receiving.process.terminate()?;
                relay_says(&mut relay, left, time).await.context(what.clone())?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn our_relay_serves_both_versions_of_ip_outside_and_inside() {
    on_stage(async |stage| join_and_leave_in_all_combinations(stage, Ours, Duration::from_millis(500)).await).await;
}

#[tokio::test]
#[ignore = "wants quicast-amt: cargo xtask test --full"]
async fn quicasts_relay_serves_both_versions_of_ip_outside_and_inside() {
    on_stage(async |stage| join_and_leave_in_all_combinations(stage, Quicast, Duration::from_secs(2)).await).await;
}

#[tokio::test]
#[ignore = "wants quicast-amt: cargo xtask test --full"]
async fn stays_over_refreshes_and_comes_back_after_a_restart() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let _sending = network.send(stage, V4, 1316)?;
        let metrics = stage.dir().join("metrics").to_string_lossy().into_owned();
        let options = ["--metrics-dir", &metrics, "--metrics-interval-ms", "500"];
        let mut relay = network.relay(stage, Quicast, V4, V4, &options).await?;
        let begun = Instant::now();
        // Its own query interval is 125 s and fixed, so the gateway's is the short one.
        let mut receiving = network.receive(stage, V4, V4, &["--refresh", "5"])?;
        whole_data("three refreshes", &mut receiving, begun, Duration::from_secs(16)).await?;
        // The first one and the refreshes; the first one is repeated besides.
        let updates = counted(&metrics, "membership_updates_accepted_total")?;
        println!("FIGURE: the relay accepted {updates} Membership Updates");
        ensure!(updates >= 4, "it accepted {updates} updates");
        for refused in ["auth_rejections_total", "control_datagrams_invalid_total", "control_datagrams_ignored_total"] {
            ensure!(counted(&metrics, refused)? == 0, "{refused} is not 0");
        }

        relay.kill()?;
        receiving.silence(Duration::from_secs(3)).await?;
        let back = Instant::now();
        let _relay = network.relay(stage, Quicast, V4, V4, &[]).await?;
        let took = receiving.data_after(back, PATIENCE).await?;
        println!("FIGURE: data {took:?} after the restart of the relay");
        ensure!(took <= Duration::from_secs(5), "data again after {took:?}");
        receiving.data_for(Instant::now(), Duration::from_secs(2), PAUSE).await
    })
    .await;
}

#[tokio::test]
#[ignore = "wants quicast-amt: cargo xtask test --full"]
async fn puts_the_fragments_of_relay_and_sender_together() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let sending = network.send(stage, V4, 1316)?;
        let metrics = stage.dir().join("metrics").to_string_lossy().into_owned();
        let options = ["--path-mtu", "1280", "--metrics-dir", &metrics, "--metrics-interval-ms", "500"];
        let relay = network.relay(stage, Quicast, V4, V4, &options).await?;
        let begun = Instant::now();
        let mut receiving = network.receive(stage, V4, V4, &[])?;
        whole_data("fragments that the relay made", &mut receiving, begun, Duration::from_secs(4)).await?;
        let fragments = counted(&metrics, "upstream_fragments_sent_total")?;
        println!("FIGURE: the relay sent {fragments} fragments");
        ensure!(fragments > 100, "it sent {fragments} fragments");

        drop((sending, relay, receiving));
        // A relay may not fragment IPv6, so the sender's fragments must fit into the tunnel.
        network.sender.run("ip", &["link", "set", "out", "mtu", "1400"])?;
        for inner in [V4, V6] {
            let _sending = network.send(stage, inner, 2 * 1316)?;
            let _relay = network.relay(stage, Quicast, V4, inner, &[]).await?;
            let begun = Instant::now();
            let mut receiving = network.receive(stage, V4, inner, &[])?;
            let what = format!("fragments that the sender made, inner {inner:?}");
            whole_data(&what, &mut receiving, begun, Duration::from_secs(4)).await?;
        }
        Ok(())
    })
    .await;
}

/// A counter as the relay wrote it last.
fn counted(metrics: &str, name: &str) -> Result<u64> {
    let mut files = vec![];
    for node in fs::read_dir(metrics).context("the relay wrote no metrics")?.flatten() {
        files.extend(fs::read_dir(node.path())?.flatten().map(|file| file.path()));
    }
    let file = files.first().context("the relay wrote no metrics")?;
    let text = fs::read_to_string(file)?;
    let last: Value = serde_json::from_str(text.lines().last().context("its metrics are empty")?)?;
    last.pointer(&format!("/{name}")).and_then(Value::as_u64).with_context(|| format!("no {name} in {last}"))
}
