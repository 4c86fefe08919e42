//! Every kind of stream that a browser can play, played from a real stream: the picture is seen to advance, the sound
//! is heard.

use amt_e2e::browser::Kind;
use amt_e2e::codecs::{ROWS, Row};
use amt_e2e::stage::on_stage;
use amt_e2e::{Browser, Helper};
use anyhow::bail;

#[tokio::test]
async fn every_codec_is_seen_and_heard_in_chromium() {
    every_codec_is_seen_and_heard(Kind::Chromium).await;
}

#[tokio::test]
#[ignore = "wants Firefox: `cargo xtask test --full`"]
async fn every_codec_is_seen_and_heard_in_firefox() {
    every_codec_is_seen_and_heard(Kind::Firefox).await;
}

async fn every_codec_is_seen_and_heard(kind: Kind) {
    on_stage(async |stage| {
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::audible(stage, kind).await?;
        // A part of the rows, by a part of their names, for whoever works on them.
        let named = std::env::var("AMT_E2E_ROWS").unwrap_or_default();
        let rows: Vec<Row> = ROWS.iter().filter(|row| row.name.contains(&named)).copied().collect();
        let make = |index: usize| {
            let (row, dir) = (rows.get(index).copied(), stage.dir().to_owned());
            tokio::task::spawn_blocking(move || row.map(|row| row.make(&dir)))
        };
        let mut wrong = Vec::new();
        // One is made while the one before it plays.
        let mut made = make(0);
        for (index, row) in rows.iter().enumerate() {
            let Some(ts) = std::mem::replace(&mut made, make(index + 1)).await? else { break };
            if let Err(error) = row.plays(ts?, &helper, &browser).await {
                eprintln!("  {}: {error:#}", row.name);
                wrong.push(row.name);
            }
        }
        browser.close().await?;
        if !wrong.is_empty() {
            bail!("not as it should be in {kind:?}: {wrong:#?}");
        }
        Ok(())
    })
    .await;
}
