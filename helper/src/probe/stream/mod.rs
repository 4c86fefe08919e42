//! Looks into a transport stream (ISO/IEC 13818-1) without changing it: what is in it, and what is wrong with it by
//! ETSI TR 101 290.
//!
//! In: the TS of one datagram after another with its time of arrival. Out, at any time: [`Figures`]. Pure: no socket
//! and no clock; everything is bounded by the 8192 PIDs there can be, and any bytes are taken.
//!
//! Times are those of arrival, so a silence of the network shows as tables that stay away, too; PCR intervals are
//! those of the clock itself, which no network lengthens.

mod arrivals;
mod checks;
mod clock;
mod codec;
mod figures;
mod key_frame;
mod pids;
mod programs;
mod sections;
mod stamps;
mod summary;
mod sync;
mod tables;
#[cfg(test)]
mod test_stream;
mod text;

pub use arrivals::{ArrivalFigures, SizeCount};
pub use checks::{Check, Failure, Indicator};
pub use clock::PcrFigures;
pub use codec::Kind;
pub use figures::{Figures, PidFigures, ProgramFigures, StreamFigures};
pub use stamps::PtsFigures;

use amt_shared::ts::{Continuity, NULL_PID, PACKET_LEN, Packet};
use arrivals::Arrivals;
use checks::{Checks, PID_INTERVAL, PTS_INTERVAL, Repetition, TABLE_INTERVAL};
use clock::{Clock, Step};
use pids::{Pid, Pids, Stream};
use programs::{Program, Programs};
use sections::is_intact;
use stamps::{Stamp, Stamps};
use sync::Sync;
use tables::Section;

/// PIDs of tables that are known without a PAT: PAT, CAT, NIT, SDT, EIT, TDT.
const TABLE_PIDS: [u16; 6] = [0x00, 0x01, 0x10, 0x11, 0x12, 0x14];
/// PIDs without a program that are told.
const MAX_OTHERS: usize = 64;

/// A figure to three places behind the point, as more would say nothing.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

/// Looks into one stream.
#[derive(Debug, Default)]
pub struct Analyser {
    sync: Sync,
    /// What begins with the first datagram.
    look: Option<Look>,
}

#[derive(Debug)]
struct Look {
    arrivals: Arrivals,
    checks: Checks,
    pids: Pids,
    programs: Programs,
    packets: u64,
    malformed: u64,
    scrambled: u64,
    began: u64,
    now: u64,
    /// Packets on PID 0, and whole PATs.
    pat_packets: Repetition,
    pats: Repetition,
    cat_came: bool,
    first_key_frame: Option<u64>,
}

impl Analyser {
    /// Takes the TS of a datagram that arrived at this time, in microseconds since any moment.
    pub fn push(&mut self, arrived_micros: u64, ts: &[u8]) {
        let look = self.look.get_or_insert_with(|| Look::new(arrived_micros));
        // Two paths, or a clock that was set: no time is before the one before it.
        look.now = look.now.max(arrived_micros);
        look.arrivals.push(look.now, ts.len());
        let faults = self.sync.push(ts, |bytes| look.packet(bytes));
        let now = look.now;
        look.checks.count(Indicator::SyncByte, now, faults.bytes, || "a sync byte other than 0x47".to_owned());
        look.checks.count(Indicator::TsSyncLoss, now, faults.losses, || "two consecutive wrong sync bytes".to_owned());
    }

    /// Something was lost before the next datagram, by a count other than the stream's own.
    pub fn lost(&mut self) {
        self.look.iter_mut().for_each(Look::lost);
    }

    /// When the first key frame of a picture came, as [`push`](Self::push) was told the time.
    #[must_use]
    pub fn first_key_frame(&self) -> Option<u64> {
        self.look.as_ref()?.first_key_frame
    }

    /// What was found by this time; `None` before the first datagram.
    #[must_use]
    pub fn figures(&self, now_micros: u64) -> Option<Figures> {
        self.look.as_ref().map(|look| look.figures(&self.sync, now_micros.max(look.now)))
    }
}

impl Look {
    fn new(now: u64) -> Self {
        let mut pids = Pids::default();
        for pid in TABLE_PIDS {
            pids.entry(pid).sections = Some(sections::Sections::default());
        }
        Self {
            arrivals: Arrivals::new(now),
            checks: Checks::new(now),
            pids,
            programs: Programs::default(),
            packets: 0,
            malformed: 0,
            scrambled: 0,
            began: now,
            now,
            pat_packets: Repetition::new(TABLE_INTERVAL, now),
            pats: Repetition::new(TABLE_INTERVAL, now),
            cat_came: false,
            first_key_frame: None,
        }
    }

    fn lost(&mut self) {
        let place = self.packets * PACKET_LEN as u64;
        self.pids.seen_mut().filter_map(|(_, pid)| pid.clock.as_mut()).for_each(|clock| clock.lost(place));
    }

    fn packet(&mut self, bytes: &[u8; PACKET_LEN]) {
        self.packets += 1;
        let Ok(packet) = Packet::parse(bytes) else {
            self.malformed += 1;
            return;
        };
        self.malformed += u64::from(packet.lacks_payload());
        let (pid, now) = (packet.pid(), self.now);
        if packet.transport_error() {
            self.checks.count(Indicator::Transport, now, 1, || format!("PID {pid}: transport_error_indicator is set"));
            return;
        }
        let state = self.pids.entry(pid);
        state.packets += 1;
        if pid == NULL_PID {
            return;
        }
        match state.continuity.check(&packet) {
            Continuity::Expected | Continuity::Uncertain => {}
            Continuity::Duplicate => return,
            Continuity::Lost(lost) => {
                state.continuity_errors += 1;
                state.packets_lost += u64::from(lost);
                state.sections.iter_mut().for_each(sections::Sections::reset);
                let what = || format!("PID {pid}: {lost} packets missing or out of order");
                self.checks.count(Indicator::Continuity, now, 1, what);
                self.lost();
            }
        }
        self.scrambling(&packet);
        self.clock(&packet);
        if pid == 0 {
            let late = self.pat_packets.came(now);
            self.checks.overdue(Indicator::Pat, late, || "packet on PID 0".to_owned());
        }
        self.sections(&packet);
        self.stream(&packet);
    }

    fn scrambling(&mut self, packet: &Packet<'_>) {
        if !packet.scrambled() {
            return;
        }
        let (pid, now) = (packet.pid(), self.now);
        self.scrambled += 1;
        self.pids.entry(pid).scrambled += 1;
        let what = || format!("PID {pid}: the table is scrambled");
        if pid == 0 {
            self.checks.count(Indicator::Pat, now, 1, what);
            self.checks.count(Indicator::Pat2, now, 1, what);
        } else if self.programs.has_pmt_on(pid) {
            self.checks.count(Indicator::Pmt2, now, 1, what);
        }
    }

    fn clock(&mut self, packet: &Packet<'_>) {
        let Some(pcr) = packet.pcr() else { return };
        let (pid, now, place) = (packet.pid(), self.now, self.packets * PACKET_LEN as u64);
        let clock = self.pids.entry(pid).clock.get_or_insert_default();
        match clock.push(now, place, pcr, packet.discontinuity()) {
            Step::Even => {}
            Step::Late(micros) => self.checks.count(Indicator::PcrRepetition, now, 1, || {
                format!("PID {pid}: {:.0} ms between PCRs", micros as f64 / 1e3)
            }),
            Step::Jump(micros) => self.checks.count(Indicator::PcrDiscontinuity, now, 1, || {
                format!("PID {pid}: the PCR jumped by {:.0} ms", micros as f64 / 1e3)
            }),
        }
    }

    fn sections(&mut self, packet: &Packet<'_>) {
        let pid = packet.pid();
        let payload = packet.payload();
        if payload.is_empty() || packet.scrambled() {
            return;
        }
        // Taken out while it works, as a section may change what is followed on this PID.
        let Some(mut sections) = self.pids.entry(pid).sections.take() else { return };
        sections.push(payload, packet.payload_unit_start(), |bytes| self.section(pid, bytes));
        self.pids.entry(pid).sections = Some(sections);
    }

    fn section(&mut self, pid: u16, bytes: &[u8]) {
        let now = self.now;
        let table_id = bytes.first().copied().unwrap_or(u8::MAX);
        if !is_intact(bytes) {
            let what = || format!("PID {pid}: table 0x{table_id:02X} with a CRC error");
            self.checks.count(Indicator::Crc, now, 1, what);
            return;
        }
        let other = || format!("PID {pid}: unexpected table 0x{table_id:02X}");
        match (pid, table_id, Section::parse(bytes)) {
            (0, tables::PAT, Some(section)) => {
                let late = self.pats.came(now);
                self.checks.overdue(Indicator::Pat2, late, || "PAT".to_owned());
                if let Some(dropped) = self.programs.pat(&section, now) {
                    for Program { number, repetition, .. } in dropped {
                        self.checks
                            .overdue(Indicator::Pmt2, repetition.at(now), || format!("PMT of programme {number}"));
                    }
                    self.follow();
                }
            }
            (0, _, _) => {
                self.checks.count(Indicator::Pat, now, 1, other);
                self.checks.count(Indicator::Pat2, now, 1, other);
            }
            (1, tables::CAT, Some(_)) => self.cat_came = true,
            (1, _, _) => self.checks.count(Indicator::Cat, now, 1, other),
            (0x11, tables::SDT, Some(section)) => self.programs.sdt(&section),
            (_, tables::PMT, Some(section)) => {
                let (changed, late) = self.programs.pmt(pid, &section, now);
                if let Some((number, overdue)) = late {
                    self.checks.overdue(Indicator::Pmt2, Some(overdue), || format!("PMT of programme {number}"));
                }
                if changed {
                    self.follow();
                }
            }
            _ => {}
        }
    }

    /// Follows what the tables refer to now, and no longer what they do not.
    fn follow(&mut self) {
        let now = self.now;
        let mut before: Vec<(u16, Stream)> =
            self.pids.seen_mut().filter_map(|(pid, state)| Some((pid, state.stream.take()?))).collect();
        for program in &self.programs.announced {
            self.pids.entry(program.pmt_pid).sections.get_or_insert_default();
            for stream in program.map.iter().flat_map(|map| &map.streams) {
                let pcr_pid = program.map.as_ref().map_or(NULL_PID, |map| map.pcr_pid);
                let same = before.iter().position(|(pid, old)| *pid == stream.pid && old.codec == stream.codec.name);
                let watched = matches!(stream.codec.kind, Kind::Video | Kind::Audio);
                let followed = same.map(|at| before.swap_remove(at).1).unwrap_or_else(|| Stream {
                    kind: stream.codec.kind,
                    codec: stream.codec.name,
                    pcr_pid,
                    presence: watched.then(|| Repetition::new(PID_INTERVAL, now)),
                    times: None,
                    stamps: Stamps::default(),
                    random_access_points: 0,
                    key_frames: None,
                });
                self.pids.entry(stream.pid).stream.get_or_insert(Stream { pcr_pid, ..followed });
            }
        }
    }

    fn stream(&mut self, packet: &Packet<'_>) {
        let (pid, now) = (packet.pid(), self.now);
        // The indicator says it before the tables are there.
        let marked = packet.starts_video_random_access();
        if marked {
            self.first_key_frame.get_or_insert(now);
        }
        let clock_of = |pids: &Pids, pid| pids.get(pid).and_then(|state| state.clock.as_ref()).and_then(Clock::last);
        let Some(pcr_pid) = self.pids.get(pid).and_then(|state| state.stream.as_ref()).map(|stream| stream.pcr_pid)
        else {
            return;
        };
        let clock = clock_of(&self.pids, pcr_pid);
        let Pid { stream: Some(stream), .. } = self.pids.entry(pid) else { return };
        let kind = stream.codec;
        let late = stream.presence.as_mut().and_then(|presence| presence.came(now));
        self.checks.overdue(Indicator::Pid, late, || format!("packet of {kind} on PID {pid}"));
        if !packet.payload_unit_start() || packet.scrambled() {
            return;
        }
        if marked || stream.kind == Kind::Video && key_frame::begins(stream.codec, packet.payload()) {
            self.first_key_frame.get_or_insert(now);
            stream.random_access_points += u64::from(marked);
            stream.key_frames.get_or_insert_with(|| Repetition::new(u64::MAX, now)).came(now);
        }
        let Some(stamp) = Stamp::parse(packet.payload()) else { return };
        stream.stamps.push(stamp, clock);
        let late = stream.times.get_or_insert_with(|| Repetition::new(PTS_INTERVAL, now)).came(now);
        if matches!(stream.kind, Kind::Video | Kind::Audio) {
            self.checks.overdue(Indicator::Pts, late, || format!("PTS of {kind} on PID {pid}"));
        }
    }
}

#[cfg(test)]
mod tests;
