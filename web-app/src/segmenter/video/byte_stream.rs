//! Start codes of a byte stream (ISO/IEC 14496-10 and 23008-2, annex B), and what begins behind them.

use super::codec::{NalCodec, Role};

/// Whether bytes of a PES packet begin with what an access unit begins with.
pub(in crate::segmenter) fn begins_unit<C: NalCodec>(data: &[u8]) -> bool {
    let zeros = data.iter().take_while(|byte| **byte == 0).count();
    let Some([1, nal_unit @ ..]) = data.get(zeros..).filter(|_| zeros >= 2) else { return false };
    match C::role(C::kind(nal_unit)) {
        Role::Border | Role::Delimiter | Role::Prefix => true,
        Role::Slice => C::is_first(nal_unit),
        // Where nothing more is there, it may.
        Role::OfNextSlice => find_start_code(nal_unit, 0).is_none_or(|code| begins_unit::<C>(&nal_unit[code..])),
        Role::Other => false,
    }
}

/// Where the next start code (00 00 01) begins that has a byte behind it.
///
/// Nearly all bytes belong to none, so they are judged many at a time, and looked at one by one only where one is.
pub(in crate::segmenter) fn find_start_code(bytes: &[u8], from: usize) -> Option<usize> {
    // What is behind the last of them has to be there, too.
    let behind = bytes.len().checked_sub(1)?;
    let mut at = from;
    while let Some(piece) = bytes.get(at..(at + PIECE + 2).min(behind)).filter(|piece| piece.len() > 2) {
        if holds_start_code(piece) {
            return piece.windows(3).position(|code| code == [0, 0, 1]).map(|offset| at + offset);
        }
        at += piece.len() - 2;
    }
    None
}

/// Places judged at a time: more than a packet has.
const PIECE: usize = 256;
/// Bytes of a vector register, in wasm and on all hosts.
const LANES: usize = 16;

/// Whether a start code begins in `bytes` and lies in it whole.
#[inline]
fn holds_start_code(bytes: &[u8]) -> bool {
    let places = bytes.len().saturating_sub(2);
    let (vectors, rest) = bytes.split_at(places / LANES * LANES);
    // Vectors reach two bytes further.
    let vectors = bytes.get(..vectors.len() + 2).unwrap_or(vectors);
    if least(vectors) == 0 {
        return true;
    }
    // Less than a vector: by words, the last of which looks at some of the places before once more.
    match (rest.len().saturating_sub(2), rest.first_chunk(), bytes.last_chunk()) {
        (0, ..) => false,
        (9.., Some(first), Some(last)) => word_holds_start_code(first) || word_holds_start_code(last),
        (_, _, Some(last)) => word_holds_start_code(last),
        _ => bytes.windows(3).any(|code| code == [0, 0, 1]),
    }
}

/// 0 where a start code begins in `bytes`. The compiler makes vector instructions of this, where it is told that there
/// are some: without bounds to check, and without a way out of the middle.
#[inline]
fn least(bytes: &[u8]) -> u8 {
    let (Some(second), Some(third)) = (bytes.get(1..), bytes.get(2..)) else { return u8::MAX };
    bytes.iter().zip(second).zip(third).fold(u8::MAX, |least, ((a, b), c)| least.min(a | b | c ^ 1))
}

/// Whether a start code begins at one of the first eight bytes.
#[inline]
fn word_holds_start_code(bytes: &[u8; 10]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let word = |at: usize| bytes[at..].first_chunk().map_or(u64::MAX, |word| u64::from_le_bytes(*word));
    // A byte of 0 where a start code begins.
    let codes = word(0) | word(1) | word(2) ^ ONES;
    codes.wrapping_sub(ONES) & !codes & TOPS != 0
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_start_code_is_found_at_every_place_of_every_length() {
        for length in 0..300 {
            for at in 0..length {
                let mut bytes = vec![0xAA; length];
                for (byte, code) in bytes[at..].iter_mut().zip([0, 0, 1]) {
                    *byte = code;
                }
                let expected = (at + 3 < length).then_some(at);
                assert_eq!(find_start_code(&bytes, 0), expected, "at {at} of {length}");
                assert_eq!(find_start_code(&bytes, at), expected, "at {at} of {length}, from there");
                assert_eq!(find_start_code(&bytes, at + 1), None, "at {at} of {length}, from behind it");
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_of_all_start_codes_is_found(
            bytes in proptest::collection::vec(prop_oneof![0u8..3, any::<u8>()], 0..600),
            from in 0usize..700,
        ) {
            let plain = (from..bytes.len().saturating_sub(3)).find(|at| bytes[*at..].starts_with(&[0, 0, 1]));
            prop_assert_eq!(find_start_code(&bytes, from), plain);
        }
    }
}
