//! Silence in FLAC (RFC 9639, section 9): what fills holes in sound that is decoded here.

/// Longest frame that is written.
const SAMPLES_MAX: u32 = 4096;
/// Shortest that decoders have to take in the middle of a stream (RFC 9639, 8.2).
const SAMPLES_MIN: u32 = 16;

/// A frame of `samples` zeros in each channel, or of as many as a frame may have; tells how many. `None` for fewer
/// than a frame must have. Rate and depth stand in STREAMINFO.
pub(in crate::segmenter) fn silence(samples: i64, channels: u16) -> Option<(Vec<u8>, u32)> {
    let samples = u32::try_from(samples).unwrap_or(0).min(SAMPLES_MAX);
    if samples < SAMPLES_MIN || !(1..=8).contains(&channels) {
        return None;
    }
    // Sync code, variable block size; the block size in 16 bits at the end, the rate not here; the channels, 16 bits;
    // the number of the first sample, which nobody needs.
    let mut frame = vec![0xFF, 0xF9, 0x70, ((channels - 1) as u8) << 4 | 0b1000, 0];
    frame.extend(((samples - 1) as u16).to_be_bytes());
    frame.push(crc8(&frame));
    for _ in 0..channels {
        // A constant subframe with no wasted bits.
        frame.extend([0, 0, 0]);
    }
    frame.extend(crc16(&frame).to_be_bytes());
    Some((frame, samples))
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| if crc >> 7 == 1 { crc << 1 ^ 0x07 } else { crc << 1 })
    })
}

/// The CRC with polynomial 0x8005, also AC-3's.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let mixed = crc ^ u16::from(*byte) << 8;
        (0..8).fold(mixed, |crc: u16, _| if crc >> 15 == 1 { crc << 1 ^ 0x8005 } else { crc << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_as_long_as_it_has_to_be() {
        let (frame, samples) = silence(1152, 2).unwrap();
        assert_eq!((samples, frame.len(), &frame[..7]), (1152, 16, &[0xFF, 0xF9, 0x70, 0x18, 0, 4, 0x7F][..]));
        assert_eq!((crc8(&frame[..8]), crc16(&frame)), (0, 0));
        assert_eq!(silence(100_000, 1).unwrap().1, SAMPLES_MAX);
        assert_eq!((silence(15, 2), silence(-1, 2)), (None, None));
    }
}
