//! OBUs with sizes and without start codes, as some muxers write them into PES packets (5.2, the low-overhead format),
//! made a stream with start codes, which is what the carriage in transport streams asks for.
//!
//! Which of both a PES packet holds shows in its first bytes: a start code would be an OBU of a reserved type without
//! a size, which no such stream begins with.

use super::{kind, obu};
use crate::segmenter::video::codec::Framing;

/// Header, extension and size of an OBU at most.
const HEADER_MAX: usize = 10;

#[derive(Debug, Default)]
enum State {
    /// A PES packet begins.
    #[default]
    Begin,
    /// With start codes.
    StartCodes,
    /// Within the header of an OBU with a size.
    Header,
    /// Within its payload: bytes that are left of it.
    Payload { left: usize },
    /// Where OBUs begin is not known until the next PES packet.
    Astray,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct ObuFraming {
    state: State,
    header: Vec<u8>,
    /// Zeros that the OBU's last bytes are, as far as emulation prevention counts them.
    zeros: u32,
    made: Vec<u8>,
}

impl Framing for ObuFraming {
    /// An OBU with a size that a PES packet did not hold whole is cut off.
    fn begin(&mut self) -> bool {
        let cut = matches!(self.state, State::Header | State::Payload { .. }) && !self.whole();
        self.header.clear();
        self.state = State::Begin;
        cut
    }

    fn lost(&mut self) {
        if !matches!(self.state, State::StartCodes) {
            self.state = State::Astray;
        }
    }

    fn byte_stream<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8] {
        if matches!(self.state, State::Begin)
            && let Some(first) = data.first()
        {
            let known = matches!(kind(*first), obu::SEQUENCE_HEADER..=obu::REDUNDANT_FRAME_HEADER | obu::PADDING);
            let sized = known && first & 0x82 == 2;
            self.state = if sized { State::Header } else { State::StartCodes };
        }
        if matches!(self.state, State::StartCodes) {
            return data;
        }
        self.made.clear();
        let mut rest = data;
        while let Some((&byte, after)) = rest.split_first() {
            match &mut self.state {
                State::Header => {
                    self.header.push(byte);
                    rest = after;
                    self.read_header();
                }
                State::Payload { left } => {
                    let (taken, after) = rest.split_at(rest.len().min(*left));
                    *left -= taken.len();
                    if *left == 0 {
                        self.state = State::Header;
                    }
                    rest = after;
                    self.escape(taken);
                }
                State::Begin | State::StartCodes | State::Astray => break,
            }
        }
        &self.made
    }
}

impl ObuFraming {
    /// Whether nothing of an OBU is due.
    fn whole(&self) -> bool {
        matches!(self.state, State::Header) && self.header.is_empty()
    }

    /// Gives the header out once it is complete.
    fn read_header(&mut self) {
        let first = self.header.first().copied().unwrap_or_default();
        let before_size = if first & 4 != 0 { 2 } else { 1 };
        if first & 0x82 != 2 || self.header.len() >= HEADER_MAX {
            self.state = State::Astray;
            return;
        }
        if let Some((left, _)) = self.header.get(before_size..).and_then(super::leb128) {
            self.made.extend([0, 0, 1]);
            self.zeros = 0;
            let header = core::mem::take(&mut self.header);
            self.escape(&header);
            self.state = if left == 0 { State::Header } else { State::Payload { left } };
        }
    }

    /// Emulation prevention.
    fn escape(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.zeros >= 2 && byte <= 3 {
                self.made.push(3);
                self.zeros = 0;
            }
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
            self.made.push(byte);
        }
    }
}
