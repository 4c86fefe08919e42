//! Puts the fragments of inner packets together: IPv4 (RFC 791, 3.2) and IPv6 (RFC 8200, 4.5). Relays fragment
//! inner IPv4 packets that are too long for the tunnel (RFC 7450, 5.3.3.6).
//!
//! In goes every inner packet, out comes it or, with the last fragment, the whole packet of which it was a piece:
//! its header without a trace of fragments, its payload in one. A packet that is no fragment is handed back as it
//! came; nothing is copied or checked. Dropped by name: fragments whose lengths cannot be, and all fragments of
//! a packet of which two overlap with different bytes (RFC 5722; an exact repetition is passed over).
//!
//! A packet has one second to come together. The standards' 15 and 60 s were made for fragments that go different
//! ways; these leave the relay one behind the other. What comes later is of no use to live television, and a
//! sender that counts its packets in 16 bits begins anew within seconds, so that waiting longer puts pieces of
//! different packets together (RFC 4963).

use crate::{ipv4, ipv6};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long a packet may take to come together.
pub const LIFETIME: Duration = Duration::from_secs(1);
/// How many packets may be in progress. As none is longer than 65,535 bytes, they hold 4 MiB at most.
pub const MAX_PACKETS: usize = 64;
/// Into how many pieces a packet may be cut: at the smallest MTU of IPv6 the longest one needs fewer.
const MAX_PIECES: usize = 64;
/// The longest payload of IPv6, and the longest packet of IPv4.
const MAX_LEN: usize = 65_535;

/// Why a fragment is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Discard {
    /// The IPv4 header is wrong.
    #[error(transparent)]
    Ipv4(#[from] ipv4::Malformed),
    /// The lengths in the IPv6 headers do not fit what is there.
    #[error("truncated inner IPv6 packet")]
    Ipv6Length,
    /// An empty fragment, or one before the last that is no multiple of eight bytes long.
    #[error("fragment with an invalid length")]
    Length,
    /// The whole packet would be longer than 65,535 bytes.
    #[error("fragment of an oversized packet")]
    TooLong,
    /// It overlaps another with different bytes, or lies behind the end that another told (RFC 5722).
    #[error("fragment that conflicts with another of the same packet")]
    Overlap,
    /// Its packet is cut into more pieces than is sound.
    #[error("fragment of a packet with too many fragments")]
    TooMany,
}

/// What was made of the fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Packets put together.
    pub reassembled: u64,
    /// Packets given up because a piece did not come in time.
    pub timed_out: u64,
    /// Packets given up, the oldest first, because too many others were in progress.
    pub evicted: u64,
    /// Packets given up because their fragments contradict each other or are too many.
    pub refused: u64,
    /// Fragments that came a second time.
    pub duplicates: u64,
}

/// The packets of which only pieces are there.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// The oldest first.
    partials: VecDeque<Partial>,
    whole: Vec<u8>,
    figures: Figures,
}

/// What the fragments of one packet have in common (RFC 791, 3.2; RFC 8200, 4.5, which leaves the protocol out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: Option<u8>,
    identification: u32,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
struct Fragment<'a> {
    key: Key,
    offset: usize,
    more: bool,
    /// What the whole packet has before its payload, where this is the first fragment.
    header: Header<'a>,
    payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
struct Header<'a> {
    bytes: &'a [u8],
    /// Where an IPv6 header names the Fragment header, and what that one names.
    next: Option<(usize, u8)>,
}

#[derive(Debug)]
struct Partial {
    key: Key,
    began: Instant,
    /// Its fragments contradicted each other: those that follow are refused as well.
    refused: bool,
    header: Vec<u8>,
    /// In order, without overlaps.
    pieces: Vec<(usize, Box<[u8]>)>,
    /// The length of all pieces.
    held: usize,
    /// The length of the payload, where the last fragment was there.
    len: Option<usize>,
}

impl Reassembly {
    /// Takes an inner packet. Gives it back where it is no fragment, the whole packet where it was the last piece
    /// missing, and `None` where others are.
    ///
    /// # Errors
    /// The reason to drop the fragment.
    pub fn push<'a>(&'a mut self, now: Instant, packet: &'a [u8]) -> Result<Option<&'a [u8]>, Discard> {
        match Fragment::parse(packet)? {
            None => Ok(Some(packet)),
            Some(fragment) => Ok(self.take(now, &fragment)?.then_some(&self.whole[..])),
        }
    }

    /// Gives up what did not come together in time. Every fragment does this; without any, what is held stays
    /// until it is asked for.
    pub fn expire(&mut self, now: Instant) {
        let old = |partial: &Partial| now.saturating_duration_since(partial.began) >= LIFETIME;
        while self.partials.front().is_some_and(old) {
            let refused = self.partials.pop_front().is_some_and(|partial| partial.refused);
            self.figures.timed_out += u64::from(!refused);
        }
    }

    /// The counters.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Whether the packet is whole now.
    fn take(&mut self, now: Instant, fragment: &Fragment<'_>) -> Result<bool, Discard> {
        self.expire(now);
        let index = match self.partials.iter().position(|partial| partial.key == fragment.key) {
            Some(index) => index,
            None => {
                if self.partials.len() == MAX_PACKETS {
                    let refused = self.partials.pop_front().is_some_and(|partial| partial.refused);
                    self.figures.evicted += u64::from(!refused);
                }
                self.partials.push_back(Partial::new(fragment.key, now));
                self.partials.len() - 1
            }
        };
        let partial = &mut self.partials[index];
        match partial.add(fragment) {
            Ok(true) => {}
            Ok(false) => {
                self.figures.duplicates += 1;
                return Ok(false);
            }
            Err(reason) => {
                self.figures.refused += u64::from(!partial.refused);
                partial.refuse();
                return Err(reason);
            }
        }
        if !partial.is_whole() {
            return Ok(false);
        }
        let built = partial.build(&mut self.whole);
        if built.is_ok() {
            self.figures.reassembled += 1;
        } else {
            self.figures.refused += 1;
        }
        self.partials.remove(index);
        built.map(|()| true)
    }
}

impl<'a> Fragment<'a> {
    /// `None` where the packet is none; what it is then is for others to tell.
    fn parse(packet: &'a [u8]) -> Result<Option<Self>, Discard> {
        let fragment = match packet.first().map(|first| first >> 4) {
            Some(4) => Self::ipv4(packet)?,
            Some(6) => Self::ipv6(packet)?,
            _ => None,
        };
        if let Some(fragment) = &fragment {
            let len = fragment.payload.len();
            if len == 0 || (fragment.more && len % 8 != 0) {
                return Err(Discard::Length);
            }
            if fragment.offset + len > MAX_LEN {
                return Err(Discard::TooLong);
            }
        }
        Ok(fragment)
    }

    fn ipv4(packet: &'a [u8]) -> Result<Option<Self>, Discard> {
        let Some(&[id_high, id_low, field_high, field_low]) = packet.get(4..8) else { return Ok(None) };
        let field = u16::from_be_bytes([field_high, field_low]);
        if field & 0x3FFF == 0 {
            return Ok(None);
        }
        let ip = ipv4::Packet::parse(packet)?;
        let key = Key {
            source: ip.source.into(),
            destination: ip.destination.into(),
            protocol: Some(ip.protocol),
            identification: u16::from_be_bytes([id_high, id_low]).into(),
        };
        let header = Header { bytes: &packet[..usize::from(packet[0] & 0x0F) * 4], next: None };
        let (offset, more) = (usize::from(field & 0x1FFF) * 8, field & 0x2000 != 0);
        Ok(Some(Self { key, offset, more, header, payload: ip.payload }))
    }

    fn ipv6(packet: &'a [u8]) -> Result<Option<Self>, Discard> {
        // Most packets have no extension header at all.
        if packet.get(6) == Some(&ipv4::UDP) {
            return Ok(None);
        }
        let ip = ipv6::Packet::parse(packet).map_err(|_| Discard::Ipv6Length)?;
        Ok(ip.fragment.map(|fragment| Self {
            key: Key {
                source: ip.source.into(),
                destination: ip.destination.into(),
                protocol: None,
                identification: fragment.identification,
            },
            offset: fragment.offset,
            more: fragment.more,
            header: Header { bytes: &packet[..fragment.at], next: Some((fragment.named_at, ip.protocol)) },
            payload: ip.payload,
        }))
    }
}

impl Header<'_> {
    /// What stands before the payload of the whole packet, but for the lengths in it.
    fn unfragmented(self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        match self.next {
            Some((named_at, protocol)) => bytes[named_at] = protocol,
            None => bytes[6..8].fill(0),
        }
        bytes
    }
}

impl Partial {
    fn new(key: Key, began: Instant) -> Self {
        Self { key, began, refused: false, header: Vec::new(), pieces: Vec::new(), held: 0, len: None }
    }

    /// Adds a piece; `false` where it is there already.
    fn add(&mut self, fragment: &Fragment<'_>) -> Result<bool, Discard> {
        let (start, payload) = (fragment.offset, fragment.payload);
        let end = start + payload.len();
        if self.refused {
            return Err(Discard::Overlap);
        }
        let index = self.pieces.partition_point(|(other, _)| *other < start);
        if let Some((other, bytes)) = self.pieces.get(index)
            && (*other, &**bytes) == (start, payload)
            && fragment.more == (self.len != Some(end))
        {
            return Ok(false);
        }
        let end_of = |(start, bytes): &(usize, Box<[u8]>)| start + bytes.len();
        let overlaps_before = index.checked_sub(1).is_some_and(|before| end_of(&self.pieces[before]) > start);
        let overlaps_behind = self.pieces.get(index).is_some_and(|(other, _)| *other < end);
        let farthest = self.pieces.last().map_or(0, end_of).max(end);
        let ends_elsewhere = match self.len {
            Some(len) => farthest > len || (!fragment.more && end != len),
            None => !fragment.more && farthest != end,
        };
        if overlaps_before || overlaps_behind || ends_elsewhere {
            return Err(Discard::Overlap);
        }
        if self.pieces.len() == MAX_PIECES {
            return Err(Discard::TooMany);
        }
        if start == 0 {
            self.header = fragment.header.unfragmented();
        }
        if !fragment.more {
            self.len = Some(end);
        }
        self.held += payload.len();
        self.pieces.insert(index, (start, payload.into()));
        Ok(true)
    }

    fn is_whole(&self) -> bool {
        self.len == Some(self.held)
    }

    fn refuse(&mut self) {
        self.refused = true;
        self.pieces = Vec::new();
    }

    /// Writes the whole packet.
    fn build(&self, whole: &mut Vec<u8>) -> Result<(), Discard> {
        whole.clear();
        whole.extend(&self.header);
        self.pieces.iter().for_each(|(_, bytes)| whole.extend(&**bytes));
        match self.key.source {
            IpAddr::V4(_) => {
                let len = u16::try_from(whole.len()).map_err(|_| Discard::TooLong)?;
                whole[2..4].copy_from_slice(&len.to_be_bytes());
                whole[10..12].fill(0);
                let sum = ipv4::checksum(&[&whole[..self.header.len()]]);
                whole[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            IpAddr::V6(_) => {
                let len = u16::try_from(whole.len() - ipv6::HEADER_LEN).map_err(|_| Discard::TooLong)?;
                whole[4..6].copy_from_slice(&len.to_be_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "reassembly_tests.rs"]
mod tests;
