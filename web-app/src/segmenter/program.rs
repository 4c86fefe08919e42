//! The programmes of a stream (ISO/IEC 13818-1, 2.4.4): follows PAT and PMTs and chooses what is played.
//!
//! The first programme in the PAT's order is played that has a stream which can be. A change of PAT or PMT
//! while playing shows as a new choice.

use std::collections::BTreeMap;

use super::Takes;
use super::content::Content;
use super::psi::{PmtStream, Section, SectionError, Sections};

/// PMTs that are followed.
const PROGRAMS_MAX: usize = 256;
/// How often a PMT comes before those that never came are not waited for.
const PATIENCE: u32 = 3;

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) number: u16,
    pub(super) streams: Vec<PmtStream>,
}

impl Choice {
    /// What the PMT says that a PID carries.
    pub(super) fn content(&self, pid: u16) -> Content {
        self.streams.iter().find(|stream| stream.pid == pid).map_or(Content::Unknown, |stream| stream.content)
    }
}

#[derive(Debug, Default)]
struct Pmt {
    streams: Option<Vec<PmtStream>>,
    seen: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// What the browser takes.
    takes: Takes,
    pat: Sections,
    pat_version: Option<u8>,
    /// The PAT by section number.
    pat_sections: BTreeMap<u8, Vec<(u16, u16)>>,
    /// Programmes and the PIDs of their PMTs, in the PAT's order.
    programs: Vec<(u16, u16)>,
    tables: BTreeMap<u16, Sections>,
    pmts: BTreeMap<u16, Pmt>,
    choice: Option<Choice>,
}

/// What a packet of PSI changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// The PIDs of the PMTs.
    pub(super) pids: bool,
    /// What is played.
    pub(super) choice: bool,
}

impl Programs {
    pub(super) fn new(takes: Takes) -> Self {
        Self { takes, ..Self::default() }
    }

    /// The PIDs that PMTs come on.
    pub(super) fn pmt_pids(&self) -> impl Iterator<Item = u16> {
        self.tables.keys().copied()
    }

    /// What is played, once that is known.
    pub(super) const fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }

    /// Packets are missing on a PID.
    pub(super) fn lost(&mut self, pid: u16) {
        match self.tables.get_mut(&pid) {
            Some(sections) => sections.reset(),
            None => self.pat.reset(),
        }
    }

    /// Takes a payload of the PAT.
    pub(super) fn pat(&mut self, payload: &[u8], start: bool, fault: &mut impl FnMut(SectionError)) -> Changed {
        let mut sections = core::mem::take(&mut self.pat);
        let mut changed = Changed::default();
        sections.push(payload, start, &mut |bytes| match Section::parse(bytes, 0) {
            Ok(Some(section)) if section.current => changed.pids |= self.take_pat(&section),
            Ok(_) => {}
            Err(error) => fault(error),
        });
        self.pat = sections;
        changed.choice = changed.pids && self.choose();
        changed
    }

    /// Takes a payload of a PID that PMTs come on.
    pub(super) fn pmt(
        &mut self,
        pid: u16,
        payload: &[u8],
        start: bool,
        fault: &mut impl FnMut(SectionError),
    ) -> Changed {
        let Some(mut sections) = self.tables.get_mut(&pid).map(core::mem::take) else { return Changed::default() };
        let mut taken = false;
        sections.push(payload, start, &mut |bytes| match Section::parse(bytes, 2) {
            Ok(Some(section)) if section.current => match section.streams() {
                Ok(streams) => taken |= self.take_pmt(pid, section.extension, streams),
                Err(error) => fault(error),
            },
            Ok(_) => {}
            Err(error) => fault(error),
        });
        self.tables.insert(pid, sections);
        Changed { pids: false, choice: taken && self.choose() }
    }

    /// Whether the programmes changed.
    fn take_pat(&mut self, section: &Section<'_>) -> bool {
        if self.pat_version != Some(section.version) {
            self.pat_version = Some(section.version);
            self.pat_sections.clear();
        }
        self.pat_sections.retain(|number, _| *number <= section.last_number);
        self.pat_sections.insert(section.number, section.programs());
        let programs: Vec<_> = self.pat_sections.values().flatten().copied().take(PROGRAMS_MAX).collect();
        if programs == self.programs {
            return false;
        }
        self.pmts.retain(|number, _| programs.iter().any(|(program, _)| program == number));
        let mut before = core::mem::take(&mut self.tables);
        self.tables = programs.iter().map(|(_, pid)| (*pid, before.remove(pid).unwrap_or_default())).collect();
        self.programs = programs;
        true
    }

    fn take_pmt(&mut self, pid: u16, number: u16, streams: Vec<PmtStream>) -> bool {
        if !self.programs.contains(&(number, pid)) {
            return false;
        }
        let pmt = self.pmts.entry(number).or_default();
        pmt.seen = pmt.seen.saturating_add(1);
        pmt.streams = Some(streams);
        true
    }

    /// Chooses anew; whether that changed anything.
    fn choose(&mut self) -> bool {
        let number = match &self.choice {
            // What is played goes on as long as it is announced and can be played.
            Some(choice) if self.rank(choice.number) > Some(0) => Some(choice.number),
            _ => self.first_playable(),
        };
        let Some(number) = number else { return false };
        let Some(streams) = self.pmts.get(&number).and_then(|pmt| pmt.streams.clone()) else { return false };
        let choice = Some(Choice { number, streams });
        if choice == self.choice {
            return false;
        }
        self.choice = choice;
        true
    }

    /// 2: a stream that is played; 1: one that may turn out to be; 0: none. `None` while the PMT is not known.
    fn rank(&self, number: u16) -> Option<u8> {
        let streams = self.pmts.get(&number)?.streams.as_ref()?;
        let rank = |stream: &PmtStream| match stream.content {
            content if content.plays_as(self.takes).is_some() => 2,
            Content::Unknown => 1,
            _ => 0,
        };
        Some(streams.iter().map(rank).max().unwrap_or(0))
    }

    fn first_playable(&self) -> Option<u16> {
        let patient = self.pmts.values().all(|pmt| pmt.seen < PATIENCE);
        let mut second_best = None;
        for (number, _) in &self.programs {
            match self.rank(*number) {
                Some(2) => return Some(*number),
                None if patient => return None,
                Some(rank) if second_best.is_none_or(|(best, _)| rank > best) => second_best = Some((rank, *number)),
                _ => {}
            }
        }
        // Nothing is played for certain: what may turn out to be, else the first, so that it can be named.
        second_best.map(|(_, number)| number)
    }
}
