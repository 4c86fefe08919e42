//! Opus in transport streams (the authors' draft "Opus in MPEG-TS": control headers, extension descriptor 0x80), packets
//! by RFC 6716, 3; sample entry by "Encapsulation of Opus in ISO Base Media File Format", 4.3.2.
//!
//! In: access units with their control headers. Out: the packets. What is to be trimmed from the end shortens a unit;
//! what is to be trimmed from the start sounds, as it does for whoever joins later. Times count from a packet's first
//! sample, so that nothing is skipped and the pre-skip is 0.

use super::framer::{AccessUnit, FRAME_MAX, Framer, Look};
use crate::segmenter::audio::config::{AudioConfig, Form, Silence};
use crate::segmenter::output::FaultReason;

/// Samples a second, always.
const RATE: u32 = 48_000;
/// Streams, those of them that are coupled, and where their channels go, by channel count (RFC 7845, 5.1.1.2).
const LAYOUTS: [(u8, u8, &[u8]); 8] = [
    (1, 0, &[0]),
    (1, 1, &[0, 1]),
    (2, 1, &[0, 2, 1]),
    (2, 2, &[0, 1, 2, 3]),
    (3, 2, &[0, 4, 1, 2, 3]),
    (4, 2, &[0, 4, 1, 2, 3, 5]),
    (4, 3, &[0, 4, 1, 2, 3, 5, 6]),
    (5, 3, &[0, 6, 1, 2, 3, 4, 5, 7]),
];

/// What a decoder has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct OpusConfig {
    channels: u8,
}

impl OpusConfig {
    fn layout(self) -> (u8, u8, &'static [u8]) {
        LAYOUTS.get(usize::from(self.channels).saturating_sub(1)).copied().unwrap_or(LAYOUTS[1])
    }

    /// OpusSpecificBox.
    pub(in crate::segmenter) fn specific(self) -> Vec<u8> {
        let (streams, coupled, mapping) = self.layout();
        let mut body = vec![0, self.channels, 0, 0];
        body.extend(RATE.to_be_bytes());
        body.extend([0, 0]);
        if self.channels <= 2 {
            body.push(0);
        } else {
            body.extend([1, streams, coupled]);
            body.extend_from_slice(mapping);
        }
        body
    }

    /// A packet in which nothing is heard, of 20, 10, 5 or 2.5 ms: at most `samples`.
    pub(in crate::segmenter) fn silence(self, samples: i64) -> Option<Silence> {
        let (code, length) = [(31, 960), (30, 480), (29, 240), (28, 120)]
            .into_iter()
            .find(|(_, length)| i64::from(*length) <= samples)?;
        let (streams, coupled, _) = self.layout();
        let mut data = Vec::new();
        for stream in 0..streams {
            // CELT, full band, one frame, that says silence; all but the last tell their length (RFC 6716, B).
            data.push(code << 3 | u8::from(stream < coupled) << 2);
            if stream + 1 < streams {
                data.push(2);
            }
            data.extend([0xFF, 0xFE]);
        }
        Some(Silence { data, samples: length })
    }
}

/// Samples of a packet (RFC 6716, 3.1); `None` where its first bytes cannot be.
fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3F),
    };
    // Up to 120 ms.
    Some(frame * frames).filter(|samples| (120..=5760).contains(samples))
}

/// A control header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Control {
    len: usize,
    /// Bytes of the packet.
    size: usize,
    end_trim: u32,
}

enum Parsed {
    Short,
    Nothing,
    Control(Control),
}

impl Control {
    fn parse(bytes: &[u8]) -> Parsed {
        let Some(&[first, second]) = bytes.first_chunk::<2>() else { return Parsed::Short };
        if first != 0x7F || second & 0xE0 != 0xE0 {
            return Parsed::Nothing;
        }
        let [start_trim, end_trim, extension] = [second & 0x10 != 0, second & 0x08 != 0, second & 0x04 != 0];
        let (mut at, mut size) = (2, 0);
        loop {
            let Some(byte) = bytes.get(at) else { return Parsed::Short };
            size += usize::from(*byte);
            at += 1;
            if *byte != 0xFF {
                break;
            }
            if size > FRAME_MAX {
                return Parsed::Nothing;
            }
        }
        let trim = |at: usize| {
            bytes.get(at..at + 2).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_be_bytes(*bytes) & 0x1FFF)
        };
        at += if start_trim { 2 } else { 0 };
        let mut trimmed = 0;
        if end_trim {
            let Some(samples) = trim(at) else { return Parsed::Short };
            trimmed = samples.into();
            at += 2;
        }
        if extension {
            let Some(length) = bytes.get(at) else { return Parsed::Short };
            at += 1 + usize::from(*length);
        }
        if size == 0 || at + size > FRAME_MAX {
            return Parsed::Nothing;
        }
        Parsed::Control(Self { len: at, size, end_trim: trimmed })
    }
}

/// Reads Opus.
#[derive(Debug)]
pub(super) struct Opus {
    /// As the descriptor says; 0 where there is none.
    channels: u8,
    config: Option<AudioConfig>,
}

impl Opus {
    /// `code` is channel_config_code of the descriptor: channels, or 0 for two that have nothing to do with each
    /// other; `None` where there is no descriptor, or it says more than channels.
    pub(super) fn new(code: Option<u8>) -> Self {
        let channels = match code {
            Some(0) => 2,
            Some(channels @ 1..=8) => channels,
            _ => 0,
        };
        Self { channels, config: None }
    }
}

impl Framer for Opus {
    fn sync(&self) -> u8 {
        0x7F
    }

    fn look(&self, bytes: &[u8]) -> Look {
        match Control::parse(bytes) {
            Parsed::Short => Look::Short,
            Parsed::Nothing => Look::Nothing,
            Parsed::Control(Control { len, size, .. }) => Look::Frame { len: len + size, key: 5 },
        }
    }

    fn take(&mut self, frame: &[u8], give: &mut dyn FnMut(AccessUnit<'_>)) -> Result<(), FaultReason> {
        let Parsed::Control(control) = Control::parse(frame) else { return Err(FaultReason::DamagedAudio) };
        let data = frame.get(control.len..).ok_or(FaultReason::DamagedAudio)?;
        let samples = samples(data).ok_or(FaultReason::DamagedAudio)?;
        let told = if self.channels > 0 { self.channels } else { 1 + (data.first().copied().unwrap_or(0) >> 2 & 1) };
        let opus = OpusConfig { channels: told };
        if self.channels == 0 && self.config.is_some() {
            // One channel or two may change from packet to packet: that is the decoder's affair.
        } else if self.config.as_ref().is_none_or(|config| config.form != Form::Opus(opus)) {
            self.config = Some(AudioConfig { sample_rate: RATE, channels: told.into(), form: Form::Opus(opus) });
        }
        let Some(config) = &self.config else { return Err(FaultReason::DamagedAudio) };
        give(AccessUnit { config, samples: samples.saturating_sub(control.end_trim).max(1), data });
        Ok(())
    }

    fn proof(&self) -> usize {
        4
    }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_headers_tell_size_and_trim() {
        let mut opus = Opus::new(Some(2));
        // Trims at start and end, and an extension of one byte; 257 bytes.
        let mut bytes = vec![0x7F, 0xFC, 255, 2, 0, 1, 0, 60, 1, 9];
        bytes.extend([0xFC; 257]);
        assert_eq!(opus.look(&bytes), Look::Frame { len: 267, key: 5 });
        let mut seen = Vec::new();
        opus.take(&bytes, &mut |unit| seen.push((unit.samples, unit.data.len()))).unwrap();
        assert_eq!(seen, [(900, 257)]);
    }

    #[test]
    fn a_packets_first_bytes_tell_how_long_it_sounds() {
        assert_eq!(samples(&[0x00]), Some(480));
        assert_eq!(samples(&[0x19, 0]), Some(5760));
        assert_eq!(samples(&[0xE3, 4]), Some(480));
        assert_eq!(samples(&[0xFB, 7]), None);
        assert_eq!((samples(&[]), samples(&[3])), (None, None));
    }

    #[test]
    fn silence_is_as_long_as_it_has_to_be() {
        for channels in 1..=8 {
            let config = OpusConfig { channels };
            for (hole, length) in [(5000, 960), (959, 480), (250, 240), (120, 120)] {
                let silence = config.silence(hole).unwrap();
                assert_eq!((silence.samples, samples(&silence.data)), (length, Some(length)));
            }
            assert_eq!(config.silence(119), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let [first, second, ..] = &mut bytes[..] {
                (*first, *second) = (0x7F, 0xE0 | *second);
            }
            let mut opus = Opus::new(None);
            if let Look::Frame { len, .. } = opus.look(&bytes) {
                prop_assert!(len <= FRAME_MAX);
            }
            let length = bytes.len();
            let _ = opus.take(&bytes, &mut |unit| assert!(unit.data.len() < length && unit.samples > 0));
        }
    }
}
