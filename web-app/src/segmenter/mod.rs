//! MPEG-TS to fMP4 (ISO/IEC 13818-1 in, ISO/IEC 14496-12 out), pure: bytes in, values out.
//!
//! In: transport stream bytes in pieces of any size, from any point of the stream, damaged or not.
//! Out: [`Output`]s, in order. Dropped and counted: whatever is damaged, scrambled or of no use here; see
//! [`FaultReason`]. How the bytes are cut into pushes never changes the samples that come out.

mod output;

pub use output::{
    DiscontinuityReason, FaultReason, Init, Media, Micros, Output, Program, Sample, Stream, StreamKind, Track,
};

/// What the viewer may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// After a damaged video frame, hold the last clean picture until the next random access point.
    /// Otherwise decoding goes on with the next whole frame, which may show artefacts for a moment.
    pub wait_for_random_access: bool,
}

/// Turns a transport stream into fMP4.
///
/// [`Segmenter::push`] takes bytes; afterwards [`Segmenter::poll`] has to be called until it gives `None`.
#[derive(Debug, Default)]
pub struct Segmenter {
    options: Options,
}

impl Segmenter {
    /// A segmenter that does as the viewer chose.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// Takes the next bytes of the stream, which the helper received at `received`.
    pub fn push(&mut self, ts: &[u8], received: Micros) {
        let _ = (ts, received, self.options);
    }

    /// The next output, in stream order; `None` until more is pushed.
    pub fn poll(&mut self) -> Option<Output> {
        None
    }

    /// The input has ended: what is complete comes out of [`Segmenter::poll`].
    pub fn finish(&mut self) {}
}
