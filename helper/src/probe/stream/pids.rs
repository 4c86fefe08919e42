//! The packets of each PID, and what is followed on it.

use super::checks::Repetition;
use super::clock::Clock;
use super::codec::Kind;
use super::figures::PidFigures;
use super::sections::Sections;
use super::stamps::Stamps;
use amt_shared::ts::{ContinuityTracker, NULL_PID, PACKET_LEN};

/// One PID.
#[derive(Debug, Default)]
pub(super) struct Pid {
    pub(super) packets: u64,
    pub(super) continuity: ContinuityTracker,
    pub(super) continuity_errors: u64,
    pub(super) packets_lost: u64,
    pub(super) scrambled: u64,
    /// On a PID that carries tables.
    pub(super) sections: Option<Sections>,
    /// Where PCRs are seen.
    pub(super) clock: Option<Clock>,
    /// Where a PMT refers to it.
    pub(super) stream: Option<Stream>,
}

/// An elementary stream that a PMT refers to.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) kind: Kind,
    pub(super) codec: &'static str,
    pub(super) pcr_pid: u16,
    /// Its packets: watched where it is picture or sound, as others may pause for long.
    pub(super) presence: Option<Repetition>,
    /// Its times, watched in the same way.
    pub(super) times: Option<Repetition>,
    pub(super) stamps: Stamps,
    pub(super) random_access_points: u64,
    pub(super) key_frames: Option<Repetition>,
}

/// All PIDs there can be.
#[derive(Debug)]
pub(super) struct Pids(Vec<Option<Box<Pid>>>);

impl Default for Pids {
    fn default() -> Self {
        Self((0..=NULL_PID).map(|_| None).collect())
    }
}

impl Pids {
    pub(super) fn get(&self, pid: u16) -> Option<&Pid> {
        self.0.get(usize::from(pid))?.as_deref()
    }

    /// A PID has 13 bits: whatever else is asked for is the null packets'.
    pub(super) fn entry(&mut self, pid: u16) -> &mut Pid {
        self.0[usize::from(pid.min(NULL_PID))].get_or_insert_default()
    }

    pub(super) fn seen(&self) -> impl Iterator<Item = (u16, &Pid)> {
        (0..).zip(&self.0).filter_map(|(pid, state)| Some((pid, state.as_deref()?)))
    }

    pub(super) fn seen_mut(&mut self) -> impl Iterator<Item = (u16, &mut Pid)> {
        (0..).zip(&mut self.0).filter_map(|(pid, state)| Some((pid, state.as_deref_mut()?)))
    }
}

impl Pid {
    /// What came on it within `span` microseconds.
    pub(super) fn figures(&self, pid: u16, span: u64) -> PidFigures {
        let bits = (self.packets * PACKET_LEN as u64 * 8) as f64;
        PidFigures {
            pid,
            role: role(pid),
            packets: self.packets,
            bps: (span > 0).then(|| (bits * 1e6 / span as f64) as u64),
            continuity_errors: self.continuity_errors,
            packets_lost: self.packets_lost,
            scrambled_packets: self.scrambled,
        }
    }
}

const fn role(pid: u16) -> Option<&'static str> {
    Some(match pid {
        0x00 => "PAT",
        0x01 => "CAT",
        0x02 => "TSDT",
        0x10 => "NIT",
        0x11 => "SDT",
        0x12 => "EIT",
        0x13 => "RST",
        0x14 => "TDT",
        NULL_PID => "null packets",
        _ => return None,
    })
}
