//! Where a new viewer can start, also in streams that do not say so.
//!
//! A stream says it by `random_access_indicator` (ISO/IEC 13818-1, 2.4.3.5), and where one has ever done so nothing
//! else counts. Many encoders never do. Then the first bytes of a video PES packet are looked at, for the one thing
//! that begins a picture that stands on its own: a parameter set or such a picture's own mark. No more than the
//! first transport packet of a PES packet is read, and nothing is understood of it. In a programme of sound alone
//! every PES packet will do, and one a second is taken.

use super::tables::Tables;
use amt_shared::ts::Packet;

/// In a programme of sound alone: microseconds from one start to the next.
const SOUND_EVERY: u64 = 1_000_000;

/// How a video stream is coded, as far as its beginnings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// MPEG-1 and MPEG-2 (ISO/IEC 13818-2).
    Mpeg2,
    /// H.264.
    H264,
    /// H.265.
    Hevc,
    /// Anything else: only the indicator tells.
    Other,
}

impl Coding {
    /// By `stream_type` (ISO/IEC 13818-1, table 2-34); `None` for what is no video.
    pub(super) const fn of(stream_type: u8) -> Option<Self> {
        match stream_type {
            0x01 | 0x02 => Some(Self::Mpeg2),
            0x1B => Some(Self::H264),
            0x24 => Some(Self::Hevc),
            0x10 | 0x1E..=0x21 | 0x25 | 0x28..=0x2B | 0x32..=0x36 | 0x42 | 0xD1 | 0xD2 | 0xEA => Some(Self::Other),
            _ => None,
        }
    }

    /// Whether what follows a start code begins something that can be decoded on its own.
    fn begins(self, unit: &[u8]) -> bool {
        match (self, unit) {
            // A sequence header.
            (Self::Mpeg2, [0xB3, ..]) => true,
            // A sequence parameter set, an IDR picture, or the message that decoding may start (D.1.8).
            (Self::H264, [first, message @ ..]) => match first & 0x1F {
                5 | 7 => true,
                6 => has_recovery_point(message),
                _ => false,
            },
            // An IRAP picture, a video or a sequence parameter set (table 7-1).
            (Self::Hevc, [first, ..]) => matches!(first >> 1 & 0x3F, 16..=21 | 32 | 33),
            _ => false,
        }
    }
}

/// Whether supplemental enhancement information holds a recovery point (H.264, 7.3.2.3.1): messages of a type, a
/// length, and so many bytes.
fn has_recovery_point(mut messages: &[u8]) -> bool {
    const RECOVERY_POINT: u8 = 6;
    // Types and lengths beyond 254 belong to messages that are longer than what is here.
    while let [kind, length, rest @ ..] = messages {
        if *kind == RECOVERY_POINT {
            return true;
        }
        messages = rest.get(usize::from(*length)..).unwrap_or_default();
    }
    false
}

/// Watches for them.
#[derive(Default)]
pub(super) struct RandomAccess {
    /// The PID that has shown `random_access_indicator`.
    indicated: Option<u16>,
    /// When the last start was found in sound alone.
    sound: Option<u64>,
}

impl RandomAccess {
    /// Whether a new viewer can start with this packet, which was received at `micros`.
    pub(super) fn begins(&mut self, packet: &Packet<'_>, tables: &Tables, micros: u64) -> bool {
        if !packet.payload_unit_start() || packet.transport_error() {
            return false;
        }
        let video = tables.video();
        if packet.starts_video_random_access() {
            // Of several programmes a page plays the first: the others' pictures are no start for it.
            let played = video.is_none_or(|(pid, _)| pid == packet.pid());
            if played {
                self.indicated = Some(packet.pid());
            }
            return played;
        }
        if let Some((pid, coding)) = video {
            return pid == packet.pid()
                && self.indicated != video.map(|(pid, _)| pid)
                && !packet.scrambled()
                && elementary(packet.payload()).is_some_and(|bytes| units(bytes).any(|unit| coding.begins(unit)));
        }
        let begins = tables.sound_alone()
            && is_sound(packet.payload())
            && self.sound.is_none_or(|last| micros.saturating_sub(last) >= SOUND_EVERY);
        if begins {
            self.sound = Some(micros);
        }
        begins
    }
}

/// What stands behind the header of a video PES packet (2.4.3.7).
fn elementary(payload: &[u8]) -> Option<&[u8]> {
    match payload {
        [0, 0, 1, stream_id, _, _, _, _, header, rest @ ..] if stream_id & 0xF0 == 0xE0 || *stream_id == 0xFD => {
            rest.get(usize::from(*header)..)
        }
        _ => None,
    }
}

/// Whether a PES packet of MPEG or private sound begins.
fn is_sound(payload: &[u8]) -> bool {
    matches!(payload, [0, 0, 1, 0xBD | 0xC0..=0xDF | 0xFD, ..])
}

/// What follows each start code.
fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let codes = bytes.windows(3).enumerate().filter(|(_, code)| *code == [0, 0, 1]);
    codes.map(|(at, _)| &bytes[at + 3..])
}

#[cfg(test)]
mod tests {
    use super::super::test_packets::{pat, pes, pmt_of, random_access};
    use super::*;
    use amt_shared::ts::PACKET_LEN;
    use proptest::prelude::*;

    fn tables(streams: &[(u8, u16)]) -> Tables {
        let mut tables = Tables::default();
        for packet in [pat(0, 0x100), pmt_of(0, 0x100, streams)] {
            tables.push(&Packet::parse(packet.first_chunk().unwrap()).unwrap());
        }
        tables
    }

    fn begins(watch: &mut RandomAccess, tables: &Tables, packet: &[u8], micros: u64) -> bool {
        watch.begins(&Packet::parse(packet.first_chunk().unwrap()).unwrap(), tables, micros)
    }

    #[test]
    fn without_the_indicator_the_first_bytes_of_a_picture_tell() {
        // By coding: what begins a picture that stands on its own, and what does not.
        type Beginnings = &'static [&'static [u8]];
        let cases: [(u8, Beginnings, Beginnings); 3] = [
            (0x02, &[&[0, 0, 1, 0xB3, 0x2D]], &[&[0, 0, 1, 0x00, 0x00], &[0, 0, 1, 0xB8]]),
            (
                0x1B,
                &[
                    &[0, 0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1, 0x67, 0x64],
                    &[0, 0, 1, 0x65, 0x88],
                    &[0, 0, 1, 0x09, 0xF0, 0, 0, 1, 0x06, 1, 2, 0x33, 0x44, 6, 1, 0xC4, 0x80],
                ],
                &[&[0, 0, 1, 0x09, 0xF0, 0, 0, 1, 0x41, 0x9A], &[0, 0, 1, 0x06, 1, 2, 0x33, 6, 0x80]],
            ),
            (
                0x24,
                &[&[0, 0, 0, 1, 0x46, 1, 0x10, 0, 0, 0, 1, 0x40, 1], &[0, 0, 1, 0x26, 1], &[0, 0, 1, 0x2A, 1]],
                &[&[0, 0, 1, 0x46, 1, 0x10, 0, 0, 1, 0x02, 1]],
            ),
        ];
        for (stream_type, starts, others) in cases {
            let tables = tables(&[(0x0F, 0x102), (stream_type, 0x101)]);
            for start in starts {
                assert!(begins(&mut RandomAccess::default(), &tables, &pes(0x101, 0xE0, start), 0), "{start:x?}");
                assert!(!begins(&mut RandomAccess::default(), &tables, &pes(0x103, 0xE0, start), 0), "another PID");
            }
            for other in others {
                assert!(!begins(&mut RandomAccess::default(), &tables, &pes(0x101, 0xE0, other), 0), "{other:x?}");
            }
        }
    }

    #[test]
    fn where_the_stream_says_it_nothing_else_counts() {
        let (mut watch, tables) = (RandomAccess::default(), tables(&[(0x1B, 0x101)]));
        let parameter_set = pes(0x101, 0xE0, &[0, 0, 1, 0x67, 0x64]);
        assert!(begins(&mut watch, &tables, &parameter_set, 0));
        assert!(begins(&mut watch, &tables, &random_access(0), 0));
        assert!(!begins(&mut watch, &tables, &parameter_set, 0));
    }

    #[test]
    fn sound_alone_can_be_started_once_a_second() {
        let (mut watch, tables) = (RandomAccess::default(), tables(&[(0x0F, 0x102)]));
        let sound = pes(0x102, 0xC0, &[0xFF, 0xF1]);
        let starts: Vec<u64> =
            (0..30).map(|tenth| tenth * 100_000).filter(|at| begins(&mut watch, &tables, &sound, *at)).collect();
        assert_eq!(starts, [0, 1_000_000, 2_000_000]);
    }

    #[test]
    fn another_programmes_pictures_are_no_start() {
        let (mut watch, tables) = (RandomAccess::default(), tables(&[(0x1B, 0x111)]));
        assert!(!begins(&mut watch, &tables, &random_access(0), 0));
    }

    proptest! {
        #[test]
        fn any_packet_is_looked_at_without_harm(bytes: Vec<u8>, stream_type: u8) {
            let tables = tables(&[(stream_type, 0x101)]);
            let mut packet = pes(0x101, 0xE0, &[]);
            packet.truncate(8);
            packet.extend(&bytes);
            packet.resize(PACKET_LEN, 0);
            begins(&mut RandomAccess::default(), &tables, &packet, 0);
        }
    }
}
