//! One clock for a programme: its PCR, its timestamps, and the way onto the output timeline.

pub(in crate::segmenter) mod clock;
pub(in crate::segmenter) mod drift;
pub(in crate::segmenter) mod jitter;
pub(in crate::segmenter) mod timeline;
