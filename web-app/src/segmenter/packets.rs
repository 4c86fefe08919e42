//! Takes transport packets to what they are for (ISO/IEC 13818-1, 2.4.3.2): tables, tracks, data.
//!
//! In: packets in the order they came. Out: what each part makes of its own, in one queue. Packets with errors are
//! counted and dropped; those of PIDs that nothing is played from are not looked at.

mod finding;

use amt_shared::ts::{PACKET_LEN, Packet, pid};

use super::Options;
use super::backlog::Backlog;
use super::output::{FaultReason, Micros, Output};
use super::playing::{Part, Playing};
use super::presence::Presence;
use super::recognition::Search;
use super::sound::{SoundCodec, SoundDecoder};
use super::tables::{Tables, Told};
use crate::segmenter::recognition::inquiries::Inquiries;
use crate::segmenter::transport::certainty::Certainty;
use crate::segmenter::transport::demux::Found;

/// Faults are told after so many packets at the latest.
const FAULT_PACKETS: u64 = 64;

/// So often it is looked whether pictures come out, in packets.
const WATCH_PACKETS: u64 = 256;

/// Where the packets of a PID go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Route {
    #[default]
    Nowhere,
    /// Nothing but the programme's clock.
    Clock,
    /// PAT, PMT, service information.
    Table,
    Part(Part),
    /// Not to the programme that is played: to the one that is about to be, or only to be looked into.
    Aside,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Packets {
    options: Options,
    count: u64,
    certainty: Certainty,
    routes: Box<[Route; 8192]>,
    tables: Tables,
    playing: Playing,
    next: Option<Next>,
    presence: Presence,
    /// What came before anything was known to be played.
    backlog: Option<Backlog>,
    /// Looks for streams while there are no tables, or where those that they announce do not come.
    search: Option<Box<Search>>,
    /// Streams in place of those that do not come were looked for, for long enough.
    searched: bool,
    /// Looks whether streams carry what the tables say.
    inquiries: Inquiries,
    /// Packets of the picture, and how many there were when the last picture had come out, and which that was.
    video_packets: u64,
    watched: (u64, u64),
    last_pid: u16,
}

/// The programme that takes the place of the one that is played as soon as it can begin.
#[derive(Debug)]
struct Next {
    playing: Box<Playing>,
    /// What of it comes on which PID; the last that is said of a PID counts.
    parts: Vec<(u16, Part)>,
}

impl Next {
    fn part(&self, pid: u16) -> Option<Part> {
        self.parts.iter().rev().find(|(of, _)| *of == pid).map(|(_, part)| *part)
    }
}

impl Default for Packets {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Packets {
    pub(super) fn new(options: Options) -> Self {
        let mut packets = Self {
            options,
            count: 0,
            certainty: Certainty::default(),
            routes: Box::new([Route::Nowhere; 8192]),
            tables: Tables::new(options.takes),
            playing: Playing::new(options),
            next: None,
            presence: Presence::default(),
            backlog: Some(Backlog::default()),
            search: Some(Box::default()),
            searched: false,
            inquiries: Inquiries::default(),
            video_packets: 0,
            watched: (0, 0),
            last_pid: 0,
        };
        packets.route();
        packets
    }

    /// The packets taken next are of `bytes` bytes that the helper received at `received`.
    pub(super) fn begin_push(&mut self, bytes: usize, received: Micros) {
        self.certainty.bytes(bytes);
        if self.presence.received(received) {
            self.look_round();
        }
        self.playing.release.received = received;
        if let Some(next) = &mut self.next {
            next.playing.release.received = received;
        }
    }

    /// No more packets of these bytes follow.
    pub(super) fn end_push(&mut self) {
        self.playing.release.flush_audio();
    }

    /// Takes a decoder of sound.
    pub(super) fn supply(&mut self, codec: SoundCodec, decoder: Box<dyn SoundDecoder>) {
        self.playing.release.supply(codec, decoder);
    }

    /// The next output.
    pub(super) fn poll(&mut self) -> Option<Output> {
        self.playing.release.queue.pop_front()
    }

    /// Packets taken so far.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// See [`super::Segmenter::recognised`].
    pub(super) fn recognised(&self) -> bool {
        self.certainty.recognised()
    }

    /// See [`super::Segmenter::choose_program`].
    pub(super) fn choose_program(&mut self, number: Option<u16>) {
        if self.playing.number.is_none() {
            // A sound track that was chosen was one of another programme.
            self.playing.tracks.choose_audio(None, &mut self.playing.release);
        }
        if self.tables.programs.want(number) {
            self.follow();
        }
    }

    /// See [`super::Segmenter::choose_audio`].
    pub(super) fn choose_audio(&mut self, pid: Option<u16>) {
        let playing = self.next.as_mut().map_or(&mut self.playing, |next| &mut next.playing);
        playing.tracks.choose_audio(pid, &mut playing.release);
        self.route();
    }

    /// Takes what was found in the bytes.
    pub(super) fn take(&mut self, found: Found<'_>) {
        match found {
            Found::Packet(bytes) => self.packet(bytes),
            Found::SyncLost { previous_damaged } => {
                self.certainty.sync_lost();
                self.playing.release.fault(FaultReason::SyncLost, None, 1);
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
            self.playing.release.tell_faults();
            if self.presence.packets(FAULT_PACKETS) {
                self.look_round();
            }
            if self.count.is_multiple_of(WATCH_PACKETS) {
                self.watch();
            }
        }
        self.last_pid = pid(bytes);
        let watched = self.next.is_some() || self.inquiries.are_open();
        // The short way, which most packets take.
        if self.routes[usize::from(self.last_pid)] != Route::Part(Part::Video)
            || watched
            || !self.playing.picture_goes_on(bytes)
        {
            self.dispatch(bytes);
        }
    }

    fn dispatch(&mut self, bytes: &[u8; PACKET_LEN]) {
        let pid = pid(bytes);
        let mut route = self.routes[usize::from(pid)];
        if self.presence.packet(pid, bytes) {
            self.look_round();
            route = self.routes[usize::from(pid)];
        }
        if route == Route::Nowhere {
            if let Some(backlog) = &mut self.backlog {
                backlog.push(bytes, self.playing.release.received, self.presence.now());
            }
            if self.search.is_some() {
                self.search(bytes);
            }
            return;
        }
        let release = &mut self.playing.release;
        let packet = match Packet::parse(bytes) {
            Ok(packet) if !packet.transport_error() => packet,
            Ok(_) => return release.fault(FaultReason::TransportError, Some(pid), 1),
            // What a packet with errors says of itself is not judged.
            Err(_) if bytes[1] & 0x80 != 0 => return release.fault(FaultReason::TransportError, Some(pid), 1),
            Err(_) => return release.fault(FaultReason::AdaptationField, Some(pid), 1),
        };
        // The clock is told in adaptation fields alone.
        if bytes[3] & 0x20 != 0 {
            self.playing.release.clock(&packet);
            if packet.lacks_payload() {
                self.playing.release.fault(FaultReason::AdaptationField, Some(pid), 1);
            }
        }
        match route {
            Route::Nowhere | Route::Aside => {}
            // A picture may come there that no PMT names.
            Route::Clock if self.search.is_some() => self.search(bytes),
            Route::Clock => {}
            Route::Part(part) => {
                self.video_packets += u64::from(part == Part::Video);
                if self.playing.packet(part, &packet) {
                    self.settle();
                }
            }
            Route::Table => return self.table(pid, &packet),
        }
        if self.inquiries.are_open() {
            self.inquire(&packet);
        }
        if self.next.is_some() {
            self.next_packet(pid, &packet);
        }
    }

    /// Something was found out about the streams that are played.
    #[cold]
    fn settle(&mut self) {
        let (number, encrypted) = (self.playing.number, self.playing.release.is_encrypted());
        if let Some(number) = number
            && self.tables.programs.encrypted(number, encrypted)
        {
            self.follow();
        }
        self.tell_programs();
        self.route();
    }

    #[cold]
    fn next_packet(&mut self, pid: u16, packet: &Packet<'_>) {
        let Some(next) = &mut self.next else { return };
        let Some(part) = next.part(pid) else { return };
        let settled = next.playing.packet(part, packet);
        if next.playing.release.can_begin() {
            self.switch();
        } else if settled {
            self.route();
        }
    }

    /// The programme that was waited for takes the place of the one that is played.
    fn switch(&mut self) {
        let Some(next) = self.next.take() else { return };
        (self.search, self.searched) = (None, false);
        let before = core::mem::replace(&mut self.playing, *next.playing);
        self.playing.release.take_over(before.release);
        if let Some(choice) = self.tables.programs.choice().filter(|choice| self.playing.number == Some(choice.number))
        {
            self.inquiries.follow(&choice.streams);
        }
        self.tables.playing(self.playing.number, &mut self.playing.release);
        self.tell_programs();
        self.route();
    }

    fn table(&mut self, pid: u16, packet: &Packet<'_>) {
        let told = self.tables.packet(pid, packet, &mut self.playing.release);
        let Told { table, list, choice, pids } = told;
        if table {
            self.certainty.table();
        }
        if choice {
            self.follow();
        } else if pids {
            self.route();
        }
        if pids {
            self.read_backlog();
        }
        if list || choice {
            self.tell_programs();
        }
    }

    /// Plays what is chosen now: what the streams of the programme are, or another programme.
    fn follow(&mut self) {
        let Some(choice) = self.tables.programs.choice() else { return };
        let made_up = choice.number == 0;
        if !made_up && !matches!(self.playing.number, Some(1..)) {
            self.search = None;
        }
        let goes_on = |number| number == choice.number || number == 0 && self.playing.tracks.are_of(choice);
        if self.playing.number.is_none_or(goes_on) {
            if !made_up {
                self.inquiries.follow(&choice.streams);
            }
            // Another one that was waited for is not wanted any more.
            self.next = None;
            self.playing.follow(choice);
            self.tables.playing(self.playing.number, &mut self.playing.release);
        } else if let Some(next) = self.next.as_mut().filter(|next| next.playing.number == Some(choice.number)) {
            next.playing.follow(choice);
        } else {
            let playing = Box::new(Playing::waiting(self.options, choice, self.playing.release.received));
            let at_once = !playing.plays() || !self.playing.plays() || !self.playing.release.has_begun();
            self.next = Some(Next { playing, parts: Vec::new() });
            if at_once {
                self.switch();
            }
        }
        self.tell_programs();
        self.route();
        self.replay();
    }

    fn tell_programs(&mut self) {
        self.tables.tell_programs(self.playing.number, &mut self.playing.release);
    }

    fn route(&mut self) {
        self.routes.fill(Route::Nowhere);
        if let Some(pid) = self.playing.release.clock.pid() {
            self.routes[usize::from(pid)] = Route::Clock;
        }
        for pid in self.tables.information_pids() {
            self.routes[usize::from(pid)] = Route::Table;
        }
        for pid in self.inquiries.pids() {
            self.routes[usize::from(pid)] = Route::Aside;
        }
        if let Some(next) = &mut self.next {
            next.parts.clear();
            next.parts.extend(next.playing.pids());
            for (pid, _) in &next.parts {
                self.routes[usize::from(*pid)] = Route::Aside;
            }
        }
        for (pid, part) in self.playing.pids() {
            self.routes[usize::from(pid)] = Route::Part(part);
        }
        for pid in self.tables.program_pids() {
            self.routes[usize::from(pid)] = Route::Table;
        }
        self.tables.keep(|pid| self.routes[usize::from(pid)] == Route::Table);
    }

    /// Bytes of a packet that was taken already are wrong.
    fn damage(&mut self, pid: u16) {
        match self.routes[usize::from(pid)] {
            Route::Nowhere | Route::Clock => {}
            Route::Aside | Route::Part(_) => {
                if let Route::Part(part) = self.routes[usize::from(pid)] {
                    self.playing.damage(part, pid);
                }
                if let Some(next) = &mut self.next
                    && let Some(part) = next.part(pid)
                {
                    next.playing.damage(part, pid);
                }
            }
            Route::Table => self.tables.lost(pid),
        }
    }

    /// See [`super::Segmenter::lost`].
    pub(super) fn lost(&mut self) {
        self.tables.gap();
        self.playing.gap();
        if let Some(next) = &mut self.next {
            next.playing.gap();
        }
    }

    /// The input has ended.
    pub(super) fn finish(&mut self) {
        self.playing.finish();
    }
}
