//! AV1 (the AV1 bitstream specification, version 1.0.0 with errata 1) in transport streams (AOM, carriage of AV1 in
//! MPEG-2 TS): what is read from OBUs to cut, time and describe pictures.
//!
//! Only the fields that are needed are read, and only as far as they stand in the stream.

mod frame;
mod framing;
mod line;
mod sequence;

use frame::FrameHeader;
pub(in crate::segmenter) use line::Av1;
pub(in crate::segmenter) use sequence::Sequence;

use super::{sei, unescape, unescape_into};

/// OBU types (6.2.2).
mod obu {
    pub(super) const SEQUENCE_HEADER: u8 = 1;
    pub(super) const TEMPORAL_DELIMITER: u8 = 2;
    pub(super) const FRAME_HEADER: u8 = 3;
    pub(super) const TILE_GROUP: u8 = 4;
    pub(super) const METADATA: u8 = 5;
    pub(super) const FRAME: u8 = 6;
    pub(super) const REDUNDANT_FRAME_HEADER: u8 = 7;
    pub(super) const PADDING: u8 = 15;
}

/// The OBU's type (5.3.2).
const fn kind(header: u8) -> u8 {
    header >> 3 & 0x0F
}

/// An OBU taken apart, without emulation prevention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Obu<'a> {
    /// The first byte, and the extension where it has one.
    header: u8,
    extension: Option<u8>,
    payload: &'a [u8],
    /// Zeros that its size counts behind `payload`: those at the end of a byte stream's unit are cut off.
    zeros: usize,
}

/// Zeros that are believed to have stood at an OBU's end.
const ZEROS_MAX: usize = 64;

impl<'a> Obu<'a> {
    /// Reads an OBU that ends with `bytes`; what its size leaves over is cut off. `None` where its header is cut.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&header, mut rest) = bytes.split_first()?;
        let mut extension = None;
        if header & 4 != 0 {
            let (&byte, after) = rest.split_first()?;
            (extension, rest) = (Some(byte), after);
        }
        let mut zeros = 0;
        if header & 2 != 0 {
            let (size, length) = leb128(rest)?;
            rest = rest.get(length..)?;
            zeros = size.saturating_sub(rest.len()).min(ZEROS_MAX);
            rest = rest.get(..size).unwrap_or(rest);
        }
        Some(Self { header, extension, payload: rest, zeros })
    }

    /// Appends it with its size (5.2).
    fn write(&self, to: &mut Vec<u8>) {
        to.push(self.header | 2);
        to.extend(self.extension);
        let mut size = self.payload.len() + self.zeros;
        while size >= 0x80 {
            to.push(size as u8 | 0x80);
            size >>= 7;
        }
        to.push(size as u8);
        to.extend_from_slice(self.payload);
        to.resize(to.len() + self.zeros, 0);
    }

    /// `temporal_id` and `spatial_id`.
    fn layers(&self) -> (u8, u8) {
        self.extension.map_or((0, 0), |byte| (byte >> 5, byte >> 3 & 3))
    }
}

/// A number of seven bits a byte, the lowest first (4.10.5), and how many bytes it took.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at + 1));
        }
    }
    None
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
