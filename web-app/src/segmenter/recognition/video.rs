//! Which codec the bytes of a video stream are of, by the units that only one of them has.
//!
//! In: bytes of an elementary stream, from any place. Out: the codec, once its parameter sets have come. All of them
//! write start codes (00 00 01); what stands behind these tells them apart. AV1 is found without them as well.

use crate::segmenter::tables::content::Content;
use crate::segmenter::video::byte_stream::find_start_code;

/// Units that were seen, a bit each.
#[derive(Clone, Copy, Debug, Default)]
struct Seen(u16);

const AVC_SPS: u16 = 1;
const AVC_PPS: u16 = 1 << 1;
const HEVC_VPS: u16 = 1 << 2;
const HEVC_SPS: u16 = 1 << 3;
const HEVC_PPS: u16 = 1 << 4;
const VVC_SPS: u16 = 1 << 5;
const VVC_PPS: u16 = 1 << 6;
const MPEG_SEQUENCE: u16 = 1 << 7;
const MPEG2_EXTENSION: u16 = 1 << 8;
const MPEG_PICTURE: u16 = 1 << 9;
const VISUAL_SEQUENCE: u16 = 1 << 10;
const VISUAL_OBJECT: u16 = 1 << 11;
const VISUAL_PLANE: u16 = 1 << 12;
const AV1_DELIMITER: u16 = 1 << 13;
const AV1_SEQUENCE: u16 = 1 << 14;
/// A start code that no NAL unit has: MPEG-1, MPEG-2 or MPEG-4 part 2, whose slices may look like NAL units.
const NO_NAL: u16 = 1 << 15;

impl Seen {
    fn all(self, of: u16) -> bool {
        self.0 & of == of
    }
}

/// Recognises the codec; `None` while it cannot be told.
pub(super) fn recognise(bytes: &[u8]) -> Option<Content> {
    let mut seen = Seen::default();
    let mut at = 0;
    while let Some(code) = find_start_code(bytes, at) {
        at = code + 3;
        let Some(unit) = bytes.get(at..at + 5) else { break };
        let forbidden = if unit.first().is_some_and(|code| code & 0x80 != 0) { NO_NAL } else { 0 };
        seen.0 |= unit_seen(unit, seen) | forbidden;
    }
    // Two sets of one codec never are an accident.
    let nal = !seen.all(NO_NAL);
    let content = if nal && seen.all(AVC_SPS | AVC_PPS) {
        Content::H264
    } else if nal && (seen.all(HEVC_SPS | HEVC_PPS) || seen.all(HEVC_VPS | HEVC_SPS)) {
        Content::Hevc
    } else if seen.all(MPEG_SEQUENCE | MPEG2_EXTENSION) {
        Content::OtherVideo("mpeg2video")
    } else if seen.all(MPEG_SEQUENCE | MPEG_PICTURE) {
        Content::OtherVideo("mpeg1video")
    } else if seen.all(VISUAL_OBJECT | VISUAL_PLANE) || seen.all(VISUAL_SEQUENCE | VISUAL_OBJECT) {
        Content::OtherVideo("mpeg4video")
    } else if nal && seen.all(VVC_SPS | VVC_PPS) {
        Content::OtherVideo("vvc")
    } else if seen.all(AV1_DELIMITER | AV1_SEQUENCE)
        || bytes.windows(4).enumerate().any(|(at, _)| is_plain_av1(&bytes[at..]))
    {
        Content::Av1
    } else {
        return None;
    };
    Some(content)
}

/// Whether a temporal unit of AV1 begins here without start codes, as muxers write it that know nothing of AV1: an
/// empty temporal delimiter, a sequence header, and an OBU with a frame or metadata, all with their sizes and without
/// extension.
fn is_plain_av1(bytes: &[u8]) -> bool {
    let [0x12, 0x00, 0x0A, size @ 8..=0x40, rest @ ..] = bytes else { return false };
    matches!(rest.get(usize::from(*size)..), Some([0x1A | 0x2A | 0x32, size, ..]) if *size != 0)
}

/// What the first bytes behind a start code show.
fn unit_seen(unit: &[u8], before: Seen) -> u16 {
    let [first, second, third, ..] = *unit else { return 0 };
    match (first, second) {
        // ISO/IEC 14496-10, 7.3.1: SPS with a profile that there is, PPS; both are referred to.
        (0x27 | 0x47 | 0x67, 44 | 66 | 77 | 83 | 86 | 88 | 100 | 110 | 118 | 122 | 128 | 138 | 144 | 244) => AVC_SPS,
        (0x28 | 0x48 | 0x68, _) => AVC_PPS,
        // ISO/IEC 23008-2, 7.3.1.2: of the base layer, temporal layer 0.
        (0x40, 0x01) => HEVC_VPS,
        (0x42, 0x01) => HEVC_SPS,
        (0x44, 0x01) => HEVC_PPS,
        // ISO/IEC 23090-3, 7.3.1.2: the same.
        (0x00, 0x79) => VVC_SPS,
        (0x00, 0x81) => VVC_PPS,
        // ISO/IEC 13818-2, 6.2.2: a sequence with a size, an aspect and a frame rate that there are.
        (0xB3, _) => {
            let codes = unit.get(4).copied().unwrap_or_default();
            let sized = second != 0 && third & 0x0F | unit.get(3).copied().unwrap_or_default() != 0;
            if sized && matches!(codes >> 4, 1..=14) && matches!(codes & 0x0F, 1..=8) { MPEG_SEQUENCE } else { 0 }
        }
        (0xB5, _) if second >> 4 == 1 && before.all(MPEG_SEQUENCE) => MPEG2_EXTENSION,
        (0x00, _) if before.all(MPEG_SEQUENCE) => MPEG_PICTURE,
        // ISO/IEC 14496-2, 6.2.1.
        (0xB0, _) => VISUAL_SEQUENCE,
        (0xB5, _) if second >> 3 & 0x0F == 1 || second & 0x80 == 0 && second >> 4 == 0 => VISUAL_OBJECT,
        (0x20..=0x2F, _) => 0,
        (0xB6, _) if before.all(VISUAL_OBJECT) => VISUAL_PLANE,
        // AV1 in MPEG-2 TS, 3.2: OBU headers with a size: an empty temporal delimiter, a sequence header.
        (0x12, 0x00) => AV1_DELIMITER,
        (0x0A, 1..=0x40) if before.all(AV1_DELIMITER) => AV1_SEQUENCE,
        _ => 0,
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit, &[0x55; 9]].concat()).collect()
    }

    #[test]
    fn each_codec_shows_by_its_own_units() {
        for (units, content) in [
            (&[&[0x09, 0xF0][..], &[0x67, 100, 0], &[0x68, 0xEE]][..], Some(Content::H264)),
            (&[&[0x46, 0x01], &[0x40, 0x01], &[0x42, 0x01], &[0x44, 0x01]], Some(Content::Hevc)),
            (
                &[&[0xB3, 0x2D, 0x02, 0x40, 0x33], &[0xB5, 0x14], &[0xB8], &[0x00, 0x00]],
                Some(Content::OtherVideo("mpeg2video")),
            ),
            (&[&[0xB3, 0x16, 0x01, 0x20, 0x13], &[0xB8], &[0x00, 0x00]], Some(Content::OtherVideo("mpeg1video"))),
            (&[&[0xB0, 0x01], &[0xB5, 0x09], &[0x20], &[0xB6]], Some(Content::OtherVideo("mpeg4video"))),
            (&[&[0x00, 0xA1], &[0x00, 0x79], &[0x00, 0x81]], Some(Content::OtherVideo("vvc"))),
            (&[&[0x12, 0x00], &[0x0A, 0x0B]], Some(Content::Av1)),
            // Slices alone tell nothing.
            (&[&[0x09, 0xF0], &[0x41, 0x9A], &[0x01, 0x9E]], None),
            (&[&[0x00, 0x00], &[0x01, 0x13], &[0x02, 0x13]], None),
            (&[&[0x00, 0x00], &[0xB5, 0x8F], &[0x27, 66], &[0x28, 0x13]], None),
        ] {
            assert_eq!(recognise(&stream(units)), content, "{units:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1u8), any::<u8>()], 0..400)) {
            let _ = recognise(&bytes);
        }
    }
}
