//! The demo: a clip through our own relay and our own gateway into a page.

use amt_e2e::helper::relay_only;
use amt_e2e::stage::{free_udp_port, on_stage};
use amt_e2e::{Browser, Helper, until};
use std::net::{Ipv4Addr, SocketAddr};

#[tokio::test]
async fn the_demo_shows_300_frames_in_order_with_sound_and_no_complaint() {
    on_stage(async |stage| {
        let helper = Helper::demo(stage, &[]).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.record_strip().await?;
        browser.phase("playing").await?;
        let before = browser.playback().await?;
        let record = browser.frames_without_stall(300).await?;
        let after = browser.playback().await?;

        assert_eq!(record.backward_steps(), [], "the picture went back");
        assert_eq!(record.unread, 0, "a frame was shown whose strip cannot be read: damaged, or not the clip");
        assert!(after.audio_bytes > before.audio_bytes, "no sound was decoded: {before:?}, {after:?}");
        assert!(after.muted && !after.paused, "autoplay is allowed muted only: {after:?}");
        let complaints = browser.complaints().await?;
        assert!(complaints.is_empty(), "{complaints:#?}");
        println!("{} frames shown, stalls after {:?}, {after:?}", record.frames.len(), record.stalls);
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_second_page_shares_the_tunnel_and_has_its_picture_soon() {
    on_stage(async |stage| {
        let relay = SocketAddr::from((Ipv4Addr::LOCALHOST, free_udp_port()?));
        let _relay = relay_only(stage, relay, &[]).await?;
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let page = format!("{}#amt://192.0.2.1@232.0.2.1:1234?relay={relay}", helper.page());
        let first = Browser::start(stage).await?;
        first.open(&page).await?;
        first.record_strip().await?;
        first.phase("playing").await?;

        let second = Browser::start(stage).await?;
        second.open(&page).await?;
        second.record_strip().await?;
        second.phase("playing").await?;
        assert_eq!(helper.viewers()?, [2], "one channel with two viewers");
        second.frames_without_stall(25).await?;
        let shown = second.strip_record().await?.frames[0].called
            - second.value("performance.timeOrigin").await?.as_f64().unwrap_or(0.0);
        println!("the second page's first picture: {shown:.0} ms after it was asked for");
        assert!(shown < 10_000.0, "{shown} ms");

        let at_join = first.strip_record().await?.frames.len();
        until("the first page plays on", async || {
            Ok((first.strip_record().await?.frames.len() > at_join + 25).then_some(()))
        })
        .await?;
        second.close().await?;
        until("the second page is gone", async || Ok((helper.viewers()? == [1]).then_some(()))).await?;
        first.close().await?;
        until("the last viewer's leaving ends the tunnel", async || Ok(helper.viewers()?.is_empty().then_some(())))
            .await
    })
    .await;
}
