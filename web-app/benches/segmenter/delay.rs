//! How soon a picture leaves the segmenter: how many packets have to come after its last one.

use crate::segmenter_support::{AUDIO, Length, Muxer, PMT, Pes, VIDEO, fixture, pes_packets};
use amt_shared::ts::PACKET_LEN;
use amt_web_app::segmenter::{Output, Segmenter, Track};

/// Pictures in which a stream shows how its PES packets end.
const SETTLING: usize = 10;

/// Prints it for each kind of stream.
pub(crate) fn print() {
    println!("| end of a picture's PES packet | later packets, median | most |");
    println!("| --- | ---: | ---: |");
    for (kind, length, filled) in [
        ("its declared length is reached", Length::Declared, false),
        ("length 0, stuffing in its last packet", Length::Unbounded, false),
        ("length 0, its last packet is full", Length::Unbounded, true),
    ] {
        let mut later = later_packets(length, filled);
        later.sort_unstable();
        println!("| {kind} | {} | {} |", later[later.len() / 2], later[later.len() - 1]);
    }
    println!();
}

fn later_packets(length: Length, filled: bool) -> Vec<usize> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
    // The last packet of each picture.
    let mut ends = Vec::new();
    for pes in pes_packets(&fixture("clip")) {
        let pes = if filled && pes.pid == VIDEO { fill(pes) } else { pes };
        muxer.pes(&pes, if pes.pid == VIDEO { length } else { Length::Declared });
        if pes.pid == VIDEO {
            ends.push(muxer.ts.len() / PACKET_LEN - 1);
        }
    }
    let mut segmenter = Segmenter::default();
    let mut later = Vec::new();
    for (index, packet) in muxer.ts.as_chunks::<PACKET_LEN>().0.iter().enumerate() {
        segmenter.push(packet, 0);
        while let Some(output) = segmenter.poll() {
            if let Output::Media(media) = output
                && media.track == Track::Video
            {
                later.push(index - ends[later.len()]);
            }
        }
    }
    later.split_off(SETTLING)
}

/// With zeros behind its last NAL unit, which a byte stream may have, so that no packet needs stuffing.
fn fill(mut pes: Pes) -> Pes {
    let header = 9 + 5 * (usize::from(pes.pts.is_some()) + usize::from(pes.dts.is_some()));
    let whole = (header + pes.payload.len()).next_multiple_of(PACKET_LEN - 4);
    pes.payload.resize(whole - header, 0);
    pes
}
