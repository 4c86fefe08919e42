//! Three hosts: a sender of native multicast, a relay, and a gateway that has nothing but unicast.

use amt_e2e::reception::continuity_losses;
use amt_e2e::sender::send_clip;
use amt_e2e::stage::on_stage;
use amt_e2e::{Namespace, Process, namespace, stage, within};
use anyhow::Context;
use std::time::Duration;

/// The sender's channel.
const URL: &str = "amt://10.91.1.1@232.5.5.5:5000?relay=10.91.2.1";

#[tokio::test]
async fn multicast_of_another_host_comes_through_our_relay_whole_and_the_tunnel_is_torn_down() {
    on_stage(async |stage| {
        if let Some(reason) = namespace::unavailable() {
            println!("SKIPPED: {reason}");
            return Ok(());
        }
        let (sender, relay, gateway) =
            (Namespace::new("sender")?, Namespace::new("relay")?, Namespace::new("gateway")?);
        sender.wire("out", "10.91.1.1/24", &relay, "native", "10.91.1.2/24")?;
        relay.wire("unicast", "10.91.2.1/24", &gateway, "in", "10.91.2.2/24")?;
        sender.run("ip", &["route", "add", "232.0.0.0/8", "dev", "out"])?;
        let helper = stage::helper_binary()?;

        let mut ffmpeg = send_clip(stage, &sender, "232.5.5.5:5000".parse()?, 1316)?;

        let mut command = relay.program(&helper);
        command.args(["demo", "--relay-only", "--relay-address", "10.91.2.1", "--upstream-interface", "native"]);
        let mut relaying = Process::start("relay", &mut command, stage.dir())?;

        let output = stage.dir().join("received.ts");
        let mut command = gateway.program(&helper);
        command
            .args(["receive", URL, "--transport", "udp", "--path", "amt", "--duration", "10", "--output"])
            .arg(&output);
        let mut receiving = Process::start("gateway", &mut command, stage.dir())?;
        let status = receiving.wait(Duration::from_secs(90))?;
        assert!(status.success(), "data came, so the exit status says so; {status}:\n{}", receiving.log());
        ffmpeg.check_running()?;
        relaying.check_running()?;

        let received = std::fs::read(&output).context("nothing was written")?;
        let packets = received.len() / 188;
        assert_eq!(received.len() % 188, 0);
        assert!(packets > 1000, "{packets} packets in ten seconds of television");
        let lost = continuity_losses(&received);
        assert_eq!(lost, 0, "of {packets} packets; the gateway said:\n{}", receiving.log());

        let summary = format!("Received {packets} packets");
        assert!(receiving.log().contains(&summary), "the summary says what was written:\n{}", receiving.log());
        // Long before the relay would forget a gateway that only fell silent.
        within(Duration::from_secs(10), "the relay is told that the gateway leaves", async || {
            let left = |line: &str| line.contains("gateway 10.91.2.2") && line.contains("left");
            Ok(relaying.log().lines().any(left).then_some(()))
        })
        .await?;
        println!("{packets} packets, none lost; the gateway's summary:\n{}", receiving.log());
        Ok(())
    })
    .await;
}
