use super::*;
use crate::segmenter::{SoundCodec, SoundDecoder};
use crate::worker::decoders::Condition;
use amt_shared::wire::{FrameHeader, FromHelper};

const A: &str = "amt://192.0.2.1@232.0.0.1:1234";
const B: &str = "amt://192.0.2.1@232.0.0.2:1234";
const CLIP: &[u8] = include_bytes!("../../../helper/src/demo/clip.ts");
const TICK_MS: f64 = 250.0;

struct NoModule;

impl Module for NoModule {
    fn load(&mut self) {}

    fn condition(&self) -> Condition {
        Condition::Loading
    }

    fn decoder(&mut self, _: SoundCodec) -> Option<Box<dyn SoundDecoder>> {
        None
    }
}

/// A worker, its clock, and a helper whose words the test chooses.
struct World {
    tuner: Tuner,
    now_ms: f64,
    sent: Vec<FromPage>,
    connects: u32,
    connected: bool,
    events: Vec<FromWorker>,
}

impl World {
    fn new() -> Self {
        let tuner = Tuner::new(Box::new(NoModule));
        Self { tuner, now_ms: 0.0, sent: Vec::new(), connects: 0, connected: false, events: Vec::new() }
    }

    fn settle(&mut self) {
        while let Some(act) = self.tuner.poll() {
            match act {
                Act::Connect => {
                    assert!(!self.connected, "one socket at a time");
                    (self.connected, self.connects) = (true, self.connects + 1);
                }
                Act::Disconnect => self.connected = false,
                Act::Send(text) => {
                    assert!(self.connected, "there is a socket to send {text} over");
                    self.sent.push(serde_json::from_str(&text).unwrap());
                }
            }
        }
        let events = &mut self.events;
        self.tuner.post.flush(|told, _| events.extend_from_slice(told));
    }

    fn pass(&mut self, milliseconds: f64) {
        let end = self.now_ms + milliseconds;
        while self.now_ms < end {
            self.tuner.tick(self.now_ms);
            self.now_ms += TICK_MS;
            self.settle();
        }
    }

    /// So much time, in which the helper says that it is there.
    fn pass_alive(&mut self, milliseconds: f64) {
        let end = self.now_ms + milliseconds;
        while self.now_ms < end {
            self.says(&FromHelper::Alive);
            self.pass(1000.0);
        }
    }

    fn says(&mut self, message: &FromHelper) {
        self.tuner.text(serde_json::to_string(message).unwrap());
        self.settle();
    }

    fn greets(&mut self) {
        self.says(&FromHelper::Hello { protocol: 1, version: "0.1.0".into(), url: None, alive_ms: Some(1500) });
    }

    fn tuned(&mut self, url: &str, request: Option<u32>) {
        self.says(&FromHelper::Tuned { url: url.into(), request });
    }

    fn asks(&mut self, url: &str) {
        self.tuner.asked(ToWorker::Tune {
            url: url.into(),
            takes: Takes::default(),
            choice: Choice::default(),
            typed: true,
        });
        self.settle();
    }

    /// A greeted connection.
    fn connected() -> Self {
        let mut world = Self::new();
        world.pass(TICK_MS);
        world.greets();
        world
    }

    /// Whether frames that come now are played.
    fn plays(&mut self) -> bool {
        self.events.clear();
        for (sequence, ts) in (0..).zip(CLIP[..500_000].chunks(7 * 188)) {
            let header = FrameHeader { gap: false, missing: 0, sequence, received_micros: 0 };
            self.tuner.frame(&[&header.encode(), ts].concat());
        }
        self.settle();
        self.events.iter().any(|event| matches!(event, FromWorker::Media(_)))
    }
}

fn tune(url: &str, request: u32) -> FromPage {
    FromPage::Tune { url: url.into(), request: Some(request), typed: true }
}

#[test]
fn the_channel_is_asked_for_when_the_helper_has_greeted_and_played_when_it_has_come_to_it() {
    let mut world = World::new();
    world.asks(A);
    world.pass(1000.0);
    assert_eq!((world.connects, &world.sent), (1, &vec![]));
    assert_eq!(world.events.first(), Some(&FromWorker::Ready));
    world.greets();
    assert_eq!(world.sent, [tune(A, 2)], "the first attempt found no helper");
    assert!(!world.plays(), "what comes before the answer is of something else");
    world.tuned(A, Some(2));
    assert!(world.plays());
}

#[test]
fn of_two_requests_for_one_channel_only_the_answer_to_the_last_counts() {
    let mut world = World::connected();
    for url in [A, B, A] {
        world.asks(url);
    }
    assert_eq!(world.sent, [tune(A, 1), tune(B, 2), tune(A, 3)]);
    world.events.clear();
    world.tuned(A, Some(1));
    world.says(&FromHelper::CatchUp { age_micros: 1, frames: 1 });
    assert!(!world.plays(), "these are frames of the first request, before the second channel's");
    world.tuned(B, Some(2));
    assert!(!world.plays());
    world.tuned(A, Some(3));
    assert!(world.plays());
    world.asks(A);
    assert!(!world.plays(), "the same channel, from its beginning");
    world.tuned(A, Some(4));
    assert!(world.plays());
}

#[test]
fn an_older_helper_that_gives_no_number_back_is_understood_by_the_address() {
    let mut world = World::connected();
    world.asks(A);
    world.asks(B);
    world.tuned(A, None);
    assert!(!world.plays());
    world.tuned(B, None);
    assert!(world.plays());
}

#[test]
fn what_is_stopped_is_not_played_on() {
    let mut world = World::connected();
    world.asks(A);
    world.tuned(A, Some(1));
    assert!(world.plays());
    world.tuner.asked(ToWorker::Stop);
    world.settle();
    assert_eq!(world.sent, [tune(A, 1), FromPage::Stop]);
    assert!(!world.plays());
    world.tuner.closed();
    world.settle();
    world.pass(1000.0);
    world.greets();
    assert_eq!(world.sent.len(), 2, "nothing is tuned in again");
}

#[test]
fn a_connection_that_falls_silent_is_told_and_made_anew_with_the_same_channel() {
    let mut world = World::connected();
    world.asks(A);
    world.tuned(A, Some(1));
    assert!(world.plays());
    world.pass_alive(60_000.0);
    assert_eq!(world.connects, 1);
    world.events.clear();
    world.pass(5000.0);
    let lost: Vec<_> = world.events.iter().filter(|event| matches!(event, FromWorker::Unreachable { .. })).collect();
    assert_eq!(lost, [&FromWorker::Unreachable { attempts: 1, silent: true }]);
    assert_eq!(world.connects, 2);
    world.greets();
    assert_eq!(world.sent, [tune(A, 1), tune(A, 2)]);
    world.tuned(A, Some(2));
    assert!(world.plays());
}

#[test]
fn frames_alone_are_a_sign_of_life() {
    let mut world = World::connected();
    world.asks(A);
    world.tuned(A, Some(1));
    for _ in 0..60 {
        world.plays();
        world.pass(1000.0);
    }
    assert_eq!(world.connects, 1);
}

#[test]
fn the_page_hears_of_the_worker_also_while_nothing_comes() {
    let mut world = World::connected();
    world.events.clear();
    world.pass_alive(60_000.0);
    let alive = world.events.iter().filter(|event| **event == FromWorker::Alive).count();
    assert_eq!((alive, world.events.len()), (30, 30), "and of nothing else");
}

#[test]
fn what_the_helper_says_of_the_channel_before_is_not_handed_on() {
    let mut world = World::connected();
    world.asks(A);
    world.events.clear();
    world.says(&FromHelper::Stats(Default::default()));
    assert_eq!(world.events, []);
    world.tuned(A, Some(1));
    world.says(&FromHelper::Stats(Default::default()));
    let told = world.events.iter().filter(|event| matches!(event, FromWorker::Helper { .. })).count();
    assert_eq!(told, 2);
}
