//! Start codes of a byte stream (ISO/IEC 14496-10 and 23008-2, annex B), and what begins behind them.

use super::video::codec::{NalCodec, Role};

/// Whether bytes of a PES packet begin with what an access unit begins with.
pub(super) fn begins_unit<C: NalCodec>(data: &[u8]) -> bool {
    let zeros = data.iter().take_while(|byte| **byte == 0).count();
    let Some([1, nal_unit @ ..]) = data.get(zeros..).filter(|_| zeros >= 2) else { return false };
    match C::role(C::kind(nal_unit)) {
        Role::Border | Role::Delimiter | Role::Prefix => true,
        Role::Slice => C::is_first(nal_unit),
        Role::Other => false,
    }
}

/// Where the next start code (00 00 01) begins that has a byte behind it.
pub(super) fn find_start_code(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let mut at = from;
    let last = bytes.len().checked_sub(3)?;
    while at < last {
        // A start code begins with a zero: eight bytes without one are passed over at once.
        if let Some(word) = bytes[at..].first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            if word.wrapping_sub(ONES) & !word & TOPS == 0 {
                at += 8;
                continue;
            }
        }
        let stop = (at + 8).min(last);
        while at < stop {
            if bytes[at] == 0 && bytes[at + 1] == 0 && bytes[at + 2] == 1 {
                return Some(at);
            }
            at += 1;
        }
    }
    None
}
