//! What one PID carries, by its bytes alone.
//!
//! In: its packets. Out: what it is, once that shows; and the packets that are held until then, from the beginning of
//! a PES packet on, so that nothing is lost of what was recognised.

use amt_shared::ts::{PACKET_LEN, Packet};

use super::super::codec::framer::recognise as recognise_audio;
use super::video;
use crate::segmenter::tables::content::Content;
use crate::segmenter::transport::pes::PesStream;

/// Bytes of the stream looked at in one go: parameter sets stand at the beginning of an access unit, and so many bytes
/// hold several frames of sound.
const LOOKED_AT: usize = 16 << 10;
/// They are looked at when so many have come, again whenever there are twice as many, and when all have come.
const FIRST_LOOK: usize = 736;
/// Packets held at most, as each may bring but a byte.
const HELD_MAX: usize = 384;
/// PES packets after which a stream that shows nothing is left alone: more than a minute of pictures.
const PES_MAX: u32 = 3000;

/// What frames of DTS begin with: 16 and 14 bits in both byte orders, the extension substream (ETSI TS 102 114, 5.3 and 7.4),
/// and DTS-UHD (ETSI TS 103 491, 6.4), whose frames are synchronisation frames or not.
const DTS: [u32; 7] = [0x7FFE_8001, 0xFE7F_0180, 0x1FFF_E800, 0xFF1F_00E8, 0x6458_2025, 0x4041_1BF2, 0x71C4_42E8];

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Inquiry {
    pid: u16,
    pes: PesStream,
    bytes: Vec<u8>,
    held: Vec<[u8; PACKET_LEN]>,
    look_at: usize,
    pes_packets: u32,
    /// First and last presentation time, 33 bits.
    times: Option<(u64, u64)>,
    found: Option<Content>,
}

impl Inquiry {
    pub(in crate::segmenter) fn new(pid: u16) -> Self {
        Self { pid, look_at: FIRST_LOOK, ..Self::default() }
    }

    pub(in crate::segmenter) const fn pid(&self) -> u16 {
        self.pid
    }

    /// What the stream carries, once that is known.
    pub(in crate::segmenter) const fn found(&self) -> Option<Content> {
        self.found
    }

    /// Whether it is not worth while to go on.
    pub(in crate::segmenter) const fn is_over(&self) -> bool {
        self.found.is_some() || self.pes_packets > PES_MAX
    }

    /// Whether PES packets come on the PID.
    pub(super) const fn comes(&self) -> bool {
        self.pes_packets > 0
    }

    /// First and last presentation time, 33 bits.
    pub(super) const fn times(&self) -> Option<(u64, u64)> {
        self.times
    }

    /// The packets held.
    pub(in crate::segmenter) fn held(&self) -> &[[u8; PACKET_LEN]] {
        &self.held
    }

    /// Takes a packet of the PID.
    pub(in crate::segmenter) fn packet(&mut self, packet: &Packet<'_>) {
        if packet.scrambled() || !packet.has_payload() {
            return;
        }
        let start = packet.payload_unit_start();
        // A new piece begins with a PES packet, but only once there was enough of the old one.
        if start && self.found.is_none() && self.is_full() {
            self.bytes.clear();
            self.held.clear();
            self.look_at = FIRST_LOOK;
        }
        let piece = self.pes.push(packet.payload(), start);
        if piece.malformed && self.pes_packets == 0 {
            return;
        }
        if let Some(header) = piece.started {
            self.pes_packets = self.pes_packets.saturating_add(1);
            if let Some(pts) = header.pts {
                self.times = Some((self.times.map_or(pts, |(first, _)| first), pts));
            }
        }
        if self.found.is_some() || self.is_full() || self.held.is_empty() && !start {
            return;
        }
        self.held.push(*packet.bytes());
        self.bytes.extend_from_slice(piece.data);
        if self.bytes.len() >= self.look_at || self.is_full() {
            self.look_at = (self.bytes.len() * 2).min(LOOKED_AT);
            self.found = video::recognise(&self.bytes).or_else(|| sound(&self.bytes));
        }
    }

    /// Whether there is enough for a look, or as much as is held.
    const fn is_full(&self) -> bool {
        self.bytes.len() >= LOOKED_AT || self.held.len() >= HELD_MAX
    }
}

/// Which codec of sound the bytes are of.
fn sound(bytes: &[u8]) -> Option<Content> {
    let words = bytes.array_windows().filter(|bytes| DTS.contains(&u32::from_be_bytes(**bytes)));
    match words.take(3).count() {
        0 => recognise_audio(bytes, None).map(Content::of_audio),
        // None of them is an accident; headers of other codecs between them are.
        1 | 2 => None,
        _ => Some(Content::OtherAudio("dts")),
    }
}
