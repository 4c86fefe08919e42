//! Supplemental enhancement information, which H.264 and HEVC share (ISO/IEC 14496-10, annex D; 23008-2, annex D),
//! and the closed captions in it (ATSC A/53 part 4, 6.2.3).
//!
//! In: the bytes of an SEI NAL unit behind its header. A message that does not fit its own length ends the reading.

use super::unescape;
use crate::segmenter::video::unit::Notes;

/// Bytes of an SEI that are looked at.
const SEI_MAX: usize = 4096;

/// `payloadType` numbers.
pub(super) const USER_DATA_T35: usize = 4;
const RECOVERY_POINT: usize = 6;

/// What the messages say that is of use.
pub(super) fn notes(sei: &[u8]) -> Notes {
    let mut notes = Notes::default();
    each(sei, |kind, payload| match kind {
        RECOVERY_POINT => notes.recovery_point = true,
        USER_DATA_T35 => notes.captions |= cc_data(payload).is_some(),
        _ => {}
    });
    notes
}

/// Appends the captions of all messages.
pub(super) fn captions(sei: &[u8], captions: &mut Vec<u8>) {
    each(sei, |kind, payload| {
        if kind == USER_DATA_T35 {
            captions.extend_from_slice(cc_data(payload).unwrap_or_default());
        }
    });
}

/// Reads message by message: type and payload.
pub(super) fn each(sei: &[u8], mut message: impl FnMut(usize, &[u8])) {
    let plain = unescape(sei, SEI_MAX);
    let mut rest = &plain[..];
    // A message is two bytes at least; the last byte is the trailing bits.
    while rest.len() > 2 {
        let (Some(kind), Some(size)) = (number(&mut rest), number(&mut rest)) else { return };
        // One that is cut is known by its type at least.
        let (payload, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        message(kind, payload);
        rest = after;
    }
}

/// A number of 0xFF bytes and a last one (7.3.2.3.1).
fn number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    loop {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number += usize::from(byte);
        if byte != 0xFF {
            return Some(number);
        }
    }
}

/// The constructs of a `user_data_registered_itu_t_t35` with captions, three bytes each, if it is one.
pub(super) fn cc_data(payload: &[u8]) -> Option<&[u8]> {
    // United States, ATSC, `ATSC_user_data` of the type `cc_data`.
    let [0xB5, 0x00, 0x31, b'G', b'A', b'9', b'4', 3, flags, _, constructs @ ..] = payload else { return None };
    let process = flags & 0x40 != 0;
    let count = usize::from(flags & 0x1F);
    constructs.get(..count * 3).filter(|constructs| process && !constructs.is_empty())
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An SEI message with captions, of these constructs.
    fn message(constructs: &[u8]) -> Vec<u8> {
        let mut payload = vec![0xB5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0x40 | (constructs.len() / 3) as u8, 0xFF];
        payload.extend_from_slice(constructs);
        payload.push(0xFF);
        let mut sei = vec![4, payload.len() as u8];
        sei.extend(payload);
        sei
    }

    #[test]
    fn captions_are_found_beside_other_messages() {
        let mut sei = vec![1, 1, 0x20];
        sei.extend(message(&[0xFC, 0x94, 0x2C, 0xFD, 0x80, 0x80]));
        sei.extend([6, 1, 0xC0, 0x80]);
        assert_eq!(notes(&sei), Notes { recovery_point: true, captions: true });
        let mut found = Vec::new();
        captions(&sei, &mut found);
        assert_eq!(found, [0xFC, 0x94, 0x2C, 0xFD, 0x80, 0x80]);
    }

    #[test]
    fn other_user_data_is_none() {
        let mut sei = message(&[0xFC, 0x94, 0x2C]);
        sei[8] = b'5';
        sei.push(0x80);
        assert_eq!(notes(&sei), Notes::default());
        // Counted, but not there.
        let mut sei = message(&[0xFC, 0x94, 0x2C]);
        sei[10] = 0x45;
        sei.push(0x80);
        assert_eq!(notes(&sei), Notes::default());
    }

    proptest! {
        #[test]
        fn any_bytes_read_without_panic_and_give_whole_constructs(
            sei in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..14, byte in any::<u8>(),
        ) {
            let mut changed = message(&[0xFC, 1, 2, 0xFD, 3, 4]);
            changed[at] = byte;
            for sei in [sei, changed] {
                let mut found = Vec::new();
                captions(&sei, &mut found);
                prop_assert_eq!(found.len() % 3, 0);
                prop_assert_eq!(notes(&sei).captions, !found.is_empty());
            }
        }
    }
}
