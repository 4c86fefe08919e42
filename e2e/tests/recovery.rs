//! What goes wrong and comes right again, or is told.

use amt_e2e::helper::relay_only;
use amt_e2e::stage::{free_udp_port, on_stage};
use amt_e2e::{Browser, Helper};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

#[tokio::test]
async fn the_page_plays_on_by_itself_when_the_helper_is_started_again() {
    on_stage(async |stage| {
        let relay = format!("127.0.0.1:{}", free_udp_port()?);
        let arguments = ["demo", "--relay-address", &relay];
        let mut helper = Helper::start(stage, &arguments).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.record_strip().await?;
        browser.phase("playing").await?;

        let status = helper.process.terminate()?;
        assert!(status.success(), "SIGTERM ends the helper in good order, not with {status}");
        let line = browser.phase("helper_unreachable").await?;
        assert!(line.advice.contains("amt-helper"), "the page says how to start it: {line:?}");

        let _again = Helper::start_at(stage, helper.address, &arguments).await?;
        browser.phase("playing").await?;
        browser.moves_on().await?;
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_never_answers_is_told_and_another_address_plays_then() {
    on_stage(async |stage| {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.play(&format!("amt://192.0.2.1@232.0.2.1:1234?relay={}", silent.local_addr()?)).await?;

        let line = browser.phase("discovering").await?;
        assert!(line.text.to_lowercase().contains("relay"), "{line:?}");
        let advised = browser.status_where("what to do about it", |line| !line.advice.is_empty()).await?;
        println!("first: {}\nthen: {}", line.text, advised.text);
        assert_eq!(advised.phase, "discovering");
        helper.process.check_running()?;

        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_udp_port()?));
        let _relay = relay_only(stage, address, &[]).await?;
        browser.record_strip().await?;
        browser.play(&format!("amt://192.0.2.1@232.0.2.1:1234?relay={address}")).await?;
        browser.phase("playing").await?;
        browser.frames_without_stall(25).await?;
        helper.process.check_running()?;
        browser.close().await
    })
    .await;
}
