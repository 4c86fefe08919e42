//! Root is given up before packets are read; without root everything but raw packets works.

use amt_e2e::helper::relay_only;
use amt_e2e::stage::{self, free_tcp_port, free_udp_port, on_stage};
use amt_e2e::{Browser, Helper, Namespace, Process, Stage, namespace, until};
use anyhow::{Context, Result};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Debian's nobody and nogroup.
const NOBODY: &str = "65534";

fn user_id(process: u32) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("Uid:")).context("no Uid line")?;
    Ok(line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
}

fn is_root() -> bool {
    user_id(std::process::id()).is_ok_and(|id| id.starts_with("0 "))
}

/// A copy of the helper that nobody can run, and a command line that makes us nobody where we are root.
fn as_nobody(stage: &Stage) -> Result<Command> {
    let copy: PathBuf = stage.dir().join("amt-helper");
    if !copy.exists() {
        fs::copy(stage::helper_binary()?, &copy)?;
    }
    fs::set_permissions(stage.dir(), fs::Permissions::from_mode(0o755))?;
    if !is_root() {
        return Ok(Command::new(copy));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]);
    command.arg(copy).current_dir(stage.dir());
    Ok(command)
}

#[tokio::test]
async fn started_with_sudo_the_process_is_no_longer_root_when_packets_are_read() {
    on_stage(async |stage| {
        if let Some(reason) = namespace::unavailable() {
            println!("SKIPPED: {reason}");
            return Ok(());
        }
        let (relay, gateway) = (Namespace::new("relay")?, Namespace::new("gateway")?);
        relay.wire("unicast", "10.92.1.1/24", &gateway, "in", "10.92.1.2/24")?;
        let helper = stage::helper_binary()?;
        let mut command = relay.program(&helper);
        command.args(["demo", "--relay-only", "--relay-address", "10.92.1.1"]);
        let mut relaying = Process::start("relay", &mut command, stage.dir())?;

        let mut command = gateway.program(&helper);
        command.args(["receive", "amt://192.0.2.1@232.0.2.1:1234?relay=10.92.1.1", "--transport", "raw"]);
        command.args(["--output", "/dev/null", "--duration", "8"]).env("SUDO_UID", NOBODY).env("SUDO_GID", NOBODY);
        let mut receiving = Process::start("gateway", &mut command, stage.dir())?;
        let mut seen = Vec::new();
        let status = until("it ends", async || {
            relaying.check_running()?;
            let log = receiving.log();
            if log.contains("Receiving ")
                && let Ok(id) = user_id(receiving.id())
            {
                seen.push(id);
            }
            Ok(receiving.wait(Duration::ZERO).ok())
        })
        .await?;
        assert!(status.success(), "data came over raw packets; {status}:\n{}", receiving.log());
        assert!(!seen.is_empty(), "nothing was received:\n{}", receiving.log());
        let nobody = [NOBODY; 4].join(" ");
        assert!(seen.iter().all(|id| *id == nobody), "real, effective, saved and file system id: {seen:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn without_root_the_demo_plays_and_raw_packets_are_refused_in_words() {
    on_stage(async |stage| {
        let relay = format!("127.0.0.1:{}", free_udp_port()?);
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_tcp_port()?));
        let helper =
            Helper::start_as(stage, listen, as_nobody(stage)?.args(["demo", "--relay-address", &relay])).await?;
        assert!(!user_id(helper.process.id())?.contains(" 0"), "the test itself is right");
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.record_strip().await?;
        browser.phase("playing").await?;
        browser.frames_without_stall(25).await?;
        browser.close().await?;

        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_udp_port()?));
        let _relay = relay_only(stage, address, &[]).await?;
        let url = format!("amt://192.0.2.1@232.0.2.1:1234?relay={address}");
        let mut raw = as_nobody(stage)?;
        let raw = raw.args(["receive", &url, "--transport", "raw", "--output", "/dev/null", "--duration", "2"]);
        let mut process = Process::start("raw", raw, stage.dir())?;
        let status = process.wait(Duration::from_secs(60))?;
        assert!(!status.success(), "raw packets without root");
        let said = process.log().to_lowercase();
        assert!(said.contains("root") || said.contains("sudo") || said.contains("permi"), "it says why:\n{said}");
        Ok(())
    })
    .await;
}
