//! Every fixture with faults at random, pushed as the page pushes it: whatever comes in, the timeline of what comes out
//! holds, and nothing grows. The edits are the same in every run.
//!
//! The ordinary run makes a few of each; with `--release` it is hundreds.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use std::path::Path;

use amt_shared::ts::PACKET_LEN;
use amt_web_app::segmenter::{DiscontinuityReason, Media, Options, Output, Segmenter, Track};
use amt_web_app::sound;
use peak_alloc::PeakAlloc;
use segmenter_support::{fixture, packets};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Streams made of each fixture for either choice of the viewer.
const STREAMS: u64 = if cfg!(debug_assertions) { 6 } else { 100 };
/// What may be held besides the stream, whose size is less than 1 MB: what waits for its track, and decoders of sound.
const MOST_HELD: usize = 48 << 20;
/// Outputs for each packet that was pushed, and besides: what waited for its track.
const OUTPUTS_PER_PACKET: usize = 8;
const OUTPUTS_BESIDES: usize = 4096;

type Packet = [u8; PACKET_LEN];

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// The names of all fixtures that are transport streams.
fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ts"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// One to twelve edits of a stream, of packets or of bits.
fn edited(random: &mut Random, stream: &[Packet], other: &[Packet]) -> Vec<u8> {
    let mut packets = stream.to_vec();
    for _ in 0..=random.below(12) {
        let at = random.below(packets.len());
        let scale = random.below(7);
        let few = (1 + random.below(1 << scale)).min(packets.len() - at);
        match random.below(9) {
            // Losses, also of sixteen, which no counter shows.
            0 => drop(packets.drain(at..at + few)),
            1 => drop(packets.drain(at..(at + 16).min(packets.len()))),
            // The same again: at once, or later, as a looped source has it.
            2 => {
                let again = packets[at..at + few].to_vec();
                let to = if random.below(2) == 0 { at } else { random.below(packets.len()) };
                packets.splice(to..to, again);
            }
            3 => {
                let to = random.below(packets.len());
                packets.swap(at, to);
            }
            4 => {
                for _ in 0..few {
                    let (which, bit) = (random.below(packets.len()), random.below(PACKET_LEN * 8));
                    packets[which][bit / 8] ^= 1 << (bit % 8);
                }
            }
            // A burst within one packet.
            5 => {
                let from = random.below(PACKET_LEN);
                packets[at][from..].iter_mut().for_each(|byte| *byte = random.below(256) as u8);
            }
            // It ends, or begins, in the middle.
            6 => packets.truncate(at + 1),
            7 => drop(packets.drain(..at)),
            // Another stream takes its place.
            _ => {
                packets.truncate(at + 1);
                packets.extend_from_slice(&other[random.below(other.len())..]);
            }
        }
        if packets.is_empty() {
            break;
        }
    }
    let mut bytes = packets.concat();
    // Sometimes bytes are missing, so that packets are to be found anew.
    if random.below(4) == 0 && !bytes.is_empty() {
        let at = random.below(bytes.len());
        bytes.drain(at..(at + 1 + random.below(400)).min(bytes.len()));
    }
    bytes
}

/// What came of a track.
#[derive(Default)]
struct Timeline {
    /// Where the last sample ends, in units of the last initialisation segment's timescale.
    end: Option<u64>,
    begun: bool,
}

impl Timeline {
    fn take(&mut self, media: &Media) {
        assert!(self.begun, "{}: media without an initialisation segment", media.track);
        assert!(!media.samples.is_empty());
        for sample in &media.samples {
            assert!(sample.duration > 0 && sample.size > 0 && sample.duration < 60 * 90_000, "{sample:?}");
            assert!(media.data.len() >= sample.offset as usize + sample.size as usize, "{sample:?}");
            if let Some(end) = self.end {
                assert_eq!(sample.dts, end, "{}: a hole, or a step back", media.track);
            }
            self.end = Some(sample.dts + u64::from(sample.duration));
        }
    }
}

/// Pushes a stream as it comes from the network and holds what comes out to account; gives how many samples that is.
fn bear(ts: &[u8], options: Options) -> usize {
    let mut segmenter = Segmenter::new(options);
    let mut timelines: [Timeline; 2] = Default::default();
    let (mut outputs, mut samples) = (0, 0);
    let mut take = |segmenter: &mut Segmenter| {
        while let Some(output) = segmenter.poll() {
            outputs += 1;
            match output {
                Output::Media(media) => {
                    samples += media.samples.len();
                    timelines[media.track as usize].take(&media);
                }
                Output::Init(init) => {
                    let timeline = &mut timelines[init.track as usize];
                    timeline.begun = true;
                    if init.track == Track::Audio {
                        // What follows may count in other units.
                        timeline.end = None;
                    }
                }
                // Said where the decoding time steps.
                Output::Discontinuity { track, reason: DiscontinuityReason::Gap } => {
                    timelines[track as usize].end = None;
                }
                Output::DecoderWanted(codec) => segmenter.supply(codec, sound::decoder(codec)),
                _ => {}
            }
        }
    };
    for (index, piece) in ts.chunks(1316).enumerate() {
        segmenter.push(piece, index as u64 * 1000);
        take(&mut segmenter);
    }
    segmenter.finish();
    take(&mut segmenter);
    assert!(outputs <= OUTPUTS_BESIDES + OUTPUTS_PER_PACKET * ts.len() / PACKET_LEN, "{outputs} of {} bytes", ts.len());
    samples
}

#[test]
fn no_fault_of_any_stream_breaks_the_timeline_or_makes_anything_grow() {
    let streams: Vec<(String, Vec<Packet>)> =
        names().into_iter().map(|name| (name.clone(), packets(&fixture(&name)))).collect();
    assert!(streams.len() > 20);
    let mut random = Random(9);
    let (mut made, mut fruitful) = (0, 0);
    for (name, stream) in &streams {
        for number in 0..STREAMS {
            let (_, other) = &streams[random.below(streams.len())];
            let ts = edited(&mut random, stream, other);
            for wait_for_random_access in [true, false] {
                let options = Options { wait_for_random_access, make_up_pictures: true, ..Options::default() };
                let before = ALLOCATED.current_usage();
                ALLOCATED.reset_peak_usage();
                let result = std::panic::catch_unwind(|| bear(&ts, options));
                let Ok(samples) = result else {
                    let kept = std::env::temp_dir().join(format!("edited-{name}-{number}.ts"));
                    let _ = std::fs::write(&kept, &ts);
                    panic!("{}, with {options:?}, breaks an invariant (above)", kept.display());
                };
                let held = ALLOCATED.peak_usage().saturating_sub(before);
                assert!(held < MOST_HELD, "{name} {number}: {held} bytes held");
                made += 1;
                fruitful += u64::from(samples > 0);
            }
        }
    }
    // Otherwise nothing was tried.
    assert!(fruitful * 4 > made * 3, "{fruitful} of {made} streams gave anything");
}
