//! AAC in ADTS (ISO/IEC 14496-3, 1.A.2.2) and its AudioSpecificConfig (1.6.2.1).

use super::framer::{AccessUnit, Framer, Look};
use crate::segmenter::audio_config::{AudioConfig, Form};
use crate::segmenter::bits::BitWriter;
use crate::segmenter::output::FaultReason;

/// Samples of an AAC frame.
const FRAME_SAMPLES: u32 = 1024;
/// Shortest ADTS header.
const HEADER_MIN: usize = 7;
/// Sampling rates by index (table 1.18).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What the decoder has to know before the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct AacConfig {
    /// 1 Main, 2 LC, 3 SSR, 4 LTP.
    pub(in crate::segmenter) object_type: u8,
    rate_index: u8,
    channel_configuration: u8,
}

impl AacConfig {
    /// Samples a second of the core coder.
    pub(in crate::segmenter) fn sample_rate(self) -> u32 {
        RATES[usize::from(self.rate_index).min(RATES.len() - 1)]
    }

    /// Samples of a frame.
    pub(in crate::segmenter) const fn frame_samples(self) -> u32 {
        FRAME_SAMPLES
    }

    pub(in crate::segmenter) fn channels(self) -> u16 {
        if self.channel_configuration == 7 { 8 } else { self.channel_configuration.into() }
    }

    /// What frames in a row have in common.
    fn key(self) -> u32 {
        u32::from_be_bytes([0, self.object_type, self.rate_index, self.channel_configuration])
    }

    /// RFC 6381 codec string. HE-AAC that is signalled implicitly is AAC LC here, as its configuration says.
    pub(in crate::segmenter) fn codec(self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }

    /// The AudioSpecificConfig with a GASpecificConfig of 1024 samples a frame.
    pub(in crate::segmenter) fn audio_specific_config(self) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.put(self.object_type.into(), 5).put(self.rate_index.into(), 4).put(self.channel_configuration.into(), 4);
        bits.put(0, 3);
        bits.finish()
    }

    /// A frame of silence, written from the syntax of `raw_data_block` (4.4.2.1) with no scale factor bands;
    /// `None` for what is not AAC LC.
    pub(in crate::segmenter) fn silence(self) -> Option<Vec<u8>> {
        const SINGLE: u32 = 0;
        const PAIR: u32 = 1;
        const LFE: u32 = 3;
        let elements: &[u32] = match (self.object_type, self.channel_configuration) {
            (2, 1) => &[SINGLE],
            (2, 2) => &[PAIR],
            (2, 3) => &[SINGLE, PAIR],
            (2, 4) => &[SINGLE, PAIR, SINGLE],
            (2, 5) => &[SINGLE, PAIR, PAIR],
            (2, 6) => &[SINGLE, PAIR, PAIR, LFE],
            (2, 7) => &[SINGLE, PAIR, PAIR, PAIR, LFE],
            _ => return None,
        };
        let mut bits = BitWriter::default();
        let mut tags = [0; 4];
        for &element in elements {
            let tag = &mut tags[element as usize];
            bits.put(element, 3).put(*tag, 4);
            *tag += 1;
            // ics_info: reserved, only-long window, sine shape, max_sfb 0, no prediction.
            if element == PAIR {
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

/// An ADTS header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct AdtsHeader {
    pub(in crate::segmenter) config: AacConfig,
    /// Of the header with its CRC.
    pub(in crate::segmenter) header_len: usize,
    /// Of header and frame.
    pub(in crate::segmenter) frame_len: usize,
}

impl AdtsHeader {
    /// Reads a header; `None` where there is none that is played here (one frame in it, a channel
    /// configuration, a known rate).
    #[inline]
    pub(in crate::segmenter) fn parse(bytes: &[u8; HEADER_MIN]) -> Option<Self> {
        let &[sync, second, third, fourth, fifth, sixth, seventh] = bytes;
        // Syncword and layer 0; one raw data block.
        if sync != 0xFF || second & 0xF6 != 0xF0 || seventh & 0x03 != 0 {
            return None;
        }
        let header_len = if second & 1 == 1 { 7 } else { 9 };
        let frame_len = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        let config = AacConfig {
            object_type: (third >> 6) + 1,
            rate_index: third >> 2 & 0x0F,
            channel_configuration: (third & 1) << 2 | fourth >> 6,
        };
        let known = usize::from(config.rate_index) < RATES.len() && config.channel_configuration != 0;
        (known && frame_len > header_len).then_some(Self { config, header_len, frame_len })
    }
}

/// Reads ADTS.
#[derive(Debug, Default)]
pub(super) struct Adts {
    config: Option<(AacConfig, AudioConfig)>,
}

impl Framer for Adts {
    fn sync(&self) -> u8 {
        0xFF
    }

    fn look(&self, bytes: &[u8]) -> Look {
        let Some(header) = bytes.first_chunk() else { return Look::Short };
        AdtsHeader::parse(header)
            .map_or(Look::Nothing, |header| Look::Frame { len: header.frame_len, key: header.config.key() })
    }

    fn take(&mut self, frame: &[u8], give: &mut dyn FnMut(AccessUnit<'_>)) -> Result<(), FaultReason> {
        let header = frame.first_chunk().and_then(AdtsHeader::parse).ok_or(FaultReason::DamagedAudio)?;
        let data = frame.get(header.header_len..).ok_or(FaultReason::DamagedAudio)?;
        if self.config.as_ref().is_none_or(|(config, _)| *config != header.config) {
            let config = AudioConfig {
                sample_rate: header.config.sample_rate(),
                channels: header.config.channels(),
                form: Form::Aac(header.config),
            };
            self.config = Some((header.config, config));
        }
        if let Some((_, config)) = &self.config {
            give(AccessUnit { config, samples: FRAME_SAMPLES, data });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        // 48 kHz stereo LC, 300 bytes, no CRC.
        let header = AdtsHeader::parse(&[0xFF, 0xF1, 0x4C, 0x80, 0x25, 0x9F, 0xFC]).unwrap();
        assert_eq!((header.config.sample_rate(), header.config.channels()), (48_000, 2));
        assert_eq!((header.header_len, header.frame_len), (7, 300));
        assert_eq!(header.config.audio_specific_config(), [0x11, 0x90]);
        assert_eq!(header.config.codec(), "mp4a.40.2");
    }

    #[test]
    fn silence_is_four_bytes_for_one_channel_and_six_for_two() {
        let silence = |channel_configuration| {
            AacConfig { object_type: 2, rate_index: 3, channel_configuration }.silence().unwrap()
        };
        assert_eq!(silence(1), [0x00, 0x00, 0x00, 0x07]);
        assert_eq!(silence(2).len(), 6);
        assert_eq!(AacConfig { object_type: 1, rate_index: 3, channel_configuration: 2 }.silence(), None);
    }
}
