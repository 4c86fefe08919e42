//! ID3v2 tags (id3.org, ID3v2.4.0 structure, 3.1) in PES packets, as live streams carry timed metadata.
//!
//! In: data of PES packets. Out: each tag, whole, with the time of the PES packet that it begins in. A PES packet may
//! hold several tags, and a tag may go on over several. What is no tag is dropped.

use crate::segmenter::output::FaultReason;

/// Bytes of a tag's header.
const HEADER: usize = 10;
/// Longest tag, with a picture in it.
const TAG_MAX: usize = 512 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Id3Tags {
    /// Of a tag that is not complete.
    begun: Vec<u8>,
    pts: Option<u64>,
}

/// What came of data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FromId3<'a> {
    /// A tag, and the time of its PES packet, 33 bits.
    Tag(Option<u64>, &'a [u8]),
    Fault(FaultReason),
}

impl Id3Tags {
    /// Takes the data of a PES packet.
    pub(super) fn push(&mut self, pts: Option<u64>, data: &[u8], give: &mut impl FnMut(FromId3<'_>)) {
        let data = unwrapped(data);
        if data.starts_with(b"ID3") {
            self.lost(give);
        }
        if self.begun.is_empty() {
            self.pts = pts;
        }
        self.begun.extend_from_slice(data);
        let mut at = 0;
        while let Some(rest) = self.begun.get(at..).filter(|rest| !rest.is_empty()) {
            match length(rest) {
                // Padding behind a tag is none.
                None => {
                    if rest.iter().any(|byte| *byte != 0 && *byte != 0xFF) {
                        give(FromId3::Fault(FaultReason::DamagedData));
                    }
                    at = self.begun.len();
                }
                Some(length) if length > TAG_MAX => {
                    give(FromId3::Fault(FaultReason::Oversize));
                    at = self.begun.len();
                }
                Some(length) => match rest.get(..length) {
                    Some(tag) if length > 0 => {
                        give(FromId3::Tag(self.pts, tag));
                        at += length;
                    }
                    _ => break,
                },
            }
        }
        self.begun.drain(..at);
    }

    /// Bytes are missing: what was begun cannot be completed.
    pub(super) fn lost(&mut self, give: &mut impl FnMut(FromId3<'_>)) {
        if !self.begun.is_empty() {
            self.begun.clear();
            give(FromId3::Fault(FaultReason::DamagedData));
        }
    }
}

/// The length of the tag that begins here; 0 where that is not known yet, `None` where none begins.
fn length(bytes: &[u8]) -> Option<usize> {
    let Some(&[_, _, _, version, revision, flags, a, b, c, d]) = bytes.first_chunk::<HEADER>() else {
        return b"ID3".starts_with(bytes.get(..3).unwrap_or(bytes)).then_some(0);
    };
    if !bytes.starts_with(b"ID3") || version == 0xFF || revision == 0xFF || (a | b | c | d) & 0x80 != 0 {
        return None;
    }
    let body = [a, b, c, d].into_iter().fold(0, |size, byte| size << 7 | usize::from(byte));
    Some(HEADER + body + if flags & 0x10 != 0 { HEADER } else { 0 })
}

/// Takes off the header of a metadata access unit cell (ISO/IEC 13818-1, 2.12.4) that holds a whole unit.
fn unwrapped(data: &[u8]) -> &[u8] {
    match data {
        [_, _, flags, high, low, rest @ ..] if flags & 0xC0 == 0xC0 && rest.starts_with(b"ID3") => {
            rest.get(..usize::from(u16::from_be_bytes([*high, *low]))).unwrap_or(rest)
        }
        _ => data,
    }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(length: usize) -> Vec<u8> {
        let size = [length >> 21, length >> 14, length >> 7, length].map(|part| part as u8 & 0x7F);
        [&b"ID3\x04\x00\x00"[..], &size, &vec![b'x'; length]].concat()
    }

    fn run(packets: &[(u64, &[u8])]) -> Vec<Result<(Option<u64>, usize), &'static str>> {
        let (mut tags, mut seen) = (Id3Tags::default(), Vec::new());
        for (pts, data) in packets {
            tags.push(Some(*pts), data, &mut |item| {
                seen.push(match item {
                    FromId3::Tag(pts, tag) => Ok((pts, tag.len())),
                    FromId3::Fault(reason) => Err(reason.as_str()),
                });
            });
        }
        seen
    }

    #[test]
    fn tags_come_whole_several_in_a_packet_and_one_over_several() {
        let (one, two) = (tag(300), tag(5));
        assert_eq!(run(&[(1, &[&one[..], &two, &[0; 7]].concat())]), [Ok((Some(1), 310)), Ok((Some(1), 15))]);
        assert_eq!(run(&[(1, &one[..4]), (2, &one[4..200]), (3, &one[200..])]), [Ok((Some(1), 310))]);
    }

    #[test]
    fn a_tag_that_does_not_go_on_costs_itself_only() {
        let one = tag(300);
        assert_eq!(run(&[(1, &one[..200]), (2, &one)]), [Err("damaged_data"), Ok((Some(2), 310))]);
        assert_eq!(run(&[(1, b"KLV?"), (2, &one)]), [Err("damaged_data"), Ok((Some(2), 310))]);
        assert_eq!(run(&[(1, &tag(TAG_MAX)[..900]), (2, &one)]), [Err("oversize"), Ok((Some(2), 310))]);
    }

    #[test]
    fn a_footer_and_an_access_unit_cell_belong_to_their_tag() {
        let mut footed = tag(20);
        footed[5] = 0x10;
        footed.extend(*b"3DI\x04\x00\x10\x00\x00\x00\x14");
        assert_eq!(run(&[(1, &footed)]), [Ok((Some(1), 40))]);
        let cell = [&[0, 1, 0xDF, 0, 15][..], &tag(5)].concat();
        assert_eq!(run(&[(1, &cell)]), [Ok((Some(1), 15))]);
    }

    proptest! {
        #[test]
        fn any_data_is_taken_and_does_not_pile_up(
            packets in proptest::collection::vec(proptest::collection::vec(
                prop_oneof![Just(b'I'), Just(b'D'), Just(b'3'), Just(0), any::<u8>()], 0..400), 0..20)
        ) {
            let mut tags = Id3Tags::default();
            for data in packets {
                tags.push(None, &data, &mut |_| {});
                tags.push(None, &[b"ID3\x04\x00", &data[..]].concat(), &mut |_| {});
                prop_assert!(tags.begun.len() <= TAG_MAX + (128 << 10));
            }
        }
    }
}
