//! The decoders behind [`crate::segmenter::SoundDecoder`]: MPEG audio and AC-3 to FLAC, for browsers that do not take
//! them. Pure; in the browser they are a wasm module of their own, which is loaded when a stream needs it.
//!
//! In: whole frames. Out: a FLAC frame for each, of 16 bits, rounded to the nearest and not dithered, as many samples
//! as the frame stands for. Nothing is delayed and nothing is compensated: a decoder's first samples belong to its
//! first frame, as in ffmpeg's. (The filter banks' own delay, 240 samples in layers I and II, 528 in layer III, 256
//! in AC-3, is taken back by encoders, or is the same in every decoder.) What cannot be decoded is refused; the
//! next frame is taken as one that follows.

mod ac3;
pub mod bridge;
mod flac;
#[cfg(target_arch = "wasm32")]
pub mod module;
mod mpeg;

use crate::segmenter::{SoundCodec, SoundDecoder};

/// A decoder for a family of codecs.
#[must_use]
pub fn decoder(codec: SoundCodec) -> Box<dyn SoundDecoder> {
    match codec {
        SoundCodec::MpegAudio => Box::new(mpeg::Decoder::default()),
        SoundCodec::Ac3 => Box::new(ac3::Decoder::default()),
    }
}

/// The nearest 16-bit sample; what is beyond full scale is clipped.
fn sample(value: f32) -> i16 {
    // The cast saturates, and takes what is no number as 0.
    (value * 32768.0).round_ties_even() as i16
}
