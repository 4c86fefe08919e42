//! From bytes to elementary streams (ISO/IEC 13818-1, 2.4.3): packets, PES packets, and what a PID carries.

pub(in crate::segmenter) mod certainty;
pub(in crate::segmenter) mod demux;
pub(in crate::segmenter) mod elementary;
pub(in crate::segmenter) mod pes;
