//! What all sections of tables have in common (ISO/IEC 13818-1, 2.4.4).

/// The CRC of sections (Annex A); 0 over a whole section that is right.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = (byte as u32) << 24;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 << 31 == 0 { crc << 1 } else { crc << 1 ^ 0x04C1_1DB7 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    bytes.iter().fold(u32::MAX, |crc, byte| crc << 8 ^ TABLE[(crc >> 24) as usize ^ usize::from(*byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_the_one_of_the_standard() {
        // The check value of this CRC in every catalogue of them.
        assert_eq!(crc32(b"123456789"), 0x0376_E6E7);
        assert_eq!(crc32(&[b"123456789".as_slice(), &[0x03, 0x76, 0xE6, 0xE7]].concat()), 0);
    }
}
