//! Sound that no browser takes, decoded here, in a real browser: from a transport stream to samples that it has played.
#![cfg(target_arch = "wasm32")]

use amt_web_app::browser::{self, Timer, number};
use amt_web_app::player::Player;
use amt_web_app::segmenter::{Options, Output, Segmenter, Takes};
use amt_web_app::sound;
use amt_web_app::worker::message::{FromWorker, Init, Media, Program};
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::HtmlVideoElement;

wasm_bindgen_test_configure!(run_in_browser);

/// A test card with MP2 and one with AC-3, of two seconds.
const MP2: &[u8] = include_bytes!("fixtures/sound_mp2.ts");
const AC3: &[u8] = include_bytes!("fixtures/sound_ac3.ts");
const ENHANCED_AC3: &[u8] = include_bytes!("fixtures/sound_ec3.ts");
/// Generous: the machine may be small and busy.
const PATIENCE_MS: f64 = 20_000.0;

/// What the worker would post, for a browser that takes no more than it must.
fn events(ts: &[u8]) -> Vec<(FromWorker, Option<ArrayBuffer>)> {
    let takes = Takes { mp3: false, mp2: false, mp3_in_mp4: false, ac3: false, ec3: false, ..Takes::default() };
    let mut segmenter = Segmenter::new(Options { takes, ..Options::default() });
    let (mut events, mut timescales) = (Vec::new(), [1; 2]);
    let buffer = |data: &[u8]| Some(Uint8Array::from(data).buffer());
    for datagram in ts.chunks(7 * 188) {
        segmenter.push(datagram, (js_sys::Date::now() * 1000.0) as u64);
        while let Some(output) = segmenter.poll() {
            match output {
                Output::DecoderWanted(codec) => segmenter.supply(codec, sound::decoder(codec)),
                Output::Program(program) => events.push((FromWorker::Program(Program::from(&program)), None)),
                Output::Init(init) => {
                    timescales[init.track as usize] = init.timescale;
                    events.push((FromWorker::Init(Init::from(&init)), buffer(&init.data)));
                }
                Output::Media(media) => {
                    let told = Media::of(&media, timescales[media.track as usize], false).unwrap();
                    events.push((FromWorker::Media(told), buffer(&media.data)));
                }
                _ => {}
            }
        }
    }
    events
}

async fn sleep(milliseconds: f64) {
    let mut timer = None;
    let promise = Promise::new(&mut |resolve, _| {
        timer = Some(Timer::once(milliseconds, move || {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }));
    });
    JsFuture::from(promise).await.unwrap();
    drop(timer);
}

/// Chromium counts what it has decoded; Firefox tells whether there is sound.
fn is_heard(video: &HtmlVideoElement) -> bool {
    let has = js_sys::Reflect::get(video, &"mozHasAudio".into()).ok().and_then(|has| has.as_bool());
    number(video, "webkitAudioDecodedByteCount") > 10_000.0 || has == Some(true)
}

async fn plays(ts: &[u8]) {
    let document = web_sys::window().unwrap().document().unwrap();
    let video: HtmlVideoElement = document.create_element("video").unwrap().unchecked_into();
    document.body().unwrap().append_child(&video).unwrap();
    video.set_muted(true);
    let still: web_sys::HtmlCanvasElement = document.create_element("canvas").unwrap().unchecked_into();
    let player = Rc::new(Player::new(&video, &still));
    let ticked = player.clone();
    let tick = Timer::every(100.0, move || ticked.tick());
    for (event, data) in events(ts) {
        player.handle(&event, data);
    }
    let begun = browser::monotonic_ms();
    while video.current_time() < 1.0 || !is_heard(&video) {
        assert!(browser::monotonic_ms() - begun < PATIENCE_MS, "it does not play: {:?}", player.figures());
        sleep(50.0).await;
    }
    let figures = player.figures();
    assert_eq!(figures.audio_codec.as_deref(), Some("flac"));
    assert_eq!(figures.recoveries, 0, "{:?}", figures.last_error);
    drop(tick);
    player.stop(false);
    video.remove();
}

#[wasm_bindgen_test]
async fn mp2_is_decoded_and_plays() {
    plays(MP2).await;
}

#[wasm_bindgen_test]
async fn ac3_is_decoded_and_plays() {
    plays(AC3).await;
}

#[wasm_bindgen_test]
async fn enhanced_ac3_is_decoded_and_plays() {
    plays(ENHANCED_AC3).await;
}
