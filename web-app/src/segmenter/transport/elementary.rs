//! An elementary stream: from its packets to its PES packets' bytes, with every hole told to what follows.

use amt_shared::ts::{Continuity, ContinuityTracker, PACKET_LEN, Packet};

use super::pes::Piece;
use crate::segmenter::audio::AudioTrack;
use crate::segmenter::output::{FaultReason, Track};
use crate::segmenter::release::Release;
use crate::segmenter::video::codec::{Framing, NalCodec, VideoCodec};
use crate::segmenter::video::unit::{PesStart, Unit, UnitSink};
use crate::segmenter::video::unit_end::End;
use crate::segmenter::video::{NalTrack, VideoFrames, VideoTrack};

/// A stream is called encrypted after so many packets in a row that are.
const ENCRYPTED_AFTER: u32 = 50;

/// Packets whose loss a continuity counter does not show.
const UNCOUNTED: usize = 16;

/// Bytes of payload in a packet without an adaptation field.
const PAYLOAD_MAX: usize = PACKET_LEN - 4;

/// So far back the first packet of a datagram that comes twice may be. Where the sound is silent each packet may be as one of a
/// while ago, and after a small loss it must not be taken for that.
const REPEATED_MAX: usize = 8;

/// What a PID's packets are for.
pub(in crate::segmenter) trait Carried {
    /// Takes a packet's payload; `known` when the PID is known to be what it is taken for.
    fn payload(&mut self, pid: u16, packet: &Packet<'_>, known: bool, release: &mut Release);
    /// Takes a packet that is all payload and goes on where the last one ended; whether it did, as what it has nothing
    /// to do with is left to [`Self::payload`].
    #[inline]
    fn goes_on(&mut self, _pid: u16, _payload: &[u8; PAYLOAD_MAX], _release: &mut Release) -> bool {
        false
    }
    /// Packets are missing.
    fn lost(&mut self, pid: u16, packets: usize, release: &mut Release);
    /// Packets may be missing: sixteen, or a multiple.
    fn doubt(&mut self, pid: u16, release: &mut Release) {
        self.lost(pid, 0, release);
    }
    /// No more follow.
    fn finish(&mut self, pid: u16, release: &mut Release);
    /// The PID of this kind that comes out.
    fn chosen(release: &Release) -> Option<u16>;
}

/// A PID and what it carries.
#[derive(Debug)]
pub(in crate::segmenter) struct Elementary<T> {
    pid: u16,
    continuity: ContinuityTracker,
    /// First and last bytes of the last payload with each counter: what a repetition must repeat.
    fingerprints: [[u64; 2]; 16],
    /// Packets in a row whose payload is encrypted.
    scrambled: u32,
    carried: T,
}

impl<T: Carried> Elementary<T> {
    pub(in crate::segmenter) fn new(pid: u16, carried: T) -> Self {
        Self { pid, continuity: ContinuityTracker::default(), fingerprints: [[0; 2]; 16], scrambled: 0, carried }
    }

    pub(in crate::segmenter) const fn pid(&self) -> u16 {
        self.pid
    }

    pub(in crate::segmenter) const fn carried(&self) -> &T {
        &self.carried
    }

    pub(in crate::segmenter) const fn carried_mut(&mut self) -> &mut T {
        &mut self.carried
    }

    /// Takes a packet of this PID.
    pub(in crate::segmenter) fn packet(&mut self, packet: &Packet<'_>, release: &mut Release) {
        let known = T::chosen(release) == Some(self.pid);
        let payload = packet.payload();
        let (fingerprint, counter) = (fingerprint(payload), usize::from(packet.continuity_counter()));
        if self.came_lately(packet, fingerprint) {
            return;
        }
        let lost = match self.continuity.check(packet) {
            Continuity::Expected => 0,
            Continuity::Duplicate if fingerprint == self.fingerprints[counter] => return,
            // The same counter on another payload: the counter went all the way round.
            Continuity::Duplicate => 15,
            Continuity::Lost(count) => count,
            Continuity::Uncertain => {
                self.carried.doubt(self.pid, release);
                0
            }
        };
        if lost > 0 {
            if known {
                release.fault(FaultReason::Continuity, Some(self.pid), lost.into());
            }
            self.carried.lost(self.pid, lost.into(), release);
        }
        if payload.is_empty() {
            return;
        }
        self.fingerprints[counter] = fingerprint;
        if packet.scrambled() {
            if known {
                release.fault(FaultReason::Scrambled, Some(self.pid), 1);
            }
            self.scrambled = self.scrambled.saturating_add(1);
            if self.scrambled == ENCRYPTED_AFTER {
                release.encrypted(self.pid, true);
            }
            return self.carried.lost(self.pid, 1, release);
        }
        if self.scrambled > 0 {
            if self.scrambled >= ENCRYPTED_AFTER {
                release.encrypted(self.pid, false);
            }
            self.scrambled = 0;
        }
        self.carried.payload(self.pid, packet, known, release);
    }

    /// Whether a packet that is not due came before: networks deliver a datagram of several packets twice. Of filling one packet is
    /// like the other, so it proves nothing. One without payload brings nothing; if there is a loss, the next one shows it.
    fn came_lately(&self, packet: &Packet<'_>, fingerprint: [u64; 2]) -> bool {
        let (counter, payload) = (packet.continuity_counter(), packet.payload());
        let behind = self.continuity.due().map(|due| usize::from(due.wrapping_sub(counter) & 0x0F));
        let matches = || match payload.first() {
            None => !packet.discontinuity(),
            Some(first) => {
                let filling = payload.len() == PAYLOAD_MAX && payload.iter().all(|byte| byte == first);
                !filling && self.fingerprints[usize::from(counter)] == fingerprint
            }
        };
        behind.is_some_and(|behind| (2..=REPEATED_MAX).contains(&behind)) && matches()
    }

    /// Takes a packet of this PID that is but the next piece of what is being taken, as nearly all are; `false` where
    /// there is more to it, for [`Self::packet`].
    #[inline]
    pub(in crate::segmenter) fn goes_on(&mut self, bytes: &[u8; PACKET_LEN], release: &mut Release) -> bool {
        let [_, flags, _, control, payload @ ..] = bytes;
        // No error, no start, not scrambled, no adaptation field; not the first of its kind either.
        let plain = flags & 0xC0 == 0 && control & 0xF0 == 0x10 && self.scrambled == 0;
        if !plain || self.continuity.due() != Some(control & 0x0F) || !self.carried.goes_on(self.pid, payload, release)
        {
            return false;
        }
        self.continuity.advance();
        self.fingerprints[usize::from(control & 0x0F)] = fingerprint(payload);
        true
    }

    /// Packets are missing here, of whatever PID.
    pub(in crate::segmenter) fn gap(&mut self) {
        self.continuity.gap();
    }

    /// Bytes of the last packet are wrong.
    pub(in crate::segmenter) fn damage(&mut self, release: &mut Release) {
        self.carried.lost(self.pid, 0, release);
    }

    /// No more packets follow.
    pub(in crate::segmenter) fn finish(&mut self, release: &mut Release) {
        self.carried.finish(self.pid, release);
    }
}

#[inline]
fn fingerprint(payload: &[u8]) -> [u64; 2] {
    // All of it where it is shorter than eight bytes.
    let short = || payload.iter().fold(payload.len() as u64, |all, byte| all << 8 | u64::from(*byte));
    let ends = payload.first_chunk().zip(payload.last_chunk());
    ends.map_or_else(|| [short(), 0], |(first, last)| [first, last].map(|bytes| u64::from_le_bytes(*bytes)))
}

impl Carried for VideoTrack {
    fn payload(&mut self, pid: u16, packet: &Packet<'_>, known: bool, release: &mut Release) {
        match self {
            Self::H264(track) => track.payload(pid, packet, known, release),
            Self::Hevc(track) => track.payload(pid, packet, known, release),
            Self::Av1(track) => track.payload(pid, packet, known, release),
        }
    }

    #[inline]
    fn goes_on(&mut self, pid: u16, payload: &[u8; PAYLOAD_MAX], release: &mut Release) -> bool {
        match self {
            Self::H264(track) => track.goes_on(pid, payload, release),
            Self::Hevc(track) => track.goes_on(pid, payload, release),
            Self::Av1(track) => track.goes_on(pid, payload, release),
        }
    }

    fn lost(&mut self, pid: u16, packets: usize, release: &mut Release) {
        match self {
            Self::H264(track) => track.lost(pid, packets, release),
            Self::Hevc(track) => track.lost(pid, packets, release),
            Self::Av1(track) => track.lost(pid, packets, release),
        }
    }

    fn finish(&mut self, pid: u16, release: &mut Release) {
        match self {
            Self::H264(track) => track.finish(pid, release),
            Self::Hevc(track) => track.finish(pid, release),
            Self::Av1(track) => track.finish(pid, release),
        }
    }

    fn chosen(release: &Release) -> Option<u16> {
        release.video_pid
    }
}

impl<C: NalCodec> Carried for NalTrack<C> {
    fn payload(&mut self, pid: u16, packet: &Packet<'_>, _known: bool, release: &mut Release) {
        let start = packet.payload_unit_start();
        let Piece { started, jumped, malformed, data, ended, overrun, short, wrapped } =
            self.pes.push(packet.payload(), start);
        self.units.missing_if(short);
        if overrun {
            self.units.exceeded();
        } else if wrapped {
            self.units.wrapped();
        }
        if malformed {
            release.fault(FaultReason::PesHeader, Some(pid), 1);
            self.units.lost();
        }
        if let Some(times) = started {
            release.coming(Track::Video);
            let times = release.clock.times(Track::Video, times);
            // A source that is switched begins with a random access point, behind a picture that has ended. Others were cut.
            let switched = packet.discontinuity() || packet.random_access() && self.units.seems_ended();
            if self.framing.begin() || jumped && !switched {
                self.units.lost();
            }
            self.units.begin(PesStart { times, random_access: packet.random_access() });
        }
        let mut sink = Units { pid, frames: &mut self.frames, release };
        self.units.push(self.framing.byte_stream(data), &mut sink);
        if overrun {
            // Where it ends is not known.
        } else if ended {
            self.units.end(End::Declared, &mut sink);
        } else if self.pes.unbounded() && has_stuffing(packet.bytes()) {
            self.units.end(End::Stuffed { field: PAYLOAD_MAX - packet.payload().len() }, &mut sink);
        }
    }

    #[inline]
    fn goes_on(&mut self, pid: u16, payload: &[u8; PAYLOAD_MAX], release: &mut Release) -> bool {
        let Some(ended) = self.pes.goes_on(PAYLOAD_MAX) else { return false };
        let mut sink = Units { pid, frames: &mut self.frames, release };
        self.units.push(self.framing.byte_stream(payload), &mut sink);
        if ended {
            self.units.end(End::Declared, &mut sink);
        }
        true
    }

    fn lost(&mut self, _pid: u16, _packets: usize, _release: &mut Release) {
        self.pes.lost();
        self.framing.lost();
        self.units.lost();
    }

    fn finish(&mut self, pid: u16, release: &mut Release) {
        let short = self.pes.short();
        self.units.finish(short, &mut Units { pid, frames: &mut self.frames, release });
    }

    fn chosen(release: &Release) -> Option<u16> {
        release.video_pid
    }
}

/// Takes units to the frames, and what comes of them out.
struct Units<'a, C: VideoCodec> {
    pid: u16,
    frames: &'a mut VideoFrames<C>,
    release: &'a mut Release,
}

impl<C: VideoCodec> UnitSink<C::Header, C::Sets> for Units<'_, C> {
    fn unit(&mut self, unit: &Unit<'_, C::Header>, sets: &C::Sets) {
        self.frames.take(unit, sets, self.release);
    }

    fn bad_parameter_set(&mut self) {
        self.release.fault(FaultReason::ParameterSet, Some(self.pid), 1);
    }

    fn oversize(&mut self) {
        self.release.fault(FaultReason::Oversize, Some(self.pid), 1);
    }

    fn early_end_refuted(&mut self) {
        self.frames.truncated();
        self.release.fault(FaultReason::EarlyEnd, Some(self.pid), 1);
    }
}

impl Carried for AudioTrack {
    fn payload(&mut self, pid: u16, packet: &Packet<'_>, known: bool, release: &mut Release) {
        let left = self.pes.left();
        let piece = self.pes.push(packet.payload(), packet.payload_unit_start());
        if piece.short {
            self.frames.doubt(left);
        }
        if piece.malformed && known {
            release.fault(FaultReason::PesHeader, Some(pid), 1);
        }
        if let Some(mut times) = piece.started {
            if known {
                release.coming(Track::Audio);
                times = release.clock.times(Track::Audio, times);
            }
            self.frames.begin(times.pts, &mut release.timeline);
        }
        self.frames.push(piece.data, &mut |item| release.audio(pid, &item));
    }

    fn lost(&mut self, pid: u16, packets: usize, release: &mut Release) {
        self.pes.lost();
        self.frames.lost(packets, &mut |item| release.audio(pid, &item));
    }

    /// The frame begun shows by what stands behind it whether it is whole.
    fn doubt(&mut self, _pid: u16, _release: &mut Release) {
        self.frames.doubt(UNCOUNTED * PAYLOAD_MAX);
    }

    fn finish(&mut self, pid: u16, release: &mut Release) {
        self.frames.finish(&mut |item| release.audio(pid, &item));
    }

    fn chosen(release: &Release) -> Option<u16> {
        release.audio_pid
    }
}

/// Whether the adaptation field holds more than its flags ask for (ISO/IEC 13818-1, 2.4.3.5).
#[inline]
fn has_stuffing(packet: &[u8; PACKET_LEN]) -> bool {
    if packet[3] & 0x20 == 0 {
        return false;
    }
    let length = usize::from(packet[4]);
    if length == 0 {
        return true;
    }
    let flags = packet[5];
    let mut used = 1;
    for (flag, size) in [(0x10, 6), (0x08, 6), (0x04, 1)] {
        if flags & flag != 0 {
            used += size;
        }
    }
    // Private data, then the extension: each begins with its length.
    for flag in [0x02, 0x01] {
        if flags & flag != 0 {
            used += 1 + packet.get(5 + used).map_or(0, |length| usize::from(*length));
        }
    }
    length > used
}
