//! What stands in elementary streams, codec by codec.

pub(super) mod aac;
mod aac_block;
mod aac_layout;
pub(super) mod ac3;
mod ac3_silence;
mod adts;
mod aspect;
pub(super) mod av1;
pub(super) mod flac;
pub(super) mod framer;
pub(super) mod h264;
pub(super) mod hevc;
mod latm;
pub(super) mod mpeg_audio;
pub(super) mod opus;
mod sei;

/// Takes the emulation prevention bytes out (ISO/IEC 14496-10, 7.3.1; 23008-2 has the same), up to `limit` bytes.
fn unescape(bytes: &[u8], limit: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len().min(limit));
    let mut zeros = 0;
    for &byte in bytes {
        if plain.len() == limit {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// [`unescape`] without an allocation; gives the length written.
fn unescape_into(bytes: &[u8], plain: &mut [u8]) -> usize {
    let taken = &bytes[..bytes.len().min(plain.len())];
    // Mostly there are none, as each is a 3.
    if !taken.contains(&3) {
        plain[..taken.len()].copy_from_slice(taken);
        return taken.len();
    }
    let (mut length, mut zeros) = (0, 0);
    for &byte in bytes {
        if length == plain.len() {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain[length] = byte;
        length += 1;
    }
    length
}

/// A NAL unit of its header's last byte and its bytes, with emulation prevention (ISO/IEC 14496-10, 7.4.1).
fn escape(header: u8, plain: &[u8]) -> Vec<u8> {
    let mut unit = Vec::with_capacity(plain.len() + 16);
    unit.push(header);
    let mut zeros = 0;
    for &byte in plain {
        if zeros == 2 && byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        unit.push(byte);
    }
    unit
}
