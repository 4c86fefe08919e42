//! What is between the page and its helper goes wrong without a word: it is said, and comes right by itself.

use amt_e2e::codecs::ROWS;
use amt_e2e::forwarder::Answer;
use amt_e2e::stage::on_stage;
use amt_e2e::{Browser, Forwarder, Helper, Station, until};
use anyhow::{Context, Result, ensure};
use std::time::Instant;

#[tokio::test]
async fn a_connection_that_hangs_without_being_closed_is_told_and_made_anew() {
    on_stage(async |stage| {
        let helper = Helper::demo(stage, &[]).await?;
        let forwarder = Forwarder::start(helper.address).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&forwarder.page()).await?;
        browser.record_strip().await?;
        browser.phase("playing").await?;

        forwarder.hang();
        let hung = Instant::now();
        let line = browser.phase("helper_unreachable").await?;
        println!("FIGURE: told after {:.1} s: {}", hung.elapsed().as_secs_f64(), line.text);
        forwarder.go_on();
        let back = Instant::now();
        browser.phase("playing").await?;
        println!("FIGURE: plays again {:.1} s after it can", back.elapsed().as_secs_f64());
        browser.moves_on().await?;
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_page_without_a_channel_keeps_its_connection_and_notices_when_it_hangs() {
    on_stage(async |stage| {
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let forwarder = Forwarder::start(helper.address).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&forwarder.page()).await?;
        browser.status_where("that it is ready", |line| line.text.contains("Ready")).await?;
        forwarder.hang();
        let line = browser.phase("helper_unreachable").await?;
        assert!(line.text.contains("stopped responding") || line.text.contains("cannot be reached"), "{line:?}");
        forwarder.go_on();
        browser.status_where("that it is ready", |line| line.text.contains("Ready")).await?;
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_cannot_be_loaded_is_told_and_plays_the_channel_when_it_can() {
    on_stage(async |stage| {
        let helper = Helper::demo(stage, &[]).await?;
        let forwarder = Forwarder::start(helper.address).await?;
        let browser = Browser::start(stage).await?;
        for missing in ["segmenter_worker_bg.wasm", "segmenter_worker.js", "/worker.js"] {
            forwarder.answer(missing, Answer::Missing);
            browser.open(&forwarder.page()).await?;
            let told = |text: &str| text.contains("could not be loaded; trying again");
            let line = browser.status_where("that it is tried again", |line| told(&line.text)).await?;
            println!("without {missing}: {}", line.text);
            forwarder.leave_answers();
            browser.phase("playing").await.context(missing)?;
        }
        // One that runs and breaks down.
        let broken = "self.postMessage(['[\"ready\"]']); setTimeout(() => { throw new Error('broken'); }, 300);";
        forwarder.answer("/worker.js", Answer::Script(broken));
        browser.open(&forwarder.page()).await?;
        browser.status_where("that it crashed", |line| line.text.contains("crashed")).await?;
        forwarder.leave_answers();
        browser.phase("playing").await?;
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_page_whose_own_code_does_not_come_says_so() {
    on_stage(async |stage| {
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let forwarder = Forwarder::start(helper.address).await?;
        let browser = Browser::start(stage).await?;
        for missing in ["_bg.wasm", "/page-"] {
            forwarder.answer(missing, Answer::Missing);
            browser.client.goto("about:blank").await?;
            browser.client.goto(&forwarder.page()).await?;
            let line =
                browser.status_where("that it is not whole", |line| line.text.contains("not load completely")).await?;
            assert!(line.advice.contains("Reload"), "without {missing}: {line:?}");
            forwarder.leave_answers();
        }
        browser.open(&forwarder.page()).await?;
        browser.status_where("that it is ready", |line| line.text.contains("Ready")).await?;
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn decoders_of_sound_that_do_not_come_or_break_down_are_told_and_the_sound_comes_back() {
    on_stage(async |stage| {
        let row = ROWS.iter().find(|row| row.name.starts_with("AC-3")).context("a stream with AC-3")?;
        let station = Station::start(row.make(stage.dir())?)?;
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let forwarder = Forwarder::start(helper.address).await?;
        let browser = Browser::start(stage).await?;
        let page = format!("{}#{}", forwarder.page(), station.url());
        // It throws as a module does that has met a panic.
        let breaks = "export default async () => { self.soundDecoder = () => ({ reset() {}, decode() {
                          throw new WebAssembly.RuntimeError('unreachable') } }) };";
        for (word, answer, told) in [
            ("sound_decoder.js", Answer::Missing, "could not be loaded"),
            ("sound_decoder_bg.wasm", Answer::Missing, "could not be loaded"),
            ("sound_decoder.js", Answer::Script(breaks), "crashed"),
        ] {
            forwarder.answer(word, answer);
            browser.open(&page).await?;
            let line = browser
                .status_where(told, |line| line.text.contains("Playing without sound") && line.text.contains(told))
                .await?;
            println!("{answer:?} for {word}: {}", line.text);
            forwarder.leave_answers();
            browser.status_where("that it plays", |line| line.text.contains("Playing live")).await?;
            heard(&browser).await.with_context(|| format!("after {answer:?} for {word}"))?;
        }
        browser.close().await
    })
    .await;
}

/// The sound is decoded here, and by the browser, and plays.
async fn heard(browser: &Browser) -> Result<()> {
    let before = browser.playback().await?.audio_bytes;
    until("sound is heard", async || {
        let figures = browser.figures().await?;
        let decoded = figures.get("decodedSound").is_some_and(|codec| codec.starts_with("ac-3"));
        ensure!(decoded && browser.playback().await?.audio_bytes > before, "{figures:?}");
        Ok(Some(()))
    })
    .await
}
