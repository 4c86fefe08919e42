//! Three hosts: a relay, a gateway that sends on what its tunnel brings, and a host of the local network behind it
//! that knows nothing of tunnels.

use amt_e2e::stage::on_stage;
use amt_e2e::wait::PATIENCE;
use amt_e2e::{Namespace, Process, Reception, Stage, namespace, stage, until, within};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

const RELAY: &str = "10.92.1.1";
const STATUS: &str = "http://127.0.0.1:8081/api/status";
/// The demo's channel, as the local network joins it.
const CHANNEL: &str = "amt://192.0.2.1@232.0.2.1:1234";
const GROUP: &str = "232.0.2.1";
/// The demo's packets have 64 hops; the gateway is a router.
const ON_THE_WIRE: &str = "63 192.0.2.1";
/// What a leave may take to work: the others are asked for two seconds (RFC 3376, 8.8).
const LEAVE: Duration = Duration::from_secs(8);

struct Network {
    gateway: Namespace,
    lan: Namespace,
    /// Says of each packet of the group that is on the local network's wire how many hops it has and from whom it is.
    wire: Process,
    helper: Process,
    _relay: Process,
    _relay_host: Namespace,
}

impl Network {
    /// `None`, and said aloud, where this machine has no namespaces.
    async fn new(stage: &Stage, arguments: &[&str]) -> Result<Option<Self>> {
        if let Some(reason) = namespace::unavailable() {
            println!("SKIPPED: {reason}");
            return Ok(None);
        }
        let (relay_host, gateway, lan) = (Namespace::new("relay")?, Namespace::new("gateway")?, Namespace::new("lan")?);
        relay_host.wire("unicast", &format!("{RELAY}/24"), &gateway, "in", "10.92.1.2/24")?;
        gateway.wire("out", "10.92.2.1/24", &lan, "lan", "10.92.2.2/24")?;
        // By this way it would answer the source, so that by this way it takes its packets.
        lan.run("ip", &["route", "add", "default", "via", "10.92.2.1"])?;

        let binary = stage::helper_binary()?;
        let mut command = relay_host.program(&binary);
        command.args(["demo", "--relay-only", "--relay-address", RELAY]);
        let relay = Process::start("relay", &mut command, stage.dir())?;
        let mut wire = Process::start("wire", &mut by_python(&lan, &["wire", "lan", GROUP]), stage.dir())?;
        until("the wire is listened to", async || {
            wire.check_running()?;
            Ok(wire.log().contains("ready").then_some(()))
        })
        .await?;

        let mut command = gateway.program(&binary);
        command.args([&format!("{CHANNEL}?relay={RELAY}"), "--path", "amt", "--transport", "udp"]);
        command.args(["--listen", "127.0.0.1:8081", "--reinject", "out"]).args(arguments);
        command.env_remove("AMT_URL").env_remove("AMT_RELAY");
        let helper = Process::start("gateway", &mut command, stage.dir())?;
        Ok(Some(Self { gateway, lan, wire, helper, _relay: relay, _relay_host: relay_host }))
    }

    /// An ordinary receiver in the local network, which has no tunnel.
    fn receive(&self, stage: &Stage) -> Result<Reception> {
        let program = self.lan.program(stage::helper_binary()?);
        let natively = ["--path", "native", "--interface", "lan", "--transport", "udp"];
        Reception::start(stage, "receiver", program, CHANNEL, &natively)
    }

    /// How many packets of the channel were on the wire until now; all of them as they ought to be.
    fn on_the_wire(&mut self) -> Result<usize> {
        self.wire.check_running()?;
        let log = self.wire.log();
        // The last line may not be whole yet.
        let (lines, _) = log.rsplit_once('\n').context("it said that it is ready")?;
        let wrong = lines.lines().skip(1).find(|line| *line != ON_THE_WIRE);
        ensure!(wrong.is_none(), "on the wire is “{}”", wrong.unwrap_or_default());
        Ok(lines.lines().count() - 1)
    }

    /// What `/api/status` says of what was sent on, under this name.
    fn reinjected(&mut self, name: &str) -> Result<u64> {
        self.helper.check_running()?;
        let output = by_python(&self.gateway, &["get", STATUS]).output()?;
        let status: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        status["reinjected"][name].as_u64().with_context(|| format!("no “{name}” of what was reinjected in {status}"))
    }

    /// Waits until the status counts so many more than now.
    async fn more(&mut self, name: &str, count: u64) -> Result<()> {
        let mut first = None;
        until(&format!("{count} more packets are “{name}”"), async || {
            let now = self.reinjected(name)?;
            Ok((now >= *first.get_or_insert(now) + count).then_some(()))
        })
        .await
    }
}

fn by_python(host: &Namespace, arguments: &[&str]) -> Command {
    let mut command = host.program("python3");
    command.arg(stage::root().join("e2e/tests/lan.py")).args(arguments);
    command
}

#[tokio::test]
async fn ordinary_receivers_in_the_local_network_hear_the_source_whole() {
    on_stage(async |stage| {
        let Some(mut network) = Network::new(stage, &[]).await? else { return Ok(()) };
        let begun = Instant::now();
        let mut receiving = network.receive(stage)?;
        // And one with nothing of ours in it, beside a join of another source that must hear nothing.
        let join = ["join", "10.92.2.2", GROUP, "1234", "192.0.2.1", "192.0.2.2"];
        let mut other = Process::start("other", &mut by_python(&network.lan, &join), stage.dir())?;

        receiving.data_after(begun, PATIENCE).await?;
        receiving.data_for(Instant::now(), Duration::from_secs(2), Duration::from_secs(1)).await?;
        let (packets, losses, duplicates) = receiving.count(begun, Instant::now());
        println!("FIGURE: reinjected: {packets} packets, {losses} lost, {duplicates} twice");
        ensure!((losses, duplicates) == (0, 0), "{losses} losses, {duplicates} duplicates in {packets} packets");
        let status = other.wait(PATIENCE)?;
        ensure!(status.success(), "the other receiver: {}", other.log());

        let seen = network.on_the_wire()?;
        ensure!(seen >= 200, "{seen} packets on the wire");
        ensure!(network.reinjected("sent")? >= seen as u64, "less than the {seen} that are on the wire were sent");
        for name in ["not_asked", "hop_limit", "not_forwarded", "own", "overflowed", "failed"] {
            ensure!(network.reinjected(name)? == 0, "some are “{name}”");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_nobody_joined_is_not_sent_and_what_is_left_stops() {
    on_stage(async |stage| {
        let Some(mut network) = Network::new(stage, &["--reinject-only-when-asked"]).await? else { return Ok(()) };
        for _ in 0..2 {
            let before = network.on_the_wire()?;
            // The tunnel brings the channel all the while.
            network.more("not_asked", 100).await?;
            let unasked = network.on_the_wire()?;
            ensure!(unasked == before, "{} packets that nobody asked for", unasked - before);

            let joined = Instant::now();
            let mut receiving = network.receive(stage)?;
            let took = receiving.data_after(joined, Duration::from_secs(20)).await?;
            println!("FIGURE: asked for by a receiver, data after {took:?}");
            ensure!(took < Duration::from_secs(5), "data {took:?} after the receiver began");
            receiving.data_for(Instant::now(), Duration::from_secs(1), Duration::from_secs(1)).await?;
            ensure!(network.reinjected("groups_asked")? == 1);

            receiving.process.terminate()?;
            let left = Instant::now();
            within(LEAVE, "nobody is said to ask any more", async || {
                Ok((network.reinjected("groups_asked")? == 0).then_some(()))
            })
            .await?;
            // What is left goes on for a moment, and then stops.
            let rest = LEAVE.saturating_sub(left.elapsed());
            let mut last = network.on_the_wire()?;
            within(rest, "the wire is silent for half a second", async || {
                tokio::time::sleep(Duration::from_millis(500)).await;
                let before = std::mem::replace(&mut last, network.on_the_wire()?);
                Ok((last == before).then_some(()))
            })
            .await?;
            println!("FIGURE: left, and silent {:?} later", left.elapsed());
        }
        Ok(())
    })
    .await;
}
