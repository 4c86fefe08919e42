//! The programs of a stream as its PAT announces them, with their PMTs and names (ISO/IEC 13818-1, 2.4.4).

use super::checks::{Overdue, Repetition, TABLE_INTERVAL};
use super::tables::{ProgramMap, Section};
use std::collections::BTreeMap;

/// Programs that are followed.
const MAX_PROGRAMS: usize = 256;
/// Names that are kept, whether or not a program is there for them: the SDT may come first.
const MAX_NAMES: usize = 1024;

/// A program that the PAT announces.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) number: u16,
    pub(super) pmt_pid: u16,
    pub(super) repetition: Repetition,
    pub(super) map: Option<ProgramMap>,
    pub(super) changes: u64,
}

/// All programs.
#[derive(Debug, Default)]
pub(super) struct Programs {
    pub(super) transport_stream_id: Option<u16>,
    pub(super) announced: Vec<Program>,
    pub(super) pat_changes: u64,
    version: Option<u8>,
    /// The PAT by section number.
    sections: BTreeMap<u8, Vec<(u16, u16)>>,
    /// Provider and name by service, which has the number of its program.
    names: BTreeMap<u16, (String, String)>,
}

impl Programs {
    /// Takes a section of the PAT; where the programs changed with it, those that are no longer announced.
    pub(super) fn pat(&mut self, section: &Section<'_>, now: u64) -> Option<Vec<Program>> {
        if !section.current {
            return None;
        }
        self.transport_stream_id = Some(section.extension);
        if self.version != Some(section.version) {
            self.version = Some(section.version);
            self.sections.clear();
        }
        self.sections.retain(|number, _| *number <= section.last_number);
        self.sections.insert(section.number, section.programs());
        if self.sections.len() <= usize::from(section.last_number) {
            // The others come soon; until then what was announced before holds.
            return None;
        }
        let programs: Vec<_> = self.sections.values().flatten().copied().take(MAX_PROGRAMS).collect();
        if programs.iter().copied().eq(self.announced.iter().map(|program| (program.number, program.pmt_pid))) {
            return None;
        }
        self.pat_changes += u64::from(!self.announced.is_empty());
        let mut before = std::mem::take(&mut self.announced);
        for (number, pmt_pid) in programs {
            let same = before.iter().position(|program| (program.number, program.pmt_pid) == (number, pmt_pid));
            let program = same.map(|at| before.swap_remove(at)).unwrap_or_else(|| Program {
                number,
                pmt_pid,
                repetition: Repetition::new(TABLE_INTERVAL, now),
                map: None,
                changes: 0,
            });
            self.announced.push(program);
        }
        Some(before)
    }

    /// Takes a section of a PMT: whether it says something new, and whether it came too late.
    pub(super) fn pmt(&mut self, pid: u16, section: &Section<'_>, now: u64) -> (bool, Option<(u16, Overdue)>) {
        let here = |program: &&mut Program| (program.number, program.pmt_pid) == (section.extension, pid);
        let Some(program) = self.announced.iter_mut().find(here).filter(|_| section.current) else {
            return (false, None);
        };
        let overdue = program.repetition.came(now).map(|overdue| (program.number, overdue));
        let map = section.program_map();
        if map.is_none() || map == program.map {
            return (false, overdue);
        }
        program.changes += u64::from(program.map.is_some());
        program.map = map;
        (true, overdue)
    }

    /// Takes a section of the SDT.
    pub(super) fn sdt(&mut self, section: &Section<'_>) {
        for service in section.services() {
            if self.names.len() < MAX_NAMES || self.names.contains_key(&service.id) {
                self.names.insert(service.id, (service.provider, service.name));
            }
        }
    }

    /// Provider and name of a program; what is empty is none.
    pub(super) fn name(&self, number: u16) -> (Option<String>, Option<String>) {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        self.names.get(&number).map_or((None, None), |(provider, name)| (some(provider), some(name)))
    }

    pub(super) fn has_pmt_on(&self, pid: u16) -> bool {
        self.announced.iter().any(|program| program.pmt_pid == pid)
    }
}
