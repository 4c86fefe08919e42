use super::*;
use crate::segmenter::{Flac, NotDecodable, SoundCodec, SoundDecoder};
use crate::worker::decoders::{Condition, Module};
use crate::worker::message::SoundMissing;
use amt_shared::ts::SYNC_BYTE;

/// A test card with sound: 25 pictures a second, a random access point every second.
const CLIP: &[u8] = include_bytes!("../../../helper/src/demo/clip.ts");
/// With sound that has to be decoded here.
const MP2: &[u8] = include_bytes!("../../tests/fixtures/sound_mp2.ts");
const DATAGRAM: usize = 7 * PACKET_LEN;

/// A module that cannot be loaded.
#[derive(Default)]
struct Absent {
    asked: bool,
}

impl Module for Absent {
    fn load(&mut self) {
        self.asked = true;
    }

    fn condition(&self) -> Condition {
        assert!(self.asked, "nobody has asked for it");
        Condition::NotLoaded("404".into())
    }

    fn decoder(&mut self, _: SoundCodec) -> Option<Box<dyn SoundDecoder>> {
        None
    }
}

/// A module whose decoders break down with the frame of this number.
struct Fragile {
    breaks_at: u32,
    loads: u32,
    broken: std::rc::Rc<std::cell::Cell<bool>>,
}

#[derive(Debug)]
struct Breaking {
    frames: u32,
    breaks_at: u32,
    broken: std::rc::Rc<std::cell::Cell<bool>>,
}

impl Module for Fragile {
    fn load(&mut self) {
        self.loads += 1;
        self.broken = std::rc::Rc::default();
    }

    fn condition(&self) -> Condition {
        if self.broken.get() { Condition::Broken } else { Condition::Ready }
    }

    fn decoder(&mut self, _: SoundCodec) -> Option<Box<dyn SoundDecoder>> {
        let breaks_at = if self.loads == 1 { self.breaks_at } else { u32::MAX };
        Some(Box::new(Breaking { frames: 0, breaks_at, broken: self.broken.clone() }))
    }
}

impl SoundDecoder for Breaking {
    fn decode(&mut self, _: &[u8]) -> Result<Flac, NotDecodable> {
        self.frames += 1;
        self.broken.set(self.broken.get() || self.frames >= self.breaks_at);
        if self.broken.get() {
            return Err(NotDecodable);
        }
        Ok(Flac { sample_rate: 48_000, channels: 2, samples: 1152, data: vec![0; 100] })
    }

    fn reset(&mut self) {}
}

/// A channel and what it tells.
struct World {
    feed: Feed,
    decoders: Decoders,
    post: Post,
    sequence: u32,
    now_ms: f64,
    page_takes: bool,
    events: Vec<FromWorker>,
}

impl World {
    fn new() -> Self {
        Self::with(Box::new(Absent::default()))
    }

    fn with(module: Box<dyn Module>) -> Self {
        Self {
            // What a browser takes that takes little.
            feed: Feed::new(Takes { mp2: false, mp3: false, ..Takes::default() }, Choice::default()),
            decoders: Decoders::new(module),
            post: Post::default(),
            sequence: 0,
            now_ms: 0.0,
            page_takes: true,
            events: Vec::new(),
        }
    }

    /// Frames of so many bytes each, 20 ms apart; what was told.
    fn frames(&mut self, bytes: &[u8], length: usize) -> Vec<FromWorker> {
        for ts in bytes.chunks(length) {
            let header = FrameHeader { gap: false, missing: 0, sequence: self.sequence, received_micros: 1_000_000 };
            self.sequence = self.sequence.wrapping_add(1);
            self.decoders.tick(self.now_ms);
            self.now_ms += 20.0;
            self.feed.frame(&[&header.encode(), ts].concat(), &mut self.decoders, &mut self.post);
            let (mut taken, events) = (0, &mut self.events);
            self.post.flush(|told, buffers| {
                events.extend_from_slice(told);
                taken = buffers.iter().map(Vec::len).sum();
            });
            if self.page_takes {
                self.post.taken(taken);
            }
        }
        std::mem::take(&mut self.events)
    }
}

fn judgements(events: &[FromWorker]) -> Vec<bool> {
    let found = |event: &FromWorker| match event {
        FromWorker::TransportStream { found } => Some(*found),
        _ => None,
    };
    events.iter().filter_map(found).collect()
}

fn media(events: &[FromWorker], track: Track) -> Vec<Media> {
    let media = |event: &FromWorker| match event {
        FromWorker::Media(media) if media.track == track => Some(*media),
        _ => None,
    };
    events.iter().filter_map(media).collect()
}

/// Numbers that look like nothing.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn packets_that_stand_further_apart_than_they_are_long_are_a_transport_stream() {
    for (before, after) in [(0, 0), (4, 0), (0, 16)] {
        let stride = before + PACKET_LEN + after;
        let wide: Vec<u8> = CLIP[..1_000_000 / PACKET_LEN * PACKET_LEN]
            .chunks(PACKET_LEN)
            .flat_map(|packet| [&vec![9; before], packet, &vec![9; after]].concat())
            .collect();
        for length in [7 * stride, 1316, 1000] {
            let events = World::new().frames(&wide, length);
            assert_eq!(judgements(&events), [false; 0], "{stride} bytes apart in frames of {length}");
            assert!(media(&events, Track::Video).len() > 50, "{stride} bytes apart in frames of {length}");
        }
    }
}

#[test]
fn what_is_no_transport_stream_is_told_once_and_what_becomes_one_is_too() {
    let text = b"v=0 o=- 1 1 IN IP4 192.0.2.1 s=Channel\r\n".repeat(5000);
    for (what, bytes) in [("noise", noise(400_000)), ("text", text), ("sync bytes", vec![SYNC_BYTE; 400_000])] {
        let mut world = World::new();
        assert_eq!(judgements(&world.frames(&bytes, DATAGRAM)), [false], "{what}");
        let events = world.frames(&CLIP[..1_000_000], DATAGRAM);
        assert_eq!(judgements(&events), [true], "{what}");
        assert!(media(&events, Track::Video).len() > 50, "{what}");
        assert_eq!(judgements(&world.frames(&noise(400_000), DATAGRAM)), [false], "{what}, and noise again");
    }
}

#[test]
fn a_damaged_transport_stream_is_one() {
    let mut damaged = CLIP[..1_000_000].to_vec();
    // Every third datagram is something else.
    for datagram in damaged.chunks_mut(DATAGRAM).step_by(3) {
        datagram.fill(0x55);
    }
    assert_eq!(judgements(&World::new().frames(&damaged, DATAGRAM)), [false; 0]);
}

#[test]
fn frames_that_are_missing_are_counted_and_none_that_is_there() {
    let mut world = World::new();
    world.frames(&CLIP[..10 * DATAGRAM], DATAGRAM);
    world.sequence += 3;
    let faults = world.frames(&CLIP[13 * DATAGRAM..20 * DATAGRAM], DATAGRAM);
    assert!(faults.contains(&FromWorker::Fault { reason: "viewer_gap".into(), count: 3 }), "{faults:?}");
    let mut world = World::new();
    world.sequence = u32::MAX - 5;
    let events = world.frames(&CLIP[..20 * DATAGRAM], DATAGRAM);
    let gap = |event: &FromWorker| matches!(event, FromWorker::Fault { reason, .. } if reason == "viewer_gap");
    assert!(!events.iter().any(gap), "the number wraps: {events:?}");
}

#[test]
fn what_comes_from_the_helpers_cache_is_told_apart_from_what_is_live() {
    let mut world = World::new();
    world.feed.catch_up(500);
    let cached = media(&world.frames(&CLIP[..500 * DATAGRAM], DATAGRAM), Track::Video);
    assert!(cached.len() > 20 && cached.iter().all(|media| media.cached));
    let live = media(&world.frames(&CLIP[500 * DATAGRAM..1000 * DATAGRAM], DATAGRAM), Track::Video);
    assert!(live.len() > 20 && live.iter().all(|media| !media.cached));
}

#[test]
fn a_page_that_takes_nothing_is_told_once_and_goes_on_where_decoding_can_begin() {
    let mut world = World::new();
    // As if it had 32 MB of others' before.
    world.post.give(FromWorker::Ready, vec![0; (32 << 20) + 1]);
    world.post.flush(|_, _| {});
    let half = CLIP.len() / 2 / DATAGRAM * DATAGRAM;
    world.page_takes = false;
    let events = world.frames(&CLIP[..half], DATAGRAM);
    assert_eq!(events.iter().filter(|event| **event == FromWorker::Overflow).count(), 1);
    assert_eq!(media(&events, Track::Video).len() + media(&events, Track::Audio).len(), 0);
    assert!(events.iter().any(|event| matches!(event, FromWorker::Init(_))), "what it needs later is not left out");
    world.post.taken(usize::MAX);
    let events = world.frames(&CLIP[half..], DATAGRAM);
    let first = events.iter().find_map(|event| match event {
        FromWorker::Media(media) => Some(*media),
        _ => None,
    });
    assert!(first.is_some_and(|media| media.key && media.track == Track::Video), "{first:?}");
    assert!(media(&events, Track::Video).len() > 100);
}

#[test]
fn a_message_that_is_no_frame_is_counted_and_harms_nothing() {
    let mut world = World::new();
    for message in [&b""[..], b"short", &[9; 400]] {
        world.feed.frame(message, &mut world.decoders, &mut world.post);
    }
    let mut faults = 0;
    world.post.flush(|events, _| faults = events.len());
    assert_eq!(faults, 3);
    assert!(media(&world.frames(&CLIP[..1_000_000], DATAGRAM), Track::Video).len() > 50);
}

fn sound(events: &[FromWorker]) -> Vec<Option<SoundMissing>> {
    let sound = |event: &FromWorker| match event {
        FromWorker::Sound { missing } => Some(missing.clone()),
        _ => None,
    };
    events.iter().filter_map(sound).collect()
}

#[test]
fn decoders_that_cannot_be_loaded_are_told_and_tried_again() {
    let mut world = World::new();
    let events = world.frames(MP2, PACKET_LEN);
    let told = sound(&events);
    assert_eq!(told.first(), Some(&Some(SoundMissing { reason: "404".into(), again: true })), "{told:?}");
    assert!(told.len() > 1, "it is tried again: {told:?}");
    assert_eq!(media(&events, Track::Audio), []);
}

#[test]
fn sound_whose_decoder_breaks_down_comes_back_with_another() {
    let module = Fragile { breaks_at: 10, loads: 0, broken: std::rc::Rc::default() };
    let mut world = World::with(Box::new(module));
    let events = world.frames(MP2, PACKET_LEN);
    let broke = Some(SoundMissing { reason: String::new(), again: true });
    assert_eq!(sound(&events), [None, broke.clone(), None]);
    let at = |wanted: &FromWorker| events.iter().rposition(|event| event == wanted).unwrap();
    let again = at(&FromWorker::Sound { missing: None });
    assert!(again > at(&FromWorker::Sound { missing: broke }));
    assert!(media(&events[again..], Track::Audio).len() > 5, "it is heard again");
    assert!(media(&events, Track::Video).len() > 45, "the picture plays on meanwhile");
}
