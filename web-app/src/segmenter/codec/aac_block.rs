//! Where the elements of a raw_data_block of AAC LC end (ISO/IEC 14496-3, 4.4.2), for taking two mono sounds apart
//! (dual mono: two single_channel_elements, which broadcasters of ARIB STD-B32 send without saying so).
//!
//! In: a block. Out: which of its bits are the first sound's and which the second's. What the codewords mean is of no
//! interest, only how long they are and how many bits of sign and escape follow them. All codebooks of table 4.A.1 and
//! the following are canonical, so that how many codewords there are of each length is enough to read them.

use core::ops::Range;

use super::aac::SCE;
use crate::segmenter::bits::BitReader;

/// Elements of a raw_data_block that may stand between the sounds.
const DSE: u32 = 4;
const FIL: u32 = 6;
/// EIGHT_SHORT_SEQUENCE (table 4.127).
const EIGHT_SHORT: u32 = 2;
/// Codebooks of sections without codewords for spectral lines, and the last that has some (table 4.151).
const ZERO: u8 = 0;
const ESCAPE: u8 = 11;
const NOISE: u8 = 13;

/// Lines of scale factor bands at 48 and 44.1 kHz (table 4.130) and, up to the last two, at 32 kHz (table 4.132).
const LONG: [u8; 51] = [
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 12, 12, 12, 12, 16, 16, 20, 20, 24, 24, 28, 28, 32, 32, 32, 32,
    32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32,
];
/// The last of them at 48 and 44.1 kHz is as wide as three.
const LONG_LAST: usize = 48;
const LONG_LAST_LINES: u8 = 96;
/// The same for short windows, at all three (table 4.129).
const SHORT: [u8; 14] = [4, 4, 4, 4, 4, 8, 8, 8, 12, 12, 12, 16, 16, 16];

/// A Huffman codebook.
struct Codebook {
    /// How many codewords have one bit, two, and so on.
    counts: &'static [u8],
    /// For each, from the shortest on, how many bits of sign follow; with the escape codebook also three times how many
    /// escapes. None, where nothing follows.
    more: &'static [u8],
}

/// That of the scale factors, then 1 to 11 (tables 4.A.1 to 4.A.12).
const CODEBOOKS: [Codebook; 12] = [
    Codebook { counts: &[1, 0, 1, 3, 2, 4, 3, 5, 4, 6, 6, 6, 5, 8, 4, 7, 3, 7, 46], more: b"" },
    Codebook { counts: &[1, 0, 0, 0, 8, 0, 24, 0, 24, 8, 16], more: b"" },
    Codebook { counts: &[0, 0, 1, 1, 7, 24, 15, 19, 14], more: b"" },
    Codebook {
        counts: &[1, 0, 0, 4, 2, 6, 3, 5, 15, 15, 8, 9, 3, 3, 5, 2],
        more: b"011112222232343311223232331221224334323244332333223243344233333344442233434443233",
    },
    Codebook {
        counts: &[0, 0, 0, 10, 6, 0, 9, 21, 8, 14, 11, 2],
        more: b"433331202222121144443333333333332222222222221111444444333333333433344422222243333",
    },
    Codebook { counts: &[1, 0, 0, 4, 4, 0, 4, 12, 12, 12, 18, 10, 4], more: b"" },
    Codebook { counts: &[0, 0, 0, 9, 0, 16, 13, 8, 23, 8, 4], more: b"" },
    Codebook {
        counts: &[1, 0, 2, 1, 0, 4, 5, 10, 14, 15, 8, 4],
        more: b"0112221122211222222221122212122222222211222222222222112222222222",
    },
    Codebook {
        counts: &[0, 0, 1, 5, 7, 10, 14, 15, 8, 4],
        more: b"2212120112222222221122222222221212222222121222222222221212222112",
    },
    Codebook {
        counts: &[1, 0, 2, 1, 0, 4, 3, 8, 11, 20, 31, 38, 32, 14, 4],
        more: b"01122211222112222222211222222212122222222122222222122212222122221122222222222221222122222222\
          22222222222212212222222122222222222222212212222122222222222222222222222222222",
    },
    Codebook {
        counts: &[0, 0, 0, 3, 8, 14, 17, 25, 31, 41, 22, 8],
        more: b"22221122222112222022112222222222221212222222222221212222222222222222221222221222222222222222\
          22121222222212222221222222222222222221212122222222222222212122212221222222122",
    },
    Codebook {
        counts: &[0, 0, 0, 2, 6, 7, 16, 59, 55, 95, 43, 6],
        more: b"02811222222121222222211222222222222222555552512152555522222552255522525552522552221552222125\
          52252522222225221222222122222222222222122222222222422222242122222222222222222222222222222212\
          22222222222222222122222222222222222222222222211222222222222222222222222221221212221222221122\
          2212212112112",
    },
];

impl Codebook {
    /// Passes over a codeword; tells what follows it.
    fn pass(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in self.counts {
            code |= i32::from(bits.bit()?);
            let count = i32::from(count);
            if code - count < first {
                let index = (index + code - first) as usize;
                return Some(self.more.get(index).map_or(0, |more| more - b'0'));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// The bits of two mono sounds that are all there is of sound in a block; `None` where there is anything else, or it is
/// not of the rates of broadcasting, 32 to 48 kHz. Each begins with its element's kind.
pub(super) fn two_mono(block: &[u8], sample_rate: u32) -> Option<[Range<usize>; 2]> {
    if !matches!(sample_rate, 32_000 | 44_100 | 48_000) {
        return None;
    }
    let mut bits = BitReader::new(block);
    let mut found = [0..0, 0..0];
    let mut count = 0;
    loop {
        let from = bits.position();
        match bits.bits(3)? {
            SCE => {
                let place = found.get_mut(count)?;
                count += 1;
                bits.bits(4)?;
                channel(&mut bits, sample_rate == 32_000)?;
                *place = from..bits.position();
            }
            FIL => {
                let length = match bits.bits(4)? {
                    15 => bits.bits(8)? + 14,
                    length => length,
                };
                bits.skip(length as usize * 8);
            }
            DSE => {
                bits.bits(4)?;
                let aligned = bits.bit()?;
                let length = match bits.bits(8)? {
                    255 => 255 + bits.bits(8)?,
                    length => length,
                };
                let past = if aligned { bits.position() % 8 } else { 0 };
                bits.skip((8 - past) % 8 + length as usize * 8);
            }
            // The end.
            7 => return (count == 2).then_some(found),
            _ => return None,
        }
    }
}

/// Passes over an individual_channel_stream (4.4.2.7) with its own ics_info.
fn channel(bits: &mut BitReader<'_>, last_is_split: bool) -> Option<()> {
    // global_gain, ics_reserved_bit.
    bits.bits(9)?;
    let short = bits.bits(2)? == EIGHT_SHORT;
    bits.bit()?;
    let mut groups = [1u8; 8];
    let mut group_count = 1;
    let max_sfb;
    if short {
        max_sfb = bits.bits(4)? as usize;
        for _ in 0..7 {
            if bits.bit()? {
                groups[group_count - 1] += 1;
            } else {
                group_count += 1;
            }
        }
    } else {
        max_sfb = bits.bits(6)? as usize;
        // Prediction is none of LC's.
        if bits.bit()? {
            return None;
        }
    }
    if max_sfb
        > if short {
            SHORT.len()
        } else if last_is_split {
            LONG.len()
        } else {
            LONG_LAST + 1
        }
    {
        return None;
    }
    // section_data: the codebook of each band.
    let mut codebooks = [[ZERO; LONG.len()]; 8];
    let (length_bits, escape) = if short { (3, 7) } else { (5, 31) };
    for codebooks in codebooks.iter_mut().take(group_count) {
        let mut band = 0;
        while band < max_sfb {
            let codebook = bits.bits(4)? as u8;
            let mut length = 0;
            loop {
                let more = bits.bits(length_bits)?;
                length += more as usize;
                if more != escape {
                    break;
                }
            }
            let section = codebooks.get_mut(band..(band + length).min(max_sfb))?;
            if codebook == 12 || length == 0 || band + length > max_sfb {
                return None;
            }
            section.fill(codebook);
            band += length;
        }
    }
    // scale_factor_data.
    let mut noise = false;
    for &codebook in codebooks.iter().take(group_count).flat_map(|codebooks| &codebooks[..max_sfb]) {
        if codebook == NOISE && !noise {
            noise = true;
            bits.bits(9)?;
        } else if codebook != ZERO {
            CODEBOOKS[0].pass(bits)?;
        }
    }
    // pulse_data.
    if bits.bit()? {
        let pulses = bits.bits(2)? + 1;
        bits.bits(6)?;
        for _ in 0..pulses {
            bits.bits(9)?;
        }
    }
    if bits.bit()? {
        noise_shaping(bits, short)?;
    }
    // gain_control_data is SSR's.
    if bits.bit()? {
        return None;
    }
    // spectral_data.
    for (codebooks, windows) in codebooks.iter().zip(groups).take(group_count) {
        for (band, &codebook) in codebooks.iter().enumerate().take(max_sfb) {
            if !(1..=ESCAPE).contains(&codebook) {
                continue;
            }
            let lines = match band {
                _ if short => SHORT[band],
                LONG_LAST if !last_is_split => LONG_LAST_LINES,
                _ => LONG[band],
            };
            let at_once = if codebook < 5 { 4 } else { 2 };
            let book = &CODEBOOKS[usize::from(codebook)];
            for _ in 0..u32::from(lines) * u32::from(windows) / at_once {
                let more = book.pass(bits)?;
                if codebook != ESCAPE {
                    bits.skip(more.into());
                    continue;
                }
                bits.skip(usize::from(more % 3));
                for _ in 0..more / 3 {
                    let mut ones = 0;
                    while bits.bit()? {
                        ones += 1;
                    }
                    bits.skip(ones + 4);
                }
            }
        }
    }
    Some(())
}

/// Passes over tns_data (4.4.2.7).
fn noise_shaping(bits: &mut BitReader<'_>, short: bool) -> Option<()> {
    let (windows, count_bits, length_bits, order_bits) = if short { (8, 1, 4, 3) } else { (1, 2, 6, 5) };
    for _ in 0..windows {
        let filters = bits.bits(count_bits)?;
        if filters == 0 {
            continue;
        }
        let resolution = usize::from(bits.bit()?) + 3;
        for _ in 0..filters {
            bits.bits(length_bits)?;
            let order = bits.bits(order_bits)? as usize;
            if order > 0 {
                bits.bit()?;
                let compressed = usize::from(bits.bit()?);
                bits.skip(order * (resolution - compressed));
            }
        }
    }
    Some(())
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::segmenter::bits::BitWriter;
    use proptest::prelude::*;

    /// The blocks of a fixture of mono sound in ADTS that begin with their sound.
    fn blocks(name: &str) -> Vec<Vec<u8>> {
        let path = format!("{}/tests/fixtures/{name}.adts", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (mut rest, mut all) = (&bytes[..], Vec::new());
        while let Some(header) = rest.first_chunk::<7>() {
            let len = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
            let (frame, after) = rest.split_at(len);
            all.extend(Some(frame[7..].to_vec()).filter(|block| block[0] >> 5 == 0));
            rest = after;
        }
        all
    }

    /// A block up to its ID_END.
    fn without_end(block: &[u8]) -> (BitReader<'_>, usize) {
        let zeros = block.iter().rev().take_while(|byte| **byte == 0).count();
        let last = block[block.len() - 1 - zeros].trailing_zeros() as usize;
        (BitReader::new(block), (block.len() - zeros) * 8 - last - 3)
    }

    #[test]
    fn two_sounds_are_found_to_the_bit_whatever_they_are_coded_with() {
        let (first, second) = (blocks("mono_first"), blocks("mono_second"));
        assert!(first.len() > 60 && second.len() > 60);
        for (first, second) in first.iter().zip(&second) {
            let ((mut first, first_len), (mut second, second_len)) = (without_end(first), without_end(second));
            let mut bits = BitWriter::default();
            bits.copy(&mut first, first_len).unwrap();
            // An empty fill_element and a data_stream_element of two bytes between them.
            bits.put(FIL, 3).put(0, 4).put(DSE, 3).put(0, 4).put(0, 1).put(2, 8).put(0xABCD, 16);
            bits.copy(&mut second, second_len).unwrap();
            bits.put(7, 3);
            let begin = first_len + 7 + 32;
            let found = two_mono(&bits.finish(), 48_000);
            assert_eq!(found, Some([0..first_len, begin..begin + second_len]));
        }
        // One alone are not two.
        assert_eq!(two_mono(&first[0], 48_000), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            at in any::<prop::sample::Index>(), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
            low: bool,
        ) {
            let mut block = at.get(&blocks("mono_first")).repeat(2);
            for (at, value) in edits {
                let at = at.index(block.len());
                block[at] = value;
            }
            if let Some(found) = two_mono(&block, if low { 32_000 } else { 44_100 }) {
                prop_assert!(found[0].end <= found[1].start && found[1].end <= block.len() * 8);
            }
        }
    }
}
