//! Takes transport packets to what they are for (ISO/IEC 13818-1, 2.4.3.2): tables, tracks, data.
//!
//! In: packets in the order they came. Out: what each part makes of its own, in one queue. Packets with errors are
//! counted and dropped; those of PIDs that nothing is played from are not looked at.

use std::collections::BTreeMap;

use amt_shared::ts::{Continuity, ContinuityTracker, PACKET_LEN, Packet, pid};

use super::Options;
use super::certainty::Certainty;
use super::demux::Found;
use super::metadata::Metadata;
use super::output::{FaultReason, Micros, Output};
use super::program::{Changed, Programs};
use super::psi::SectionError;
use super::release::Release;
use super::tracks::Tracks;

/// Faults are told after so many packets at the latest.
const FAULT_PACKETS: u64 = 64;

/// Where the packets of a PID go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Route {
    #[default]
    Nowhere,
    /// Nothing but the programme's clock.
    Clock,
    Pat,
    Pmt,
    Video,
    Audio,
    Data,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Packets {
    count: u64,
    certainty: Certainty,
    routes: Box<[Route; 8192]>,
    tables: BTreeMap<u16, ContinuityTracker>,
    programs: Programs,
    tracks: Tracks,
    metadata: Metadata,
    last_pid: u16,
    release: Release,
}

impl Default for Packets {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Packets {
    pub(super) fn new(options: Options) -> Self {
        let mut routes = Box::new([Route::Nowhere; 8192]);
        routes[0] = Route::Pat;
        Self {
            count: 0,
            certainty: Certainty::default(),
            routes,
            tables: BTreeMap::new(),
            programs: Programs::new(options.takes),
            tracks: Tracks::new(options),
            metadata: Metadata::default(),
            last_pid: 0,
            release: Release::default(),
        }
    }

    /// The packets taken next are of `bytes` bytes that the helper received at `received`.
    pub(super) fn begin_push(&mut self, bytes: usize, received: Micros) {
        self.certainty.bytes(bytes);
        self.release.received = received;
    }

    /// No more packets of these bytes follow.
    pub(super) fn end_push(&mut self) {
        self.release.flush_audio();
    }

    /// The next output.
    pub(super) fn poll(&mut self) -> Option<Output> {
        self.release.queue.pop_front()
    }

    /// Packets taken so far.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// See [`super::Segmenter::recognised`].
    pub(super) fn recognised(&self) -> bool {
        self.certainty.recognised()
    }

    /// Takes what was found in the bytes.
    pub(super) fn take(&mut self, found: Found<'_>) {
        match found {
            Found::Packet(bytes) => self.packet(bytes),
            Found::SyncLost { previous_damaged } => {
                self.certainty.sync_lost();
                self.release.fault(FaultReason::SyncLost, None, 1);
                if previous_damaged {
                    self.damage(self.last_pid);
                }
            }
        }
    }

    fn packet(&mut self, bytes: &[u8; PACKET_LEN]) {
        self.count += 1;
        self.certainty.packet(bytes);
        if self.count.is_multiple_of(FAULT_PACKETS) {
            self.release.tell_faults();
        }
        let pid = pid(bytes);
        self.last_pid = pid;
        let route = self.routes[usize::from(pid)];
        if route == Route::Nowhere {
            return;
        }
        let packet = match Packet::parse(bytes) {
            Ok(packet) if !packet.transport_error() => packet,
            Ok(_) => return self.release.fault(FaultReason::TransportError, Some(pid), 1),
            // What a packet with errors says of itself is not judged.
            Err(_) if bytes[1] & 0x80 != 0 => return self.release.fault(FaultReason::TransportError, Some(pid), 1),
            Err(_) => return self.release.fault(FaultReason::AdaptationField, Some(pid), 1),
        };
        // The clock is told in adaptation fields alone.
        if bytes[3] & 0x20 != 0 {
            self.release.clock(&packet);
        }
        match route {
            Route::Nowhere | Route::Clock => {}
            Route::Video => self.tracks.video_packet(&packet, &mut self.release),
            Route::Audio => {
                if self.tracks.audio_packet(pid, &packet, &mut self.release) {
                    self.route();
                }
            }
            Route::Data => self.metadata.packet(pid, &packet, &mut self.release),
            Route::Pat | Route::Pmt => self.table(pid, &packet),
        }
    }

    fn table(&mut self, pid: u16, packet: &Packet<'_>) {
        match self.tables.entry(pid).or_default().check(packet) {
            Continuity::Expected => {}
            Continuity::Duplicate => return,
            Continuity::Lost(count) => {
                self.release.fault(FaultReason::Continuity, Some(pid), count.into());
                self.programs.lost(pid);
            }
        }
        if packet.scrambled() {
            return self.release.fault(FaultReason::Scrambled, Some(pid), 1);
        }
        let release = &mut self.release;
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
        } else {
            self.programs.pmt(pid, payload, start, &mut fault)
        };
        if changed.pids || changed.choice {
            self.certainty.table();
        }
        self.follow(changed);
    }

    /// Follows what PAT and PMT say now.
    fn follow(&mut self, changed: Changed) {
        if changed.choice
            && let Some(choice) = self.programs.choice()
        {
            self.tracks.follow(choice, &mut self.release);
            self.metadata.follow(&choice.streams);
        }
        if changed.pids || changed.choice {
            self.route();
        }
    }

    fn route(&mut self) {
        self.routes.fill(Route::Nowhere);
        // Where a PID is announced as several things, the later line here counts.
        if let Some(pid) = self.release.clock.pid() {
            self.routes[usize::from(pid)] = Route::Clock;
        }
        for pid in self.metadata.pids() {
            self.routes[usize::from(pid)] = Route::Data;
        }
        for pid in self.tracks.audio_pids() {
            self.routes[usize::from(pid)] = Route::Audio;
        }
        if let Some(pid) = self.tracks.video_pid() {
            self.routes[usize::from(pid)] = Route::Video;
        }
        for pid in self.programs.pmt_pids() {
            self.routes[usize::from(pid)] = Route::Pmt;
        }
        self.routes[0] = Route::Pat;
        self.tables.retain(|pid, _| matches!(self.routes[usize::from(*pid)], Route::Pat | Route::Pmt));
    }

    /// Bytes of a packet that was taken already are wrong.
    fn damage(&mut self, pid: u16) {
        match self.routes[usize::from(pid)] {
            Route::Nowhere | Route::Clock => {}
            Route::Video | Route::Audio => self.tracks.damage(pid, &mut self.release),
            Route::Data => self.metadata.damage(pid),
            Route::Pat | Route::Pmt => self.programs.lost(pid),
        }
    }

    /// The input has ended.
    pub(super) fn finish(&mut self) {
        self.tracks.finish(&mut self.release);
        self.metadata.finish(&mut self.release);
        self.release.begin(true);
        self.release.finish_video();
        self.release.tell_program();
        self.release.flush_audio();
        self.release.tell_faults();
    }
}
