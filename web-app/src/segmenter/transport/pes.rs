//! PES packets (ISO/IEC 13818-1, 2.4.3.6–2.4.3.7).
//!
//! In: the payloads of one PID. Out: the headers' times, and the bytes that follow them, borrowed. A header
//! may span packets. A length of 0 means that the next unit start ends the packet. PES packets of no elementary stream,
//! padding among them, are passed over.

use amt_shared::clock::{TICKS_PER_SECOND, pes_timestamp, wrapped_difference};

/// So far the times of the PES packets of one stream step: back, as presentation times do alone, and on.
const STEP: core::ops::RangeInclusive<i64> = -TICKS_PER_SECOND..=10 * TICKS_PER_SECOND;

/// Longest header: nine bytes and what their last one counts.
const HEADER_MAX: usize = 9 + 255;

/// What a PES header says; times as they stand there, 33 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct PesHeader {
    pub(in crate::segmenter) pts: Option<u64>,
    pub(in crate::segmenter) dts: Option<u64>,
}

/// What a payload brought.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Piece<'a> {
    /// A PES packet begins, its header is complete.
    pub(in crate::segmenter) started: Option<PesHeader>,
    /// Its times do not go on from those of the PES packet before.
    pub(in crate::segmenter) jumped: bool,
    /// A PES packet was due to begin and did not. One that has no such header is passed over.
    pub(in crate::segmenter) malformed: bool,
    /// Bytes of the elementary stream.
    pub(in crate::segmenter) data: &'a [u8],
    /// The declared length is reached with `data`.
    pub(in crate::segmenter) ended: bool,
    /// `data` is more than was left of the declared length: a PES packet ends with its transport packet.
    pub(in crate::segmenter) overrun: bool,
    /// The PES packet before ended short of its declared length.
    pub(in crate::segmenter) short: bool,
    /// It was longer than that by 65,536 bytes, or a multiple.
    pub(in crate::segmenter) wrapped: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing is of use until the next unit start.
    #[default]
    Idle,
    /// The header is not complete.
    Header,
    /// In the elementary stream; the bytes left, where they are declared and nothing was lost, below 0 where there were
    /// more.
    Body { left: Option<isize> },
}

/// Follows the PES packets of one PID.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct PesStream {
    state: State,
    header: Vec<u8>,
    /// The last time that a header told.
    time: Option<u64>,
    /// What stands there for the stream's id does not matter.
    any_id: bool,
}

impl PesStream {
    /// For data, which some muxers give a `stream_id` that there is not: its header is read all the same.
    pub(in crate::segmenter) fn of_data() -> Self {
        Self { any_id: true, ..Self::default() }
    }

    /// Takes the payload of a packet.
    pub(in crate::segmenter) fn push<'a>(&mut self, payload: &'a [u8], unit_start: bool) -> Piece<'a> {
        let mut piece = Piece::default();
        let payload = if unit_start {
            piece.short = self.short();
            piece.wrapped = matches!(self.state, State::Body { left: Some(left @ ..0) } if left % (1 << 16) == 0);
            self.header.clear();
            self.state = State::Header;
            payload
        } else {
            payload
        };
        match &mut self.state {
            State::Idle => {}
            State::Body { left } => {
                piece.data = payload;
                piece.overrun = left.is_some_and(|left| left > 0 && payload.len() as isize > left);
                piece.ended = spend(left, payload.len());
            }
            State::Header => self.read_header(payload, &mut piece),
        }
        piece
    }

    /// Takes a payload of `count` bytes that all belong to the PES packet which is there; whether its declared length is
    /// reached with them. `None` where there is no such packet: then nothing is taken.
    #[inline]
    pub(in crate::segmenter) const fn goes_on(&mut self, count: usize) -> Option<bool> {
        match &mut self.state {
            State::Body { left: Some(left @ 1..) } if count as isize > *left => None,
            State::Body { left } => Some(spend(left, count)),
            State::Idle | State::Header => None,
        }
    }

    /// Packets are missing: how many bytes are left of the packet is not known any more.
    pub(in crate::segmenter) fn lost(&mut self) {
        match &mut self.state {
            State::Header => self.state = State::Idle,
            State::Body { left } => *left = None,
            State::Idle => {}
        }
    }

    /// Whether bytes are due yet that the PES packet has declared.
    pub(in crate::segmenter) const fn short(&self) -> bool {
        matches!(self.state, State::Body { left: Some(1..) })
    }

    /// Bytes that the PES packet has declared and that are due yet.
    pub(in crate::segmenter) const fn left(&self) -> usize {
        match self.state {
            State::Body { left: Some(left @ 1..) } => left.unsigned_abs(),
            _ => 0,
        }
    }

    /// Whether a PES packet goes on whose end is not declared.
    pub(in crate::segmenter) const fn unbounded(&self) -> bool {
        matches!(self.state, State::Body { left: None })
    }

    fn read_header<'a>(&mut self, payload: &'a [u8], piece: &mut Piece<'a>) {
        let before = self.header.len();
        let taken = payload.len().min(HEADER_MAX - before);
        // Nearly always the header lies whole in one packet: then it is read where it is.
        let parsed = if before == 0 {
            parse(payload, self.any_id)
        } else {
            self.header.extend_from_slice(&payload[..taken]);
            parse(&self.header, self.any_id)
        };
        match parsed {
            Parsed::Other => self.state = State::Idle,
            Parsed::Malformed => {
                piece.malformed = true;
                self.state = State::Idle;
            }
            Parsed::Short if before == 0 => self.header.extend_from_slice(&payload[..taken]),
            Parsed::Short => {}
            Parsed::Header { header, length, mut left } => {
                piece.started = Some(header);
                if let Some(time) = header.dts.or(header.pts) {
                    let before = self.time.replace(time);
                    piece.jumped = before.is_some_and(|before| !STEP.contains(&wrapped_difference(time, before)));
                }
                piece.data = payload.get(length - before..).unwrap_or_default();
                piece.overrun = left.is_some_and(|left| left > 0 && piece.data.len() as isize > left);
                piece.ended = spend(&mut left, piece.data.len());
                self.state = State::Body { left };
            }
        }
    }
}

/// Takes `count` bytes from what is left; tells whether the last of them are reached with these.
#[inline]
const fn spend(left: &mut Option<isize>, count: usize) -> bool {
    let Some(rest) = left else { return false };
    let before = *rest;
    *rest = before.saturating_sub_unsigned(count);
    before > 0 && *rest <= 0
}

enum Parsed {
    Malformed,
    /// A PES packet that has no such header, and nothing that is played here (tables 2-21 and 2-22).
    Other,
    Short,
    Header {
        header: PesHeader,
        /// Of the header itself.
        length: usize,
        /// Bytes declared after it.
        left: Option<isize>,
    },
}

fn parse(bytes: &[u8], any_id: bool) -> Parsed {
    let prefix = bytes.len().min(3);
    if bytes[..prefix] != [0, 0, 1][..prefix] {
        return Parsed::Malformed;
    }
    if let Some(0xBC | 0xBE | 0xBF | 0xF0..=0xF2 | 0xF8 | 0xFF) = bytes.get(3) {
        return Parsed::Other;
    }
    let Some(&[_, _, _, stream_id, high, low, marker, flags, rest]) = bytes.first_chunk::<9>() else {
        return Parsed::Short;
    };
    // Those below are no stream's (table 2-22).
    if !any_id && stream_id < 0xBC || marker & 0xC0 != 0x80 {
        return Parsed::Malformed;
    }
    let length = 9 + usize::from(rest);
    let declared = usize::from(u16::from_be_bytes([high, low]));
    let Some(times) = bytes.get(9..length) else { return Parsed::Short };
    let timestamp = |at: usize| times.get(at..).and_then(|rest| rest.first_chunk()).map(pes_timestamp);
    let header = match flags >> 6 {
        2 => PesHeader { pts: timestamp(0), dts: None },
        3 => PesHeader { pts: timestamp(0), dts: timestamp(5) },
        _ => PesHeader::default(),
    };
    // What is less than the header has gone round at 65,536: it says as little as 0.
    let left = if declared == 0 { None } else { (declared + 6).checked_sub(length).map(|left| left as isize) };
    Parsed::Header { header, length, left }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use amt_shared::clock::write_pes_timestamp;
    use proptest::prelude::*;

    fn pes(declared: u16, body: &[u8]) -> Vec<u8> {
        let [high, low] = declared.to_be_bytes();
        let mut bytes = vec![0, 0, 1, 0xE0, high, low, 0x80, 0xC0, 10];
        bytes.extend(write_pes_timestamp(3, 900));
        bytes.extend(write_pes_timestamp(1, 800));
        bytes.extend(body);
        bytes
    }

    #[test]
    fn the_declared_length_tells_the_end() {
        let bytes = pes(13 + 20, &[7; 20]);
        let mut stream = PesStream::default();
        let piece = stream.push(&bytes[..30], true);
        assert_eq!(piece.started, Some(PesHeader { pts: Some(900), dts: Some(800) }));
        assert_eq!((piece.data.len(), piece.ended), (11, false));
        let piece = stream.push(&bytes[30..], false);
        assert_eq!((piece.data.len(), piece.ended), (9, true));
        assert!(!stream.push(&bytes, true).short);
    }

    #[test]
    fn a_packet_short_of_its_length_is_told_at_the_next_start() {
        let mut stream = PesStream::default();
        stream.push(&pes(13 + 20, &[7; 19]), true);
        assert!(stream.push(&pes(0, &[]), true).short);
    }

    #[test]
    fn a_header_may_span_packets() {
        let bytes = pes(0, &[7; 20]);
        for cut in 1..bytes.len() {
            let mut stream = PesStream::default();
            let (a, b) = bytes.split_at(cut);
            let (first, second) = (stream.push(a, true), stream.push(b, false));
            assert_eq!(first.started.or(second.started).unwrap().dts, Some(800), "cut at {cut}");
            assert_eq!([first.data, second.data].concat(), [7; 20]);
        }
    }

    proptest! {
        #[test]
        fn any_payloads_are_taken(
            payloads in proptest::collection::vec((proptest::collection::vec(0u8..4, 0..185), any::<bool>()), 0..20)
        ) {
            let mut stream = PesStream::default();
            for (payload, start) in payloads {
                let piece = stream.push(&payload, start);
                prop_assert!(piece.data.len() <= payload.len());
                prop_assert!(stream.header.len() <= HEADER_MAX);
            }
        }
    }
}
