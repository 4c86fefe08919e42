//! Whether a picture that can be decoded on its own begins in a PES packet, by its bytes: for senders that do not
//! set `random_access_indicator`, which our page's quick start relies on.

/// Bytes of the elementary stream that are looked at are those of one transport packet: parameter sets stand first.
pub(super) fn begins(codec: &str, payload: &[u8]) -> bool {
    let is_key: fn(u8) -> bool = match codec {
        // A sequence parameter set or an IDR slice (ISO/IEC 14496-10, table 7-1).
        "H.264" => |unit| matches!(unit & 0x1F, 5 | 7),
        // An IRAP slice, or a video or sequence parameter set (ISO/IEC 23008-2, table 7-1).
        "HEVC" => |unit| matches!(unit >> 1 & 0x3F, 16..=23 | 32 | 33),
        // A sequence header (ISO/IEC 13818-2, 6.2.2.1).
        "MPEG-1 video" | "MPEG-2 video" => |code| code == 0xB3,
        _ => return false,
    };
    let header = payload.get(8).map_or(9, |length| 9 + usize::from(*length));
    let Some(stream) = payload.get(header..).filter(|_| payload.starts_with(&[0, 0, 1])) else { return false };
    stream.windows(4).any(|bytes| bytes[..3] == [0, 0, 1] && is_key(bytes[3]))
}

#[cfg(test)]
mod tests {
    use super::super::test_stream::pes;
    use super::*;

    #[test]
    fn parameter_sets_and_key_slices_show_and_others_do_not() {
        let with = |unit: &[u8]| [pes(0xE0, 0, Some(0)), unit.to_vec()].concat();
        assert!(begins("H.264", &with(&[0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x67, 0x64])));
        assert!(begins("H.264", &with(&[0, 0, 1, 0x65, 0x88])));
        assert!(!begins("H.264", &with(&[0, 0, 0, 1, 9, 0xF0, 0, 0, 1, 0x41, 0x9A])));
        assert!(begins("HEVC", &with(&[0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, 0x40, 1])));
        assert!(!begins("HEVC", &with(&[0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, 0x02, 1])));
        assert!(begins("MPEG-2 video", &with(&[0, 0, 1, 0xB3, 0x2D])));
        assert!(!begins("AAC", &with(&[0, 0, 1, 0xB3])));
        assert!(!begins("H.264", &[0, 0, 1]));
    }
}
