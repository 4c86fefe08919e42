//! One period of a transport stream, read for what it takes to loop it (ISO/IEC 13818-1, 2.4.2.2, 2.4.3).
//!
//! In: the bytes of the file. Out: for each packet when it is due, which clocks stand in it, and which video
//! frame ends with it. Nothing is dropped; a clip that would show a seam is refused by name.

use amt_shared::clock::{WRAP, pes_timestamp, wrapped_difference};
use amt_shared::ts::{self, PACKET_LEN, Packet, PacketError};
use std::collections::BTreeMap;

/// The demo's clip: see `make_clip.py`.
pub const TEST_CARD: &[u8] = include_bytes!("clip.ts");
/// 27 MHz ticks in one of 90 kHz.
pub(super) const PCR_PER_TICK: u64 = 300;

/// Why bytes cannot be played for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// Not a whole number of packets, or none.
    #[error("the clip is not a whole number of transport packets")]
    Length,
    /// A packet that cannot be read.
    #[error("the clip contains an invalid packet: {0}")]
    Packet(#[from] PacketError),
    /// The header of a PES packet does not fit into its first transport packet.
    #[error("a PES header in the clip is truncated")]
    PesHeader,
    /// No PCR, or PCRs on more than one PID, or one that goes back.
    #[error("the clip does not have exactly one PCR that runs forwards")]
    Clock,
    /// Frames do not follow each other in even steps, or tracks differ in length.
    #[error("the clip's tracks do not fill one period evenly")]
    Period,
}

/// A packet and what is to be known about it.
pub(super) struct ClipPacket<'a> {
    pub(super) bytes: &'a [u8; PACKET_LEN],
    /// 27 MHz ticks after the first PCR; the bytes between two PCRs are spread evenly (2.4.2.2).
    pub(super) due: u64,
    pub(super) has_pcr: bool,
    pub(super) timestamps: Option<Timestamps>,
    /// The video frame that ends here, by its number in the order of display.
    pub(super) frame_end: Option<u32>,
}

/// Where PTS and DTS stand in a packet: offsets of their five bytes.
#[derive(Clone, Copy)]
pub(super) struct Timestamps {
    pub(super) pts: usize,
    pub(super) dts: Option<usize>,
}

/// One period of a stream that can be looped without a seam.
pub struct Clip<'a> {
    pub(super) packets: Vec<ClipPacket<'a>>,
    /// Length of the period in 90 kHz ticks.
    pub(super) period: u64,
}

impl<'a> Clip<'a> {
    /// Reads one period of a stream. It begins with a video frame, or with the tables before one, and the frames
    /// of each track follow each other in even steps that together fill the period.
    ///
    /// # Errors
    /// What stands in the way of looping it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ClipError> {
        let (chunks, rest) = bytes.as_chunks::<PACKET_LEN>();
        if chunks.is_empty() || !rest.is_empty() {
            return Err(ClipError::Length);
        }
        let mut packets = Vec::with_capacity(chunks.len());
        let mut clock = Vec::new();
        let mut tracks: BTreeMap<u16, Vec<Frame>> = BTreeMap::new();
        for (index, bytes) in chunks.iter().enumerate() {
            let packet = Packet::parse(bytes)?;
            let timestamps = find_timestamps(&packet)?;
            if let Some(at) = timestamps {
                tracks.entry(packet.pid()).or_default().push(Frame::read(&packet, index, at));
            }
            if let Some(pcr) = packet.pcr() {
                clock.push((index, packet.pid(), pcr.ticks_27mhz()));
            }
            packets.push(ClipPacket { bytes, due: 0, has_pcr: packet.pcr().is_some(), timestamps, frame_end: None });
        }
        let period = common_period(&tracks)?;
        set_due_times(&mut packets, &clock, period)?;
        for (&pid, frames) in &tracks {
            set_frame_ends(&mut packets, pid, frames);
        }
        Ok(Self { packets, period })
    }
}

/// The beginning of a frame: of its PES packet.
struct Frame {
    packet: usize,
    pts: u64,
    dts: u64,
    video: bool,
}

impl Frame {
    fn read(packet: &Packet<'_>, index: usize, at: Timestamps) -> Self {
        let pts = read_timestamp(packet.bytes(), at.pts);
        let dts = at.dts.map_or(pts, |at| read_timestamp(packet.bytes(), at));
        Self { packet: index, pts, dts, video: packet.payload()[3] & 0xF0 == 0xE0 }
    }
}

pub(super) fn read_timestamp(bytes: &[u8; PACKET_LEN], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, pes_timestamp)
}

/// Finds PTS and DTS in a packet that begins a PES packet (2.4.3.6).
fn find_timestamps(packet: &Packet<'_>) -> Result<Option<Timestamps>, ClipError> {
    let payload = packet.payload();
    if !packet.payload_unit_start() || !payload.starts_with(&[0, 0, 1]) {
        return Ok(None);
    }
    let start = PACKET_LEN - payload.len();
    let (found, header_len) = match payload.get(7).ok_or(ClipError::PesHeader)? >> 6 {
        0b10 => (Timestamps { pts: start + 9, dts: None }, 14),
        0b11 => (Timestamps { pts: start + 9, dts: Some(start + 14) }, 19),
        _ => return Ok(None),
    };
    if payload.len() < header_len { Err(ClipError::PesHeader) } else { Ok(Some(found)) }
}

/// The step from each DTS to the next, if it is always the same.
fn even_step(frames: &[Frame]) -> Option<u64> {
    let mut steps = frames.windows(2).map(|pair| wrapped_difference(pair[1].dts, pair[0].dts));
    let first = steps.next().filter(|step| *step > 0)?;
    steps.all(|step| step == first).then_some(first as u64)
}

fn common_period(tracks: &BTreeMap<u16, Vec<Frame>>) -> Result<u64, ClipError> {
    let mut periods = tracks.values().map(|frames| Some(even_step(frames)? * frames.len() as u64));
    let first = periods.next().flatten().ok_or(ClipError::Period)?;
    if periods.all(|period| period == Some(first)) { Ok(first) } else { Err(ClipError::Period) }
}

fn set_due_times(packets: &mut [ClipPacket<'_>], clock: &[(usize, u16, u64)], period: u64) -> Result<(), ClipError> {
    let &(_, pid, first) = clock.first().ok_or(ClipError::Clock)?;
    let wrap = WRAP as u64 * PCR_PER_TICK;
    let mut points: Vec<_> = clock.iter().map(|&(index, _, pcr)| (index, (pcr + wrap - first) % wrap)).collect();
    // The first PCR of the next round ends the last stretch. Tables before the first PCR go out with it.
    points.push((packets.len(), period * PCR_PER_TICK));
    if clock.iter().any(|point| point.1 != pid) || !points.is_sorted_by(|one, next| one.1 < next.1) {
        return Err(ClipError::Clock);
    }
    for pair in points.windows(2) {
        let ((from, start), (to, end)) = (pair[0], pair[1]);
        for (i, packet) in packets[from..to].iter_mut().enumerate() {
            packet.due = start + (end - start) * i as u64 / (to - from) as u64;
        }
    }
    Ok(())
}

/// Numbers the frames of a video track by PTS (with B-frames the order of decoding is another) and marks the
/// last packet of each.
fn set_frame_ends(packets: &mut [ClipPacket<'_>], pid: u16, frames: &[Frame]) {
    let Some(step) = even_step(frames).filter(|_| frames[0].video) else { return };
    let from_first = |frame: &Frame| wrapped_difference(frame.pts, frames[0].pts);
    let earliest = frames.iter().map(from_first).min().unwrap_or(0);
    for (i, frame) in frames.iter().enumerate() {
        let end = frames.get(i + 1).map_or(packets.len(), |next| next.packet);
        let last = packets[frame.packet..end].iter_mut().rfind(|packet| ts::pid(packet.bytes) == pid);
        if let Some(last) = last {
            last.frame_end = u32::try_from((from_first(frame) - earliest) / step as i64).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_card_fills_its_period_with_every_frame_once() {
        let clip = Clip::parse(TEST_CARD).unwrap();
        assert_eq!(clip.period, 512 * 3600);
        let mut frames: Vec<_> = clip.packets.iter().filter_map(|packet| packet.frame_end).collect();
        assert_ne!(frames, (0..512).collect::<Vec<_>>(), "without B-frames the clip tests too little");
        frames.sort_unstable();
        assert_eq!(frames, (0..512).collect::<Vec<_>>());
        assert!(TEST_CARD.len() <= 2_500_000);
    }

    #[test]
    fn a_clip_with_a_seam_is_refused_by_name() {
        let packets = TEST_CARD.as_chunks::<PACKET_LEN>().0;
        let parse = |packets: &[[u8; PACKET_LEN]]| Clip::parse(packets.as_flattened()).err();
        assert_eq!(Clip::parse(&TEST_CARD[..1000]).err(), Some(ClipError::Length));
        assert_eq!(Clip::parse(&[]).err(), Some(ClipError::Length));
        // Half of it: picture and sound are not of one length.
        assert_eq!(parse(&packets[..packets.len() / 2]), Some(ClipError::Period));
        let video = ts::pid(&packets[Clip::parse(TEST_CARD).unwrap().packets.iter().position(|p| p.has_pcr).unwrap()]);
        let silent: Vec<_> = packets.iter().filter(|packet| ts::pid(packet) != video).copied().collect();
        assert_eq!(parse(&silent), Some(ClipError::Clock));
        let mut unreadable = packets.to_vec();
        unreadable[5][0] = 0;
        assert_eq!(parse(&unreadable), Some(ClipError::Packet(PacketError::SyncByte)));
    }
}
