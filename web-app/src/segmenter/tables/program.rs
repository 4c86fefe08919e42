//! The programmes of a stream (ISO/IEC 13818-1, 2.4.4): follows PAT and PMTs and chooses what is played.
//!
//! What the viewer chose is played once its PMT is known; otherwise the first programme in the PAT's order that is best
//! played: see [`Rank`]. One of which nothing comes is left for one that comes, and gone back to when it comes again; what
//! the viewer chose is not left. A change of PAT or PMT while playing shows as a new choice. Tables that are not current yet
//! are left out, and so is what else comes on these PIDs.

use super::content::Content;
use super::known::{Known, Rank};
use super::pmt::{self, Pmt, PmtStream};
use super::psi::{Section, SectionError, Sections};
use crate::segmenter::Takes;
use crate::segmenter::map::Map;
use crate::segmenter::output::ProgramEntry;
use crate::segmenter::presence::Presence;

/// PMTs that are followed.
const PROGRAMS_MAX: usize = 256;
/// Streams that are told apart from what their PMT says.
const CORRECTIONS_MAX: usize = 256;
/// How often a PMT comes before those that never came are not waited for.
const PATIENCE: u32 = 3;
/// So long they are waited for where only radio is known, in tenths of a second: some come every few seconds only.
const PATIENCE_RADIO: u32 = 40;

/// What is played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct Choice {
    pub(in crate::segmenter) number: u16,
    pub(in crate::segmenter) pcr_pid: Option<u16>,
    pub(in crate::segmenter) streams: Vec<PmtStream>,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Programs {
    /// What the browser takes.
    takes: Takes,
    pat: Sections,
    pat_version: Option<u8>,
    /// The PAT by section number, and the number of its last section.
    pat_sections: Map<u8, Vec<(u16, u16)>>,
    pat_last: u8,
    /// Programmes and the PIDs of their PMTs, in the PAT's order.
    programs: Vec<(u16, u16)>,
    tables: Map<u16, Sections>,
    pmts: Map<u16, Known>,
    /// Programmes whose packets are encrypted.
    encrypted: Map<u16, ()>,
    /// What streams proved to carry, by PID, and what their PMT said: their `stream_type`.
    corrections: Map<u16, (u8, Content)>,
    /// What was made up of streams that were recognised by their bytes, for want of tables.
    made_up: Option<Pmt>,
    /// Streams that no PMT names, in a programme whose own do not come.
    unreferenced: Option<(u16, Vec<PmtStream>)>,
    /// What the viewer chose.
    wanted: Option<u16>,
    /// The programme that was left as nothing of it came.
    left: Option<u16>,
    /// It was chosen although others were not known.
    provisional: bool,
    choice: Option<Choice>,
    /// Which tenth of a second it is, and in which the first PMT came.
    now: u32,
    first: u32,
}

/// What a packet of PSI changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct Changed {
    /// A table came that is what it should be.
    pub(in crate::segmenter) table: bool,
    /// A programme, or what it has.
    pub(in crate::segmenter) list: bool,
    /// The PIDs of the PMTs.
    pub(in crate::segmenter) pids: bool,
    /// What is played.
    pub(in crate::segmenter) choice: bool,
}

impl Programs {
    pub(in crate::segmenter) fn new(takes: Takes) -> Self {
        Self { takes, ..Self::default() }
    }

    /// The PIDs that PMTs come on.
    pub(in crate::segmenter) fn pmt_pids(&self) -> impl Iterator<Item = u16> {
        self.tables.keys()
    }

    /// Whether PMTs come on a PID.
    pub(in crate::segmenter) fn has_pmt(&self, pid: u16) -> bool {
        self.tables.contains_key(pid)
    }

    /// What is to be played, once that is known.
    pub(in crate::segmenter) const fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }

    /// The viewer's choice; whether something else is to be played now.
    pub(in crate::segmenter) fn want(&mut self, number: Option<u16>) -> bool {
        self.wanted = number;
        self.left = None;
        if number.is_none() {
            // The first again, not what happens to be played.
            self.choose(self.first_playable())
        } else {
            self.follow()
        }
    }

    /// The packets of what is played are encrypted, or are not any more; whether something else is to be played now.
    pub(in crate::segmenter) fn encrypted(&mut self, number: u16, encrypted: bool) -> bool {
        if !encrypted {
            self.encrypted.remove(number);
            return false;
        }
        self.encrypted.insert(number, ()).is_none() && self.follow()
    }

    /// A stream proved to carry something else than its PMT says; whether something else is to be played now.
    pub(in crate::segmenter) fn correct(&mut self, pid: u16, stream_type: u8, content: Content) -> bool {
        if self.corrections.len() < CORRECTIONS_MAX || self.corrections.contains_key(pid) {
            self.corrections.insert(pid, (stream_type, content));
        }
        for known in self.pmts.values_mut() {
            correct(&self.corrections, &mut known.pmt);
        }
        self.follow()
    }

    /// Plays streams that were recognised by their bytes, while no PMT comes; whether something else is to be played.
    pub(in crate::segmenter) fn make_up(&mut self, pmt: Pmt) -> bool {
        if self.pmts.len() > 0 {
            // One that is known is played, as soon as others have been waited for.
            return false;
        }
        self.made_up = Some(pmt);
        self.follow()
    }

    /// Looks which programmes come; whether something else is to be played.
    pub(in crate::segmenter) fn look_round(&mut self, presence: &Presence) -> bool {
        self.now = presence.now();
        let mut changed = false;
        for known in self.pmts.values_mut() {
            changed |= known.look(self.takes, presence);
        }
        changed && self.follow()
    }

    /// Whether every programme of the PAT is known.
    pub(in crate::segmenter) fn are_known(&self) -> bool {
        self.pat_is_whole() && self.programs.iter().all(|(number, _)| self.pmts.contains_key(*number))
    }

    /// Whether a PMT names a PID.
    pub(in crate::segmenter) fn name(&self, pid: u16) -> bool {
        self.pmts.values().any(|known| known.pmt.streams.iter().any(|stream| stream.pid == pid))
    }

    /// A programme whose streams do not come has these, which no PMT names; whether something else is to be played.
    pub(in crate::segmenter) fn add(&mut self, number: u16, streams: Vec<PmtStream>) -> bool {
        self.unreferenced = Some((number, streams));
        self.follow()
    }

    /// All programmes, without what service information says of them.
    pub(in crate::segmenter) fn list(&self, selected: Option<u16>) -> Vec<ProgramEntry> {
        let entry = |&(number, _): &(u16, u16)| {
            let pmt = self.pmts.get(number).map(|known| &known.pmt);
            ProgramEntry {
                number,
                scrambled: self.encrypted.contains_key(number) || pmt.is_some_and(Pmt::controlled),
                playable: pmt.map(|pmt| {
                    let plays = |stream: &PmtStream| stream.content.plays_as(self.takes).is_some();
                    selected == Some(number) && self.has_unreferenced(number)
                        || pmt.streams.iter().any(plays) && !self.is_off_air(number)
                }),
                selected: selected == Some(number),
                ..ProgramEntry::default()
            }
        };
        self.programs.iter().map(entry).collect()
    }

    /// Packets are missing on a PID.
    pub(in crate::segmenter) fn lost(&mut self, pid: u16) {
        match self.tables.get_mut(pid) {
            Some(sections) => sections.reset(),
            None => self.pat.reset(),
        }
    }

    /// Takes a payload of the PAT.
    pub(in crate::segmenter) fn pat(
        &mut self,
        payload: &[u8],
        start: bool,
        fault: &mut impl FnMut(SectionError),
    ) -> Changed {
        let mut sections = core::mem::take(&mut self.pat);
        let mut changed = Changed::default();
        sections.push(payload, start, &mut |bytes| match Section::parse(bytes, 0) {
            Ok(Some(section)) if section.current => {
                changed.table = true;
                changed.pids |= self.take_pat(&section);
            }
            Ok(_) => {}
            Err(error) => fault(error),
        });
        self.pat = sections;
        changed.list = changed.pids;
        changed.choice = changed.pids && self.follow();
        changed
    }

    /// Takes a payload of a PID that PMTs come on.
    pub(in crate::segmenter) fn pmt(
        &mut self,
        pid: u16,
        payload: &[u8],
        start: bool,
        fault: &mut impl FnMut(SectionError),
    ) -> Changed {
        let Some(mut sections) = self.tables.get_mut(pid).map(core::mem::take) else { return Changed::default() };
        let (mut taken, mut list) = (false, false);
        sections.push(payload, start, &mut |bytes| match Section::parse(bytes, 2) {
            // A PMT has one section (2.4.4.9).
            Ok(Some(section)) if section.current && section.number == 0 => match Pmt::parse(&section) {
                Ok(pmt) => {
                    if let Some(changed) = self.take_pmt(pid, section.extension, pmt) {
                        taken = true;
                        list |= changed;
                    }
                }
                Err(error) => fault(error),
            },
            Ok(_) => {}
            Err(error) => fault(error),
        });
        self.tables.insert(pid, sections);
        Changed { table: taken, list, pids: false, choice: taken && self.follow() }
    }

    /// Whether the programmes changed.
    fn take_pat(&mut self, section: &Section<'_>) -> bool {
        if self.pat_version != Some(section.version) {
            self.pat_version = Some(section.version);
            self.pat_sections.clear();
        }
        self.pat_last = section.last_number;
        self.pat_sections.retain(|number| number <= section.last_number);
        self.pat_sections.insert(section.number, pmt::programs(section));
        let mut programs: Vec<(u16, u16)> = Vec::new();
        // Those of a new PAT's sections that have not come are taken to go on.
        let before = self.programs.iter().filter(|_| !self.pat_is_whole());
        for (number, pid) in self.pat_sections.values().flatten().chain(before) {
            if programs.len() < PROGRAMS_MAX && !programs.iter().any(|(known, _)| known == number) {
                programs.push((*number, *pid));
            }
        }
        if programs == self.programs {
            return false;
        }
        self.pmts.retain(|number| programs.iter().any(|(program, _)| *program == number));
        self.encrypted.retain(|number| programs.iter().any(|(program, _)| *program == number));
        let mut before = core::mem::take(&mut self.tables);
        self.tables = programs.iter().map(|(_, pid)| (*pid, before.remove(*pid).unwrap_or_default())).collect();
        self.programs = programs;
        true
    }

    fn pat_is_whole(&self) -> bool {
        self.pat_sections.len() > usize::from(self.pat_last)
    }

    /// Whether the programme changed; `None` for one that the PAT does not have here.
    fn take_pmt(&mut self, pid: u16, number: u16, mut pmt: Pmt) -> Option<bool> {
        if !self.programs.contains(&(number, pid)) {
            return None;
        }
        correct(&self.corrections, &mut pmt);
        let mut changed = !self.pmts.contains_key(number);
        if self.first == 0 {
            self.first = self.now.max(1);
        }
        let known = self.pmts.get_or_default(number);
        changed |= known.take(pmt);
        if changed {
            self.unreferenced.take_if(|(of, _)| *of == number);
        }
        Some(changed)
    }

    /// Chooses anew; whether that changed anything.
    fn follow(&mut self) -> bool {
        let current = self.choice.as_ref().map(|choice| choice.number);
        let wanted = self.wanted.filter(|number| self.pmts.contains_key(*number));
        // At the beginning what the viewer wants is waited for, as is the first programme of the PAT.
        let awaited = self.wanted.filter(|number| current.is_none() && self.programs.iter().any(|(n, _)| n == number));
        if wanted.is_none() && awaited.is_some() && self.is_patient() {
            return false;
        }
        let number = match (wanted, current.and_then(|number| Some((number, self.rank(number)?)))) {
            (Some(wanted), _) => Some(wanted),
            (None, Some((number, rank))) => Some(self.better_than(number, rank).unwrap_or(number)),
            // What was made up goes over to the programme that has its streams.
            _ => self.made_up_as().or_else(|| self.first_playable()),
        };
        if number.is_some() {
            self.made_up = None;
        }
        if number != current && number.is_some() {
            self.provisional = self.wanted.is_none() && !self.are_known();
            self.left = self.left.filter(|left| Some(*left) != number);
            if let Some(current) = current.filter(|current| wanted.is_none() && self.is_off_air(*current)) {
                self.left.get_or_insert(current);
            }
        }
        self.choose(number)
    }

    /// The programme to leave the one for that is played and that the viewer has not chosen. It goes on as long as it is
    /// announced and can be played, unless it is encrypted, or nothing of it comes, and another one is better.
    fn better_than(&self, current: u16, rank: Rank) -> Option<u16> {
        let back = self.left.filter(|left| self.rank(*left).is_some_and(|other| other >= rank));
        if back.is_some() {
            return back;
        }
        let goes_on = match rank {
            Rank::Television => true,
            Rank::Radio => !self.provisional,
            Rank::Partly => !self.encrypted.contains_key(current),
            Rank::Perhaps | Rank::Nothing => false,
        };
        let other = if goes_on { None } else { self.first_playable() }?;
        let clear = !self.encrypted.contains_key(other);
        self.rank(other).filter(|other| *other > rank && (clear || rank != Rank::Nothing)).map(|_| other)
    }

    /// The programme that has the streams of the one that was made up.
    fn made_up_as(&self) -> Option<u16> {
        let pids = self.made_up.as_ref()?.streams.iter().map(|stream| stream.pid);
        let has = |number: &u16| {
            let streams = self.pmts.get(*number).map(|known| &known.pmt.streams);
            streams.is_some_and(|streams| pids.clone().all(|pid| streams.iter().any(|stream| stream.pid == pid)))
        };
        self.programs.iter().map(|(number, _)| *number).find(has)
    }

    fn choose(&mut self, number: Option<u16>) -> bool {
        let known = number.and_then(|number| Some((number, &self.pmts.get(number)?.pmt)));
        let Some((number, pmt)) = known.or_else(|| Some((0, self.made_up.as_ref()?))) else { return false };
        let Pmt { pcr_pid, ref streams, .. } = *pmt;
        let mut streams = streams.clone();
        if let Some((_, more)) = self.unreferenced.as_ref().filter(|(of, _)| *of == number) {
            streams.extend(more.iter().filter(|stream| !self.name(stream.pid)).cloned());
        }
        let choice = Some(Choice { number, pcr_pid, streams });
        if choice == self.choice {
            return false;
        }
        self.choice = choice;
        true
    }

    /// How well a programme is played; `None` while its PMT is not known.
    fn rank(&self, number: u16) -> Option<Rank> {
        Some(self.pmts.get(number)?.rank(self.takes, self.encrypted.contains_key(number)))
    }

    fn is_off_air(&self, number: u16) -> bool {
        self.pmts.get(number).is_some_and(|known| known.off_air.is_some())
    }

    fn has_unreferenced(&self, number: u16) -> bool {
        self.unreferenced.as_ref().is_some_and(|(of, streams)| *of == number && !streams.is_empty())
    }

    /// Whether PMTs that have not come are waited for.
    fn is_patient(&self) -> bool {
        self.pmts.values().all(|pmt| pmt.seen < PATIENCE)
    }

    fn first_playable(&self) -> Option<u16> {
        let patient = self.is_patient();
        if patient && !self.pat_is_whole() {
            return None;
        }
        let mut second_best = None;
        let mut unknown = false;
        for (number, _) in &self.programs {
            match self.rank(*number) {
                Some(Rank::Television) => return Some(*number),
                None if patient => return None,
                None => unknown = true,
                Some(rank) if second_best.is_none_or(|(best, _)| rank > best) => second_best = Some((rank, *number)),
                Some(_) => {}
            }
        }
        let begins = self.choice.as_ref().is_none_or(|choice| choice.number == 0);
        if unknown && begins && self.now.saturating_sub(self.first) < PATIENCE_RADIO {
            return None;
        }
        // Nothing is played for certain: what may turn out to be, else the first, so that it can be named.
        second_best.map(|(_, number)| number)
    }
}

/// Puts right what a PMT says of streams that proved to carry something else.
fn correct(corrections: &Map<u16, (u8, Content)>, pmt: &mut Pmt) {
    for stream in &mut pmt.streams {
        if let Some((stream_type, content)) = corrections.get(stream.pid)
            && *stream_type == stream.stream_type
        {
            stream.content = *content;
        }
    }
}
