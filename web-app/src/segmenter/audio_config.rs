//! What a decoder of sound has to know before the first frame, whatever the codec.

use super::codec::aac::AacConfig;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AudioConfig {
    /// Samples a second: the unit of the track's times. Of the core coder, where a decoder makes more of them.
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    pub(super) form: Form,
}

/// The codec, and what is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// AAC (ISO/IEC 14496-3).
    Aac(AacConfig),
}

/// A frame in which nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) data: Vec<u8>,
    pub(super) samples: u32,
}

impl AudioConfig {
    /// RFC 6381 codec string.
    pub(super) fn codec(&self) -> String {
        match &self.form {
            Form::Aac(config) => config.codec(),
        }
    }

    /// Whether silence can be as long as it has to be; else it lasts whole frames.
    pub(super) const fn fills_exactly(&self) -> bool {
        match self.form {
            Form::Aac(_) => false,
        }
    }

    /// A silent frame for the beginning of a hole of `samples`; `None` where the hole is too short for one, or
    /// there is none in this codec.
    pub(super) fn silence(&self, samples: i64) -> Option<Silence> {
        match &self.form {
            Form::Aac(config) => {
                let length = config.frame_samples();
                let data = (samples * 2 >= i64::from(length)).then(|| config.silence())??;
                Some(Silence { data, samples: length })
            }
        }
    }
}
