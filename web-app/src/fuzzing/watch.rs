//! What must hold of the segmenter's output whatever went in.

use crate::segmenter::{Media, Options, Output, Segmenter, Track};
use crate::sound;

/// Outputs that may stand in the queue for each packet that was pushed, and at any time.
const OUTPUTS_PER_PACKET: usize = 64;

/// What the page asks for, by either choice of the viewer.
fn as_the_page(wait_for_random_access: bool) -> Options {
    Options { wait_for_random_access, make_up_pictures: true, ..Options::default() }
}

/// A transport stream, or what is none. The first byte says what is chosen, and how the rest is cut.
pub fn segmenter(data: &[u8]) {
    let Some((choices, ts)) = data.split_first() else { return };
    let options = as_the_page(choices & 1 == 0);
    let piece = [1, 7, 188, 500, 1316][usize::from(choices >> 1) % 5];
    let (whole, cut) = (samples(ts, ts.len().max(1), options), samples(ts, piece, options));
    assert_eq!(whole, cut, "cutting the stream changed what came out");
}

/// Pushes a stream as it is and holds what comes out to account.
pub(super) fn bear(ts: &[u8]) {
    for wait_for_random_access in [true, false] {
        samples(ts, 1316, as_the_page(wait_for_random_access));
    }
}

/// Track, decoding time, presentation time, duration, and the bytes of each sample.
type Seen = (Track, u64, i64, u32, Vec<u8>);

fn samples(ts: &[u8], piece: usize, options: Options) -> [Vec<Seen>; 2] {
    let mut segmenter = Segmenter::new(options);
    let mut seen = [Vec::new(), Vec::new()];
    let mut begun = [0; 2];
    for piece in ts.chunks(piece) {
        segmenter.push(piece, 0);
        take(&mut segmenter, &mut seen, &mut begun, piece.len());
    }
    segmenter.finish();
    take(&mut segmenter, &mut seen, &mut begun, ts.len());
    assert!(segmenter.poll().is_none());
    seen
}

fn take(segmenter: &mut Segmenter, seen: &mut [Vec<Seen>; 2], begun: &mut [usize; 2], pushed: usize) {
    let mut count = 0;
    while let Some(output) = segmenter.poll() {
        count += 1;
        match output {
            Output::Media(media) => {
                let track = media.track as usize;
                media_holds(&media, &mut seen[track], begun[track]);
            }
            Output::Init(init) => {
                assert!(init.timescale > 0 && !init.codec.is_empty() && init.data.len() > 8);
                assert_eq!(init.track == Track::Video, init.width > 0 && init.height > 0);
                // What follows may count in other units.
                begun[init.track as usize] = seen[init.track as usize].len();
            }
            Output::DecoderWanted(codec) => segmenter.supply(codec, sound::decoder(codec)),
            _ => {}
        }
    }
    // What was held before the output began comes out at once: it is bounded by other means.
    assert!(count <= 4096 + OUTPUTS_PER_PACKET * (1 + pushed / 188), "{count} outputs of {pushed} bytes");
}

/// `begun` is how many samples came before the last initialisation segment.
fn media_holds(media: &Media, seen: &mut Vec<Seen>, begun: usize) {
    assert!(!media.samples.is_empty());
    for sample in &media.samples {
        let bytes = &media.data[sample.offset as usize..][..sample.size as usize];
        assert!(!bytes.is_empty() && sample.duration > 0);
        if let Some((_, dts, _, duration, _)) = seen.get(begun..).and_then(|since| since.last()) {
            assert!(sample.dts >= dts + u64::from(*duration), "decoding times run back");
        }
        seen.push((media.track, sample.dts, sample.pts, sample.duration, bytes.to_vec()));
    }
}
