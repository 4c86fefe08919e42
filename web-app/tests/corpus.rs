//! Everything that reads bytes from the network, over the corpus of the fuzzer and what is near to it.
//!
//! The corpus is in `web-app/fuzz/corpus`, a folder for each target: what `make` below cuts out of the fixtures, and
//! what libFuzzer found to be telling. The mutations are the same in every run.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use amt_shared::ts::Packet;
use amt_web_app::fuzzing::{TARGETS, Target};
use segmenter_support::{fixture, packets};

/// Of each file; more of them are the fuzzer's work.
const MUTATIONS: usize = 12;
/// A corpus file of more would slow every run down, and tell no more.
const MAX_FILE: u64 = 8192;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("corpus").join(target);
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{target} has no corpus: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

fn mutated(random: &mut Random, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => {
                let from = random.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            2 => bytes.insert(at, random.below(256) as u8),
            which => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if which == 3 { random.below(256) as u8 } else { *byte ^ 1 << random.below(8) };
                }
            }
        }
    }
    bytes
}

fn check(target: &str, run: Target, name: &Path, bytes: &[u8]) {
    if std::panic::catch_unwind(|| run(bytes)).is_err() {
        let kept = std::env::temp_dir().join(format!("broken-{target}"));
        let _ = fs::write(&kept, bytes);
        panic!("{target}: {}, made of {}, breaks an invariant (above)", kept.display(), name.display());
    }
}

#[test]
fn the_corpus_and_what_is_near_to_it_breaks_no_invariant() {
    for (target, run) in TARGETS {
        let files = files(target);
        let mut random = Random(7);
        for (name, bytes) in &files {
            check(target, *run, name, bytes);
            for _ in 0..MUTATIONS {
                let (_, other) = &files[random.below(files.len())];
                check(target, *run, name, &mutated(&mut random, bytes, other));
            }
        }
    }
}

#[test]
fn every_target_has_a_small_corpus_and_a_fuzz_target_and_nothing_else_has() {
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let in_folder = |folder: &str| -> BTreeSet<String> {
        let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        fs::read_dir(root().join(folder)).unwrap().map(|entry| name(entry.unwrap().path())).collect()
    };
    assert_eq!(in_folder("fuzz_targets"), names);
    assert_eq!(in_folder("corpus"), names);
    for name in names {
        let files = files(&name);
        assert!((1..=40).contains(&files.len()), "{name} has {} files", files.len());
        for (path, bytes) in files {
            assert!(bytes.len() as u64 <= MAX_FILE, "{} is too large", path.display());
        }
    }
}

/// Writes the seeds anew: `cargo test -p amt-web-app --test corpus -- --ignored make`.
#[test]
#[ignore = "writes into web-app/fuzz/corpus"]
fn make() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = root().join("corpus").join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("seed-{name}")), &bytes[..bytes.len().min(MAX_FILE as usize)]).unwrap();
    };
    for (name, choices) in [("clip", 0u8), ("open_gop", 3), ("sliced", 4), ("hevc", 8)] {
        // The tables, then the stream from somewhere behind its first picture.
        let all = packets(&fixture(name));
        let ts = [&all[..3], &all[90..128]].concat().concat();
        write("segmenter", name, &[&[choices], &ts[..]].concat());
    }
    for (target, name, sound) in STREAMS {
        write(target, name, &[&[0x14], &elementary(&fixture(name), *sound)[..]].concat()[..4000]);
    }
    let av1 = fs::read(root().join("../tests/fixtures/av1.ivf")).unwrap();
    // Behind the file's header, each frame behind its own.
    let (mut rest, mut units) = (&av1[32..], vec![0x14]);
    while let Some((header, after)) = rest.split_first_chunk::<12>().filter(|_| units.len() < 4000) {
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        units.extend_from_slice(&after[..length]);
        rest = &after[length..];
    }
    write("av1", "plain", &units);
    let id3 = b"ID3\x04\0\0\0\0\0\x1APRIV\0\0\0\x10\0\0com.example\0\x01\x02\x03\x04";
    write("id3", "private", &[&[0x10], &id3[..]].concat());
    for (name, steps) in sections() {
        write("sections", name, &steps);
    }
}

/// Target, fixture, and whether its sound is meant.
const STREAMS: &[(&str, &str, bool)] = &[
    ("h264", "clip", false),
    ("h264", "open_gop_cavlc", false),
    ("h264", "sliced", false),
    ("hevc", "hevc", false),
    ("hevc", "hevc10", false),
    ("adts", "clip", true),
    ("private_data", "clip", true),
    ("private_data", "sound_latm", true),
    ("latm", "sound_latm", true),
    ("mpeg_audio", "sound_mp2", true),
    ("mpeg_audio", "sound_mp3", true),
    ("ac3", "sound_ac3", true),
    ("eac3", "sound_ec3", true),
    ("opus", "sound_opus", true),
    ("opus", "sound_opus_short", true),
];

/// The bytes of the first stream that is, or is not, sound.
fn elementary(ts: &[u8], sound: bool) -> Vec<u8> {
    let (mut of, mut stream) = (None, Vec::new());
    for packet in packets(ts) {
        let view = Packet::parse(&packet).unwrap();
        let payload = view.payload();
        let mut skipped = 0;
        if let [0, 0, 1, id, _, _, _, _, header, ..] = payload
            && view.payload_unit_start()
            && (*id & 0xF0 != 0xE0) == sound
        {
            of.get_or_insert(view.pid());
            skipped = 9 + usize::from(*header);
        }
        if of == Some(view.pid()) {
            stream.extend_from_slice(&payload[skipped..]);
        }
    }
    stream
}

/// Sections by the standards' own layouts, without their CRCs; see the target.
fn sections() -> Vec<(&'static str, Vec<u8>)> {
    let step = |which: u8, table: u8, body: &[u8]| [&[which, body.len() as u8 + 3, table, 0, 0], body].concat();
    let sdt = b"\0\x01\xC1\0\0\0\x01\xFF\0\x01\xFC\x80\x11\x48\x0F\x01\x04\x05News\x07\x05\x05Title";
    let eit = b"\0\x01\xC1\0\0\0\x01\0\x01\0\x4E\0\x01\xE4\x09\x12\x34\x56\0\x30\0\x80\x10\x4D\x0Eeng\x04News\x05Today";
    let null = b"\0\0\0\0\0\0\0\xFF\xF0\0\0\0\0";
    let insert = b"\0\0\0\0\0\0\0\xFF\xF0\x14\x05\0\0\0\x01\x7F\xEF\xFE\0\x01\x5F\x90\xFE\0\x52\x93\0\0\x01\0\0\0\0";
    let signal = b"\0\0\0\0\0\0\0\xFF\xF0\x05\x06\xFE\0\x01\x5F\x90\0\x0B\x02\x09CUEI\0\0\0\x01\x7F";
    let pmt = b"\0\x01\xC3\0\0\xE1\x01\xF0\0\x1B\xE1\x01\xF0\0\x0F\xE1\x03\xF0\x06\x0A\x04eng\0\x06\xE1\x04\xF0\x0A\x59\x08deu\x10\0\x01\0\x02";
    vec![
        ("tables", [step(3, 2, pmt), step(1, 0x42, sdt), step(2, 0x4E, eit)].concat()),
        ("cues", [step(4, 0xFC, null), step(4, 0xFC, insert), step(4, 0xFC, signal)].concat()),
        ("two-programmes", step(0, 0, b"\0\x01\xC3\0\0\0\0\xE0\x10\0\x01\xE1\0\0\x02\xE2\0")),
    ]
}
