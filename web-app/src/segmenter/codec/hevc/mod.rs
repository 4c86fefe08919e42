//! HEVC (ISO/IEC 23008-2): what is read from NAL units to cut, time and describe pictures.
//!
//! Only the fields that are needed are read, and only as far as they stand in the stream: each reader
//! stops at the end of its bytes. Layers above the base layer are left out.

mod line;
mod pps;
mod profile;
mod reference;
mod slice;
mod sps;

pub(in crate::segmenter) use line::Hevc;
use pps::Pps;
use profile::Profile;
use reference::{LongReferences, ReferenceSet};
use slice::SliceHeader;
pub(in crate::segmenter) use sps::Sps;

use super::{sei, unescape, unescape_into};

/// NAL unit types (table 7-1).
mod nal {
    pub(super) const RADL_N: u8 = 6;
    pub(super) const RASL_N: u8 = 8;
    pub(super) const RASL_R: u8 = 9;
    /// The last of the types whose even numbers no picture of the same sub-layer refers to.
    pub(super) const RSV_VCL_R15: u8 = 15;
    pub(super) const BLA_W_LP: u8 = 16;
    pub(super) const IDR_W_RADL: u8 = 19;
    pub(super) const IDR_N_LP: u8 = 20;
    pub(super) const CRA: u8 = 21;
    pub(super) const VPS: u8 = 32;
    pub(super) const SPS: u8 = 33;
    pub(super) const PPS: u8 = 34;
    pub(super) const DELIMITER: u8 = 35;
    pub(super) const END_OF_SEQUENCE: u8 = 36;
    pub(super) const END_OF_BITSTREAM: u8 = 37;
    pub(super) const PREFIX_SEI: u8 = 39;
    pub(super) const SUFFIX_SEI: u8 = 40;
    /// No type of the standard: a NAL unit of another layer.
    pub(super) const OTHER_LAYER: u8 = 64;
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
