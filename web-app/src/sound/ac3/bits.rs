//! Bits of a syncframe, most significant first. Behind its end there are zeros, and it is told that they were read.

/// Reads a syncframe.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next bits, 25 at most.
    #[inline]
    pub(super) fn get(&mut self, bits: u32) -> u32 {
        if bits == 0 {
            return 0;
        }
        let byte = self.at / 8;
        let word = match self.data.get(byte..).and_then(|rest| rest.first_chunk()) {
            Some(word) => u32::from_be_bytes(*word),
            None => {
                let following = (byte..byte + 4).map(|index| self.data.get(index).copied().unwrap_or_default());
                following.fold(0, |word, byte| word << 8 | u32::from(byte))
            }
        };
        let value = word << (self.at % 8) >> (32 - bits);
        self.at += bits as usize;
        value
    }

    /// The next bits as two's complement.
    #[inline]
    pub(super) fn signed(&mut self, bits: u32) -> i32 {
        if bits == 0 {
            return 0;
        }
        (self.get(bits) << (32 - bits)) as i32 >> (32 - bits)
    }

    /// The next bit.
    #[inline]
    pub(super) fn flag(&mut self) -> bool {
        self.get(1) != 0
    }

    /// Bits of no use here.
    pub(super) fn skip(&mut self, bits: usize) {
        self.at = self.at.saturating_add(bits).min(self.data.len() * 8 + 1);
    }

    /// A field that has a flag before it.
    pub(super) fn optional(&mut self, bits: u32) -> Option<u32> {
        self.flag().then(|| self.get(bits))
    }

    /// Whether more was read than there is.
    pub(super) fn overrun(&self) -> bool {
        self.at > self.data.len() * 8
    }
}
