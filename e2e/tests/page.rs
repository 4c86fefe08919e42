//! What a person sees of the page beside the picture: its shape in any window, and what it says of itself.

use amt_e2e::stage::on_stage;
use amt_e2e::{Browser, Helper, until};
use anyhow::{Result, ensure};
use fantoccini::Locator;
use serde_json::Value;

#[tokio::test]
async fn in_a_window_of_any_shape_the_line_can_be_read_and_nothing_stands_out() {
    on_stage(async |stage| {
        let helper = Helper::demo(stage, &[]).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.phase("playing").await?;
        for (width, height) in [(500, 800), (640, 500), (900, 520), (1400, 600), (1280, 900), (2560, 1440)] {
            browser.client.set_window_size(width, height).await?;
            let shape = until("the page has taken the window's shape", async || {
                let script = "(() => { const box = id => document.querySelector(id).getBoundingClientRect();
                    return { window: innerWidth, page: document.documentElement.scrollWidth, height: innerHeight,
                             line: box('#status').width, picture: box('.screen').height, set: box('#stage').width } })()";
                let shape = browser.value(script).await?;
                Ok((shape["window"].as_f64() <= Some(f64::from(width))).then_some(shape))
            })
            .await?;
            println!("{width}x{height}: {shape}");
            let of = |name: &str| shape[name].as_f64().unwrap_or_default();
            ensure!(of("page") <= of("window"), "it stands out at the side: {shape}");
            ensure!(of("line") > 200.0, "the line has no room: {shape}");
            ensure!(of("picture") > of("height") * 0.3, "the picture has no room: {shape}");
            ensure!(width < 2560 || of("set") > 1800.0, "a large screen is not used: {shape}");
        }
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_page_without_the_token_says_so_and_not_that_the_helper_is_missing() {
    on_stage(async |stage| {
        let guarded = amt_e2e::stage::free_tcp_port()?;
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], guarded));
        let mut command = std::process::Command::new(amt_e2e::stage::helper_binary()?);
        command.args(["--transport", "udp", "--path", "amt", "--token", "correct-horse"]);
        command.args(["--listen", &address.to_string()]).env_remove("AMT_URL").env_remove("AMT_RELAY");
        let mut process = amt_e2e::Process::start("guarded", &mut command, stage.dir())?;
        until("the helper listens", async || {
            process.check_running()?;
            Ok(std::net::TcpStream::connect(address).is_ok().then_some(()))
        })
        .await?;
        let browser = Browser::start(stage).await?;
        for query in ["", "?token=wrong"] {
            browser.open(&format!("http://localhost:{guarded}/{query}")).await?;
            let line = browser.status_where("that it needs a token", |line| line.text.contains("token")).await?;
            ensure!(line.text.contains(&format!("localhost:{guarded}")) && !line.text.contains("sudo"), "{line:?}");
        }
        browser.open(&format!("http://localhost:{guarded}/?a=b&token=correct-horse#")).await?;
        browser.status_where("that it is ready", |line| line.text.contains("Ready")).await?;
        // People share what stands in the address bar. The tab keeps the token, also when it is loaded again.
        ensure!(browser.value("location.search").await? == "?a=b", "the token is not shown");
        browser.client.refresh().await?;
        browser.status_where("that it is ready", |line| line.text.contains("Ready")).await?;
        drop(process);
        let line = browser.status_where("that it is gone", |line| line.text.contains("sudo -E amt-helper")).await?;
        ensure!(line.text.contains(&format!("localhost:{guarded}")), "{line:?}");
        browser.close().await
    })
    .await;
}

/// What the address bar, the tab and the button say.
async fn told(browser: &Browser) -> Result<(String, String, String)> {
    let told = browser.value("[location.hash, document.title, document.querySelector('#stop').title]").await?;
    let text = |index: usize| told[index].as_str().unwrap_or_default().to_owned();
    Ok((text(0), text(1), text(2)))
}

#[tokio::test]
async fn stop_back_and_forward_keep_the_address_true_and_what_played_can_be_forgotten() {
    on_stage(async |stage| {
        let helper = Helper::demo(stage, &[]).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.phase("playing").await?;
        let entry = "document.querySelector('#history-list .entry')?.innerText ?? ''";
        until("it is listed by its name", async || {
            Ok(browser
                .value(entry)
                .await?
                .as_str()
                .is_some_and(|text| text.starts_with("amt:// test card"))
                .then_some(()))
        })
        .await?;
        browser.client.find(Locator::Css("#history-list .entry")).await?.click().await?;
        browser.phase("playing").await?;
        // The name comes with the service's table, which repeats only now and then: often after the first picture.
        let (hash, _, does) = until("the tab bears its name", async || {
            let told = told(&browser).await?;
            Ok(told.1.starts_with("amt:// test card").then_some(told))
        })
        .await?;
        ensure!(hash.starts_with("#amt://") && does.starts_with("Stop"), "{hash}, {does}");

        browser.client.find(Locator::Css("#stop")).await?.click().await?;
        browser.phase("idle").await?;
        let (stopped, _, does) = told(&browser).await?;
        ensure!(stopped.is_empty() && does.starts_with("Play"), "{stopped}, {does}");
        browser.client.back().await?;
        browser.phase("playing").await?;
        ensure!(told(&browser).await?.0 == hash);
        browser.value("history.forward()").await?;
        browser.phase("idle").await?;
        ensure!(told(&browser).await?.0.is_empty());

        browser.client.find(Locator::Css("#history-list .forget")).await?.click().await?;
        let left = browser.value("[localStorage['amt.recent'], document.querySelector('#history').hidden]").await?;
        ensure!(left == Value::from(vec![Value::from(""), Value::from(true)]), "{left}");
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn what_is_typed_moves_no_picture_and_a_fault_in_it_is_seen_at_once() {
    on_stage(async |stage| {
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::start(stage).await?;
        browser.open(&helper.page()).await?;
        browser.phase("idle").await?;
        until("the field has the focus", async || {
            Ok((browser.value("document.activeElement.id").await? == "url").then_some(()))
        })
        .await?;
        let places = "[document.querySelector('.screen').getBoundingClientRect().top,
            document.querySelector('.below').getBoundingClientRect().top]";
        let frame = "getComputedStyle(document.querySelector('.address')).borderTopColor";
        let before = browser.value(places).await?;
        let valid = browser.value(frame).await?;
        browser.type_address(&format!("amt://192.0.2.1@10.0.0.1:1234?{}", "x".repeat(500))).await?;
        until("its frame tells of the fault", async || Ok((browser.value(frame).await? != valid).then_some(())))
            .await?;
        ensure!(browser.value(places).await? == before, "the picture moved");
        browser.close().await
    })
    .await;
}

#[tokio::test]
async fn a_link_to_a_relay_that_was_never_used_is_asked_for_before_anything_is_sent_there() {
    on_stage(async |stage| {
        let strange = std::net::UdpSocket::bind("127.0.0.1:0")?;
        strange.set_nonblocking(true)?;
        let relay = strange.local_addr()?;
        let asked = || strange.recv(&mut [0; 64]).is_ok();
        let helper = Helper::start(stage, &["--transport", "udp", "--path", "amt"]).await?;
        let browser = Browser::start(stage).await?;
        let link = format!("{}#amt://192.0.2.1@232.0.2.1:1234?relay={relay}", helper.page());
        browser.follow(&link).await?;
        let line = browser.phase("asking").await?;
        ensure!(line.text.contains(&format!("{relay} (on this computer)")), "{line:?}");
        browser.client.find(Locator::Css("#consent-refuse")).await?.click().await?;
        browser.phase("idle").await?;
        let hash = browser.value("location.hash").await?;
        ensure!(hash == "" && helper.viewers()?.is_empty() && !asked(), "nothing is opened: {hash}");

        browser.follow(&link).await?;
        browser.phase("asking").await?;
        ensure!(!asked(), "nothing is sent while the viewer is asked");
        browser.client.find(Locator::Css("#consent-play")).await?.click().await?;
        until("the relay is asked", async || Ok(asked().then_some(()))).await?;

        // What is typed was meant, and after that it is known.
        let known = std::net::UdpSocket::bind("127.0.0.1:0")?;
        let typed = format!("amt://192.0.2.1@232.0.2.1:1234?relay={}", known.local_addr()?);
        browser.play(&typed).await?;
        browser.phase("discovering").await?;
        browser.follow(&format!("{}#{typed}", helper.page())).await?;
        browser.phase("discovering").await?;
        browser.close().await
    })
    .await;
}
