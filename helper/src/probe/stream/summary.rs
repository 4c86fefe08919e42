//! From what was followed to [`Figures`].

use super::checks::{Indicator, Repetition};
use super::clock::Clock;
use super::figures::{Figures, PidFigures, ProgramFigures, StreamFigures};
use super::programs::Program;
use super::sync::Sync;
use super::{Kind, Look, MAX_OTHERS, rounded, tables};
use amt_shared::ts::NULL_PID;
use std::collections::BTreeSet;

impl Look {
    pub(super) fn figures(&self, sync: &Sync, now: u64) -> Figures {
        let arrivals = self.arrivals.figures(now);
        let span = arrivals.span_ms * 1000;
        let pat = |pats: &Repetition| rounded(pats.longest(now) as f64 / 1e3);
        Figures {
            is_ts: sync.acquired(),
            packets: self.packets,
            null_packets: self.pids.get(NULL_PID).map_or(0, |pid| pid.packets),
            malformed_packets: self.malformed,
            skipped_bytes: sync.skipped(),
            packets_lost: self.pids.seen().map(|(_, pid)| pid.packets_lost).sum(),
            scrambled_packets: self.scrambled,
            transport_stream_id: self.programs.transport_stream_id,
            longest_pat_interval_ms: (self.pats.times() > 0).then(|| pat(&self.pats)),
            pat_changes: self.programs.pat_changes,
            programs: self.programs.announced.iter().map(|program| self.program(program, span, now)).collect(),
            other_pids: self.others(span),
            checks: self.checks_by(sync, now),
            arrivals,
        }
    }

    fn program(&self, program: &Program, span: u64, now: u64) -> ProgramFigures {
        let (provider, name) = self.programs.name(program.number);
        let pcr_pid = program.map.as_ref().map(|map| map.pcr_pid).filter(|pid| *pid != NULL_PID);
        let clock = pcr_pid.and_then(|pid| self.pids.get(pid)).and_then(|pid| pid.clock.as_ref());
        let streams = program.map.iter().flat_map(|map| &map.streams).map(|stream| {
            let state = self.pids.get(stream.pid);
            let followed = state.and_then(|state| state.stream.as_ref());
            let wait = |watched: Option<&Repetition>| {
                // From one to the next: the wait for the first, and since the last, is none of these.
                watched.filter(|watched| watched.times() > 1).map(|watched| watched.longest_between())
            };
            StreamFigures {
                kind: stream.codec.kind,
                codec: stream.codec.name,
                stream_type: stream.stream_type,
                languages: stream.codec.languages.clone(),
                packets: state.map_or_else(
                    || super::Pid::default().figures(stream.pid, span),
                    |state| state.figures(stream.pid, span),
                ),
                pts: followed
                    .filter(|followed| followed.times.is_some())
                    .map(|followed| followed.stamps.figures(wait(followed.times.as_ref()))),
                random_access_points: followed.map_or(0, |followed| followed.random_access_points),
                key_frames: followed.and_then(|followed| followed.key_frames).map_or(0, |frames| frames.times()),
                longest_key_frame_interval_ms: wait(followed.and_then(|followed| followed.key_frames.as_ref()))
                    .map(|micros| rounded(micros as f64 / 1e3)),
            }
        });
        ProgramFigures {
            number: program.number,
            name,
            provider,
            pmt_pid: program.pmt_pid,
            pmt_came: program.map.is_some(),
            longest_pmt_interval_ms: rounded(program.repetition.longest(now) as f64 / 1e3),
            pmt_changes: program.changes,
            pcr_pid,
            pcr: clock.map(Clock::figures),
            streams: streams.collect(),
        }
    }

    fn others(&self, span: u64) -> Vec<PidFigures> {
        let maps = || self.programs.announced.iter().filter_map(|program| program.map.as_ref());
        let streams: BTreeSet<u16> = maps().flat_map(|map| &map.streams).map(|stream| stream.pid).collect();
        let pmts: BTreeSet<u16> = self.programs.announced.iter().map(|program| program.pmt_pid).collect();
        let clocks: BTreeSet<u16> = maps().map(|map| map.pcr_pid).collect();
        let others = self.pids.seen().filter(|(pid, state)| state.packets > 0 && !streams.contains(pid));
        let mut others: Vec<_> = others
            .map(|(pid, state)| {
                let mut figures = state.figures(pid, span);
                if pmts.contains(&pid) {
                    figures.role = Some("PMT");
                } else if clocks.contains(&pid) {
                    figures.role.get_or_insert("PCR");
                }
                figures
            })
            .collect();
        others.sort_by_key(|figures| std::cmp::Reverse(figures.packets));
        others.truncate(MAX_OTHERS);
        others
    }

    /// The checks, with what is too late by now.
    fn checks_by(&self, sync: &Sync, now: u64) -> Vec<super::Check> {
        let mut checks = self.checks.clone();
        if !sync.acquired() {
            // There is nothing to be checked in what is no transport stream.
            checks.count(Indicator::TsSyncLoss, self.began, 1, || "no transport packets found".to_owned());
            return checks.report(|check| matches!(check, Indicator::TsSyncLoss | Indicator::SyncByte));
        }
        checks.overdue(Indicator::Pat, self.pat_packets.at(now), || "packet on PID 0".to_owned());
        checks.overdue(Indicator::Pat2, self.pats.at(now), || "PAT".to_owned());
        for program in &self.programs.announced {
            let number = program.number;
            checks.overdue(Indicator::Pmt2, program.repetition.at(now), || format!("PMT of programme {number}"));
        }
        for (pid, stream) in self.pids.seen().filter_map(|(pid, state)| Some((pid, state.stream.as_ref()?))) {
            let codec = stream.codec;
            let late = stream.presence.and_then(|presence| presence.at(now));
            checks.overdue(Indicator::Pid, late, || format!("packet of {codec} on PID {pid}"));
            let late = stream.times.filter(|_| matches!(stream.kind, Kind::Video | Kind::Audio));
            checks.overdue(Indicator::Pts, late.and_then(|times| times.at(now)), || {
                format!("PTS of {codec} on PID {pid}")
            });
        }
        if self.scrambled > 0 && !self.cat_came {
            checks.count(Indicator::Cat, self.began, 1, || {
                format!("scrambled packets without a CAT (table 0x{:02X})", tables::CAT)
            });
        }
        checks.report(|_| true)
    }
}
