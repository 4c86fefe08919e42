//! The head of a syncframe: its length and form, and how it wants to be mixed (ETSI TS 102 366, 4.3.1, 4.3.2 and
//! E.1.2.1, E.1.2.2).
//!
//! In: a syncframe. Out: what decoding needs. Refused: what is no syncframe, has a wrong CRC, or is in a form that
//! nobody is known to send (E-AC-3 at reduced sample rates).

use super::bits::Bits;
use crate::sound::flac::crc16;

/// Words of a syncframe at 32 kbit/s and so on, at 48 kHz; at 32 kHz it is half as long again.
const WORDS_48: [usize; 19] =
    [64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1152, 1280];

/// What a syncframe is in its access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// AC-3.
    Ac3,
    /// An independent substream of E-AC-3 (`strmtyp` 0).
    Independent,
    /// The same, converted from AC-3 (`strmtyp` 2).
    Converted,
    /// One that adds channels to another (`strmtyp` 1).
    Dependent,
}

/// A syncframe's head.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// `substreamid`.
    pub(super) substream: u32,
    /// Bytes of the syncframe.
    pub(super) length: usize,
    /// `fscod`.
    pub(super) rate_code: usize,
    /// Octaves by which the sample rate is lower (`bsid` 9 and 10).
    pub(super) rate_shift: u32,
    /// Blocks of 256 samples.
    pub(super) blocks: usize,
    /// `acmod`.
    pub(super) mode: usize,
    /// `lfeon`.
    pub(super) lfe: bool,
    /// Index into the levels of [`super::downmix`].
    pub(super) centre_level: usize,
    /// The same.
    pub(super) surround_level: usize,
}

impl Header {
    /// Reads the first syncframe of these bytes, checks it, and gives the bits behind the head.
    pub(super) fn read(data: &[u8]) -> Option<(Self, Bits<'_>)> {
        let enhanced = *data.get(5)? >> 3 > 10;
        let length = if enhanced { enhanced_length(data) } else { plain_length(data) }?;
        let frame = data.get(..length).filter(|frame| frame.starts_with(&[0x0b, 0x77]))?;
        // 6.10: both CRCs are such that up to them the rest is 0.
        if crc16(&frame[2..]) != 0 {
            return None;
        }
        let mut bits = Bits::new(frame);
        bits.skip(16);
        let header = if enhanced { Self::enhanced(&mut bits, length) } else { Self::plain(&mut bits, length) }?;
        (!bits.overrun()).then_some((header, bits))
    }

    /// Samples a second.
    pub(super) fn sample_rate(&self) -> u32 {
        [48_000, 44_100, 32_000][self.rate_code.min(2)] >> self.rate_shift
    }

    /// Channels besides the low frequency effects.
    pub(super) fn full_channels(&self) -> usize {
        [2, 1, 2, 3, 3, 4, 4, 5][self.mode & 7]
    }

    pub(super) fn is_enhanced(&self) -> bool {
        self.kind != Kind::Ac3
    }

    /// `bsi` of AC-3, behind `crc1`.
    fn plain(bits: &mut Bits<'_>, length: usize) -> Option<Self> {
        bits.skip(16);
        let rate_code = bits.get(2) as usize;
        bits.skip(6);
        let bsid = bits.get(5);
        bits.skip(3);
        let mode = bits.get(3) as usize;
        let (mut centre_level, mut surround_level) = (5, 6);
        if mode & 1 != 0 && mode != 1 {
            centre_level = [4, 5, 6, 5][bits.get(2) as usize];
        }
        if mode & 4 != 0 {
            surround_level = [4, 6, 7, 6][bits.get(2) as usize];
        }
        if mode == 2 {
            bits.skip(2);
        }
        let lfe = bits.flag();
        for _ in 0..programmes(mode) {
            // Dialogue level, compression, language, production.
            bits.skip(5);
            bits.optional(8);
            bits.optional(8);
            bits.optional(7);
        }
        bits.skip(2);
        if bsid == 6 {
            if bits.flag() {
                bits.skip(8);
                (centre_level, surround_level) = levels(bits.get(3), bits.get(3));
            }
            bits.optional(14);
        } else {
            bits.optional(14);
            bits.optional(14);
        }
        skip_additional(bits);
        let rate_shift = bsid.max(8) - 8;
        Some(Self {
            kind: Kind::Ac3,
            substream: 0,
            length,
            rate_code,
            rate_shift,
            blocks: 6,
            mode,
            lfe,
            centre_level,
            surround_level,
        })
    }

    /// `bsi` of E-AC-3.
    fn enhanced(bits: &mut Bits<'_>, length: usize) -> Option<Self> {
        let kind = match bits.get(2) {
            0 => Kind::Independent,
            1 => Kind::Dependent,
            2 => Kind::Converted,
            _ => return None,
        };
        let substream = bits.get(3);
        bits.skip(11);
        let rate_code = bits.get(2) as usize;
        if rate_code == 3 {
            return None;
        }
        let blocks = [1, 2, 3, 6][bits.get(2) as usize];
        let mode = bits.get(3) as usize;
        let lfe = bits.flag();
        bits.skip(5);
        for _ in 0..programmes(mode) {
            bits.skip(5);
            bits.optional(8);
        }
        if kind == Kind::Dependent {
            bits.optional(16);
        }
        let mut header = Self {
            kind,
            substream,
            length,
            rate_code,
            rate_shift: 0,
            blocks,
            mode,
            lfe,
            centre_level: 5,
            surround_level: 6,
        };
        if bits.flag() {
            header.mixing(bits);
        }
        if bits.flag() {
            header.information(bits);
        }
        if kind == Kind::Independent && blocks != 6 {
            bits.skip(1);
        }
        if kind == Kind::Converted && (blocks == 6 || bits.flag()) {
            bits.skip(6);
        }
        skip_additional(bits);
        Some(header)
    }

    /// `mixmdate`.
    fn mixing(&mut self, bits: &mut Bits<'_>) {
        if self.mode > 2 {
            bits.skip(2);
            if self.mode & 1 != 0 {
                bits.skip(3);
                (self.centre_level, _) = levels(bits.get(3), 0);
            }
            if self.mode & 4 != 0 {
                bits.skip(3);
                (_, self.surround_level) = levels(0, bits.get(3));
            }
        }
        if self.lfe {
            bits.optional(5);
        }
        if self.kind != Kind::Independent {
            return;
        }
        for _ in 0..programmes(self.mode) {
            bits.optional(6);
        }
        bits.optional(6);
        match bits.get(2) {
            1 => bits.skip(5),
            2 => bits.skip(12),
            3 => {
                let length = bits.get(5) as usize;
                bits.skip((length + 2) * 8);
            }
            _ => {}
        }
        if self.mode < 2 {
            for _ in 0..programmes(self.mode) {
                bits.optional(14);
            }
        }
        if bits.flag() {
            for _ in 0..self.blocks {
                if self.blocks == 1 || bits.flag() {
                    bits.skip(5);
                }
            }
        }
    }

    /// `infomdate`.
    fn information(&self, bits: &mut Bits<'_>) {
        bits.skip(5);
        if self.mode == 2 {
            bits.skip(4);
        }
        if self.mode >= 6 {
            bits.skip(2);
        }
        for _ in 0..programmes(self.mode) {
            bits.optional(8);
        }
        bits.skip(1);
    }
}

/// 1+1 is two programmes.
fn programmes(mode: usize) -> usize {
    if mode == 0 { 2 } else { 1 }
}

/// `lorocmixlev` and `lorosurmixlev`; surround has no levels above -1.5 dB.
fn levels(centre: u32, surround: u32) -> (usize, usize) {
    (centre as usize, surround.clamp(3, 7) as usize)
}

/// `addbsi`.
fn skip_additional(bits: &mut Bits<'_>) {
    if let Some(length) = bits.optional(6) {
        bits.skip((length as usize + 1) * 8);
    }
}

/// Bytes of a syncframe of AC-3.
fn plain_length(data: &[u8]) -> Option<usize> {
    let (rate, size) = (data.get(4)? >> 6, usize::from(data.get(4)? & 0x3f));
    let words = *WORDS_48.get(size / 2)?;
    let words = match rate {
        0 => words,
        // Bits of 1 536 samples at 44.1 kHz, rounded down to words, and one more where the code is odd.
        1 => words * 48_000 / 44_100 + size % 2,
        2 => words * 3 / 2,
        _ => return None,
    };
    Some(words * 2)
}

/// Bytes of a syncframe of E-AC-3.
fn enhanced_length(data: &[u8]) -> Option<usize> {
    Some((usize::from(data.get(2)? & 7) << 8 | usize::from(*data.get(3)?)) * 2 + 2)
}
