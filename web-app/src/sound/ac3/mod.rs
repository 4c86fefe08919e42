//! AC-3 and Enhanced AC-3 (ETSI TS 102 366).

use crate::segmenter::{Flac, NotDecodable, SoundDecoder};

/// Decodes AC-3.
#[derive(Debug, Default)]
pub(super) struct Decoder;

impl SoundDecoder for Decoder {
    fn decode(&mut self, _frame: &[u8]) -> Result<Flac, NotDecodable> {
        Err(NotDecodable)
    }

    fn reset(&mut self) {}
}
