//! MPEG audio, layers I to III (ISO/IEC 11172-3; lower sample rates ISO/IEC 13818-3), by `symphonia-bundle-mp3`.
//!
//! In: whole frames. Out: their samples. Dropped: frames of free format, and frames whose length is not what their
//! header says. Layer III frames that refer to bytes from before a join come out silent in the granules concerned.

use super::{flac, sample};
use crate::segmenter::{Flac, NotDecodable, SoundDecoder};
use std::fmt;
use symphonia_bundle_mp3::MpaDecoder;
use symphonia_core::audio::{Audio, GenericAudioBufferRef};
use symphonia_core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia_core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia_core::packet::PacketRef;
use symphonia_core::units::{Duration, Timestamp};

/// Decodes MPEG audio of any layer.
#[derive(Default)]
pub(super) struct Decoder {
    decoder: Option<(Form, MpaDecoder)>,
    writer: flac::Writer,
    pcm: [Vec<i16>; 2],
}

/// What must not change while a decoder keeps what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    codec: AudioCodecId,
    sample_rate: u32,
    channels: usize,
}

impl SoundDecoder for Decoder {
    fn decode(&mut self, frame: &[u8]) -> Result<Flac, NotDecodable> {
        let form = Form::of(frame).ok_or(NotDecodable)?;
        if self.decoder.as_ref().is_none_or(|(known, _)| *known != form) {
            let mut parameters = AudioCodecParameters::new();
            parameters.for_codec(form.codec);
            let decoder = MpaDecoder::try_new(&parameters, &AudioDecoderOptions::default());
            self.decoder = Some((form, decoder.map_err(|_| NotDecodable)?));
        }
        let Some((_, decoder)) = &mut self.decoder else { return Err(NotDecodable) };
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, frame);
        let GenericAudioBufferRef::F32(decoded) = decoder.decode_ref(&packet).map_err(|_| NotDecodable)? else {
            return Err(NotDecodable);
        };
        let samples = decoded.frames();
        for (index, channel) in self.pcm.iter_mut().enumerate() {
            channel.clear();
            channel.extend(decoded.plane(index).unwrap_or_default().iter().map(|value| sample(*value)));
        }
        let [left, right] = &self.pcm;
        let channels: &[&[i16]] = if form.channels == 1 { &[left] } else { &[left, right] };
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

impl Form {
    /// Of a frame that begins with its header (ISO/IEC 11172-3, 2.4.1.3).
    fn of(frame: &[u8]) -> Option<Self> {
        let header = u32::from_be_bytes(*frame.first_chunk()?);
        if header >> 21 != 0x7ff {
            return None;
        }
        let codec = match header >> 17 & 3 {
            1 => CODEC_ID_MP3,
            2 => CODEC_ID_MP2,
            3 => CODEC_ID_MP1,
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
        Some(Self { codec, sample_rate, channels })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("form", &self.decoder.as_ref().map(|(form, _)| form)).finish_non_exhaustive()
    }
}
