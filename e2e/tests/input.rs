//! What people and other pages may send, and what they get for it.

use amt_e2e::helper::get;
use amt_e2e::helper::relay_only;
use amt_e2e::stage::{free_udp_port, on_stage};
use amt_e2e::{Browser, Helper, until};
use std::net::{Ipv4Addr, SocketAddr};

#[tokio::test]
async fn a_malformed_address_is_told_while_it_is_typed_and_never_tuned() {
    on_stage(async |stage| {
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.phase("idle").await?;
        browser.type_address("amt://192.0.2.1@10.0.0.1:1234").await?;
        let hint = until("the page says what is wrong with it", async || {
            let hint = browser.value("document.querySelector('#url-hint').innerText.trim()").await?;
            Ok(hint.as_str().filter(|hint| !hint.is_empty()).map(str::to_owned))
        })
        .await?;
        println!("hint: {hint}");
        assert!(hint.contains("10.0.0.1") || hint.to_lowercase().contains("multicast"), "{hint}");
        assert_eq!(browser.value("document.querySelector('#url').getAttribute('aria-invalid')").await?, "true");
        browser.client.find(fantoccini::Locator::Css("#play")).await?.click().await?;
        assert!(helper.viewers()?.is_empty(), "nothing was tuned");
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn the_address_of_a_channel_can_be_shared_as_a_link() {
    on_stage(async |stage| {
        let relay = SocketAddr::from((Ipv4Addr::LOCALHOST, free_udp_port()?));
        let _relay = relay_only(stage, relay, &[]).await?;
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&format!("{}#amt://192.0.2.1@232.0.2.1:1234?relay={relay}", helper.page())).await?;
        browser.record_strip().await?;
        browser.phase("playing").await?;
        browser.frames_without_stall(25).await?;
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn only_our_own_pages_get_a_socket() {
    on_stage(async |stage| {
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let upgrade = |origin: String, host: String| {
            let headers = [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Origin", &origin),
                ("Host", &host),
            ];
            get(helper.address, "/ws", &headers).map(|answer| answer.status)
        };
        let port = helper.address.port();
        let own = format!("localhost:{port}");
        assert_eq!(upgrade(format!("http://{own}"), own.clone())?, 101);
        let trunk = "http://localhost:8080";
        assert_eq!(upgrade(trunk.into(), "127.0.0.1".into())?, 101, "trunk's page, through its proxy");
        assert_eq!(upgrade(trunk.into(), own.clone())?, 403, "another page on its port");
        assert_eq!(upgrade("https://example.com".into(), own.clone())?, 403, "a foreign page");
        assert_eq!(upgrade("null".into(), own.clone())?, 403, "a page from a file or a sandbox");
        assert_eq!(upgrade(format!("http://localhost:{}", port ^ 1), own)?, 403, "another program on this machine");
        let rebound = format!("example.com:{port}");
        assert_eq!(upgrade(format!("http://{rebound}"), rebound)?, 403, "a name that was pointed here");
        Ok(())
    })
    .await;
}
