//! MPEG-TS to fMP4 (ISO/IEC 13818-1 in, ISO/IEC 14496-12 out), pure: bytes in, values out.
//!
//! In: transport stream bytes in pieces of any size, from any point of the stream, damaged or not.
//! Out: [`Output`]s, in order. Dropped and counted: whatever is damaged, scrambled or of no use here; see
//! [`FaultReason`]. How the bytes are cut into pushes never changes the samples that come out.

mod access_unit;
mod audio;
mod bits;
mod byte_stream;
mod codec;
mod demux;
mod elementary;
mod fmp4;
mod options;
mod output;
mod parameter_sets;
mod pes;
mod presentation;
mod program;
mod psi;
mod release;
mod sound;
mod start;
mod timeline;
mod unit_end;
mod video;

use std::collections::BTreeMap;

use amt_shared::ts::{Continuity, ContinuityTracker, PACKET_LEN, Packet, pid};

pub use options::{Options, Takes};
pub use output::{
    Clock, Cue, CueContent, DiscontinuityReason, Event, FaultReason, Init, Media, Micros, Output, Program,
    ProgramEntry, Role, Sample, Schedule, Splice, SpliceCommand, Stream, StreamKind, TextPage, Track,
};
pub use sound::{Flac, NotDecodable, SoundCodec, SoundDecoder};

use audio::AudioTrack;
use demux::{Demux, Found};
use elementary::Elementary;
use program::{Changed, Programs};
use psi::{Content, SectionError};
use release::Release;
use video::VideoTrack;

/// Streams that are looked into where none is announced as audio.
const CANDIDATES_MAX: usize = 4;
/// So many packets in a row are no accident: in random bytes, that many sync bytes stand in step once in a TB.
const RECOGNISED_AFTER: u32 = 5;
/// Faults are told after so many packets at the latest.
const FAULT_PACKETS: u64 = 64;

/// Turns a transport stream into fMP4.
///
/// [`Segmenter::push`] takes bytes; afterwards [`Segmenter::poll`] has to be called until it gives `None`.
#[derive(Debug, Default)]
pub struct Segmenter {
    demux: Demux,
    packets: Packets,
}

impl Segmenter {
    /// A segmenter that does as the viewer chose.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            demux: Demux::default(),
            packets: Packets { options, programs: Programs::new(options.takes), ..Packets::default() },
        }
    }

    /// Takes the next bytes of the stream, which the helper received at `received`.
    pub fn push(&mut self, ts: &[u8], received: Micros) {
        self.packets.recognition.bytes += ts.len() as u64;
        self.packets.release.received = received;
        self.demux.push(ts, &mut |found| self.packets.take(found));
        self.packets.release.flush_audio();
    }

    /// The next output, in stream order; `None` until more is pushed.
    pub fn poll(&mut self) -> Option<Output> {
        self.packets.release.queue.pop_front()
    }

    /// The input has ended: what is complete comes out of [`Segmenter::poll`].
    pub fn finish(&mut self) {
        self.demux.finish(&mut |found| self.packets.take(found));
        self.packets.finish();
    }

    /// Whether the bytes so far are a transport stream for sure: several packets came in a row, or a table with
    /// a right CRC, or, after [`Segmenter::finish`], nothing but packets. Any bytes may look like single packets.
    #[must_use]
    pub fn recognised(&self) -> bool {
        self.packets.recognised()
    }

    /// Plays another programme of the same stream from here on, or, with `None`, the first that can be played. It
    /// counts from when the programme is known; one that never comes leaves what is played alone.
    pub fn choose_program(&mut self, number: Option<u16>) {
        let _ = number;
    }

    /// Plays another sound track of the programme from here on, or, with `None`, its first. The picture is not
    /// disturbed. One that the programme does not have leaves what is played alone.
    pub fn choose_audio(&mut self, pid: Option<u16>) {
        let _ = pid;
    }

    /// Hands in what [`Output::DecoderWanted`] asked for.
    pub fn supply(&mut self, codec: SoundCodec, decoder: Box<dyn SoundDecoder>) {
        let _ = (codec, decoder);
    }

    /// Transport packets taken so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets.count
    }
}

/// Where the packets of a PID go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Route {
    #[default]
    Nowhere,
    Pat,
    Pmt,
    Video,
    Audio,
}

/// What tells a transport stream from bytes that happen to look like packets.
#[derive(Debug, Default)]
struct Recognition {
    bytes: u64,
    /// Packets in a row that can be some, and since the beginning.
    row: u32,
    possible: u64,
    certain: bool,
}

/// Takes packets to what they are for.
#[derive(Debug)]
struct Packets {
    options: Options,
    count: u64,
    recognition: Recognition,
    routes: Box<[Route; 8192]>,
    tables: BTreeMap<u16, ContinuityTracker>,
    programs: Programs,
    video: Option<Elementary<VideoTrack>>,
    /// The audio stream; several only where none is announced and their bytes have to tell.
    audio: Vec<Elementary<AudioTrack>>,
    last_pid: u16,
    release: Release,
}

impl Default for Packets {
    fn default() -> Self {
        let mut routes = Box::new([Route::Nowhere; 8192]);
        routes[0] = Route::Pat;
        Self {
            options: Options::default(),
            count: 0,
            recognition: Recognition::default(),
            routes,
            tables: BTreeMap::new(),
            programs: Programs::default(),
            video: None,
            audio: Vec::new(),
            last_pid: 0,
            release: Release::default(),
        }
    }
}

impl Packets {
    fn take(&mut self, found: Found<'_>) {
        match found {
            Found::Packet(bytes) => self.packet(bytes),
            Found::SyncLost { previous_damaged } => {
                self.recognition.row = 0;
                self.release.fault(FaultReason::SyncLost, None, 1);
                if previous_damaged {
                    self.damage(self.last_pid);
                }
            }
        }
    }

    fn recognised(&self) -> bool {
        let Recognition { bytes, possible, certain, .. } = self.recognition;
        certain || possible > 0 && possible * PACKET_LEN as u64 == bytes
    }

    /// Judges a packet by whether it can be one.
    fn recognise(&mut self, bytes: &[u8; PACKET_LEN]) {
        let seen = &mut self.recognition;
        if Packet::parse(bytes).is_err() {
            seen.row = 0;
        } else {
            seen.possible += 1;
            seen.row += 1;
            seen.certain |= seen.row >= RECOGNISED_AFTER;
        }
    }

    fn packet(&mut self, bytes: &[u8; PACKET_LEN]) {
        self.count += 1;
        if !self.recognition.certain {
            self.recognise(bytes);
        }
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
        match route {
            Route::Nowhere => {}
            Route::Video => {
                if let Some(video) = &mut self.video {
                    video.packet(&packet, &mut self.release);
                }
            }
            Route::Audio => {
                if let Some(audio) = self.audio.iter_mut().find(|audio| audio.pid() == pid) {
                    audio.packet(&packet, &mut self.release);
                    if self.audio.len() > 1 && self.release.audio_pid.is_some() {
                        self.settle_audio();
                    }
                }
            }
            Route::Pat | Route::Pmt => self.table(pid, &packet),
        }
    }

    /// The bytes have told which candidate is audio.
    fn settle_audio(&mut self) {
        let chosen = self.release.audio_pid;
        self.audio.retain(|audio| Some(audio.pid()) == chosen);
        self.route();
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
        self.recognition.certain |= changed.pids || changed.choice;
        self.follow(changed);
    }

    /// Follows what PAT and PMT say now.
    fn follow(&mut self, changed: Changed) {
        if changed.choice
            && let Some(choice) = self.programs.choice().cloned()
        {
            let takes = self.options.takes;
            let first = |track| choice.streams.iter().find(|stream| stream.content.plays_as(takes) == Some(track));
            let (video, audio) = (first(Track::Video), first(Track::Audio).map(|stream| stream.pid));
            let candidates: Vec<u16> = match audio {
                Some(audio) => vec![audio],
                None => {
                    let unknown = choice.streams.iter().filter(|stream| stream.content == Content::Unknown);
                    // One that turned out to be audio before stays the one.
                    let settled = |pid: &u16| self.release.audio_pid.is_none_or(|chosen| chosen == *pid);
                    let pids: Vec<u16> = unknown.map(|stream| stream.pid).collect();
                    let kept: Vec<u16> = pids.iter().copied().filter(settled).collect();
                    if kept.is_empty() { pids } else { kept }.into_iter().take(CANDIDATES_MAX).collect()
                }
            };
            let audio = audio.or(self.release.audio_pid.filter(|pid| candidates.contains(pid)));
            // Streams that go on are not disturbed.
            if self.video.as_ref().map(|track| (track.pid(), track.carried().content()))
                != video.map(|stream| (stream.pid, stream.content))
            {
                self.drain_video();
                self.video = video.and_then(|stream| {
                    Some(Elementary::new(stream.pid, VideoTrack::new(stream.pid, stream.content, self.options)?))
                });
            }
            let video = video.map(|stream| stream.pid);
            let mut before = core::mem::take(&mut self.audio);
            self.audio = candidates
                .iter()
                .map(|pid| match before.iter().position(|audio| audio.pid() == *pid) {
                    Some(index) => before.swap_remove(index),
                    None => Elementary::new(*pid, AudioTrack::default()),
                })
                .collect();
            self.release.choose(&choice, video, audio, !candidates.is_empty());
        }
        if changed.pids || changed.choice {
            self.route();
        }
    }

    fn route(&mut self) {
        self.routes.fill(Route::Nowhere);
        for audio in &self.audio {
            self.routes[usize::from(audio.pid())] = Route::Audio;
        }
        if let Some(video) = &self.video {
            self.routes[usize::from(video.pid())] = Route::Video;
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
            Route::Nowhere => {}
            Route::Video => {
                if let Some(video) = &mut self.video {
                    video.damage(&mut self.release);
                }
            }
            Route::Audio => {
                if let Some(audio) = self.audio.iter_mut().find(|audio| audio.pid() == pid) {
                    audio.damage(&mut self.release);
                }
            }
            Route::Pat | Route::Pmt => self.programs.lost(pid),
        }
    }

    fn drain_video(&mut self) {
        if let Some(mut video) = self.video.take() {
            video.finish(&mut self.release);
        }
    }

    fn finish(&mut self) {
        self.drain_video();
        for mut audio in core::mem::take(&mut self.audio) {
            audio.finish(&mut self.release);
        }
        self.release.begin(true);
        self.release.tell_program();
        self.release.flush_audio();
        self.release.tell_faults();
    }
}
