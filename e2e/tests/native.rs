//! Native multicast where the network has it, the tunnel where it has not, and from one to the other and back.
//!
//! A sender, a relay and a gateway are in one local network, so that the sender's multicast reaches the gateway
//! both natively and through the relay. The switch can keep multicast from the gateway alone.

use amt_e2e::namespace::{Port, Switch};
use amt_e2e::sender::send_clip;
use amt_e2e::stage::on_stage;
use amt_e2e::wait::PATIENCE;
use amt_e2e::{Namespace, Process, Reception, Stage, namespace, stage, within};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

const RELAY: &str = "10.95.0.2";
const GATEWAY: &str = "10.95.0.3";
/// The URL's, in seconds: so long native multicast may be silent.
const TIMEOUT: u64 = 2;
/// A pause in the data that is no pause: the clip's packets come many times a second.
const PAUSE: Duration = Duration::from_secs(1);

struct Network {
    sender: Namespace,
    relay: Namespace,
    gateway: Namespace,
    gateway_port: Port,
    switch: Switch,
}

impl Network {
    /// `None`, and said aloud, where this machine has no namespaces.
    fn new() -> Result<Option<Self>> {
        if let Some(reason) = namespace::unavailable() {
            println!("SKIPPED: {reason}");
            return Ok(None);
        }
        let switch = Switch::new()?;
        let hosts = (Namespace::new("sender")?, Namespace::new("relay")?, Namespace::new("gateway")?);
        let (sender, relay, gateway) = hosts;
        switch.plug(&sender, "lan", &["10.95.0.1/24", "fd95::1/64"])?;
        switch.plug(&relay, "lan", &[&format!("{RELAY}/24"), "fd95::2/64"])?;
        let gateway_port = switch.plug(&gateway, "lan", &[&format!("{GATEWAY}/24"), "fd95::3/64"])?;
        sender.run("ip", &["route", "add", "232.0.0.0/8", "dev", "lan"])?;
        Ok(Some(Self { sender, relay, gateway, gateway_port, switch }))
    }

    fn receive(&self, stage: &Stage, name: &str, url: &str) -> Result<Reception> {
        Reception::start(stage, name, self.gateway.program(stage::helper_binary()?), url, &["--transport", "udp"])
    }

    fn carry_natively(&self, carry: bool) -> Result<Instant> {
        self.switch.carry_multicast(self.gateway_port, carry)?;
        Ok(Instant::now())
    }
}

/// Waits until the log of a process holds this, after `from` lines.
async fn says(process: &mut Process, from: usize, what: &str) -> Result<()> {
    within(Duration::from_secs(20), &format!("“{what}” is printed"), async || {
        process.check_running()?;
        Ok(process.log().lines().skip(from).any(|line| line.contains(what)).then_some(()))
    })
    .await
    .with_context(|| process.log())
}

#[tokio::test]
async fn native_multicast_plays_without_a_relay_in_both_versions_of_ip() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        for (group, url) in [
            ("232.5.5.5:5000", "amt://10.95.0.1@232.5.5.5:5000"),
            ("[ff3e::8000:5]:5000", "amt://[fd95::1]@[ff3e::8000:5]:5000"),
        ] {
            let _sending = send_clip(stage, &network.sender, group.parse()?, 1316)?;
            let begun = Instant::now();
            let mut receiving = network.receive(stage, "receive", url)?;
            let took = receiving.data_after(begun, PATIENCE).await?;
            let first = Instant::now();
            receiving.data_for(first, Duration::from_secs(2), PAUSE).await?;
            let (packets, losses, duplicates) = receiving.count(begun, Instant::now());
            println!("FIGURE: {group} natively: data after {took:?}, {packets} packets, {losses} lost");
            // The sender starts with us, and ffmpeg does that slowly.
            ensure!(took < Duration::from_secs(5), "the first data came after {took:?}");
            ensure!((losses, duplicates) == (0, 0), "{losses} losses, {duplicates} duplicates");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_tunnel_takes_over_when_native_multicast_stops_and_gives_back_without_a_gap() {
    on_stage(async |stage| {
        let Some(network) = Network::new()? else { return Ok(()) };
        let mut sending = send_clip(stage, &network.sender, "232.5.5.5:5000".parse()?, 1316)?;
        let mut command = network.relay.program(stage::helper_binary()?);
        command.args(["demo", "--relay-only", "--relay-address", RELAY, "--upstream-interface", "lan"]);
        let mut relay = Process::start("relay", &mut command, stage.dir())?;
        let url = format!("amt://10.95.0.1@232.5.5.5:5000?relay={RELAY}&timeout={TIMEOUT}");

        // Both begin at once; the tunnel goes when native multicast has shown that it delivers.
        let begun = Instant::now();
        let mut receiving = network.receive(stage, "receive", &url)?;
        receiving.data_after(begun, PATIENCE).await?;
        says(&mut relay, 0, "left").await?;
        receiving.data_for(Instant::now(), Duration::from_secs(1), PAUSE).await?;
        let (packets, losses, duplicates) = receiving.count(begun, Instant::now());
        println!("FIGURE: from both to native: {packets} packets, {losses} lost, {duplicates} twice");
        ensure!((losses, duplicates) == (0, 0), "{losses} losses, {duplicates} duplicates");

        let before = relay.log().lines().count();
        let cut = network.carry_natively(false)?;
        let end = cut + Duration::from_secs(TIMEOUT) + PAUSE * 2;
        receiving.data_after(end, PATIENCE).await?;
        let gap = receiving.longest_gap(cut, end);
        println!("FIGURE: native multicast stops: without data for {gap:?} (timeout {TIMEOUT} s)");
        ensure!(gap <= Duration::from_secs(TIMEOUT + 1), "without data for {gap:?}");
        says(&mut relay, before, "joined").await?;

        let steady = Instant::now();
        receiving.data_for(steady, Duration::from_secs(1), PAUSE).await?;
        network.carry_natively(true)?;
        says(&mut relay, before, "left").await?;
        receiving.data_for(Instant::now(), Duration::from_secs(1), PAUSE).await?;
        let (packets, losses, duplicates) = receiving.count(steady, Instant::now());
        println!("FIGURE: and back: {packets} packets, {losses} lost, {duplicates} twice");
        let log = receiving.process.log();
        ensure!((losses, duplicates) == (0, 0), "{losses} losses, {duplicates} duplicates:\n{log}");
        sending.check_running()
    })
    .await;
}
