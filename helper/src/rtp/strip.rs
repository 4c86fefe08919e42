//! RTP of one path, stripped without being put in order.

use super::Discard;
use crate::reader::{Reader, Truncated};
use amt_shared::ts::{PACKET_LEN, SYNC_BYTE};

const MP2T: u8 = 33;
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 64;

/// Follows one channel's datagrams.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rtp {
    stream: Option<Sequence>,
    lost: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sequence {
    ssrc: u32,
    highest: u16,
    /// Bit n: the packet n before the highest was there.
    seen: u64,
}

struct Header<'a> {
    payload_type: u8,
    sequence: u16,
    ssrc: u32,
    payload: &'a [u8],
}

impl Rtp {
    /// Whether the datagrams carry RTP, as far as seen.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        self.stream.is_some()
    }

    /// RTP packets missing by their sequence numbers. A late one still counts: it was not passed on.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Gives the TS in a UDP payload.
    ///
    /// # Errors
    /// The reason to drop the payload.
    pub fn strip<'a>(&mut self, payload: &'a [u8]) -> Result<&'a [u8], Discard> {
        let version_2 = payload.first().is_some_and(|first| first >> 6 == 2);
        if !version_2 {
            return Ok(payload);
        }
        match Header::parse(payload) {
            Ok(header) if self.is_ts(&header) => self.advance(&header).map(|()| header.payload),
            _ if self.is_rtp() => Err(Discard::OtherPayload),
            // TS cut elsewhere than at its packets may look like this.
            _ => Ok(payload),
        }
    }

    fn is_ts(&self, header: &Header<'_>) -> bool {
        let known = self.stream.is_some_and(|stream| stream.ssrc == header.ssrc);
        let synced = header.payload.len() >= PACKET_LEN
            && header.payload.iter().step_by(PACKET_LEN).all(|first| *first == SYNC_BYTE);
        synced || (header.payload_type == MP2T && (known || header.payload.first() == Some(&SYNC_BYTE)))
    }

    fn advance(&mut self, header: &Header<'_>) -> Result<(), Discard> {
        let begin = Sequence { ssrc: header.ssrc, highest: header.sequence, seen: 1 };
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.ssrc == header.ssrc) else {
            self.stream = Some(begin);
            return Ok(());
        };
        let ahead = header.sequence.wrapping_sub(stream.highest);
        let behind = stream.highest.wrapping_sub(header.sequence);
        if behind < MAX_MISORDER {
            let bit = 1 << behind;
            return if stream.seen & bit != 0 {
                Err(Discard::Duplicate)
            } else {
                stream.seen |= bit;
                Err(Discard::Late)
            };
        }
        if ahead > MAX_DROPOUT {
            *stream = begin;
            return Ok(());
        }
        self.lost += u64::from(ahead - 1);
        stream.highest = header.sequence;
        stream.seen = stream.seen.checked_shl(ahead.into()).unwrap_or(0) | 1;
        Ok(())
    }
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(bytes);
        let [first, second] = reader.take()?;
        let sequence = reader.u16()?;
        let _timestamp = reader.u32()?;
        let ssrc = reader.u32()?;
        reader.slice(usize::from(first & 0x0F) * 4)?;
        if first & 0x10 != 0 {
            let _profile = reader.u16()?;
            let words = reader.u16()?;
            reader.slice(usize::from(words) * 4)?;
        }
        let padding = match reader.rest().last() {
            Some(&count) if first & 0x20 != 0 => usize::from(count.max(1)),
            _ => 0,
        };
        let payload = reader.all_but(padding)?;
        Ok(Self { payload_type: second & 0x7F, sequence, ssrc, payload })
    }
}
