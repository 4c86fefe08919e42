//! MPEG audio, layers I to III (ISO/IEC 11172-3; lower sample rates ISO/IEC 13818-3): layer III by
//! `symphonia-bundle-mp3`, layers I and II by `nanomp3-core`.
//!
//! In: whole frames. Out: their samples. Dropped: frames of free format, and frames whose length is not what their
//! header says. Layer III frames that refer to bytes from before a join come out silent in the granules concerned.
//!
//! Two libraries, because each does one thing better: symphonia refuses the pairs of bit rate and mode that layer II
//! does not allow, and encoders write them (ffmpeg's own choice for one channel is 384 kbit/s); nanomp3 is off by
//! −52 dB in layer III at lower sample rates.

use super::{flac, sample};
use crate::segmenter::{Flac, NotDecodable, SoundDecoder};
use nanomp3_core::MAX_SAMPLES_PER_FRAME;
use std::fmt;
use symphonia_bundle_mp3::MpaDecoder;
use symphonia_core::audio::{Audio, GenericAudioBufferRef};
use symphonia_core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia_core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia_core::packet::PacketRef;
use symphonia_core::units::{Duration, Timestamp};

/// Decodes MPEG audio of any layer.
#[derive(Default)]
pub(super) struct Decoder {
    decoder: Option<(Form, Layers)>,
    writer: flac::Writer,
    pcm: [Vec<i16>; 2],
}

/// What must not change while a decoder keeps what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    /// 1 to 3.
    layer: u8,
    sample_rate: u32,
    channels: usize,
}

/// A decoder of some layers.
enum Layers {
    OneAndTwo { decoder: Box<nanomp3_core::Decoder>, interleaved: Vec<f32> },
    Three(Box<MpaDecoder>),
}

impl SoundDecoder for Decoder {
    fn decode(&mut self, frame: &[u8]) -> Result<Flac, NotDecodable> {
        let form = Form::of(frame).ok_or(NotDecodable)?;
        if self.decoder.as_ref().is_none_or(|(known, _)| *known != form) {
            self.decoder = Some((form, Layers::new(form.layer)?));
        }
        let Some((_, decoder)) = &mut self.decoder else { return Err(NotDecodable) };
        self.pcm.iter_mut().for_each(Vec::clear);
        decoder.decode(frame, form.channels, &mut self.pcm)?;
        let [left, right] = &self.pcm;
        let channels: &[&[i16]] = if form.channels == 1 { &[left] } else { &[left, right] };
        let samples = left.len();
        if samples == 0 || channels.iter().any(|channel| channel.len() != samples) {
            return Err(NotDecodable);
        }
        let data = self.writer.frame(form.sample_rate, channels);
        Ok(Flac { sample_rate: form.sample_rate, channels: form.channels as u16, samples: samples as u32, data })
    }

    fn reset(&mut self) {
        if let Some((_, decoder)) = &mut self.decoder {
            decoder.reset();
        }
    }
}

impl Layers {
    fn new(layer: u8) -> Result<Self, NotDecodable> {
        if layer < 3 {
            let decoder = Box::new(nanomp3_core::Decoder::new());
            return Ok(Self::OneAndTwo { decoder, interleaved: vec![0.0; MAX_SAMPLES_PER_FRAME] });
        }
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_MP3);
        let decoder = MpaDecoder::try_new(&parameters, &AudioDecoderOptions::default());
        Ok(Self::Three(Box::new(decoder.map_err(|_| NotDecodable)?)))
    }

    /// Appends the samples of each channel.
    fn decode(&mut self, frame: &[u8], channels: usize, pcm: &mut [Vec<i16>; 2]) -> Result<(), NotDecodable> {
        match self {
            Self::OneAndTwo { decoder, interleaved } => {
                let (_, decoded) = decoder.decode(frame, interleaved);
                let decoded = decoded.map_err(|_| NotDecodable)?;
                if usize::from(decoded.channels.num()) != channels {
                    return Err(NotDecodable);
                }
                let values = interleaved.get(..decoded.samples_produced * channels).ok_or(NotDecodable)?;
                for (index, channel) in pcm.iter_mut().enumerate().take(channels) {
                    channel.extend(values.iter().skip(index).step_by(channels).map(|value| sample(*value)));
                }
            }
            Self::Three(decoder) => {
                let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, frame);
                let GenericAudioBufferRef::F32(decoded) = decoder.decode_ref(&packet).map_err(|_| NotDecodable)? else {
                    return Err(NotDecodable);
                };
                for (index, channel) in pcm.iter_mut().enumerate().take(channels) {
                    channel.extend(decoded.plane(index).unwrap_or_default().iter().map(|value| sample(*value)));
                }
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        match self {
            Self::OneAndTwo { decoder, .. } => **decoder = nanomp3_core::Decoder::new(),
            Self::Three(decoder) => decoder.reset(),
        }
    }
}

impl Form {
    /// Of a frame that begins with its header (ISO/IEC 11172-3, 2.4.1.3).
    fn of(frame: &[u8]) -> Option<Self> {
        let header = u32::from_be_bytes(*frame.first_chunk()?);
        if header >> 21 != 0x7ff {
            return None;
        }
        let layer = match header >> 17 & 3 {
            1 => 3,
            2 => 2,
            3 => 1,
            _ => return None,
        };
        let shift = match header >> 19 & 3 {
            0 => 2,
            2 => 1,
            3 => 0,
            _ => return None,
        };
        let sample_rate = [44_100, 48_000, 32_000].get((header >> 10 & 3) as usize)? >> shift;
        let channels = if header >> 6 & 3 == 3 { 1 } else { 2 };
        Some(Self { layer, sample_rate, channels })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("form", &self.decoder.as_ref().map(|(form, _)| form)).finish_non_exhaustive()
    }
}
