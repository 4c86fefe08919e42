//! Everything that reads bytes from the network, over the corpus of the fuzzer and what is near to it.
//!
//! The corpus is in `fuzz/corpus`, a folder for each target: what `make` below writes, from our own encoders, and
//! what libFuzzer found to be telling. The mutations are the same in every run.

use amt_helper::fuzzing::{TARGETS, Target};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "corpus/seeds.rs"]
mod seeds;

/// Of each file; more of them are the fuzzer's work.
const MUTATIONS: usize = 150;
/// A corpus file of more would slow every run down, and tell no more.
const MAX_FILE: u64 = 8192;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).unwrap_or_else(|error| panic!("{target} has no corpus: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn check(target: &str, run: Target, name: &Path, bytes: &[u8]) {
    if std::panic::catch_unwind(|| run(bytes)).is_err() {
        panic!("{target}: the bytes {bytes:02x?}, made of {}, break an invariant (above)", name.display());
    }
}

fn mutated(rng: &mut StdRng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => {
                let from = rng.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            2 => bytes.insert(at, rng.random()),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if rng.random() { *byte ^ 1 << rng.random_range(0..8) } else { rng.random() };
                }
            }
        }
    }
    bytes
}

#[test]
fn the_corpus_and_what_is_near_to_it_breaks_no_invariant() {
    for (target, run) in TARGETS {
        let files = files(target);
        let mut rng = StdRng::seed_from_u64(7);
        for (name, bytes) in &files {
            check(target, *run, name, bytes);
            for _ in 0..MUTATIONS {
                let (_, other) = &files[rng.random_range(0..files.len())];
                check(target, *run, name, &mutated(&mut rng, bytes, other));
            }
        }
    }
}

#[test]
fn every_target_has_a_small_corpus_and_a_fuzz_target_and_nothing_else_has() {
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let in_folder = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder)).unwrap();
        let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        entries.map(|entry| name(entry.unwrap().path())).collect()
    };
    assert_eq!(in_folder("fuzz_targets"), names);
    assert_eq!(in_folder("corpus"), names);
    for name in names {
        let files = files(&name);
        assert!((3..=60).contains(&files.len()), "{name} has {} files", files.len());
        for (path, bytes) in files {
            assert!(bytes.len() as u64 <= MAX_FILE, "{} is too large", path.display());
        }
    }
}

/// Writes the seeds anew: `cargo test -p amt-helper --test corpus -- --ignored make`.
#[test]
#[ignore = "writes into fuzz/corpus"]
fn make() {
    for (target, name, bytes) in seeds::all() {
        assert!(TARGETS.iter().any(|(known, _)| *known == target));
        fs::create_dir_all(folder(target)).unwrap();
        fs::write(folder(target).join(name), bytes).unwrap();
    }
}
