//! MPEG audio, layers I to III (ISO/IEC 11172-3, 2.4.1.3; lower rates ISO/IEC 13818-3; the lowest, "2.5", are of
//! nobody's standard). What kind it is, the header says and not the table.
//!
//! In: frames. Out: the frames as they are. Refused: free format, whose length no header tells.

use super::framer::{AccessUnit, Framer, Look};
use crate::segmenter::audio::config::{AudioConfig, Form, Silence};
use crate::segmenter::output::FaultReason;

/// kbit/s by index: layers I, II, III of MPEG-1; layer I, and layers II and III, of lower rates.
const BITRATES: [[u16; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// What a decoder has to know, and a header repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct MpegConfig {
    /// 1 to 3.
    pub(in crate::segmenter) layer: u8,
    /// One of the lower sampling frequencies.
    pub(in crate::segmenter) low: bool,
    sample_rate: u32,
    mono: bool,
}

impl MpegConfig {
    /// RFC 6381 codec string in MP4: the object type indications of 13818-3 and 11172-3.
    pub(in crate::segmenter) const fn codec(self) -> &'static str {
        match (self.layer, self.low) {
            (3, true) => "mp4a.69",
            (3, false) => "mp4a.6B",
            (2, _) => "mp2",
            _ => "mp1",
        }
    }

    /// The object type indication (ISO/IEC 14496-1, table 5).
    pub(in crate::segmenter) const fn object_type_indication(self) -> u8 {
        if self.low { 0x69 } else { 0x6B }
    }

    const fn samples(self) -> u32 {
        match (self.layer, self.low) {
            (1, _) => 384,
            (3, true) => 576,
            _ => 1152,
        }
    }

    fn key(self) -> u32 {
        self.sample_rate << 8 | u32::from(self.layer) << 4 | u32::from(self.low) << 1 | u32::from(self.mono)
    }

    /// A frame in which nothing is heard, at a middling bit rate: all bits behind the header are 0, so that no
    /// subband has bits, or no granule has data.
    pub(in crate::segmenter) fn silence(self) -> Silence {
        let rate = match self.sample_rate {
            44_100 | 22_050 | 11_025 => 0,
            48_000 | 24_000 | 12_000 => 1,
            _ => 2,
        };
        let version = match (self.low, self.sample_rate < 16_000) {
            (false, _) => 3,
            (true, false) => 2,
            (true, true) => 0,
        };
        let mode = if self.mono { 3 } else { 0 };
        // Without CRC; index 8; no padding.
        let header = [0xFF, 0xE1 | version << 3 | (4 - self.layer) << 1, 0x80 | rate << 2, mode << 6];
        let mut data = header.to_vec();
        if let Some(Header::Frame(header)) = Header::parse(header) {
            data.resize(header.len, 0);
        }
        Silence { data, samples: self.samples() }
    }
}

/// What four bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    Frame(Frame),
    /// A header, but of a frame whose length it does not tell.
    FreeFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    config: MpegConfig,
    len: usize,
}

impl Header {
    #[inline]
    fn parse(bytes: [u8; 4]) -> Option<Self> {
        let [sync, second, third, fourth] = bytes;
        let (version, layer) = (second >> 3 & 3, 4 - (second >> 1 & 3));
        if sync != 0xFF || second & 0xE0 != 0xE0 || version == 1 || layer == 4 || third >> 2 & 3 == 3 {
            return None;
        }
        // Emphasis 2 is reserved.
        if fourth & 3 == 2 {
            return None;
        }
        let low = version != 3;
        let rate = [44_100, 48_000, 32_000][usize::from(third >> 2 & 3) % 3];
        let sample_rate: u32 = rate >> [2, 1, 1, 0][usize::from(version)];
        let config = MpegConfig { layer, low, sample_rate, mono: fourth >> 6 == 3 };
        let table = match (low, layer) {
            (false, layer) => usize::from(layer) - 1,
            (true, 1) => 3,
            (true, _) => 4,
        };
        let bitrate = match BITRATES[table].get(usize::from(third >> 4)) {
            Some(0) => return Some(Self::FreeFormat),
            Some(kbits) => u32::from(*kbits) * 1000,
            None => return None,
        };
        let padding = u32::from(third >> 1 & 1);
        let len = match config.layer {
            1 => (12 * bitrate / sample_rate + padding) * 4,
            _ => config.samples() / 8 * bitrate / sample_rate + padding,
        };
        Some(Self::Frame(Frame { config, len: len as usize }))
    }
}

/// Reads MPEG audio.
#[derive(Debug, Default)]
pub(super) struct MpegAudio {
    config: Option<(MpegConfig, AudioConfig)>,
}

impl Framer for MpegAudio {
    fn sync(&self) -> u8 {
        0xFF
    }

    fn look(&self, bytes: &[u8]) -> Look {
        let Some(bytes) = bytes.first_chunk::<4>() else { return Look::Short };
        match Header::parse(*bytes) {
            Some(Header::Frame(frame)) => Look::Frame { len: frame.len, key: frame.config.key() },
            Some(Header::FreeFormat) => Look::Refused(FaultReason::FreeFormat),
            None => Look::Nothing,
        }
    }

    fn take(&mut self, frame: &[u8], give: &mut dyn FnMut(AccessUnit<'_>)) -> Result<(), FaultReason> {
        let Some(Header::Frame(header)) = frame.first_chunk().and_then(|bytes| Header::parse(*bytes)) else {
            return Err(FaultReason::DamagedAudio);
        };
        let mpeg = header.config;
        if self.config.as_ref().is_none_or(|(known, _)| *known != mpeg) {
            let channels = if mpeg.mono { 1 } else { 2 };
            let config = AudioConfig { sample_rate: mpeg.sample_rate, channels, form: Form::Mpeg(mpeg) };
            self.config = Some((mpeg, config));
        }
        if let Some((_, config)) = &self.config {
            give(AccessUnit { config, samples: mpeg.samples(), data: frame });
        }
        Ok(())
    }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(bytes: [u8; 4]) -> (u8, u32, u32, usize) {
        match Header::parse(bytes) {
            Some(Header::Frame(Frame { config, len })) => (config.layer, config.sample_rate, config.samples(), len),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn headers_tell_layer_rate_and_length() {
        // Layer II, 48 kHz, 192 kbit/s; layer III, 44.1 kHz, 128 kbit/s, padded; layer I, 32 kHz, 448 kbit/s.
        assert_eq!(frame([0xFF, 0xFD, 0xA4, 0x00]), (2, 48_000, 1152, 576));
        assert_eq!(frame([0xFF, 0xFB, 0x92, 0x00]), (3, 44_100, 1152, 418));
        assert_eq!(frame([0xFF, 0xFF, 0xE8, 0x00]), (1, 32_000, 384, 672));
        // Lower rates: layer III, 22.05 kHz, 64 kbit/s; layer II, 24 kHz, 64 kbit/s; layer III, 8 kHz, 8 kbit/s.
        assert_eq!(frame([0xFF, 0xF3, 0x80, 0x00]), (3, 22_050, 576, 208));
        assert_eq!(frame([0xFF, 0xF5, 0x84, 0x00]), (2, 24_000, 1152, 384));
        assert_eq!(frame([0xFF, 0xE3, 0x18, 0x00]), (3, 8_000, 576, 72));
        assert_eq!(Header::parse([0xFF, 0xFD, 0x04, 0x00]), Some(Header::FreeFormat));
    }

    proptest! {
        #[test]
        fn any_header_is_read_and_its_silence_has_the_same_configuration(bytes: [u8; 2]) {
            for second in 0xE0..=0xFF {
                if let Some(Header::Frame(Frame { config, len })) = Header::parse([0xFF, second, bytes[0], bytes[1]]) {
                    prop_assert!((8..=FRAME_LEN_MAX).contains(&len));
                    let silence = config.silence();
                    let again = silence.data.first_chunk().and_then(|bytes| Header::parse(*bytes));
                    prop_assert_eq!(again, Some(Header::Frame(Frame { config, len: silence.data.len() })));
                }
            }
        }
    }

    /// Layer II, 160 kbit/s at 8 kHz.
    const FRAME_LEN_MAX: usize = 2881;
}
