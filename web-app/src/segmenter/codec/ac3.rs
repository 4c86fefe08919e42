//! AC-3 and Enhanced AC-3 (ETSI TS 102 366, 4.3–4.4 and E.1.2; sample entries F.2–F.6). Which of them it is, the frames
//! say and not the table.
//!
//! In: syncframes. Out: access units of 1536 samples: a syncframe of AC-3, or all syncframes of Enhanced AC-3 that sound
//! together, with their dependent substreams. Dropped: frames whose CRC disagrees, unless none ever agrees.

use super::ac3_silence::Shape;
use super::flac::crc16;
use super::framer::{AccessUnit, FRAME_MAX, Framer, Look};
use crate::segmenter::audio::config::{AudioConfig, Form};
use crate::segmenter::bits::{BitReader, BitWriter};
use crate::segmenter::output::FaultReason;

/// Samples of an access unit.
pub(in crate::segmenter) const SAMPLES: u32 = 1536;
/// Bytes that tell what is needed to find the next frame.
const HEADER: usize = 8;
/// kbit/s by half of frmsizecod.
const BITRATES: [u16; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
const RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Channels by acmod, without the LFE.
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Where CRCs of so many frames in a row disagree and none agreed before, they mean nothing.
const DISTRUST: u32 = 8;

/// What a decoder has to know (F.4, F.6): the body of `dac3` or `dec3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Ac3Config {
    pub(in crate::segmenter) enhanced: bool,
    pub(in crate::segmenter) specific: Vec<u8>,
    /// A frame in which nothing is heard.
    pub(in crate::segmenter) silence: Option<Vec<u8>>,
}

/// A syncframe's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    len: usize,
    enhanced: bool,
    sample_rate: u32,
    fscod: u8,
    bsid: u8,
    acmod: u8,
    lfe: bool,
    /// AC-3: bit stream mode, and frmsizecod.
    bsmod: u8,
    size_code: u8,
    /// Enhanced AC-3: 0 independent, 1 dependent, 2 independent and made of AC-3.
    kind: u8,
    substream: u8,
    /// Audio blocks of 256 samples.
    blocks: u32,
}

impl Header {
    /// Whether another access unit can begin with it.
    const fn first(&self) -> bool {
        self.kind != 1 && self.substream == 0
    }

    /// What frames in a row have in common.
    fn key(&self) -> u32 {
        let lfe = u8::from(self.lfe);
        u32::from_be_bytes([3 + u8::from(self.enhanced), self.fscod << 4 | self.bsid & 7, self.acmod << 1 | lfe, 0])
            | self.sample_rate.is_multiple_of(11_025) as u32
    }

    fn parse(bytes: &[u8; HEADER]) -> Option<Self> {
        if bytes[..2] != [0x0B, 0x77] {
            return None;
        }
        let bsid = bytes[5] >> 3;
        match bsid {
            0..=10 => Self::plain(bytes, bsid),
            11..=16 => Self::enhanced(bytes, bsid),
            _ => None,
        }
    }

    /// AC-3; with bsid 9 and 10 of half and a quarter of the rate.
    fn plain(bytes: &[u8; HEADER], bsid: u8) -> Option<Self> {
        let (fscod, frmsizecod) = (bytes[4] >> 6, bytes[4] & 0x3F);
        let rate = *RATES.get(usize::from(fscod))?;
        let kbits = usize::from(*BITRATES.get(usize::from(frmsizecod >> 1))?);
        let words = match fscod {
            0 => kbits * 2,
            1 => kbits * 320 / 147 + usize::from(frmsizecod & 1),
            _ => kbits * 3,
        };
        let mut bits = BitReader::new(bytes.get(6..)?);
        let acmod = bits.bits(3)? as u8;
        // Mix levels of centre, of surround, or the surround mode.
        let mix = u32::from(acmod & 1 == 1 && acmod != 1) + u32::from(acmod & 4 != 0) + u32::from(acmod == 2);
        bits.bits(2 * mix)?;
        Some(Self {
            len: words * 2,
            enhanced: false,
            sample_rate: rate >> bsid.saturating_sub(8),
            fscod,
            bsid,
            acmod,
            lfe: bits.bit()?,
            bsmod: bytes[5] & 7,
            size_code: frmsizecod,
            kind: 0,
            substream: 0,
            blocks: 6,
        })
    }

    fn enhanced(bytes: &[u8; HEADER], bsid: u8) -> Option<Self> {
        let [_, _, third, fourth, fifth, ..] = *bytes;
        let kind = third >> 6;
        let (fscod, second) = (fifth >> 6, fifth >> 4 & 3);
        let (sample_rate, blocks) = match fscod {
            3 => (*RATES.get(usize::from(second))? / 2, 6),
            _ => (*RATES.get(usize::from(fscod))?, [1, 2, 3, 6][usize::from(second)]),
        };
        let len = ((usize::from(third & 7) << 8 | usize::from(fourth)) + 1) * 2;
        (kind != 3 && len >= HEADER).then_some(Self {
            len,
            enhanced: true,
            sample_rate,
            fscod,
            bsid,
            acmod: fifth >> 1 & 7,
            lfe: fifth & 1 == 1,
            bsmod: 0,
            size_code: 0,
            kind,
            substream: third >> 3 & 7,
            blocks,
        })
    }

    const fn shape(&self) -> Shape {
        let Self { enhanced, fscod, bsid, bsmod, acmod, lfe, size_code, len, .. } = *self;
        let channels = CHANNELS[(acmod & 7) as usize];
        Shape { enhanced, fscod, bsid, bsmod, acmod, lfe, size_code, len, channels }
    }

    fn channels(&self) -> u16 {
        CHANNELS[usize::from(self.acmod & 7)] + u16::from(self.lfe)
    }
}

/// Reads AC-3 and Enhanced AC-3.
#[derive(Debug, Default)]
pub(super) struct Ac3 {
    /// How many syncframes an access unit has, once one was followed by another.
    usual: Option<usize>,
    /// What the configuration was made of, and it.
    made_of: Vec<Header>,
    config: Option<AudioConfig>,
    /// Whether a CRC ever agreed, and how many in a row did not.
    crc_agreed: bool,
    disagreed: u32,
}

impl Ac3 {
    /// The access unit that begins with these bytes.
    fn unit(&self, bytes: &[u8]) -> Look {
        let header = |at: usize| match bytes.get(at..).and_then(|rest| rest.first_chunk::<HEADER>()) {
            Some(bytes) => Ok(Header::parse(bytes)),
            None => Err(Look::Short),
        };
        let first = match header(0) {
            Ok(Some(first)) if first.first() => first,
            Ok(_) => return Look::Nothing,
            Err(look) => return look,
        };
        let key = first.key();
        let (mut len, mut blocks, mut count) = (first.len, first.blocks, 1);
        if !first.enhanced {
            return Look::Frame { len, key };
        }
        loop {
            if blocks >= 6 && self.usual == Some(count) {
                return Look::Frame { len, key };
            }
            match header(len) {
                Ok(Some(next)) if next.enhanced && !(next.first() && blocks >= 6) => {
                    blocks += if next.first() { next.blocks } else { 0 };
                    len += next.len;
                    count += 1;
                    if len > FRAME_MAX {
                        return Look::Nothing;
                    }
                }
                // Another one begins here, or what follows is damaged.
                Ok(_) if blocks >= 6 => return Look::Frame { len, key },
                Ok(_) => return Look::Nothing,
                Err(look) => return look,
            }
        }
    }

    /// Judges a syncframe by its CRC: all of it behind the syncword. (What the first of AC-3's two covers leaves
    /// nothing for the second.)
    fn right(&mut self, frame: &[u8]) -> bool {
        if crc16(frame.get(2..).unwrap_or_default()) == 0 {
            self.crc_agreed = true;
            self.disagreed = 0;
            return true;
        }
        self.disagreed = self.disagreed.saturating_add(1);
        !self.crc_agreed && self.disagreed > DISTRUST
    }

    fn configure(&mut self, frames: &[Header], dependent: &[u16]) {
        let same =
            |a: &Header, b: &Header| Header { len: 0, size_code: 0, ..*a } == Header { len: 0, size_code: 0, ..*b };
        if self.made_of.len() == frames.len() && self.made_of.iter().zip(frames).all(|(a, b)| same(a, b)) {
            return;
        }
        let Some(first) = frames.first() else { return };
        let (specific, channels) =
            if first.enhanced { dec3(frames, dependent) } else { (dac3(first), first.channels()) };
        let silence = first.shape().silence().filter(|_| frames.iter().all(Header::first));
        let form = Form::Ac3(Ac3Config { enhanced: first.enhanced, specific, silence });
        self.config = Some(AudioConfig { sample_rate: first.sample_rate, channels, form });
        self.made_of = frames.to_vec();
    }
}

impl Framer for Ac3 {
    fn sync(&self) -> u8 {
        0x0B
    }

    fn look(&self, bytes: &[u8]) -> Look {
        self.unit(bytes)
    }

    fn take(&mut self, unit: &[u8], give: &mut dyn FnMut(AccessUnit<'_>)) -> Result<(), FaultReason> {
        let (mut frames, mut maps) = (Vec::new(), Vec::new());
        let (mut rest, mut right) = (unit, true);
        while let Some(header) = rest.first_chunk().and_then(Header::parse) {
            let (frame, after) = rest.split_at_checked(header.len).ok_or(FaultReason::DamagedAudio)?;
            right &= self.right(frame);
            // The dependent substreams of the first period tell for all.
            if header.kind == 1 {
                maps.push(channel_map(frame).unwrap_or(0));
            }
            frames.push(header);
            rest = after;
        }
        self.usual = Some(frames.len());
        if !right {
            return Err(FaultReason::DamagedAudio);
        }
        self.configure(&frames, &maps);
        let Some(config) = &self.config else { return Err(FaultReason::DamagedAudio) };
        give(AccessUnit { config, samples: SAMPLES, data: unit });
        Ok(())
    }

    fn misled(&mut self) {
        // What follows may be of another kind.
        self.usual = None;
    }
}

/// The channel map of a dependent substream (E.1.3.1.8); `None` where it has none of its own.
fn channel_map(frame: &[u8]) -> Option<u16> {
    let mut bits = BitReader::new(frame);
    // Up to acmod; LFE, bsid and dialnorm.
    bits.bits(32)?;
    bits.bits(4)?;
    let acmod = bits.bits(3)?;
    bits.bits(1 + 5 + 5)?;
    for _ in 0..if acmod == 0 { 2 } else { 1 } {
        if bits.bit()? {
            bits.bits(8)?;
        }
        if acmod == 0 {
            bits.bits(5)?;
        }
    }
    bits.bit()?.then(|| bits.bits(16)).flatten().map(|map| map as u16)
}

/// AC3SpecificBox (F.4).
fn dac3(header: &Header) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.put(header.fscod.into(), 2).put(header.bsid.into(), 5).put(header.bsmod.into(), 3);
    bits.put(header.acmod.into(), 3).put(header.lfe.into(), 1).put((header.size_code >> 1).into(), 5).put(0, 5);
    bits.finish()
}

/// EC3SpecificBox (F.6), and how many channels the first independent substream and what depends on it have.
fn dec3(frames: &[Header], maps: &[u16]) -> (Vec<u8>, u16) {
    // Those that sound with the first: up to where substream 0 comes again.
    let again = frames.iter().skip(1).position(Header::first).map_or(frames.len(), |at| at + 1);
    let period = frames.get(..again).unwrap_or_default();
    let bytes: usize = frames.iter().map(|frame| frame.len).sum();
    let rate =
        period.first().map_or(0, |first| bytes as u64 * 8 * u64::from(first.sample_rate) / u64::from(SAMPLES) / 1000);
    let independent = period.iter().filter(|frame| frame.kind != 1).count().max(1);
    let mut bits = BitWriter::default();
    bits.put(rate.min(0x1FFF) as u32, 13).put(independent as u32 - 1, 3);
    let mut channels = 0;
    let mut maps = maps.iter();
    for (index, frame) in period.iter().enumerate().filter(|(_, frame)| frame.kind != 1) {
        let depending = period.get(index + 1..).unwrap_or_default().iter().take_while(|frame| frame.kind == 1).count();
        bits.put(frame.fscod.into(), 2).put(frame.bsid.into(), 5).put(0, 2).put(0, 3);
        bits.put(frame.acmod.into(), 3).put(frame.lfe.into(), 1).put(0, 3).put(depending as u32, 4);
        // From Lc/Rc on; the two LFE come last in the map.
        let map = maps.by_ref().take(depending).fold(0, |all, map| all | *map);
        let more: u32 = (0..9).filter(|place| map >> location_bit(*place) & 1 == 1).map(|place| 1 << place).sum();
        if depending > 0 {
            bits.put(more, 9);
        } else {
            bits.put(0, 1);
        }
        if index == 0 {
            let pairs = [0, 1, 4, 5, 6].iter().filter(|place| more >> **place & 1 == 1).count() as u16;
            channels = frame.channels() + more.count_ones() as u16 + pairs;
        }
    }
    (bits.finish(), channels)
}

/// Where a location of `chan_loc` (table F.6.1) stands in a channel map, from its lowest bit.
const fn location_bit(location: u32) -> u32 {
    if location == 8 { 1 } else { 10 - location }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame of Enhanced AC-3 with a right CRC.
    fn frame(kind: u8, substream: u8, blocks_code: u8, len: usize) -> Vec<u8> {
        let words = len / 2 - 1;
        let mut bytes = vec![0x0B, 0x77, kind << 6 | substream << 3 | (words >> 8) as u8, words as u8];
        bytes.extend([blocks_code << 4 | 2 << 1, 16 << 3]);
        bytes.resize(len - 2, 0);
        bytes.extend(crc16(&bytes[2..]).to_be_bytes());
        bytes
    }

    #[test]
    fn headers_tell_rate_and_length() {
        // 48 kHz, 192 kbit/s, stereo; 44.1 kHz, the longer of two lengths, 5.1.
        let header = Header::parse(&[0x0B, 0x77, 0, 0, 0x14, 0x40, 0x40, 0]).unwrap();
        assert_eq!((header.len, header.sample_rate, header.channels()), (768, 48_000, 2));
        let header = Header::parse(&[0x0B, 0x77, 0, 0, 0x55, 0x40, 0xE1, 0]).unwrap();
        assert_eq!((header.len, header.sample_rate, header.channels()), (836, 44_100, 6));
        assert_eq!(dac3(&header).len(), 3);
    }

    #[test]
    fn syncframes_that_sound_together_are_one_unit() {
        let mut ac3 = Ac3::default();
        // Three blocks, twice, each with a dependent substream.
        let unit = [frame(0, 0, 2, 100), frame(1, 0, 2, 60), frame(0, 0, 2, 100), frame(1, 0, 2, 60)].concat();
        assert_eq!(ac3.look(&unit), Look::Short);
        let Look::Frame { len, .. } = ac3.look(&[&unit[..], &unit].concat()) else { panic!() };
        assert_eq!(len, unit.len());
        let mut given = 0;
        ac3.take(&unit, &mut |unit| given += unit.samples).unwrap();
        assert_eq!(given, 1536);
        // From now on nobody has to wait for what follows.
        assert_eq!(ac3.look(&unit), Look::Frame { len, key: ac3.made_of[0].key() });
    }

    #[test]
    fn a_wrong_crc_is_told_where_others_were_right() {
        let mut ac3 = Ac3::default();
        let (right, mut wrong) = (frame(0, 0, 3, 100), frame(0, 0, 3, 100));
        wrong[50] ^= 1;
        assert_eq!(ac3.take(&right, &mut |_| ()), Ok(()));
        for _ in 0..20 {
            assert_eq!(ac3.take(&wrong, &mut |_| ()), Err(FaultReason::DamagedAudio));
        }
        let mut distrusting = Ac3::default();
        let taken = (0..20).filter(|_| distrusting.take(&wrong, &mut |_| ()).is_ok()).count();
        assert_eq!(taken, 12);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(
            kinds in proptest::collection::vec((0..4u8, 0..2u8, 0..4u8, 4..40usize), 1..8),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ) {
            let mut bytes: Vec<u8> = kinds.iter().flat_map(|(a, b, c, len)| frame(*a, *b, *c, len * 2)).collect();
            for (index, value) in damage {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
            let mut ac3 = Ac3::default();
            let _ = ac3.take(&bytes, &mut |_| ());
            for at in 0..bytes.len() {
                if let Look::Frame { len, .. } = ac3.look(&bytes[at..]) {
                    prop_assert!((2..=FRAME_MAX).contains(&len));
                    if let Some(unit) = bytes.get(at..at + len) {
                        let _ = ac3.take(unit, &mut |given| assert_eq!(given.data.len(), len));
                    }
                }
            }
        }
    }
}
