//! The tables of a stream: PAT and PMTs, and service information.
//!
//! In: packets of their PIDs. Out: the list of programmes, what is to be played, and what is on.

pub(in crate::segmenter) mod content;
pub(in crate::segmenter) mod descriptors;
mod known;
pub(in crate::segmenter) mod pmt;
pub(in crate::segmenter) mod program;
pub(in crate::segmenter) mod psi;
pub(in crate::segmenter) mod service;
pub(in crate::segmenter) mod text;

use amt_shared::ts::{Continuity, ContinuityTracker, Packet};

use super::Takes;
use super::map::Map;
use super::output::{FaultReason, Output, ProgramEntry};
use super::release::Release;
use program::Programs;
use psi::SectionError;
use service::Services;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tables {
    continuity: Map<u16, ContinuityTracker>,
    pub(super) programs: Programs,
    services: Services,
    /// The list that was told last.
    told: Vec<ProgramEntry>,
}

/// What a packet told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// A table that is what it should be.
    pub(super) table: bool,
    /// Something in the list of programmes may be new.
    pub(super) list: bool,
    /// Something else is to be played, or its streams are others.
    pub(super) choice: bool,
    /// The PIDs that tables come on are others.
    pub(super) pids: bool,
}

impl Tables {
    pub(super) fn new(takes: Takes) -> Self {
        Self { programs: Programs::new(takes), ..Self::default() }
    }

    /// The PIDs of PAT and PMTs.
    pub(super) fn program_pids(&self) -> impl Iterator<Item = u16> {
        std::iter::once(0).chain(self.programs.pmt_pids())
    }

    /// The PIDs of service information, which give way to what a PMT may have put there.
    pub(super) fn information_pids(&self) -> impl Iterator<Item = u16> {
        service::PIDS.into_iter()
    }

    /// Forgets where it was on PIDs that tables do not come on any more.
    pub(super) fn keep(&mut self, is_table: impl Fn(u16) -> bool) {
        self.continuity.retain(is_table);
    }

    /// Packets are missing on a PID.
    pub(super) fn lost(&mut self, pid: u16) {
        if !self.services.lost(pid) {
            self.programs.lost(pid);
        }
    }

    /// Packets are missing here, of whatever PID.
    pub(super) fn gap(&mut self) {
        self.continuity.values_mut().for_each(ContinuityTracker::gap);
    }

    /// Takes a packet of one of these PIDs.
    pub(super) fn packet(&mut self, pid: u16, packet: &Packet<'_>, release: &mut Release) -> Told {
        match self.continuity.get_or_default(pid).check(packet) {
            Continuity::Expected => {}
            Continuity::Duplicate => return Told::default(),
            Continuity::Lost(count) => {
                // What is missing of service information comes again, and nothing plays worse for it.
                if pid == 0 || self.programs.has_pmt(pid) {
                    release.fault(FaultReason::Continuity, Some(pid), count.into());
                }
                self.lost(pid);
            }
            Continuity::Uncertain => self.lost(pid),
        }
        if packet.scrambled() {
            release.fault(FaultReason::Scrambled, Some(pid), 1);
            return Told::default();
        }
        let mut fault = |error| {
            let reason = match error {
                SectionError::Crc => FaultReason::Crc,
                SectionError::Form => FaultReason::Section,
            };
            release.fault(reason, Some(pid), 1);
        };
        let (payload, start) = (packet.payload(), packet.payload_unit_start());
        let changed = if pid == 0 {
            self.programs.pat(payload, start, &mut fault)
        } else if self.programs.has_pmt(pid) {
            self.programs.pmt(pid, payload, start, &mut fault)
        } else {
            let told = self.services.take(pid, payload, start, &mut fault);
            if told.schedule {
                self.tell_schedule(release);
            }
            return Told { table: told.table, list: told.names, ..Told::default() };
        };
        Told { table: changed.table, list: changed.list, choice: changed.choice, pids: changed.pids }
    }

    /// This programme is played now.
    pub(super) fn playing(&mut self, number: Option<u16>, release: &mut Release) {
        if self.services.follow(number) {
            self.tell_schedule(release);
        }
    }

    fn tell_schedule(&self, release: &mut Release) {
        if let Some(schedule) = self.services.schedule() {
            release.queue.push_back(Output::Schedule(schedule.clone()));
        }
    }

    /// Tells the list of programmes, if anything in it is new; `selected` is played.
    pub(super) fn tell_programs(&mut self, selected: Option<u16>, release: &mut Release) {
        let mut list = self.programs.list(selected);
        for entry in &mut list {
            self.services.describe(entry);
        }
        if list != self.told {
            self.told.clone_from(&list);
            release.queue.push_back(Output::Programs(list));
        }
    }
}
