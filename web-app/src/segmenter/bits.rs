//! A reader and a writer of bits, most significant first, that cannot overrun.
//!
//! Headers are a chain of calls of these, and each call that is made a loop in its place is more for a browser to load:
//! so they stay calls.

/// So many bits can be looked at from any place, with one load of eight bytes.
const AHEAD: u32 = u64::BITS - 7;

/// Reads bits; `None` once there are no more.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits read so far.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// Passes over bits.
    pub(super) const fn skip(&mut self, count: usize) {
        self.at += count;
    }

    #[inline(never)]
    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(bit)
    }

    /// Up to 32 bits.
    #[inline(never)]
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let value = self.ahead() >> (u64::BITS - 1 - count) >> 1;
        self.pass(count)?;
        Some(value as u32)
    }

    /// What comes next, the first bit highest: all of `AHEAD` bits at least, with zeros behind the end.
    #[inline]
    fn ahead(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(word) => u64::from_be_bytes(*word),
            None => {
                let mut word = [0; 8];
                word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                u64::from_be_bytes(word)
            }
        };
        word << (self.at % 8)
    }

    /// Passes over bits that are there.
    #[inline]
    fn pass(&mut self, count: u32) -> Option<()> {
        let at = self.at + count as usize;
        (at <= self.bytes.len() * 8).then(|| self.at = at)
    }

    /// The next `count` bits as bytes, wherever they begin, without passing over them; behind the last of them may
    /// stand others.
    pub(super) fn as_bytes(&self, count: usize) -> Option<impl Iterator<Item = u8> + use<'a>> {
        let (from, shift) = (self.at / 8, self.at % 8);
        let rest = self.bytes.get(from..).filter(|rest| shift + count <= rest.len() * 8)?;
        let after = rest.get(1..).unwrap_or_default().iter().copied().chain([0]);
        let pairs = rest.iter().zip(after).take(count.div_ceil(8));
        Some(pairs.map(move |(byte, next)| (u16::from_be_bytes([*byte, next]) << shift >> 8) as u8))
    }

    /// An unsigned Exp-Golomb code (ISO/IEC 14496-10, 9.1).
    #[inline(never)]
    pub(super) fn ue(&mut self) -> Option<u32> {
        let ahead = self.ahead();
        let zeros = ahead.leading_zeros();
        let count = 2 * zeros + 1;
        if count <= AHEAD {
            self.pass(count)?;
            return Some((ahead >> (u64::BITS - count)) as u32 - 1);
        }
        if zeros > 31 {
            return None;
        }
        self.pass(zeros + 1)?;
        Some((1 << zeros) - 1 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb code (9.1.1).
    #[inline(never)]
    pub(super) fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let magnitude = code.div_ceil(2) as i32;
        Some(if code % 2 == 1 { magnitude } else { -magnitude })
    }
}

/// Writes bits.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

impl BitWriter {
    /// The lowest `count` bits of `value`.
    #[inline(never)]
    pub(super) fn put(&mut self, value: u32, count: u32) -> &mut Self {
        let mut left = count;
        while left > 0 {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let free = 8 - self.used % 8;
            let taken = free.min(left);
            left -= taken;
            if let Some(last) = self.bytes.last_mut() {
                let bits = value >> left & ((1 << taken) - 1);
                *last |= (bits << (free - taken)) as u8;
            }
            self.used += taken;
        }
        self
    }

    /// An unsigned Exp-Golomb code (ISO/IEC 14496-10, 9.1); `value` is less than `u32::MAX`.
    #[inline(never)]
    pub(super) fn ue(&mut self, value: u32) -> &mut Self {
        let bits = u32::BITS - (value + 1).leading_zeros();
        self.put(0, bits - 1).put(value + 1, bits)
    }

    /// A signed Exp-Golomb code (9.1.1); the magnitude of `value` is less than 2³⁰.
    #[inline(never)]
    pub(super) fn se(&mut self, value: i32) -> &mut Self {
        self.ue(if value > 0 { value as u32 * 2 - 1 } else { value.unsigned_abs() * 2 })
    }

    /// What was written, with the trailing bits of an RBSP (ISO/IEC 14496-10, 7.3.2.11).
    pub(super) fn finish_rbsp(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.bytes
    }

    /// The next `count` bits of `from`; `None` where it has less.
    pub(super) fn copy(&mut self, from: &mut BitReader<'_>, count: usize) -> Option<()> {
        let shift = self.used % 8;
        let whole = count / 8;
        self.bytes.reserve(whole + 1);
        for byte in from.as_bytes(whole * 8)? {
            match self.bytes.last_mut().filter(|_| shift != 0) {
                Some(last) => {
                    *last |= byte >> shift;
                    self.bytes.push(byte << (8 - shift));
                }
                None => self.bytes.push(byte),
            }
        }
        from.skip(whole * 8);
        self.used += whole as u32 * 8;
        let rest = count as u32 % 8;
        self.put(from.bits(rest)?, rest);
        Some(())
    }

    /// Fills the last byte up with one bits.
    pub(super) fn align_with_ones(&mut self) {
        while !self.used.is_multiple_of(8) {
            self.put(1, 1);
        }
    }

    /// Whole bytes, where the bits so far are whole bytes too.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert!(self.used.is_multiple_of(8));
        self.bytes.extend_from_slice(bytes);
        self.used += bytes.len() as u32 * 8;
    }

    /// What was written, filled up with zero bits.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_the_standard_lists_them() {
        // 1, 010, 011, 00100, 00101
        let mut writer = BitWriter::default();
        writer.put(1, 1).put(0b010, 3).put(0b011, 3).put(0b00100, 5).put(0b00101, 5);
        let bytes = writer.finish();
        let mut reader = BitReader::new(&bytes);
        assert_eq!([(); 5].map(|()| reader.ue().unwrap()), [0, 1, 2, 3, 4]);
        let mut reader = BitReader::new(&bytes);
        assert_eq!([(); 5].map(|()| reader.se().unwrap()), [0, 1, -1, 2, -2]);
    }

    #[test]
    fn a_reader_stops_at_the_end() {
        let mut reader = BitReader::new(&[0; 5]);
        assert_eq!(reader.ue(), None);
        assert_eq!(BitReader::new(&[0xFF]).bits(9), None);
        // The last code is cut off before its last bit.
        assert_eq!(BitReader::new(&[0b0000_1000]).ue(), None);
        assert_eq!(BitReader::new(&[0b0001_0000]).ue(), Some(7));
        let mut behind = BitReader::new(&[0xFF; 20]);
        behind.skip(161);
        assert_eq!((behind.bit(), behind.bits(1), behind.bits(0), behind.ue()), (None, None, None, None));
    }

    #[test]
    fn numbers_of_any_length_come_back_from_any_place() {
        let lengths = || (0..9u32).flat_map(|from| (0..=32u32).map(move |count| (from, count)));
        for (from, count) in lengths() {
            let value = 0xA5C3_9617_u32.rotate_left(from * 3 + count).checked_shr(32 - count).unwrap_or(0);
            let mut writer = BitWriter::default();
            writer.put(u32::MAX, from).put(value, count).put(0b101, 3);
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            reader.skip(from as usize);
            let mut one_by_one = reader.clone();
            let bitwise = (0..count).fold(0, |value, _| value << 1 | u32::from(one_by_one.bit().unwrap()));
            assert_eq!((reader.bits(count), bitwise), (Some(value), value), "{count} bits from {from}");
            assert_eq!(reader.bits(3), Some(0b101));
        }
        for (from, count) in lengths() {
            let code = u32::MAX.checked_shr(32 - count).unwrap_or(0).min(u32::MAX - 1);
            for code in [code, code / 2 + 1, code / 3] {
                let mut writer = BitWriter::default();
                writer.put(u32::MAX, from).ue(code);
                let end = writer.used as usize;
                let bytes = writer.finish();
                let mut reader = BitReader::new(&bytes);
                reader.skip(from as usize);
                assert_eq!((reader.ue(), reader.position()), (Some(code), end), "{code} from {from}");
            }
        }
    }

    #[test]
    fn bits_are_copied_from_any_place_to_any_place() {
        let source: Vec<u8> = (0..12u8).map(|byte| byte.wrapping_mul(0xA7) ^ 0x5C).collect();
        for (from, to) in (0..9).flat_map(|from| (0..9).map(move |to| (from, to))) {
            for count in 0..=source.len() * 8 - from {
                let mut reader = BitReader::new(&source);
                reader.skip(from);
                let mut one_by_one = reader.clone();
                let mut copied = BitWriter::default();
                copied.put(0x155, to);
                copied.copy(&mut reader, count).unwrap();
                copied.put(0b10, 2);
                let mut expected = BitWriter::default();
                expected.put(0x155, to);
                for _ in 0..count {
                    expected.put(one_by_one.bits(1).unwrap(), 1);
                }
                expected.put(0b10, 2);
                assert_eq!((copied.finish(), reader.position()), (expected.finish(), from + count));
            }
            let mut short = BitReader::new(&source);
            short.skip(from);
            assert_eq!(BitWriter::default().copy(&mut short, source.len() * 8 - from + 1), None);
        }
    }
}
