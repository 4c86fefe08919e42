//! The user's own way: `amt-helper` and `trunk serve` by hand, the page on trunk's port, an address typed in.

use amt_e2e::helper::{get, relay_only};
use amt_e2e::stage::{self, free_tcp_port, free_udp_port, on_stage};
use amt_e2e::{Browser, Helper, Process, Stage, within};
use anyhow::{Context, Result};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// `Trunk.toml` as it is, but for the ports and with whole paths, so that it can lie in the test's directory.
fn trunk_config(stage: &Stage, helper: SocketAddr) -> Result<PathBuf> {
    let config = fs::read_to_string(stage::root().join("Trunk.toml"))?;
    let root = stage::root().display();
    let mut ours = String::new();
    for line in config.lines() {
        let line = match line.split_once(" = ") {
            Some(("target", _)) => format!("target = \"{root}/index.html\""),
            Some(("watch", paths)) => format!(
                "watch = {}",
                paths
                    .replace('"', "")
                    .replace('[', &format!("[\"{root}/"))
                    .replace(", ", &format!("\", \"{root}/"))
                    .replace(']', "\"]")
            ),
            _ => line.replace("127.0.0.1:8081", &helper.to_string()),
        };
        ours += &format!("{line}\n");
    }
    anyhow::ensure!(ours.contains(&helper.to_string()), "Trunk.toml has no proxy to 127.0.0.1:8081 any more");
    let path = stage.dir().join("Trunk.toml");
    fs::write(&path, ours)?;
    Ok(path)
}

#[tokio::test]
async fn an_address_typed_into_the_page_from_trunk_serve_plays() {
    on_stage(async |stage| {
        let port = free_tcp_port()?;
        let origin = format!("http://localhost:{port}");
        let relay = SocketAddr::from((Ipv4Addr::LOCALHOST, free_udp_port()?));
        let _relay = relay_only(stage, relay, &[]).await?;
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt", "--allow-origin", &origin]).await?;

        let mut command = Command::new("trunk");
        command
            .current_dir(stage::root())
            .args(["--config".as_ref(), trunk_config(stage, helper.address)?.as_os_str()]);
        command
            .args(["serve", "--no-autoreload", "true", "--port", &port.to_string(), "--dist"])
            .arg(stage.dir().join("dist"));
        let mut trunk = Process::start("trunk", &mut command, stage.dir())?;
        // It builds before it serves.
        within(Duration::from_secs(600), "trunk serves the page", async || {
            trunk.check_running()?;
            let answer = get((Ipv4Addr::LOCALHOST, port).into(), "/", &[]);
            Ok(answer.ok().filter(|answer| answer.status == 200 && answer.body.contains("id=\"tune\"")))
        })
        .await?;

        let browser = Browser::start(stage).await?;
        browser.open(&format!("{origin}/")).await?;
        browser.record_strip().await?;
        browser.phase("idle").await?;
        browser.play(&format!("amt://192.0.2.1@232.0.2.1:1234?relay={relay}")).await?;
        browser.phase("playing").await.with_context(|| format!("status of the helper: {:?}", helper.status()))?;
        let record = browser.frames_without_stall(50).await?;
        assert_eq!(record.backward_steps(), []);
        browser.close().await
    })
    .await;
}
