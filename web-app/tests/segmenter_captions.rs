//! Closed captions stand in the pictures: each comes out with its picture's time, in the order of presentation.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Cue, CueContent, Output, Sample, Segmenter, Track};
use segmenter_support::*;

/// An SEI NAL unit with the constructs of a picture; `prefix` is its header.
fn sei(prefix: &[u8], constructs: &[u8]) -> Vec<u8> {
    let mut payload = vec![0xB5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0x40 | (constructs.len() / 3) as u8, 0xFF];
    payload.extend_from_slice(constructs);
    payload.push(0xFF);
    let mut unit = prefix.to_vec();
    unit.extend([4, payload.len() as u8]);
    // These bytes need emulation prevention nowhere.
    unit.extend(payload);
    unit.push(0x80);
    unit
}

/// A construct that names a picture by its place.
fn construct(place: usize) -> Vec<u8> {
    vec![0xFC, 0x20 + (place >> 5) as u8, 0x20 + (place & 31) as u8]
}

/// The fixture with captions in every picture but each fifth, by place in decoding order.
fn with_captions(name: &str, stream_type: u8, header: &[u8]) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(stream_type, VIDEO)]);
    for (place, mut pes) in pes_packets(&fixture(name)).into_iter().filter(|pes| pes.pid == VIDEO).enumerate() {
        let mut units = nal_units(&pes.payload);
        let is_slice = |unit: &Vec<u8>| match stream_type {
            0x1B => matches!(unit[0] & 0x1F, 1 | 5),
            _ => unit[0] >> 1 & 0x3F < 32,
        };
        if place % 5 != 4 {
            let at = units.iter().position(is_slice).unwrap();
            units.insert(at, sei(header, &construct(place)));
        }
        pes.payload = byte_stream(units.iter().map(Vec::as_slice));
        muxer.pes(&pes, Length::Unbounded);
    }
    muxer.ts
}

fn outputs(ts: &[u8], chunk: usize) -> (Vec<Sample>, Vec<Cue>) {
    let mut segmenter = Segmenter::new(go_on());
    let (mut samples, mut cues) = (Vec::new(), Vec::new());
    let mut take = |segmenter: &mut Segmenter| {
        while let Some(output) = segmenter.poll() {
            match output {
                Output::Media(media) if media.track == Track::Video => samples.extend(media.samples),
                Output::Cue(cue) => cues.push(cue),
                _ => {}
            }
        }
    };
    for piece in ts.chunks(chunk) {
        segmenter.push(piece, 0);
        take(&mut segmenter);
    }
    segmenter.finish();
    take(&mut segmenter);
    (samples, cues)
}

#[test]
fn captions_come_with_their_pictures_times_in_the_order_of_presentation() {
    for (name, stream_type, header) in [
        ("clip", 0x1B, &[6][..]),
        ("sliced", 0x1B, &[6]),
        ("hevc", 0x24, &[39 << 1, 1]),
        ("hevc10", 0x24, &[39 << 1, 1]),
    ] {
        let (samples, cues) = outputs(&with_captions(name, stream_type, header), 1316);
        assert_eq!((samples.len(), cues.len()), (75, 60), "{name}");
        let mut due: Vec<(i64, i64, Vec<u8>)> = samples
            .iter()
            .enumerate()
            .filter(|(place, _)| place % 5 != 4)
            .map(|(place, sample)| (sample.pts, sample.source_pts, construct(place)))
            .collect();
        due.sort_unstable();
        let told: Vec<(i64, i64, Vec<u8>)> = cues
            .iter()
            .map(|cue| match &cue.content {
                CueContent::Captions(constructs) => (cue.pts.unwrap(), cue.source_pts.unwrap(), constructs.clone()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, due, "{name}");
        assert!(cues.iter().all(|cue| cue.pid == VIDEO));
    }
}

#[test]
fn cutting_the_stream_into_pushes_changes_no_caption() {
    let ts = with_captions("clip", 0x1B, &[6]);
    let whole = outputs(&ts, usize::MAX);
    for chunk in [1, 188, 10_000] {
        assert!(outputs(&ts, chunk) == whole, "{chunk}");
    }
}
