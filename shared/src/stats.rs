//! The counters that helper and page report, in the words of the standards.
//!
//! They are read by people (the status line, `/api/status`, the closing summary of `receive`) and by
//! scripts: fields are added, never renamed.

use alloc::collections::BTreeMap;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// What a channel's path has done since it was tuned in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelStats {
    /// Inner datagrams of the joined channel.
    pub datagrams: u64,
    /// Bytes of TS in them.
    pub bytes: u64,
    /// Transport packets in them.
    pub ts_packets: u64,
    /// TS bits a second, the mean of the last seconds.
    pub bits_per_second: u64,
    /// Packets missing by the continuity counters (ISO/IEC 13818-1, 2.4.3.3), summed over the PIDs.
    pub continuity_lost: u64,
    /// RTP packets missing by sequence number (RFC 3550), on all paths together; 0 where the stream is not RTP.
    pub rtp_lost: u64,
    /// RTP packets that one path brought a second time.
    pub rtp_duplicates: u64,
    /// RTP packets that came behind later ones and were put in their place.
    pub rtp_reordered: u64,
    /// RTP packets that came when their place was already given up; each is among `rtp_lost` too.
    pub rtp_late: u64,
    /// RTP packets that one path lost and another one brought (SMPTE ST 2022-7, or a change of paths).
    pub rtp_recovered: u64,
    /// Changes of the path that plain TS is taken from; RTP is taken from all paths at once.
    pub handovers: u64,
    /// Those of them where the place to go on at was not found; each made a gap.
    pub misplaced: u64,
    /// Interarrival jitter of the RTP packets in microseconds (RFC 3550, 6.4.1).
    pub rtp_jitter_micros: u64,
    /// RTP packets missing in the last seconds, of 256 (`fraction lost`, RFC 3550, 6.4.1).
    pub rtp_fraction_lost: u8,
    /// Whether the datagrams carry RTP.
    pub rtp: bool,
    /// The way the data comes: `native` or `amt`; empty until it comes.
    pub path: String,
    /// Inner packets put together from fragments.
    pub reassembled: u64,
    /// Inner packets of which not all fragments came in time, or in the room there is.
    pub reassembly_failed: u64,
    /// Milliseconds from tuning in to the first datagram; `None` until there is one.
    pub join_ms: Option<u64>,
    /// Milliseconds since the last datagram.
    pub silent_ms: Option<u64>,
    /// Datagrams the socket's buffer had no room for.
    pub socket_dropped: u64,
    /// Datagrams refused, by reason.
    pub discarded: BTreeMap<String, u64>,
    /// Pages that watch.
    pub viewers: u32,
    /// Frames left out for viewers that could not keep up.
    pub viewer_dropped: u64,
}
