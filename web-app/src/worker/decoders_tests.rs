use super::*;
use crate::segmenter::{Flac, NotDecodable};
use std::cell::RefCell;
use std::rc::Rc;

const CODEC: SoundCodec = SoundCodec::MpegAudio;

#[derive(Debug)]
struct Deaf;

impl SoundDecoder for Deaf {
    fn decode(&mut self, _: &[u8]) -> Result<Flac, NotDecodable> {
        Err(NotDecodable)
    }

    fn reset(&mut self) {}
}

/// A module whose fate the test decides.
struct Fate {
    loads: u32,
    condition: Condition,
    knows: bool,
}

struct Fake(Rc<RefCell<Fate>>);

impl Module for Fake {
    fn load(&mut self) {
        let mut fate = self.0.borrow_mut();
        fate.loads += 1;
        fate.condition = Condition::Loading;
    }

    fn condition(&self) -> Condition {
        self.0.borrow().condition.clone()
    }

    fn decoder(&mut self, _: SoundCodec) -> Option<Box<dyn SoundDecoder>> {
        self.0.borrow().knows.then(|| Box::new(Deaf) as Box<dyn SoundDecoder>)
    }
}

fn decoders() -> (Decoders, Rc<RefCell<Fate>>) {
    let fate = Rc::new(RefCell::new(Fate { loads: 0, condition: Condition::Loading, knows: true }));
    (Decoders::new(Box::new(Fake(fate.clone()))), fate)
}

/// A frame at this time: how many decoders came, and what is told.
fn frame(decoders: &mut Decoders, now_ms: f64) -> (usize, Option<Option<SoundMissing>>) {
    decoders.tick(now_ms);
    let mut given = 0;
    let told = decoders.supply(|_, _| given += 1);
    (given, told)
}

fn not_loaded(again: bool) -> Option<Option<SoundMissing>> {
    Some(Some(SoundMissing { reason: "404".into(), again }))
}

#[test]
fn nothing_is_loaded_before_a_stream_needs_it_and_then_only_once() {
    let (mut decoders, fate) = decoders();
    assert_eq!(frame(&mut decoders, 0.0), (0, None));
    assert_eq!(fate.borrow().loads, 0);
    decoders.want(CODEC);
    assert_eq!(frame(&mut decoders, 10.0), (0, None));
    fate.borrow_mut().condition = Condition::Ready;
    assert_eq!(frame(&mut decoders, 20.0), (1, Some(None)));
    assert_eq!(frame(&mut decoders, 30.0), (0, None));
    decoders.begin();
    decoders.want(CODEC);
    decoders.want(SoundCodec::Ac3);
    assert_eq!(frame(&mut decoders, 40.0), (2, Some(None)), "another channel has decoders at once");
    assert_eq!(fate.borrow().loads, 1);
}

#[test]
fn a_module_that_cannot_be_loaded_is_tried_again_with_growing_pauses_and_then_given_up() {
    let (mut decoders, fate) = decoders();
    decoders.want(CODEC);
    let mut loads = Vec::new();
    let mut told = Vec::new();
    for now_ms in (0..600_000).step_by(20).map(f64::from) {
        let before = fate.borrow().loads;
        told.extend(frame(&mut decoders, now_ms).1.map(|told| (now_ms, told)));
        let mut fate = fate.borrow_mut();
        if fate.loads > before {
            loads.push(now_ms);
        }
        fate.condition = Condition::NotLoaded("404".into());
    }
    assert_eq!(loads.len(), FAILURES_MAX as usize, "{loads:?}");
    let pauses: Vec<_> = loads.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.is_sorted() && pauses[0] >= FIRST_PAUSE_MS, "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause < LONGEST_PAUSE_MS + 100.0), "{pauses:?}");
    assert_eq!(told.len(), loads.len(), "each failure is told once");
    assert!(told.iter().all(|(_, told)| told.as_ref().is_some_and(|missing| missing.reason == "404")));
    let again: Vec<_> = told.iter().flat_map(|(_, told)| told.as_ref().map(|missing| missing.again)).collect();
    assert_eq!(again.iter().position(|again| !again), Some(told.len() - 1), "only with the last one it is given up");

    decoders.begin();
    decoders.want(CODEC);
    frame(&mut decoders, 600_000.0);
    assert_eq!(fate.borrow().loads, FAILURES_MAX + 1, "a channel that begins anew tries again");
}

#[test]
fn sound_that_comes_at_the_second_attempt_is_told_to_be_there() {
    let (mut decoders, fate) = decoders();
    decoders.want(CODEC);
    frame(&mut decoders, 0.0);
    fate.borrow_mut().condition = Condition::NotLoaded("404".into());
    assert_eq!(frame(&mut decoders, 20.0).1, not_loaded(true));
    assert_eq!(frame(&mut decoders, 40.0), (0, None), "it is told once");
    frame(&mut decoders, 1000.0);
    fate.borrow_mut().condition = Condition::Ready;
    assert_eq!(frame(&mut decoders, 1020.0), (1, Some(None)));
}

#[test]
fn a_module_that_never_arrives_counts_as_one_that_cannot_be_loaded() {
    let (mut decoders, fate) = decoders();
    decoders.want(CODEC);
    let told = (0..40_000).step_by(20).find_map(|now_ms| frame(&mut decoders, f64::from(now_ms)).1.map(|_| now_ms));
    assert_eq!(told, Some(30_000));
    frame(&mut decoders, 31_000.0);
    assert_eq!(fate.borrow().loads, 2);
}

#[test]
fn a_decoder_that_breaks_down_brings_a_new_module_with_all_that_the_segmenter_has() {
    let (mut decoders, fate) = decoders();
    decoders.want(CODEC);
    decoders.want(SoundCodec::Ac3);
    frame(&mut decoders, 0.0);
    fate.borrow_mut().condition = Condition::Ready;
    assert_eq!(frame(&mut decoders, 20.0).0, 2);
    fate.borrow_mut().condition = Condition::Broken;
    let told = frame(&mut decoders, 40.0).1;
    assert_eq!(told, Some(Some(SoundMissing { reason: String::new(), again: true })));
    assert_eq!(frame(&mut decoders, 60.0), (0, None), "there is a pause first");
    frame(&mut decoders, 1000.0);
    assert_eq!(fate.borrow().loads, 2);
    fate.borrow_mut().condition = Condition::Ready;
    assert_eq!(frame(&mut decoders, 1020.0), (2, Some(None)), "both are of the new module");
}

#[test]
fn one_that_breaks_at_once_is_given_up_and_one_that_has_worked_for_long_is_not() {
    for (works_ms, given_up) in [(1000.0, true), (WORKED_MS + 1000.0, false)] {
        let (mut decoders, fate) = decoders();
        decoders.want(CODEC);
        let mut now_ms = 0.0;
        for _ in 0..3 * FAILURES_MAX {
            now_ms += LONGEST_PAUSE_MS;
            frame(&mut decoders, now_ms);
            fate.borrow_mut().condition = Condition::Ready;
            frame(&mut decoders, now_ms + 20.0);
            now_ms += works_ms;
            fate.borrow_mut().condition = Condition::Broken;
            frame(&mut decoders, now_ms);
        }
        let loads = fate.borrow().loads;
        assert_eq!(loads, if given_up { FAILURES_MAX } else { 3 * FAILURES_MAX }, "after {works_ms} ms");
    }
}

#[test]
fn a_module_that_does_not_know_the_codec_is_a_failure_too() {
    let (mut decoders, fate) = decoders();
    fate.borrow_mut().knows = false;
    decoders.want(CODEC);
    frame(&mut decoders, 0.0);
    fate.borrow_mut().condition = Condition::Ready;
    let told = frame(&mut decoders, 20.0).1;
    assert!(matches!(told, Some(Some(SoundMissing { again: true, .. }))), "{told:?}");
    frame(&mut decoders, 1000.0);
    fate.borrow_mut().condition = Condition::Ready;
    fate.borrow_mut().knows = true;
    assert_eq!(frame(&mut decoders, 1020.0), (1, Some(None)));
}
