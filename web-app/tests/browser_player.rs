//! The segmenter and the player in a real browser: the demo's clip through a real SourceBuffer.
#![cfg(target_arch = "wasm32")]

use amt_web_app::browser::{self, Timer};
use amt_web_app::player::Player;
use amt_web_app::segmenter::{Output, Segmenter, Track};
use amt_web_app::worker::message::{FromWorker, Init, Media, Program};
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{HtmlCanvasElement, HtmlVideoElement};

wasm_bindgen_test_configure!(run_in_browser);

/// A test card with sound: 25 pictures a second with B-frames, a random access point every second.
const CLIP: &[u8] = include_bytes!("../../helper/src/demo/clip.ts");
/// Generous: the machine may be small and busy.
const PATIENCE_MS: f64 = 20_000.0;

/// What the worker would post for the first seconds of the clip.
fn events(seconds: f64) -> Vec<(FromWorker, Option<ArrayBuffer>)> {
    let mut segmenter = Segmenter::default();
    let (mut events, mut timescales) = (Vec::new(), [1; 2]);
    for datagram in CLIP.chunks(7 * 188) {
        segmenter.push(datagram, (js_sys::Date::now() * 1000.0) as u64);
        while let Some(output) = segmenter.poll() {
            match output {
                Output::Program(program) => {
                    events.push((FromWorker::Program(Program::from(&program)), None));
                }
                Output::Init(init) => {
                    timescales[init.track as usize] = init.timescale;
                    events.push((FromWorker::Init(Init::from(&init)), Some(buffer(&init.data))));
                }
                Output::Media(media) => {
                    let told = Media::of(&media, timescales[media.track as usize], false).unwrap();
                    if told.start > seconds {
                        return events;
                    }
                    events.push((FromWorker::Media(told), Some(buffer(&media.data))));
                }
                _ => {}
            }
        }
    }
    events
}

fn buffer(data: &[u8]) -> ArrayBuffer {
    Uint8Array::from(data).buffer()
}

fn is_of(event: &FromWorker, wanted: Track) -> bool {
    match event {
        FromWorker::Init(init) => init.track == wanted,
        FromWorker::Media(media) => media.track == wanted,
        _ => true,
    }
}

/// A player on an element of its own, looked after by a timer.
struct Stage {
    player: Rc<Player>,
    video: HtmlVideoElement,
    still: HtmlCanvasElement,
    _tick: Timer,
}

impl Stage {
    fn new() -> Self {
        let document = web_sys::window().unwrap().document().unwrap();
        let video: HtmlVideoElement = document.create_element("video").unwrap().unchecked_into();
        document.body().unwrap().append_child(&video).unwrap();
        video.set_muted(true);
        let still: HtmlCanvasElement = document.create_element("canvas").unwrap().unchecked_into();
        let player = Rc::new(Player::new(&video, &still));
        let ticked = player.clone();
        Self { player, video, still, _tick: Timer::every(100.0, move || ticked.tick()) }
    }

    /// At the pace of the pictures, as a channel comes.
    async fn feed_live(&self, events: Vec<(FromWorker, Option<ArrayBuffer>)>) {
        for (event, data) in events {
            let is_picture = matches!(&event, FromWorker::Media(media) if media.track == Track::Video);
            self.player.handle(&event, data);
            if is_picture {
                sleep(36.0).await;
            }
        }
    }

    async fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let begun = browser::monotonic_ms();
        while !reached(self) {
            let figures = self.player.figures();
            assert!(browser::monotonic_ms() - begun < PATIENCE_MS, "not reached: {what}; {figures:?}");
            sleep(50.0).await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.player.stop(false);
        self.video.remove();
    }
}

async fn sleep(milliseconds: f64) {
    let mut timer = None;
    let promise = Promise::new(&mut |resolve, _| {
        timer = Some(Timer::once(milliseconds, move || {
            let _ = resolve.call0(&wasm_bindgen::JsValue::UNDEFINED);
        }));
    });
    JsFuture::from(promise).await.unwrap();
    drop(timer);
}

#[wasm_bindgen_test]
async fn picture_and_sound_of_the_segmenter_play() {
    let stage = Stage::new();
    stage.feed_live(events(3.0)).await;
    stage.until("it plays", |stage| stage.video.current_time() > 1.0).await;
    stage.until("frames are shown", |stage| stage.player.figures().frames > 10).await;
    let figures = stage.player.figures();
    assert_eq!((stage.video.video_width(), stage.video.video_height()), (figures.width, figures.height));
    assert!(figures.width > 0);
    assert!(figures.video_codec.unwrap().starts_with("avc1."));
    assert_eq!(figures.audio_codec.as_deref(), Some("mp4a.40.2"));
    assert_eq!(figures.recoveries, 0, "{:?}", figures.last_error);
}

#[wasm_bindgen_test]
async fn the_picture_begins_alone_when_the_sound_never_comes() {
    let stage = Stage::new();
    stage.feed_live(events(4.0).into_iter().filter(|(event, _)| is_of(event, Track::Video)).collect()).await;
    stage.until("it plays", |stage| stage.player.figures().frames > 5).await;
    assert_eq!(stage.player.figures().audio_codec, None);
}

#[wasm_bindgen_test]
async fn the_sound_plays_on_where_the_browser_cannot_play_the_picture() {
    let stage = Stage::new();
    let unknown = |event: &mut FromWorker| {
        if let FromWorker::Init(init) = event
            && init.track == Track::Video
        {
            init.codec = "zzzz.1".into();
            init.mime = "video/mp4; codecs=\"zzzz.1\"".into();
        }
    };
    let mut events = events(3.0);
    events.iter_mut().for_each(|(event, _)| unknown(event));
    stage.feed_live(events).await;
    stage.until("the sound plays", |stage| stage.video.current_time() > 1.0).await;
    let figures = stage.player.figures();
    assert_eq!(figures.refused, ["zzzz.1"]);
    assert_eq!(figures.video_codec, None);
}

#[wasm_bindgen_test]
async fn an_append_that_breaks_the_media_source_is_recovered_from_at_the_next_key_frame() {
    let stage = Stage::new();
    let mut events = events(5.0);
    let later =
        events.iter().position(|(event, _)| matches!(event, FromWorker::Media(media) if media.start > 2.0)).unwrap();
    let rest = events.split_off(later);
    stage.feed_live(events).await;
    stage.until("it plays", |stage| stage.video.current_time() > 0.5).await;

    let position = stage.video.current_time();
    let poison = Media {
        track: Track::Video,
        key: false,
        start: position,
        end: position + 0.04,
        received_ms: 0.0,
        cached: false,
        anew: 0,
        gradual: false,
    };
    // A fragment with a box that is longer than itself: a parse error, which ends the MediaSource.
    stage.player.handle(&FromWorker::Media(poison), Some(buffer(b"\0\0\0\x10moof\0\0\0\xffjunk")));
    stage.until("it has noticed", |stage| stage.player.figures().recoveries > 0).await;
    stage.feed_live(rest).await;
    stage.until("it plays again", |stage| stage.video.current_time() > 4.0).await;
    assert_eq!(stage.player.figures().recoveries, 1);
}

#[wasm_bindgen_test]
async fn a_hole_is_jumped() {
    let stage = Stage::new();
    let holed = events(5.0)
        .into_iter()
        .filter(|(event, _)| !matches!(event, FromWorker::Media(media) if media.start >= 1.5 && media.start < 3.0))
        .collect();
    stage.feed_live(holed).await;
    stage.until("it is beyond the hole", |stage| stage.video.current_time() > 4.0).await;
    assert_eq!(stage.player.figures().recoveries, 0);
}

#[wasm_bindgen_test]
async fn the_last_picture_is_held_until_another_channel_has_its_own() {
    let stage = Stage::new();
    stage.feed_live(events(3.0)).await;
    stage.until("it plays", |stage| stage.video.current_time() > 1.0 && stage.player.figures().frames > 10).await;
    assert!(stage.still.hidden() && !stage.player.holds_picture(), "nothing covers a picture that plays");

    stage.player.stop(true);
    assert!(!stage.still.hidden() && stage.player.holds_picture());
    let drawn = stage.still.to_data_url().unwrap();
    let empty: HtmlCanvasElement = stage.still.clone_node().unwrap().unchecked_into();
    assert_ne!(drawn, empty.to_data_url().unwrap(), "it is a picture");
    stage.player.handle(&FromWorker::Restart, None);
    assert!(!stage.still.hidden(), "and it stays while the next one begins");
    stage.feed_live(events(3.0)).await;
    stage.until("the next one plays", |stage| stage.player.figures().frames > 5 && stage.still.hidden()).await;

    stage.player.stop(false);
    assert!(stage.still.hidden() && !stage.player.holds_picture(), "whoever stops sees nothing");
}

#[wasm_bindgen_test]
async fn a_pause_is_left_for_the_live_edge() {
    let stage = Stage::new();
    let mut events = events(8.0);
    let at = |seconds: f64| move |(event, _): &(FromWorker, Option<ArrayBuffer>)| matches!(event, FromWorker::Media(media) if media.start > seconds);
    let rest = events.split_off(events.iter().position(at(2.0)).unwrap());
    stage.feed_live(events).await;
    stage.until("it plays", |stage| stage.video.current_time() > 0.5).await;
    stage.video.pause().unwrap();
    stage.until("it is told as behind", |stage| stage.player.figures().behind).await;
    let paused_at = stage.video.current_time();
    stage.feed_live(rest).await;
    assert!(stage.video.current_time() < paused_at + 0.1, "it stands");
    stage.player.go_live();
    stage.until("it plays at the live edge", |stage| stage.video.current_time() > 7.0).await;
    assert!(!stage.player.figures().behind);
}
