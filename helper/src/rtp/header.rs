//! What a UDP payload is, told by looking: plain TS, RTP around TS (RFC 3550, 5.1; RFC 2250, 2), or what a stream
//! of RTP carries beside it.

use super::Discard;
use crate::reader::{Reader, Truncated};
use amt_shared::ts::{PACKET_LEN, SYNC_BYTE};

/// MPEG-TS among the static payload types (RFC 3551, 6).
const MP2T: u8 = 33;
/// The packet types kept for RTCP where it shares a port with RTP (RFC 5761, 4).
const RTCP: std::ops::RangeInclusive<u8> = 192..=223;
/// The first of every RTCP compound packet (RFC 3550, 6.1).
const REPORTS: std::ops::RangeInclusive<u8> = 200..=201;
const FEC_HEADER_LEN: usize = 16;

/// An RTP packet, as far as its receiver needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    /// In 90 kHz ticks (RFC 2250, 2).
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Without contributing sources, extension and padding.
    pub(crate) payload: &'a [u8],
}

/// Tells what a payload is; `None` is no RTP. `followed` is the SSRC where the datagrams were RTP until now.
pub(crate) fn look(payload: &[u8], followed: Option<u32>) -> Result<Option<Header<'_>>, Discard> {
    // The sync byte of TS has other high bits than RTP's version 2.
    if payload.first().is_none_or(|first| first >> 6 != 2) {
        return Ok(None);
    }
    let packet_type = payload.get(1).copied().unwrap_or(0);
    if RTCP.contains(&packet_type) && (followed.is_some() || is_rtcp(payload)) {
        return Err(Discard::Rtcp);
    }
    match Header::parse(payload) {
        Ok(header) if header.is_ts(followed) => Ok(Some(header)),
        Ok(header) if header.is_fec() => Err(Discard::Fec),
        _ if followed.is_some() => Err(Discard::OtherPayload),
        // TS cut elsewhere than at its packets may look like this.
        _ => Ok(None),
    }
}

/// A report, behind which other packets fill the datagram to its end.
fn is_rtcp(payload: &[u8]) -> bool {
    if !payload.get(1).is_some_and(|first| REPORTS.contains(first)) {
        return false;
    }
    let mut rest = payload;
    while let [first, _, high, low, ..] = *rest {
        let words = usize::from(u16::from_be_bytes([high, low])) + 1;
        match rest.get(words * 4..) {
            Some(behind) if first >> 6 == 2 => rest = behind,
            _ => return false,
        }
    }
    rest.is_empty()
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(bytes);
        let [first, second] = reader.take()?;
        let sequence = reader.u16()?;
        let timestamp = reader.u32()?;
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
        Ok(Self { payload_type: second & 0x7F, sequence, timestamp, ssrc, payload })
    }

    /// TS of any payload type, or what the stream's own packets of type 33 carry.
    fn is_ts(&self, followed: Option<u32>) -> bool {
        let synced = self.payload.len() >= PACKET_LEN
            && self.payload.iter().step_by(PACKET_LEN).all(|first| *first == SYNC_BYTE);
        let of_the_stream = followed == Some(self.ssrc) || self.payload.first() == Some(&SYNC_BYTE);
        synced || (self.payload_type == MP2T && of_the_stream)
    }

    /// The header of SMPTE 2022-1 (RFC 2733 with one bit more): extended, without a mask, over rows or columns.
    fn is_fec(&self) -> bool {
        self.payload_type >= 96
            && self.payload.len() > FEC_HEADER_LEN
            && self.payload[4] & 0x80 != 0
            && self.payload[5..8] == [0; 3]
            && self.payload[12] & 0x38 == 0
            && self.payload[13] != 0
            && self.payload[14] != 0
    }
}
