//! The floating-point codes of IGMPv3 and MLDv2 queries (RFC 3376, 4.1.1, 4.1.7; RFC 3810, 5.1.9).

/// The value of a QQIC or of IGMP's Max Resp Code: floating point from 128 up.
pub(super) const fn decode_float(code: u8) -> u64 {
    if code < 128 { code as u64 } else { ((code & 0x0F) as u64 | 0x10) << ((code >> 4 & 0x07) + 3) }
}

/// The value of MLD's Maximum Response Code, in milliseconds: floating point from 32768 up (RFC 3810, 5.1.3).
pub(super) const fn decode_long_float(code: u16) -> u64 {
    if code < 0x8000 { code as u64 } else { ((code & 0x0FFF) as u64 | 0x1000) << ((code >> 12 & 0x07) + 3) }
}

/// The largest code whose value is not above the one given.
pub(super) const fn encode_float(value: u64) -> u8 {
    if value < 128 {
        return value as u8;
    }
    let exponent = value.ilog2() - 7;
    if exponent > 7 {
        return 0xFF;
    }
    0x80 | (exponent as u8) << 4 | (value >> (exponent + 3) & 0x0F) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_from_128_up_are_floating_point() {
        // By RFC 3376, 4.1.7: (mantissa | 16) << (exponent + 3).
        for (code, seconds) in [(1, 1), (127, 127), (0x80, 128), (0x8F, 248), (0x90, 256), (0xFF, 31744)] {
            assert_eq!(decode_float(code), seconds);
            assert_eq!(encode_float(seconds), code);
        }
        for code in 0..=255 {
            assert_eq!(encode_float(decode_float(code)), code);
            assert!(decode_float(code) < decode_float(code.saturating_add(1)) || code == 255);
        }
        for (code, millis) in [(0, 0), (10_000, 10_000), (0x7FFF, 32_767), (0x8000, 32_768), (0xFFFF, 8_387_584)] {
            assert_eq!(decode_long_float(code), millis);
        }
        assert_eq!(encode_float(255), 0x8F);
        assert_eq!(encode_float(u64::MAX), 0xFF);
    }
}
