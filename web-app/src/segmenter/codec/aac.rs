//! AAC: what a decoder has to know of it (ISO/IEC 14496-3, 1.6.2.1 AudioSpecificConfig, 4.4.1 GASpecificConfig,
//! 4.5.2.1 program_config_element), and silence.
//!
//! Where SBR and PS would be told of by the frames alone (implicit signalling, 1.6.5.3), they are announced here: without
//! that, Chromium gives what SBR adds away and plays PS in mono. Where there is none after all, that does no harm.

use super::aac_layout::{Layout, Ordinary};
use crate::segmenter::bits::{BitReader, BitWriter};

/// Sampling rates by index (table 1.18).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Audio object types: LC, SSR, SBR, PS.
const LC: u8 = 2;
const SSR: u8 = 3;
const SBR: u8 = 5;
const PS: u8 = 29;
/// Elements of a raw_data_block (4.4.2.1).
pub(super) const SCE: u32 = 0;
pub(super) const CPE: u32 = 1;
pub(super) const LFE: u32 = 3;
pub(super) const PCE: u32 = 5;
/// syncExtensionType (table 1.15): SBR, and PS behind it.
const SBR_FOLLOWS: u32 = 0x2B7;
const PS_FOLLOWS: u32 = 0x548;
/// Above this, samples a second, the core coder has no SBR on top.
const SBR_CORE_MAX: u32 = 24_000;

/// What a decoder has to know before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct AacConfig {
    /// 1 Main, 2 LC, 3 SSR, 4 LTP; 5 with SBR, 29 with PS too, where that is told or may be.
    pub(super) object_type: u8,
    /// Samples a second of the core coder.
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    pub(super) frame_samples: u32,
    /// The AudioSpecificConfig.
    specific: Vec<u8>,
    /// The elements of a frame, where silence can be written: an element's kind and tag.
    elements: Option<Vec<(u32, u32)>>,
    /// How its layout is told by a channel configuration; `None` where none says the same.
    ordinary: Option<Ordinary>,
    /// It is one of two mono sounds in a stream, and whether it is the second.
    of_two: Option<bool>,
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

impl AacConfig {
    /// What an ADTS header says, with the layout that stands in the frame where the header has channel
    /// configuration 0.
    pub(super) fn new(
        object_type: u8,
        rate_index: u8,
        channel_configuration: u8,
        layout: Option<&Layout>,
    ) -> Option<Self> {
        let sample_rate = rate(rate_index)?;
        let (elements, ordinary) = match layout {
            Some(layout) => (layout.elements(), layout.ordinary()),
            None => (elements(channel_configuration)?, Some(Ordinary::plain(channel_configuration))),
        };
        let configuration = ordinary.map_or(0, |ordinary| ordinary.configuration);
        let mut bits = BitWriter::default();
        bits.put(object_type.into(), 5).put(rate_index.into(), 4).put(configuration.into(), 4);
        // 1024 samples, no core coder, no extension.
        bits.put(0, 3);
        let told = announce(object_type, sample_rate, configuration, &mut bits);
        Some(Self::made(told, object_type, sample_rate, elements, ordinary, 1024, bits))
    }

    /// One of two mono sounds in a stream, by what an ADTS header says.
    pub(super) fn one_of_two(object_type: u8, rate_index: u8, second: bool) -> Option<Self> {
        Some(Self { of_two: Some(second), ..Self::new(object_type, rate_index, 1, None)? })
    }

    /// Whether it is one of two mono sounds in a stream, and then whether it is the second.
    pub(in crate::segmenter) const fn of_two(&self) -> Option<bool> {
        self.of_two
    }

    fn made(
        told: u8,
        core: u8,
        sample_rate: u32,
        mut elements: Vec<(u32, u32)>,
        ordinary: Option<Ordinary>,
        frame_samples: u32,
        specific: BitWriter,
    ) -> Self {
        if ordinary.is_some_and(|ordinary| ordinary.silent_centre) {
            elements.insert(0, (SCE, 0));
        }
        let channels = channels(&elements);
        Self {
            object_type: told,
            sample_rate,
            // PS makes two of one.
            channels: if told == PS { channels.max(2) } else { channels },
            frame_samples,
            specific: specific.finish(),
            elements: (core == LC).then_some(elements),
            ordinary: ordinary.filter(|_| core != SSR),
            of_two: None,
        }
    }

    /// Reads an AudioSpecificConfig and leaves `from` behind it. `length` in bits, where that is known: only then
    /// there can be an extension behind it that says SBR or PS.
    pub(super) fn parse(from: &mut BitReader<'_>, length: Option<usize>) -> Option<Self> {
        let (origin, mut whole) = (from.position(), from.clone());
        let mut object_type = object_type_of(from)?;
        let sample_rate = rate_of(from)?;
        let configured = from.position() - origin;
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
        let described = from.position() - origin;
        let (elements, ordinary) = if channel_configuration == 0 {
            let layout = Layout::read(from, origin)?;
            (layout.elements(), layout.ordinary())
        } else {
            (elements(channel_configuration)?, Some(Ordinary::plain(channel_configuration)))
        };
        let laid_out = from.position() - origin;
        if extension {
            from.bits(1)?;
        }
        let end = from.position() - origin;
        let left = |from: &BitReader<'_>| length.map_or(0, |length| (origin + length).saturating_sub(from.position()));
        let mut explicit = told != object_type;
        if !explicit && left(from) >= 16 {
            let mut ahead = from.clone();
            if ahead.bits(11)? == SBR_FOLLOWS && object_type_of(&mut ahead)? == SBR {
                explicit = true;
                if ahead.bit()? {
                    told = SBR;
                    rate_of(&mut ahead)?;
                    if left(&ahead) >= 12 && ahead.bits(11)? == PS_FOLLOWS && ahead.bit()? {
                        told = PS;
                    }
                }
            }
        }
        // As it stands there, but for the layout.
        let configuration = ordinary.map_or(0, |ordinary| ordinary.configuration);
        let length = length.unwrap_or(end);
        let mut specific = BitWriter::default();
        specific.copy(&mut whole, configured)?;
        specific.put(configuration.into(), 4);
        whole.skip(4);
        specific.copy(&mut whole, described - configured - 4)?;
        whole.skip(laid_out - described);
        if explicit {
            specific.copy(&mut whole, length.saturating_sub(laid_out))?;
        } else {
            specific.copy(&mut whole, end - laid_out)?;
            told = announce(object_type, sample_rate, configuration, &mut specific);
            whole.skip(length.saturating_sub(end));
        }
        *from = whole;
        Some(Self::made(told, object_type, sample_rate, elements, ordinary, frame_samples, specific))
    }

    /// RFC 6381 codec string. Main and LTP go as LC, which browsers take them as, while they do not know their names.
    pub(in crate::segmenter) fn codec(&self) -> String {
        let object_type = if matches!(self.object_type, 1 | 4) { LC } else { self.object_type };
        format!("mp4a.40.{object_type}")
    }

    /// Whether browsers play it: none takes a channel layout in words, or SSR.
    pub(in crate::segmenter) const fn plays(&self) -> bool {
        self.ordinary.is_some()
    }

    /// What stands before each raw_data_block: the silent centre of a layout that has none.
    pub(super) const fn prefix(&self) -> &'static [u8] {
        match self.ordinary {
            Some(Ordinary { silent_centre: true, .. }) => &SILENT_CENTRE,
            _ => &[],
        }
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

/// A silent single_channel_element and, so that it ends with a byte, five empty fill_elements (4.4.2.7).
const SILENT_CENTRE: [u8; 8] = [0x00, 0x00, 0x00, 0x06, 0x0C, 0x18, 0x30, 0x60];

/// Announces SBR, and PS where there is one channel, behind a configuration of LC that may have them, in the form that
/// is compatible with decoders that know neither (1.6.2.1, 1.6.5.2); gives the object type that this is then.
fn announce(object_type: u8, sample_rate: u32, channel_configuration: u8, bits: &mut BitWriter) -> u8 {
    let doubled = RATES.iter().position(|rate| *rate == sample_rate * 2);
    let Some(doubled) = doubled.filter(|_| object_type == LC && sample_rate <= SBR_CORE_MAX) else {
        return object_type;
    };
    bits.put(SBR_FOLLOWS, 11).put(SBR.into(), 5).put(1, 1).put(doubled as u32, 4);
    if channel_configuration != 1 {
        return SBR;
    }
    bits.put(PS_FOLLOWS, 11).put(1, 1);
    PS
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

    #[test]
    fn sbr_and_ps_are_announced_where_there_may_be_some() {
        let adts = |rate_index, channels| AacConfig::new(2, rate_index, channels, None).unwrap();
        let told = |config: &AacConfig| (config.codec(), config.channels);
        let parse = |bytes: &[u8]| AacConfig::parse(&mut BitReader::new(bytes), Some(bytes.len() * 8)).unwrap();
        for (rate_index, channels, codec, heard) in [
            (6, 1, "mp4a.40.29", 2),
            (11, 1, "mp4a.40.29", 2),
            (7, 2, "mp4a.40.5", 2),
            (6, 6, "mp4a.40.5", 6),
            (5, 1, "mp4a.40.2", 1),
        ] {
            let config = adts(rate_index, channels);
            assert_eq!(told(&config), (codec.into(), heard));
            // What is written reads the same, and nothing is added to it.
            let read = parse(config.audio_specific_config());
            assert_eq!(read, config);
        }
        // That there is none is believed: LC, 24 kHz mono, 0x2B7, SBR, not present.
        let mut bits = BitWriter::default();
        bits.put(2, 5).put(6, 4).put(1, 4).put(0, 3).put(0x2B7, 11).put(5, 5).put(0, 1);
        assert_eq!(told(&parse(&bits.finish())), ("mp4a.40.2".into(), 1));
        // Main and LTP have none, and go by a name that browsers know.
        for object_type in [1, 4] {
            let config = AacConfig::new(object_type, 6, 1, None).unwrap();
            assert_eq!((told(&config), config.audio_specific_config()[0] >> 3), (("mp4a.40.2".into(), 1), object_type));
        }
        assert!(!AacConfig::new(3, 3, 2, None).unwrap().plays());
    }

    proptest! {
        #[test]
        fn any_configuration_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), known: bool) {
            let length = known.then_some(bytes.len() * 8);
            if let Some(config) = AacConfig::parse(&mut BitReader::new(&bytes), length) {
                // What announces SBR and PS may be added.
                prop_assert!(config.specific.len() <= bytes.len() + 5);
                prop_assert!(config.sample_rate > 0);
            }
        }
    }
}
