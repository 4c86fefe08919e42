//! MPEG-TS to fMP4 (ISO/IEC 13818-1 in, ISO/IEC 14496-12 out), pure: bytes in, values out.
//!
//! In: transport stream bytes in pieces of any size, from any point of the stream, damaged or not.
//! Out: [`Output`]s, in order. Dropped and counted: whatever is damaged, scrambled or of no use here; see
//! [`FaultReason`]. How the bytes are cut into pushes never changes the samples that come out.

mod audio;
mod backlog;
mod bits;
mod codec;
mod fmp4;
mod map;
mod metadata;
mod options;
mod output;
mod packets;
mod playing;
mod presence;
mod recognition;
mod release;
mod sound;
mod tables;
mod time;
mod transport;
mod video;

pub use options::{Options, Takes};
pub use output::{
    BreakDuration, Clock, Cue, CueContent, DeliveryRestrictions, DiscontinuityReason, Event, FaultReason, Init, Media,
    Micros, Output, Program, ProgramEntry, Role, SECOND_SOUND, Sample, Schedule, ScheduledSplice, Segmentation, Splice,
    SpliceAudio, SpliceCommand, SpliceComponent, SpliceDescriptor, SpliceDescriptorContent, SpliceInsert, Stream,
    StreamKind, TextPage, Track, Upid,
};
pub use sound::{Flac, NotDecodable, SoundCodec, SoundDecoder};

use packets::Packets;
use transport::demux::Demux;

/// Packets of a PID whose loss its continuity counter does not show.
const UNCOUNTED: u16 = 16;

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
        Self { demux: Demux::default(), packets: Packets::new(options) }
    }

    /// Takes the next bytes of the stream, which the helper received at `received`.
    pub fn push(&mut self, ts: &[u8], received: Micros) {
        self.packets.begin_push(ts.len(), received);
        self.demux.push(ts, &mut |found| self.packets.take(found));
        self.packets.end_push();
    }

    /// Bytes are missing between those taken so far and those that follow, as whoever received them knows: so many
    /// transport packets at most, or, with 0, any number. Continuity counters cannot show the loss of sixteen packets of a
    /// PID, or of a multiple (ISO/IEC 13818-1, 2.4.3.3): where so many may be missing, one that goes on is no proof that
    /// none is.
    pub fn lost(&mut self, packets: u16) {
        self.demux.lost(&mut |found| self.packets.take(found));
        if !(1..UNCOUNTED).contains(&packets) {
            self.packets.lost();
        }
    }

    /// The next output, in stream order; `None` until more is pushed.
    pub fn poll(&mut self) -> Option<Output> {
        self.packets.poll()
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
    /// counts from when the programme is known; one that never comes leaves what is played alone. The new programme
    /// begins with its own first sound track; until then the one that was chosen before goes on.
    pub fn choose_program(&mut self, number: Option<u16>) {
        self.packets.choose_program(number);
    }

    /// Plays another sound track of the programme from here on, or, with `None`, its first. The picture is not
    /// disturbed. One that the programme does not have leaves what is played alone. Of two mono sounds in one stream
    /// its PID means the first, and with [`SECOND_SOUND`] the second.
    pub fn choose_audio(&mut self, pid: Option<u16>) {
        self.packets.choose_audio(pid);
    }

    /// Hands in what [`Output::DecoderWanted`] asked for.
    pub fn supply(&mut self, codec: SoundCodec, decoder: Box<dyn SoundDecoder>) {
        self.packets.supply(codec, decoder);
    }

    /// Transport packets taken so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets.count()
    }
}
