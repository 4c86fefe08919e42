//! Made-up pictures before a frame with which decoding begins: samples of the same segment, each shown for no time.

use crate::segmenter::fmp4;
use crate::segmenter::output::{Media, Sample};

/// Puts the samples of `start` before the one of `media`, whose data has room for its header; that one is no place to
/// begin then. They take a tick each, from it and before it.
pub(super) fn started(start: Vec<Vec<u8>>, media: &mut Media) {
    let (count, Some(frame)) = (start.len() as u32, media.samples.first().copied()) else { return };
    if count == 0 || frame.duration <= count {
        return;
    }
    let room = fmp4::header_len(1);
    let mut data = vec![0; fmp4::header_len(start.len() + 1)];
    // Browsers leave out what is shown before 0.
    let from = (frame.pts - i64::from(count)).max(0);
    let place = |number: u32| Sample {
        dts: frame.dts + u64::from(number),
        pts: from + i64::from(number),
        duration: 1,
        source_pts: frame.source_pts - i64::from(count - number),
        key: number == 0,
        size: start.get(number as usize).map_or(0, Vec::len) as u32,
        offset: 0,
    };
    media.samples = (0..count).map(place).collect();
    let last =
        Sample { duration: frame.duration - count, source_pts: frame.source_pts, size: frame.size, ..place(count) };
    media.samples.push(Sample { pts: frame.pts.max(last.pts), ..last });
    start.iter().for_each(|sample| data.extend_from_slice(sample));
    data.extend_from_slice(media.data.get(room..).unwrap_or_default());
    media.data = data;
}

/// The segment in place of `media`, of one sample, for a decoder that begins there or has begun before: `data` with room
/// for its header, behind `start`.
pub(super) fn begun_anew(start: Vec<Vec<u8>>, data: Vec<u8>, media: &Media, sequence: u32) -> Vec<u8> {
    let mut anew = Media { data, anew: None, gradual: false, samples: media.samples.clone(), ..*media };
    let size = (anew.data.len() - fmp4::header_len(1)) as u32;
    anew.samples.iter_mut().for_each(|sample| sample.size = size);
    started(start, &mut anew);
    fmp4::write_header(&mut anew.data, sequence, &mut anew.samples);
    anew.data
}
