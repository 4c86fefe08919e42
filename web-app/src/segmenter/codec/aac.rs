//! AAC: what a decoder has to know of it (ISO/IEC 14496-3, 1.6.2.1 AudioSpecificConfig, 4.4.1 GASpecificConfig,
//! 4.5.2.1 program_config_element), and silence.
//!
//! SBR and PS that only the frames tell of stay untold: decoders find them by themselves.

use crate::segmenter::bits::{BitReader, BitWriter};

/// Sampling rates by index (table 1.18).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Audio object types: LC, SBR, PS.
const LC: u8 = 2;
const SBR: u8 = 5;
const PS: u8 = 29;
/// Elements of a raw_data_block (4.4.2.1).
const SCE: u32 = 0;
const CPE: u32 = 1;
const LFE: u32 = 3;
pub(super) const PCE: u32 = 5;

/// What a decoder has to know before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct AacConfig {
    /// 1 Main, 2 LC, 3 SSR, 4 LTP; 5 with SBR, 29 with PS too, where that is told.
    pub(super) object_type: u8,
    /// Samples a second of the core coder.
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    pub(super) frame_samples: u32,
    /// The AudioSpecificConfig.
    specific: Vec<u8>,
    /// The elements of a frame, where silence can be written: an element's kind and tag.
    elements: Option<Vec<(u32, u32)>>,
}

/// The elements of a frame by channel configuration (table 1.19).
fn elements(channel_configuration: u8) -> Option<Vec<(u32, u32)>> {
    let elements: &[(u32, u32)] = match channel_configuration {
        1 => &[(SCE, 0)],
        2 => &[(CPE, 0)],
        3 => &[(SCE, 0), (CPE, 0)],
        4 => &[(SCE, 0), (CPE, 0), (SCE, 1)],
        5 => &[(SCE, 0), (CPE, 0), (CPE, 1)],
        6 => &[(SCE, 0), (CPE, 0), (CPE, 1), (LFE, 0)],
        7 => &[(SCE, 0), (CPE, 0), (CPE, 1), (CPE, 2), (LFE, 0)],
        _ => return None,
    };
    Some(elements.to_vec())
}

fn channels(elements: &[(u32, u32)]) -> u16 {
    elements.iter().map(|(kind, _)| if *kind == CPE { 2 } else { 1 }).sum()
}

/// The sampling rate of an index.
pub(super) fn rate(index: u8) -> Option<u32> {
    RATES.get(usize::from(index)).copied()
}

/// A program_config_element: the channels in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    elements: Vec<(u32, u32)>,
    /// The channel configuration that says the same.
    plain: Option<u8>,
}

impl Layout {
    /// Reads one from behind its element's kind, and writes it so that it is aligned as `to` is.
    pub(super) fn copy(from: &mut BitReader<'_>, origin: usize, to: &mut BitWriter) -> Option<Self> {
        let mut take = |count: u32| {
            let value = from.bits(count)?;
            to.put(value, count);
            Some(value)
        };
        // Tag, object type, sampling rate.
        take(10)?;
        let counts = [take(4)?, take(4)?, take(4)?, take(2)?, take(3)?, take(4)?];
        let [front, side, back, lfe, associated, coupling] = counts;
        for bits in [4, 4, 3] {
            if take(1)? == 1 {
                take(bits)?;
            }
        }
        let mut elements = Vec::new();
        for _ in 0..front + side + back {
            elements.push((take(1)?, take(4)?));
        }
        for _ in 0..lfe {
            elements.push((LFE, take(4)?));
        }
        take(4 * associated)?;
        for _ in 0..coupling {
            take(5)?;
        }
        let past = (from.position() - origin) % 8;
        from.bits((8 - past as u32) % 8)?;
        to.align_with_zeros();
        let comment = from.bits(8)?;
        to.put(comment, 8);
        to.copy(from, comment as usize * 8)?;
        let plain = match (counts, &elements[..]) {
            ([1, 0, 0, 0, ..], [(SCE, _)]) => Some(1),
            ([1, 0, 0, 0, ..], [(CPE, _)]) => Some(2),
            ([2, 0, 0, 0, ..], [(SCE, _), (CPE, _)]) => Some(3),
            ([2, 0, 1, 0, ..], [(SCE, _), (CPE, _), (SCE, _)]) => Some(4),
            ([2, 0, 1, 0, ..] | [2, 1, 0, 0, ..], [(SCE, _), (CPE, _), (CPE, _)]) => Some(5),
            ([2, 0, 1, 1, ..] | [2, 1, 0, 1, ..], [(SCE, _), (CPE, _), (CPE, _), (LFE, _)]) => Some(6),
            _ => None,
        };
        Some(Self { elements, plain: plain.filter(|_| associated + coupling == 0) })
    }

    /// The channel configuration that says the same, where there is one.
    pub(super) const fn plain(&self) -> Option<u8> {
        self.plain
    }
}

impl AacConfig {
    /// What an ADTS header says, with the layout that stands in the frame where the header has channel
    /// configuration 0.
    pub(super) fn new(
        object_type: u8,
        rate_index: u8,
        channel_configuration: u8,
        layout: Option<(&Layout, &[u8])>,
    ) -> Option<Self> {
        let sample_rate = rate(rate_index)?;
        let mut bits = BitWriter::default();
        bits.put(object_type.into(), 5).put(rate_index.into(), 4).put(channel_configuration.into(), 4);
        // 1024 samples, no core coder, no extension.
        bits.put(0, 3);
        let elements = match layout {
            Some((layout, written)) => {
                bits.bytes(written);
                layout.elements.clone()
            }
            None => elements(channel_configuration)?,
        };
        Some(Self {
            object_type,
            sample_rate,
            channels: channels(&elements),
            frame_samples: 1024,
            specific: bits.finish(),
            elements: (object_type == LC).then_some(elements),
        })
    }

    /// Reads an AudioSpecificConfig and leaves `from` behind it. `length` in bits, where that is known: only then
    /// there can be an extension behind it that says SBR or PS.
    pub(super) fn parse(from: &mut BitReader<'_>, length: Option<usize>) -> Option<Self> {
        let (origin, mut whole) = (from.position(), from.clone());
        let mut object_type = object_type_of(from)?;
        let sample_rate = rate_of(from)?;
        let channel_configuration = from.bits(4)? as u8;
        let mut told = object_type;
        if matches!(object_type, SBR | PS) {
            rate_of(from)?;
            object_type = object_type_of(from)?;
        }
        if !matches!(object_type, 1..=4) {
            return None;
        }
        let frame_samples = if from.bit()? { 960 } else { 1024 };
        if from.bit()? {
            from.bits(14)?;
        }
        let extension = from.bit()?;
        let elements = if channel_configuration == 0 {
            Layout::copy(from, origin, &mut BitWriter::default())?.elements
        } else {
            elements(channel_configuration)?
        };
        if extension {
            from.bits(1)?;
        }
        let left = |from: &BitReader<'_>| length.map_or(0, |length| (origin + length).saturating_sub(from.position()));
        if told == object_type && left(from) >= 16 {
            let mut ahead = from.clone();
            if ahead.bits(11)? == 0x2B7 && object_type_of(&mut ahead)? == SBR && ahead.bit()? {
                told = SBR;
                rate_of(&mut ahead)?;
                if left(&ahead) >= 12 && ahead.bits(11)? == 0x548 && ahead.bit()? {
                    told = PS;
                }
            }
        }
        let length = length.unwrap_or(from.position() - origin);
        let mut specific = BitWriter::default();
        specific.copy(&mut whole, length)?;
        *from = whole;
        let core = channels(&elements);
        Some(Self {
            object_type: told,
            sample_rate,
            // PS makes two of one.
            channels: if told == PS { core.max(2) } else { core },
            frame_samples,
            specific: specific.finish(),
            elements: (object_type == LC).then_some(elements),
        })
    }

    /// RFC 6381 codec string. HE-AAC that is signalled implicitly is AAC LC here, as its configuration says.
    pub(in crate::segmenter) fn codec(&self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }

    /// Samples of a frame.
    pub(in crate::segmenter) const fn frame_samples(&self) -> u32 {
        self.frame_samples
    }

    /// The AudioSpecificConfig.
    pub(in crate::segmenter) fn audio_specific_config(&self) -> &[u8] {
        &self.specific
    }

    /// A frame of silence, written from the syntax of `raw_data_block` (4.4.2.1) with no scale factor bands; `None` for
    /// what is not AAC LC.
    pub(in crate::segmenter) fn silence(&self) -> Option<Vec<u8>> {
        let mut bits = BitWriter::default();
        for &(element, tag) in self.elements.as_ref()? {
            bits.put(element, 3).put(tag, 4);
            // ics_info: reserved, only-long window, sine shape, max_sfb 0, no prediction.
            if element == CPE {
                // common_window, ics_info, ms_mask_present.
                bits.put(1, 1).put(0, 11).put(0, 2);
                // Twice global_gain; no pulse, TNS or gain control.
                bits.put(0, 8).put(0, 3).put(0, 8).put(0, 3);
            } else {
                bits.put(0, 8).put(0, 11).put(0, 3);
            }
        }
        bits.put(7, 3);
        Some(bits.finish())
    }
}

fn object_type_of(bits: &mut BitReader<'_>) -> Option<u8> {
    match bits.bits(5)? as u8 {
        31 => Some(32 + bits.bits(6)? as u8),
        object_type => Some(object_type),
    }
}

fn rate_of(bits: &mut BitReader<'_>) -> Option<u32> {
    match bits.bits(4)? as u8 {
        15 => bits.bits(24).filter(|rate| (1_000..=192_000).contains(rate)),
        index => rate(index),
    }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn silence_is_four_bytes_for_one_channel_and_six_for_two() {
        let silence = |configuration| AacConfig::new(2, 3, configuration, None).unwrap().silence().unwrap();
        assert_eq!(silence(1), [0x00, 0x00, 0x00, 0x07]);
        assert_eq!(silence(2).len(), 6);
        assert_eq!(AacConfig::new(1, 3, 2, None).unwrap().silence(), None);
    }

    #[test]
    fn both_forms_of_explicit_signalling_are_read() {
        let parse = |bytes: &[u8]| AacConfig::parse(&mut BitReader::new(bytes), Some(bytes.len() * 8)).unwrap();
        // LC 48 kHz stereo.
        let lc = parse(&[0x11, 0x90]);
        assert_eq!((lc.codec(), lc.sample_rate, lc.channels), ("mp4a.40.2".into(), 48_000, 2));
        // SBR, 24 to 48 kHz, then LC: hierarchical.
        let hierarchical = parse(&[0x2B, 0x11, 0x88, 0x00]);
        assert_eq!((hierarchical.codec(), hierarchical.sample_rate), ("mp4a.40.5".into(), 24_000));
        // LC 24 kHz, then 0x2B7, SBR to 48 kHz, 0x548, PS: backward compatible.
        let mut bits = BitWriter::default();
        bits.put(2, 5)
            .put(6, 4)
            .put(1, 4)
            .put(0, 3)
            .put(0x2B7, 11)
            .put(5, 5)
            .put(1, 1)
            .put(3, 4)
            .put(0x548, 11)
            .put(1, 1);
        let compatible = parse(&bits.finish());
        assert_eq!((compatible.codec(), compatible.channels), ("mp4a.40.29".into(), 2));
    }

    proptest! {
        #[test]
        fn any_configuration_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), known: bool) {
            let length = known.then_some(bytes.len() * 8);
            if let Some(config) = AacConfig::parse(&mut BitReader::new(&bytes), length) {
                prop_assert!(config.specific.len() <= bytes.len());
                prop_assert!(config.sample_rate > 0);
            }
        }
    }
}
