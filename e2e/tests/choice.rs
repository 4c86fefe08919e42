//! Another sound track, another programme: chosen in the page, without a new connection, and without disturbing what
//! goes on.

use amt_e2e::browser::Kind;
use amt_e2e::encoder::encode;
use amt_e2e::stage::on_stage;
use amt_e2e::{Browser, Helper, Stage, Station, until};
use anyhow::{Result, bail, ensure};
use fantoccini::Locator;

/// Two programmes, of which the first has two sound tracks; every sound has its own tone, every picture its own size.
fn two_programmes(stage: &Stage) -> Result<Vec<u8>> {
    let mut arguments = String::new();
    for input in ["testsrc2=s=320x180:r=25", "sine=f=600", "sine=f=1500", "testsrc2=s=256x144:r=25", "sine=f=2400"] {
        let more = if input.starts_with("sine") { ":r=48000:d=10,volume=12dB" } else { ":d=10" };
        arguments += &format!("-f lavfi -i {input}{more} ");
    }
    arguments += "-map 0 -map 1 -map 2 -map 3 -map 4 -c:v libx264 -preset ultrafast -tune zerolatency -g 12 -c:a aac
        -metadata:s:1 language=deu -metadata:s:2 language=fra -metadata:s:4 language=eng
        -program title=One:program_num=1:st=0:st=1:st=2 -program title=Two:program_num=2:st=3:st=4";
    encode(stage.dir(), "programmes", &arguments)
}

/// What a chooser has to choose from.
async fn choices(browser: &Browser, id: &str, names: &[&str]) -> Result<()> {
    until(&format!("#{id} has {names:?}"), async || {
        let list = format!("[...document.querySelector('#{id}').options].map(option => option.textContent)");
        let list = browser.value(&list).await?;
        if list != serde_json::json!(names) {
            bail!("it has {list}");
        }
        Ok(Some(()))
    })
    .await
}

async fn choose(browser: &Browser, id: &str, name: &str) -> Result<()> {
    Ok(browser.client.find(Locator::Css(&format!("select#{id}"))).await?.select_by_label(name).await?)
}

async fn switches(kind: Kind) {
    on_stage(async |stage| {
        let station = Station::start(two_programmes(stage)?)?;
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::audible(stage, kind).await?;
        let page = format!("{}#{}", helper.page(), station.url());
        browser.open(&page).await?;
        browser.listen().await?;
        browser.phase("playing").await?;
        browser.hears(600.0).await?;
        choices(&browser, "program", &["One", "Two"]).await?;
        choices(&browser, "sound", &["German", "French"]).await?;

        // Every picture that goes to the screen from now on.
        browser
            .run(
                "const video = document.querySelector('video#video');
                window.shown = [];
                const next = (_, frame) => {
                    window.shown.push(frame.mediaTime);
                    video.requestVideoFrameCallback(next);
                };
                video.requestVideoFrameCallback(next);",
            )
            .await?;
        let source = browser.value("document.querySelector('video#video').src").await?;
        choose(&browser, "sound", "French").await?;
        browser.hears(1500.0).await?;
        until("the picture goes on", async || {
            Ok((browser.value("window.shown.length").await?.as_u64() > Some(50)).then_some(()))
        })
        .await?;
        let shown: Vec<f64> = serde_json::from_value(browser.value("window.shown").await?)?;
        let longest = shown.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        println!("  {kind:?}: {} pictures around the switch of sound, at most {longest:.3} s apart", shown.len());
        ensure!(shown.is_sorted(), "the picture went back: {shown:?}");
        let same = browser.value("document.querySelector('video#video').src").await?;
        ensure!(same == source, "the switch of sound took a new MediaSource: {:?}", browser.figures().await?);

        choose(&browser, "program", "Two").await?;
        browser.hears(2400.0).await?;
        let figure = async |name: &str| -> Result<String> {
            Ok(browser.figures().await?.get(name).cloned().unwrap_or_default())
        };
        until("the other picture", async || Ok((figure("width").await? == "256").then_some(()))).await?;
        let service = "document.querySelector('#service').textContent";
        until("the other name", async || Ok((browser.value(service).await? == "Two").then_some(()))).await?;
        ensure!(figure("recoveries").await? == "0", "{:?}", browser.figures().await?);
        ensure!(helper.viewers()? == [1], "one viewer, one channel");

        // What was chosen is chosen when the page comes back.
        browser.open(&page).await?;
        browser.listen().await?;
        browser.phase("playing").await?;
        browser.hears(2400.0).await?;
        choose(&browser, "program", "One").await?;
        browser.hears(600.0).await?;
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn sound_and_programme_are_switched_in_chromium() {
    switches(Kind::Chromium).await;
}

#[tokio::test]
#[ignore = "wants Firefox: `cargo xtask test --full`"]
async fn sound_and_programme_are_switched_in_firefox() {
    switches(Kind::Firefox).await;
}
