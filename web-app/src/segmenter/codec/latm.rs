//! AAC in LATM, framed by LOAS (ISO/IEC 14496-3, 1.7.2 AudioSyncStream, 1.7.3 AudioMuxElement).
//!
//! In: AudioSyncStreams. Out: the payloads, moved to where bytes begin. Refused: several programmes or layers, other
//! codecs than AAC, framing that differs among streams. A configuration in the middle of the stream is the one from
//! there on; until the first there is nothing to play.

use super::aac::AacConfig;
use super::framer::{AccessUnit, Framer, Look};
use crate::segmenter::audio::config::{AudioConfig, Form};
use crate::segmenter::bits::BitReader;
use crate::segmenter::output::FaultReason;

/// Syncword and length.
const HEADER: usize = 3;

/// What a StreamMuxConfig says.
#[derive(Clone, Debug)]
struct Mux {
    config: AudioConfig,
    samples: u32,
    /// What stands before each payload.
    prefix: &'static [u8],
    /// Payloads in an element.
    frames: u32,
    /// Bits of a payload, where they are fixed.
    fixed: Option<usize>,
}

/// Reads LATM in LOAS.
#[derive(Debug, Default)]
pub(super) struct Latm {
    mux: Option<Mux>,
    payload: Vec<u8>,
}

impl Framer for Latm {
    fn sync(&self) -> u8 {
        0x56
    }

    fn look(&self, bytes: &[u8]) -> Look {
        let Some(&[sync, second, third]) = bytes.first_chunk::<HEADER>() else { return Look::Short };
        let length = usize::from(second & 0x1F) << 8 | usize::from(third);
        if sync != 0x56 || second & 0xE0 != 0xE0 || length == 0 {
            return Look::Nothing;
        }
        Look::Frame { len: HEADER + length, key: 2 }
    }

    fn take(&mut self, frame: &[u8], give: &mut dyn FnMut(AccessUnit<'_>)) -> Result<(), FaultReason> {
        let mut bits = BitReader::new(frame.get(HEADER..).unwrap_or_default());
        let damaged = FaultReason::DamagedAudio;
        if !bits.bit().ok_or(damaged)? {
            // One that cannot be read leaves nothing of what was known.
            self.mux = None;
            self.mux = stream_mux_config(&mut bits)?;
        }
        let Some(mux) = &self.mux else { return Err(FaultReason::NotDecodable) };
        for _ in 0..mux.frames {
            let length = match mux.fixed {
                Some(length) => length,
                None => payload_length(&mut bits).ok_or(damaged)?,
            };
            self.payload.clear();
            self.payload.extend_from_slice(mux.prefix);
            copy(&mut bits, length, &mut self.payload).ok_or(damaged)?;
            if self.payload.len() > mux.prefix.len() {
                give(AccessUnit { config: &mux.config, samples: mux.samples, data: &self.payload });
            }
        }
        Ok(())
    }
}

/// Reads a StreamMuxConfig (1.7.3.2); `None` where it is not of a kind that is played here.
fn stream_mux_config(bits: &mut BitReader<'_>) -> Result<Option<Mux>, FaultReason> {
    let read = |bits: &mut BitReader<'_>| -> Option<Option<Mux>> {
        let version = bits.bits(1)?;
        if version == 1 {
            if bits.bit()? {
                return Some(None);
            }
            latm_value(bits)?;
        }
        let same_framing = bits.bit()?;
        let frames = bits.bits(6)? + 1;
        let (programs, layers) = (bits.bits(4)?, bits.bits(3)?);
        if !same_framing || programs != 0 || layers != 0 {
            return Some(None);
        }
        let aac = if version == 0 {
            AacConfig::parse(bits, None)
        } else {
            let length = latm_value(bits)? as usize;
            let mut inner = bits.clone();
            bits.skip(length);
            AacConfig::parse(&mut inner, Some(length))
        };
        let Some(aac) = aac else { return Some(None) };
        let fixed = match bits.bits(3)? {
            0 => {
                bits.bits(8)?;
                None
            }
            1 => Some((bits.bits(9)? as usize + 20) * 8),
            _ => return Some(None),
        };
        // Other data: its length only says what may be passed over at the end.
        if bits.bit()? {
            if version == 1 {
                latm_value(bits)?;
            } else {
                while bits.bits(9)? >> 8 == 1 {}
            }
        }
        if bits.bit()? {
            bits.bits(8)?;
        }
        let (samples, prefix) = (aac.frame_samples(), aac.prefix());
        let config = AudioConfig { sample_rate: aac.sample_rate, channels: aac.channels, form: Form::Aac(aac) };
        Some(Some(Mux { config, samples, prefix, frames, fixed }))
    };
    match read(bits) {
        Some(Some(mux)) => Ok(Some(mux)),
        Some(None) => Err(FaultReason::NotTaken),
        None => Err(FaultReason::DamagedAudio),
    }
}

/// LatmGetValue (1.7.3.2).
fn latm_value(bits: &mut BitReader<'_>) -> Option<u32> {
    let bytes = bits.bits(2)? + 1;
    bits.bits(bytes * 8)
}

/// PayloadLengthInfo, in bits.
fn payload_length(bits: &mut BitReader<'_>) -> Option<usize> {
    let mut length = 0;
    loop {
        let byte = bits.bits(8)? as usize;
        length += byte * 8;
        if byte != 255 {
            return Some(length);
        }
    }
}

/// Copies bits to where bytes begin.
fn copy(bits: &mut BitReader<'_>, length: usize, to: &mut Vec<u8>) -> Option<()> {
    to.extend(bits.as_bytes(length)?);
    if let (Some(last), spare @ 1..) = (to.last_mut(), length.div_ceil(8) * 8 - length) {
        *last &= 0xFF << spare;
    }
    bits.skip(length);
    Some(())
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::segmenter::bits::BitWriter;
    use proptest::prelude::*;

    /// An element with a configuration of AAC LC, 48 kHz stereo, and a payload.
    fn element(payload: &[u8]) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.put(0, 1).put(0, 1).put(1, 1).put(0, 6).put(0, 4).put(0, 3);
        bits.put(0x1190, 16).put(0, 3).put(0xFF, 8).put(0, 2);
        bits.put(payload.len() as u32, 8);
        for byte in payload {
            bits.put((*byte).into(), 8);
        }
        let body = bits.finish();
        let mut frame = vec![0x56, 0xE0 | (body.len() >> 8) as u8, body.len() as u8];
        frame.extend(body);
        frame
    }

    #[test]
    fn a_payload_between_bytes_comes_out_aligned() {
        let frame = element(&[1, 2, 3, 200]);
        let mut latm = Latm::default();
        assert_eq!(latm.look(&frame), Look::Frame { len: frame.len(), key: 2 });
        let mut seen = Vec::new();
        latm.take(&frame, &mut |unit| seen.push((unit.data.to_vec(), unit.samples, unit.config.codec()))).unwrap();
        assert_eq!(seen, [(vec![1, 2, 3, 200], 1024, "mp4a.40.2".to_owned())]);
    }

    #[test]
    fn without_a_configuration_nothing_is_played() {
        assert_eq!(Latm::default().take(&[0x56, 0xE0, 1, 0x80], &mut |_| ()), Err(FaultReason::NotDecodable));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..8),
            at in 0..30_usize, value: u8,
        ) {
            let mut latm = Latm::default();
            let mut right = element(&[7; 20]);
            let at = at % right.len();
            right[at] = value;
            for frame in [&right].into_iter().chain(&frames).chain([&right]) {
                let mut total = 0;
                let _ = latm.take(frame, &mut |unit| total += unit.data.len());
                prop_assert!(total <= frame.len());
            }
        }
    }
}
