//! A frame of AC-3 or Enhanced AC-3 in which nothing is heard (ETSI TS 102 366, 4.3–4.4, E.1.2, and 6.1 for the CRCs).
//!
//! Signal-to-noise offsets of 0 leave no bits to any coefficient (4.4.3.39), and without dither those sound as 0. So all
//! that is written is side information: exponents once, and that the other five blocks use them too.

use super::flac::crc16;
use crate::segmenter::bits::BitWriter;

/// What frames of silence have in common with the stream's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) enhanced: bool,
    pub(super) fscod: u8,
    pub(super) bsid: u8,
    pub(super) bsmod: u8,
    pub(super) acmod: u8,
    pub(super) lfe: bool,
    /// frmsizecod; for Enhanced AC-3 not needed.
    pub(super) size_code: u8,
    /// Bytes of a frame.
    pub(super) len: usize,
    /// Full bandwidth channels.
    pub(super) channels: u16,
}

/// Blocks of a frame.
const BLOCKS: u32 = 6;
/// Bytes of a frame of Enhanced AC-3: enough for six channels.
const ENHANCED_LEN: usize = 128;

impl Shape {
    /// The frame; `None` where it does not fit into the stream's, or the stream is of a kind that is not written.
    pub(super) fn silence(self) -> Option<Vec<u8>> {
        let mut bits = BitWriter::default();
        bits.put(0x0B77, 16);
        let len = if self.enhanced {
            self.enhanced_header(&mut bits);
            ENHANCED_LEN
        } else {
            self.header(&mut bits);
            self.len
        };
        for block in 0..BLOCKS {
            if self.enhanced {
                self.enhanced_block(&mut bits, block == 0);
            } else {
                self.block(&mut bits, block == 0);
            }
        }
        let mut frame = bits.finish();
        if self.fscod == 3 || !self.enhanced && self.bsid > 8 || frame.len() + 2 > len {
            return None;
        }
        frame.resize(len, 0);
        if !self.enhanced {
            // The first CRC stands before what it covers: five eighths of the frame.
            let end = ((len / 4) + (len / 16)) * 2;
            let first = crc_in_front(frame.get(4..end)?);
            frame.get_mut(2..4)?.copy_from_slice(&first.to_be_bytes());
        }
        let last = crc16(frame.get(2..len - 2)?);
        frame.get_mut(len - 2..)?.copy_from_slice(&last.to_be_bytes());
        Some(frame)
    }

    fn each(self, bits: &mut BitWriter, value: u32, count: u32) {
        for _ in 0..self.channels {
            bits.put(value, count);
        }
    }

    /// Exponents, all alike, of a channel with the least bandwidth: one absolute, six groups, the gain range.
    fn exponents(self, bits: &mut BitWriter) {
        for _ in 0..self.channels {
            bits.put(15, 4);
            for _ in 0..6 {
                bits.put(62, 7);
            }
            bits.put(0, 2);
        }
        if self.lfe {
            bits.put(15, 4).put(62, 7).put(62, 7);
        }
    }

    /// syncinfo behind the syncword, and bsi.
    fn header(self, bits: &mut BitWriter) {
        bits.put(0, 16).put(self.fscod.into(), 2).put(self.size_code.into(), 6);
        bits.put(self.bsid.into(), 5).put(self.bsmod.into(), 3).put(self.acmod.into(), 3);
        for mix in [self.acmod & 1 == 1 && self.acmod != 1, self.acmod & 4 != 0, self.acmod == 2] {
            bits.put(0, if mix { 2 } else { 0 });
        }
        bits.put(self.lfe.into(), 1);
        // dialnorm, and nothing optional; twice for two channels apart.
        for _ in 0..if self.acmod == 0 { 2 } else { 1 } {
            bits.put(31, 5).put(0, 3);
        }
        // copyrightb, origbs, timecod1e, timecod2e, addbsie.
        bits.put(0, 5);
    }

    fn block(self, bits: &mut BitWriter, first: bool) {
        // blksw, dithflag, dynrnge.
        self.each(bits, 0, 2);
        bits.put(0, if self.acmod == 0 { 2 } else { 1 });
        // No coupling.
        bits.put(if first { 0b10 } else { 0 }, if first { 2 } else { 1 });
        if self.acmod == 2 {
            bits.put(if first { 0b1_0000 } else { 0 }, if first { 5 } else { 1 });
        }
        // Exponents of the coarsest kind, or those of before.
        self.each(bits, if first { 3 } else { 0 }, 2);
        bits.put(first.into(), self.lfe.into());
        if first {
            self.each(bits, 0, 6);
            self.exponents(bits);
            // Bit allocation.
            bits.put(1, 1).put(0, 11);
            // csnroffst; fsnroffst and fgaincod of each channel.
            bits.put(1, 1).put(0, 6);
            self.each(bits, 0, 7);
            bits.put(0, if self.lfe { 7 } else { 0 });
        } else {
            bits.put(0, 2);
        }
        // deltbaie, skiple.
        bits.put(0, 2);
    }

    /// bsi behind the syncword, and audfrm (E.1.2.2, E.1.2.3).
    fn enhanced_header(self, bits: &mut BitWriter) {
        // Independent, substream 0, six blocks.
        bits.put(0, 5).put(ENHANCED_LEN as u32 / 2 - 1, 11).put(self.fscod.into(), 2).put(3, 2);
        bits.put(self.acmod.into(), 3).put(self.lfe.into(), 1).put(self.bsid.into(), 5);
        for _ in 0..if self.acmod == 0 { 2 } else { 1 } {
            bits.put(31, 5).put(0, 1);
        }
        // mixmdate, infomdate, addbsie.
        bits.put(0, 3);
        // expstre; ahte; snroffststr, two bits; transproce; blkswe; dithflage; bamode, frmfgaincode, dbaflde,
        // skipflde, spxattene.
        bits.put(1, 1).put(0, 1).put(0, 2).put(0, 1).put(0, 1).put(1, 1).put(0, 5);
        // No coupling in the first block, and the same in the others.
        if self.acmod > 1 {
            bits.put(0, 1).put(0, BLOCKS - 1);
        }
        for block in 0..BLOCKS {
            self.each(bits, if block == 0 { 3 } else { 0 }, 2);
        }
        if self.lfe {
            bits.put(1, 1).put(0, BLOCKS - 1);
        }
        // What a converter to AC-3 would do: the same.
        self.each(bits, 0, 5);
        // frmcsnroffst, frmfsnroffst, blkstrtinfoe.
        bits.put(0, 6).put(0, 4).put(0, 1);
    }

    fn enhanced_block(self, bits: &mut BitWriter, first: bool) {
        // dithflag, dynrnge.
        self.each(bits, 0, 1);
        bits.put(0, if self.acmod == 0 { 2 } else { 1 });
        // No spectral extension.
        bits.put(0, 1);
        if self.acmod == 2 {
            bits.put(0, if first { 4 } else { 1 });
        }
        if first {
            self.each(bits, 0, 6);
            self.exponents(bits);
        }
        // convsnroffste.
        bits.put(0, 1);
    }
}

/// The CRC that has to stand in front of these bytes so that over both it is 0.
fn crc_in_front(bytes: &[u8]) -> u16 {
    let back = |state: u16| if state & 1 == 1 { (state ^ 0x8005) >> 1 | 0x8000 } else { state >> 1 };
    let state =
        bytes.iter().rev().fold(0, |state, byte| (0..8).fold(state, |state, _| back(state)) ^ u16::from(*byte) << 8);
    (0..16).fold(state, |state, _| back(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crc_in_front_makes_it_0() {
        let bytes: Vec<u8> = (0..70).map(|byte| byte * 3).collect();
        let whole = [&crc_in_front(&bytes).to_be_bytes()[..], &bytes].concat();
        assert_eq!(crc16(&whole), 0);
    }

    #[test]
    fn silence_is_written_for_all_channels_with_right_crcs() {
        for (acmod, channels) in [(0, 2), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 4), (7, 5)] {
            for (lfe, enhanced) in [(false, false), (true, false), (false, true), (true, true)] {
                let bsid = if enhanced { 16 } else { 8 };
                let shape = Shape { enhanced, fscod: 0, bsid, bsmod: 0, acmod, lfe, size_code: 0, len: 128, channels };
                let frame = shape.silence().unwrap();
                assert_eq!((frame.len(), crc16(&frame[2..])), (128, 0));
                assert!(enhanced || crc16(&frame[2..80]) == 0);
            }
        }
    }
}
