//! Bytes a second through push and poll.

use crate::segmenter_support::measure::endless;
use amt_web_app::segmenter::{Output, Segmenter};
use criterion::{Criterion, Throughput};
use std::hint::black_box;

/// Ten seconds of the stream that `cargo xtask bench segmenter` makes.
const STREAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench/1080p30-8mbit-60s.ts");
const STREAM_BYTES: usize = 10_500_000 / 188 * 188;

/// Measures with pieces as they come off the network, in larger ones, and all at once.
pub(crate) fn measure() {
    let stream = match std::fs::read(STREAM) {
        Ok(mut stream) => {
            stream.truncate(STREAM_BYTES);
            stream
        }
        Err(_) => {
            println!(
                "The stream of `cargo xtask bench segmenter` is not there: a small picture from the tests instead."
            );
            endless().concat()
        }
    };
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("segmenter");
    group.throughput(Throughput::Bytes(stream.len() as u64)).sample_size(20);
    for (name, chunk) in [("1316 bytes", 1316), ("65424 bytes", 65_424), ("a second", 1_050_000)] {
        group.bench_function(name, |bencher| bencher.iter(|| push(&stream, chunk)));
    }
    group.finish();
    criterion.final_summary();
}

fn push(stream: &[u8], chunk: usize) {
    let mut segmenter = Segmenter::default();
    for piece in stream.chunks(chunk) {
        segmenter.push(piece, 0);
        while let Some(output) = segmenter.poll() {
            if let Output::Media(media) = output {
                black_box(media.data);
            }
        }
    }
}
