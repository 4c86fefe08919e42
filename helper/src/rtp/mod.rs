//! RTP around MPEG-TS (RFC 3550, RFC 2250, RFC 3551): told from plain TS by looking, put in order, and its losses
//! and its jitter counted.
//!
//! [`Merge`](crate::merge::Merge) drives what is here: `header` tells what a UDP payload is, `sequence` puts the
//! packets of all paths in their order. What is dropped: what came twice, what comes when its place is given up,
//! and what a stream of RTP carries beside TS (RTCP, FEC).

mod header;
mod jitter;
pub(crate) mod sequence;
mod window;

pub(crate) use header::{Header, look};

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Discard {
    /// One path brought it twice.
    #[error("duplicate RTP packet")]
    Duplicate,
    /// Its place was given up, and later packets are passed on.
    #[error("late RTP packet")]
    Late,
    /// A control packet on the port of the data (RFC 5761).
    #[error("RTCP packet")]
    Rtcp,
    /// A packet to repair others (SMPTE 2022-1).
    #[error("FEC packet")]
    Fec,
    /// In a stream of RTP, but not TS; or the reverse, before that is proved to be the stream now.
    #[error("packet of a different kind from the stream")]
    OtherPayload,
    /// Of another sender than the one that other paths still bring.
    #[error("RTP packet from another sender")]
    OtherSender,
}

/// What was counted (RFC 3550, 6.4.1 and A.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Packets taken, copies by other paths among them, but what one path brought twice.
    pub received: u64,
    /// Positions passed on or given up.
    pub expected: u64,
    /// Positions given up.
    pub lost: u64,
    /// Positions given up in the last interval of five seconds, of 256.
    pub fraction_lost: u8,
    /// Packets that one path brought twice.
    pub duplicates: u64,
    /// Packets that came behind later ones and were put in their place.
    pub reordered: u64,
    /// Packets that came when their place was given up.
    pub late: u64,
    /// Packets that one path lost and another one brought.
    pub recovered: u64,
    /// Interarrival jitter of the path that is ahead, in microseconds.
    pub jitter_micros: u64,
}
