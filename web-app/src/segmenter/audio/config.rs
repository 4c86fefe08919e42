//! What a decoder of sound has to know before the first frame, whatever the codec.

use crate::segmenter::Takes;
use crate::segmenter::codec::aac::AacConfig;
use crate::segmenter::codec::ac3::{self, Ac3Config};
use crate::segmenter::codec::flac;
use crate::segmenter::codec::mpeg_audio::MpegConfig;
use crate::segmenter::codec::opus::OpusConfig;
use crate::segmenter::sound::SoundCodec;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct AudioConfig {
    /// Samples a second: the unit of the track's times. Of the core coder, where a decoder makes more of them.
    pub(in crate::segmenter) sample_rate: u32,
    pub(in crate::segmenter) channels: u16,
    pub(in crate::segmenter) form: Form,
}

/// The codec, and what is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Form {
    /// AAC (ISO/IEC 14496-3).
    Aac(AacConfig),
    /// MPEG audio (ISO/IEC 11172-3, 13818-3).
    Mpeg(MpegConfig),
    /// AC-3 and Enhanced AC-3 (ETSI TS 102 366).
    Ac3(Ac3Config),
    /// Opus (RFC 6716).
    Opus(OpusConfig),
    /// What decoders make here (RFC 9639), with 16 bits.
    Flac,
}

/// How sound reaches the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Way {
    /// As it is, in MP4.
    Mp4,
    /// As it is, without a container: `audio/mpeg`.
    Bare,
    /// Decoded, as FLAC in MP4.
    Decoded(SoundCodec),
    /// Not at all.
    None,
}

/// A frame in which nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Silence {
    pub(in crate::segmenter) data: Vec<u8>,
    pub(in crate::segmenter) samples: u32,
}

impl AudioConfig {
    /// RFC 6381 codec string.
    pub(in crate::segmenter) fn codec(&self) -> String {
        match &self.form {
            Form::Aac(config) => config.codec(),
            Form::Mpeg(config) => config.codec().into(),
            Form::Ac3(config) => if config.enhanced { "ec-3" } else { "ac-3" }.into(),
            Form::Opus(_) => "opus".into(),
            Form::Flac => "flac".into(),
        }
    }

    /// Whether it is one of two mono sounds in a stream, and then whether it is the second.
    pub(in crate::segmenter) const fn of_two(&self) -> Option<bool> {
        match &self.form {
            Form::Aac(config) => config.of_two(),
            _ => None,
        }
    }

    /// The best way that a browser leaves open.
    pub(in crate::segmenter) fn way(&self, takes: Takes) -> Way {
        let decoded = |codec| if takes.flac { Way::Decoded(codec) } else { Way::None };
        match &self.form {
            Form::Aac(aac) if !aac.plays() => Way::None,
            Form::Aac(_) | Form::Flac => Way::Mp4,
            Form::Opus(_) if takes.opus => Way::Mp4,
            Form::Opus(_) => Way::None,
            Form::Ac3(config) if if config.enhanced { takes.ec3 } else { takes.ac3 } => Way::Mp4,
            Form::Ac3(_) => decoded(SoundCodec::Ac3),
            Form::Mpeg(MpegConfig { layer: 3, .. }) if takes.mp3_in_mp4 => Way::Mp4,
            Form::Mpeg(MpegConfig { layer: 3, .. }) if takes.mp3 => Way::Bare,
            Form::Mpeg(MpegConfig { layer: 2, .. }) if takes.mp2 => Way::Bare,
            Form::Mpeg(_) => decoded(SoundCodec::MpegAudio),
        }
    }

    /// Whether silence can be as long as it has to be; else it lasts whole frames.
    pub(in crate::segmenter) const fn fills_exactly(&self) -> bool {
        match self.form {
            Form::Aac(_) | Form::Mpeg(_) | Form::Ac3(_) => false,
            Form::Opus(_) | Form::Flac => true,
        }
    }

    /// A silent frame for the beginning of a hole of `samples`; `None` where the hole is too short for one, or
    /// there is none in this codec.
    pub(in crate::segmenter) fn silence(&self, samples: i64) -> Option<Silence> {
        match &self.form {
            Form::Aac(config) => {
                let length = config.frame_samples();
                let data = (samples * 2 >= i64::from(length)).then(|| config.silence())??;
                Some(Silence { data, samples: length })
            }
            Form::Mpeg(config) => {
                let silence = config.silence();
                (samples * 2 >= i64::from(silence.samples)).then_some(silence)
            }
            Form::Ac3(config) => {
                let data = (samples * 2 >= i64::from(ac3::SAMPLES)).then(|| config.silence.clone())??;
                Some(Silence { data, samples: ac3::SAMPLES })
            }
            Form::Opus(config) => config.silence(samples),
            Form::Flac => {
                let (data, samples) = flac::silence(samples, self.channels)?;
                Some(Silence { data, samples })
            }
        }
    }
}
