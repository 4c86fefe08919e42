//! Days of television, and hostile bytes: the timeline stays exact, and nothing grows.
//!
//! The ordinary run takes minutes; `cargo test --release -p amt-web-app --test segmenter_hours -- --ignored`
//! takes a hundred hours.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use std::sync::Mutex;

use amt_web_app::segmenter::{Options, Output, Segmenter, Track};
use peak_alloc::PeakAlloc;
use segmenter_support::hours::Hours;
use segmenter_support::*;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What is allocated is counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

const WRAP: u64 = 1 << 33;

/// What the page asks for, by either choice of the viewer.
fn as_the_page(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// Reads hours of a programme and holds every sample against what it must be.
fn watch(mut source: Hours, minutes: u64, options: Options) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut segmenter = Segmenter::new(options);
    let [mut pictures, mut sounds, mut clocks] = [0u64; 3];
    let (mut from, mut origin) = (None, None);
    let mut piece = Vec::new();
    let mut settled = 0;
    let per_minute = 60 * 90_000 / source.step;
    for minute in 0..minutes {
        for _ in 0..per_minute {
            source.next(&mut piece);
            if piece.len() > 20_000 {
                segmenter.push(&piece, 0);
                piece.clear();
            }
            while let Some(output) = segmenter.poll() {
                match output {
                    Output::Media(media) if media.track == Track::Video => {
                        let [sample] = media.samples[..] else { panic!("one picture a segment") };
                        let (due, delay) = source.picture(pictures);
                        assert_eq!(sample.pts as u64, due + delay, "picture {pictures}");
                        // The clip says of itself that it has 25 pictures a second, until its times say otherwise.
                        if pictures > 1 {
                            assert_eq!(sample.dts, due, "picture {pictures}");
                            assert_eq!(u64::from(sample.duration), source.step, "picture {pictures}");
                        }
                        let since = sample.source_pts - *origin.get_or_insert(sample.source_pts - delay as i64);
                        assert_eq!(since as u64, due + delay);
                        pictures += 1;
                    }
                    Output::Media(media) => {
                        for sample in media.samples {
                            let from = *from.get_or_insert(sample.dts);
                            assert_eq!(sample.dts, from + sounds * 1024, "frame {sounds}");
                            assert_eq!((sample.pts as u64, sample.duration), (sample.dts, 1024));
                            // Within a sample of where it stands by the source's clock, for ever.
                            let source_time = (sample.source_pts - origin.unwrap_or(sample.source_pts)) as u64;
                            let apart = (sample.dts * 90_000).abs_diff(source_time * source.rate);
                            assert!(apart <= 2 * 90_000 + 2 * source.rate, "frame {sounds}: {apart}");
                            sounds += 1;
                        }
                    }
                    Output::Clock(clock) => {
                        assert_eq!((clock.lead, clock.timestamps_ppb), (30_000, 0));
                        clocks += 1;
                    }
                    Output::Init(_) | Output::Program(_) | Output::Programs(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        if minute == 10 {
            settled = ALLOCATED.current_usage();
        }
    }
    println!("{minutes} minutes: {pictures} pictures, {sounds} frames of sound, {clocks} clocks");
    // Those of the last push are not there.
    assert!((pictures..pictures + 300).contains(&(minutes * per_minute)), "{pictures} pictures");
    let seconds = pictures * source.step / 90_000;
    assert!(sounds.abs_diff(seconds * source.rate / 1024) < 100, "{sounds} frames of sound");
    // At the first PCR after each second: with 29.97 pictures that is 1.001 s.
    assert!(clocks.abs_diff(seconds) < 5 + seconds / 900, "{clocks} clocks");
    let now = ALLOCATED.current_usage();
    // The test's own buffers, and what the runner allocates, are in it, too.
    assert!(now < settled + 256 * 1024, "{settled} bytes after ten minutes, {now} after {minutes}");
}

/// 25 and 29.97 pictures a second; sound whose frames are no whole ticks; both begin before the wrap.
fn programmes() -> [Hours; 3] {
    [
        Hours::new(3600, 44_100, WRAP - 90_000 * 600),
        Hours::new(3003, 44_100, WRAP - 90_000 * 601 - 7),
        Hours::new(3003, 48_000, WRAP - 4000),
    ]
}

#[test]
fn the_output_is_exact_to_the_tick_over_the_wrap() {
    for wait in [true, false] {
        programmes().into_iter().for_each(|source| watch(source, 12, as_the_page(wait)));
    }
}

#[test]
#[ignore = "takes a minute with --release"]
fn the_output_is_exact_to_the_tick_over_a_hundred_hours() {
    for wait in [true, false] {
        programmes().into_iter().for_each(|source| watch(source, 100 * 60, as_the_page(wait)));
    }
}

/// Bytes that look random and are the same in every run.
fn noise(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Pushes pieces of a hostile stream and gives the most that was allocated meanwhile, without the pieces.
fn most_allocated(pieces: usize, mut piece: impl FnMut(usize, &mut Vec<u8>)) -> usize {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut bytes = Vec::with_capacity(1 << 20);
    let begun = std::time::Instant::now();
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    // The choice of those who want to see what can be seen: most is made up then.
    let mut segmenter = Segmenter::new(as_the_page(false));
    for index in 0..pieces {
        bytes.clear();
        piece(index, &mut bytes);
        segmenter.push(&bytes, index as u64);
        while segmenter.poll().is_some() {}
    }
    let most = ALLOCATED.peak_usage().saturating_sub(before);
    println!("{pieces} pieces: {most} bytes at most, {:?}", begun.elapsed());
    most
}

/// How many pieces of 64 kB: 24 MB, or 400 MB with `--release`. More than anything may hold, so that what grows shows.
const PIECES: usize = if cfg!(debug_assertions) { 384 } else { 6400 };

/// PES packets on as many PIDs as a PMT announces for private data or there are without any tables, whose transport
/// packets bring one byte each.
fn private_bytes(announced: bool) -> impl FnMut(usize, &mut Vec<u8>) {
    let mut counters = [15u8; 40];
    let pids = 0x300u16..0x328;
    move |index, bytes| {
        if index == 0 && announced {
            let streams: Vec<(u8, u16)> = pids.clone().map(|pid| (0x06, pid)).collect();
            let mut muxer = Muxer::default();
            muxer.pat(&[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &streams);
            bytes.extend(muxer.ts);
        }
        for packet in 0..348 {
            let at = packet % 40;
            let counter = &mut counters[at];
            *counter = (*counter + 1) & 15;
            let pid = 0x300 + at as u16;
            let start = index == 0 && packet < 40;
            let body: &[u8] = if start { &[0, 0, 1, 0xBD, 0, 0, 0x80, 0, 0] } else { &[7] };
            let mut one = [0xFF; 188];
            one[..4].copy_from_slice(&[0x47, u8::from(start) << 6 | (pid >> 8) as u8, pid as u8, 0x30 | *counter]);
            one[4..6].copy_from_slice(&[(183 - body.len()) as u8, 0]);
            one[188 - body.len()..].copy_from_slice(body);
            bytes.extend(one);
        }
    }
}

#[test]
fn hostile_streams_make_nothing_grow() {
    let clip = packets(&fixture("clip"));
    let mut state = 0x9E37_79B9_7F4A_7C15u64;

    let random = most_allocated(PIECES, |_, bytes| bytes.extend((0..65_536).map(|_| noise(&mut state) as u8)));
    assert!(random < 4 << 20, "{random}");

    // Packets of the clip with bytes of their payload changed, in any order.
    let broken = most_allocated(PIECES, |_, bytes| {
        for _ in 0..348 {
            let mut packet = clip[noise(&mut state) as usize % clip.len()];
            packet[4 + noise(&mut state) as usize % 184] = noise(&mut state) as u8;
            bytes.extend(packet);
        }
    });
    assert!(broken < 4 << 20, "{broken}");

    // Every PID there is, each with the beginning of a section or of a PES packet that never ends.
    let endless = most_allocated(PIECES, |index, bytes| {
        if index == 0 {
            bytes.extend(clip[..3].concat());
        }
        for _ in 0..348 {
            let mut packet = [0xFE; 188];
            let random = noise(&mut state);
            packet[..4].copy_from_slice(&[
                0x47,
                random as u8 & 0x5F,
                (random >> 8) as u8,
                0x10 | (random >> 16) as u8 & 15,
            ]);
            packet[4..11].copy_from_slice(&[0, 0, 1, 0xE0, 0, 0, 0x80]);
            bytes.extend(packet);
        }
    });
    assert!(endless < 1 << 20, "{endless}");

    // Streams that are looked into, and never show what they are.
    for announced in [true, false] {
        let private = most_allocated(PIECES, private_bytes(announced));
        assert!(private < 16 << 20, "{announced}: {private}");
    }

    // One picture, or one frame of sound, that never ends.
    for pid in [VIDEO, AUDIO] {
        let starts = clip.iter().position(|packet| segmenter_support::pid(packet) == pid && packet[1] & 0x40 != 0);
        let mut counter = 0u8;
        let one = most_allocated(PIECES, |index, bytes| {
            if index == 0 {
                bytes.extend(clip[..3].concat());
                bytes.extend(clip[starts.unwrap()]);
                counter = clip[starts.unwrap()][3] & 15;
            }
            for _ in 0..348 {
                counter = (counter + 1) & 15;
                let mut packet = [0x11; 188];
                packet[..4].copy_from_slice(&[0x47, (pid >> 8) as u8, pid as u8, 0x10 | counter]);
                bytes.extend(packet);
            }
        });
        assert!(one < if pid == VIDEO { 20 << 20 } else { 1 << 20 }, "{pid}: {one}");
    }
}
