//! What was found in a transport stream, with names that stay: scripts read them as JSON.

use super::arrivals::ArrivalFigures;
use super::checks::Check;
use super::clock::PcrFigures;
use super::codec::Kind;
use super::stamps::PtsFigures;
use serde::Serialize;

/// All that was found in the stream.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// How the datagrams came.
    pub arrivals: ArrivalFigures,
    /// Whether transport packets were found at all.
    pub is_ts: bool,
    /// Transport packets.
    pub packets: u64,
    /// Null packets among them.
    pub null_packets: u64,
    /// Packets whose header contradicts itself.
    pub malformed_packets: u64,
    /// Bytes that belong to no packet.
    pub skipped_bytes: u64,
    /// Packets missing by the continuity counters, at least, on all PIDs together.
    pub packets_lost: u64,
    /// Encrypted packets.
    pub scrambled_packets: u64,
    /// `transport_stream_id` of the PAT.
    pub transport_stream_id: Option<u16>,
    /// The longest time without a whole PAT, in milliseconds.
    pub longest_pat_interval_ms: Option<f64>,
    /// How often the PAT changed.
    pub pat_changes: u64,
    /// The programs in the order of the PAT.
    pub programs: Vec<ProgramFigures>,
    /// PIDs that belong to no program, those with most packets first.
    pub other_pids: Vec<PidFigures>,
    /// The checks of ETSI TR 101 290.
    pub checks: Vec<Check>,
}

/// A program.
#[derive(Clone, Debug, Serialize)]
pub struct ProgramFigures {
    /// `program_number`.
    pub number: u16,
    /// The service's name, where an SDT tells it.
    pub name: Option<String>,
    /// Who sends it, by the same.
    pub provider: Option<String>,
    /// The PID of its PMT.
    pub pmt_pid: u16,
    /// Whether its PMT came.
    pub pmt_came: bool,
    /// The longest time without a whole PMT, in milliseconds.
    pub longest_pmt_interval_ms: f64,
    /// How often the PMT changed.
    pub pmt_changes: u64,
    /// The PID of its clock, where it has one.
    pub pcr_pid: Option<u16>,
    /// How its clock runs.
    pub pcr: Option<PcrFigures>,
    /// Its streams in the order of the PMT.
    pub streams: Vec<StreamFigures>,
}

/// An elementary stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamFigures {
    /// What it is for.
    pub kind: Kind,
    /// What it carries, by its usual name.
    pub codec: &'static str,
    /// `stream_type` of the PMT.
    pub stream_type: u8,
    /// ISO 639-2 codes.
    pub languages: Vec<String>,
    /// Its packets.
    #[serde(flatten)]
    pub packets: PidFigures,
    /// Its times.
    pub pts: Option<PtsFigures>,
    /// Random access points: those that `random_access_indicator` marks.
    pub random_access_points: u64,
    /// Key frames, marked or not, as far as they show at the beginning of a PES packet.
    pub key_frames: u64,
    /// Milliseconds from one of these to the next, the longest.
    pub longest_key_frame_interval_ms: Option<f64>,
}

/// The packets of one PID.
#[derive(Clone, Debug, Serialize)]
pub struct PidFigures {
    /// The PID.
    pub pid: u16,
    /// What it is for by its number (table 2-3; ETSI EN 300 468, 5.1.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Packets.
    pub packets: u64,
    /// Bits a second of whole packets.
    pub bps: Option<u64>,
    /// Errors of the continuity counter.
    pub continuity_errors: u64,
    /// Packets missing by it, at least.
    pub packets_lost: u64,
    /// Encrypted packets.
    pub scrambled_packets: u64,
}
