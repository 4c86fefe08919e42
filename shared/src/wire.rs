//! What crosses the WebSocket between helper and page.
//!
//! Text messages are JSON: [`FromPage`] and [`FromHelper`]. Binary messages carry TS behind a
//! [`FrameHeader`]. A page tunes one channel a socket; a second `tune` replaces the first.

use crate::stats::ChannelStats;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// The version of everything in this file; a page and a helper of different versions say so to the user.
pub const PROTOCOL: u32 = 1;

/// The path of the WebSocket on the helper's server.
pub const WEBSOCKET_PATH: &str = "/ws";

/// What a page asks of the helper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPage {
    /// Play this AMT URL on this socket, instead of what played before.
    Tune {
        /// An [`AmtUrl`](crate::AmtUrl) in text form; parsed by the helper again.
        url: String,
        /// The page's number for this request, which [`FromHelper::Tuned`] gives back: an address alone does not
        /// tell two requests for the same channel apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<u32>,
        /// Whether the viewer named the relays, by typing them or among what played before, and not a link alone: such
        /// relays may have any port.
        #[serde(default, skip_serializing_if = "is_false")]
        typed: bool,
    },
    /// Leave the channel; the socket stays open.
    Stop,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What the helper tells a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHelper {
    /// The first message on every socket. Until it comes the helper cannot be said to be there: a proxy
    /// answers the upgrade by itself.
    Hello {
        /// [`PROTOCOL`] of the helper.
        protocol: u32,
        /// The helper's version.
        version: String,
        /// The URL the helper was started with; a page without one of its own plays it.
        url: Option<String>,
        /// The helper is never silent for longer than so many milliseconds: a page that hears nothing for clearly
        /// longer has lost it, even where its connection seems to stand. `None` for a helper that promises nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alive_ms: Option<u32>,
    },
    /// Nothing new, while there is nothing else to say; see `alive_ms` of [`FromHelper::Hello`].
    Alive,
    /// The first answer to every `tune`: all that comes from now on is of this one. What came before may still
    /// have been of the channel that it replaces.
    Tuned {
        /// As it was asked for.
        url: String,
        /// As it was asked with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<u32>,
    },
    /// Where the path to the channel stands; sent when it changes, and once after `tune`.
    Status(Status),
    /// Comes before the cached frames of a channel that was already running: how far they lie back.
    CatchUp {
        /// Age of the oldest cached frame in microseconds.
        age_micros: u64,
        /// Number of cached frames that follow.
        frames: u32,
    },
    /// The channel's counters, once a second.
    Stats(ChannelStats),
}

/// A step on the way to a picture, or what stopped it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// For programs.
    pub phase: Phase,
    /// For people: one plain sentence.
    pub sentence: String,
    /// What to do about it, where something can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The relay in use, as address and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<String>,
}

/// The steps in the order of RFC 7450, 4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No channel.
    Idle,
    /// Looking up the names in the URL.
    Resolving,
    /// Relay Discovery sent, no Relay Advertisement yet.
    Discovering,
    /// Request sent, no Membership Query yet.
    Requesting,
    /// Membership Update sent, no data yet.
    Joined,
    /// Data flows.
    Receiving,
    /// Data flowed and stopped; the gateway is looking for it.
    Silent,
    /// It cannot go on without the user.
    Failed,
}

/// Stands before the TS of every binary message: 16 bytes, big-endian.
///
/// ```text
///  0      version (1)
///  1      flags: 0x01 gap (something was lost before this frame, and upstream knows it)
///  2..4   how many TS packets are gone with the gap at most; zero where that is not known
///  4..8   sequence, one more for every frame of the channel; a step is what this viewer did not get
///  8..16  when the helper received the datagram, in microseconds since the Unix epoch
/// 16..    TS packets, whole ones where the datagram had whole ones
/// ```
///
/// A frame is the same for every viewer of a channel, so that it is built once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Something was lost before this frame on the way to the helper.
    pub gap: bool,
    /// How many TS packets are gone with that at most; 0 where it is not known, or where none is.
    pub missing: u16,
    /// Position in the channel; wraps.
    pub sequence: u32,
    /// Microseconds since the Unix epoch, from the kernel where it stamps.
    pub received_micros: u64,
}

/// Why a binary message is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer than [`FrameHeader::LEN`] bytes.
    #[error("frame shorter than its header")]
    TooShort,
    /// A version this code does not know.
    #[error("frame of another protocol version")]
    Version(u8),
}

impl FrameHeader {
    /// Length in bytes.
    pub const LEN: usize = 16;
    const VERSION: u8 = 1;
    const GAP: u8 = 0x01;

    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = Self::VERSION;
        bytes[1] = if self.gap { Self::GAP } else { 0 };
        bytes[2..4].copy_from_slice(&self.missing.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.received_micros.to_be_bytes());
        bytes
    }

    /// Splits a binary message into header and TS.
    ///
    /// # Errors
    /// Where it is too short or of another version.
    pub fn decode(message: &[u8]) -> Result<(Self, &[u8]), FrameError> {
        let (header, ts) = message.split_first_chunk::<{ Self::LEN }>().ok_or(FrameError::TooShort)?;
        if header[0] != Self::VERSION {
            return Err(FrameError::Version(header[0]));
        }
        let [_, flags, e, f, a, b, c, d, rest @ ..] = *header;
        let frame = Self {
            gap: flags & Self::GAP != 0,
            missing: u16::from_be_bytes([e, f]),
            sequence: u32::from_be_bytes([a, b, c, d]),
            received_micros: u64::from_be_bytes(rest),
        };
        Ok((frame, ts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn messages_keep_their_json_form() {
        let tune = FromPage::Tune { url: "amt://232.0.0.1".into(), request: None, typed: false };
        assert_eq!(serde_json::to_string(&tune).unwrap(), r#"{"type":"tune","url":"amt://232.0.0.1"}"#);
        let numbered = FromPage::Tune { url: "amt://232.0.0.1".into(), request: Some(7), typed: true };
        let text = r#"{"type":"tune","url":"amt://232.0.0.1","request":7,"typed":true}"#;
        assert_eq!(serde_json::to_string(&numbered).unwrap(), text);
        assert_eq!(serde_json::to_string(&FromHelper::Alive).unwrap(), r#"{"type":"alive"}"#);
        assert_eq!(serde_json::from_str::<FromPage>(r#"{"type":"stop"}"#).unwrap(), FromPage::Stop);
        let status = FromHelper::Status(Status {
            phase: Phase::Discovering,
            sentence: "Looking for the relay.".into(),
            advice: None,
            relay: None,
        });
        assert_eq!(
            serde_json::to_string(&status).unwrap(),
            r#"{"type":"status","phase":"discovering","sentence":"Looking for the relay."}"#
        );
    }

    #[test]
    fn messages_without_what_was_added_later_are_read() {
        let tune = serde_json::from_str(r#"{"type":"tune","url":"amt://232.0.0.1"}"#).ok();
        assert_eq!(tune, Some(FromPage::Tune { url: "amt://232.0.0.1".into(), request: None, typed: false }));
        let tuned = serde_json::from_str(r#"{"type":"tuned","url":"amt://232.0.0.1"}"#).ok();
        assert_eq!(tuned, Some(FromHelper::Tuned { url: "amt://232.0.0.1".into(), request: None }));
        let hello = serde_json::from_str(r#"{"type":"hello","protocol":1,"version":"0.1.0","url":null}"#).ok();
        let expected = FromHelper::Hello { protocol: 1, version: "0.1.0".into(), url: None, alive_ms: None };
        assert_eq!(hello, Some(expected));
    }

    #[test]
    fn stats_of_another_version_are_read_with_what_they_have() {
        let stats: FromHelper = serde_json::from_str(r#"{"type":"stats","bytes":7,"later":true}"#).unwrap();
        assert_eq!(stats, FromHelper::Stats(ChannelStats { bytes: 7, ..Default::default() }));
    }

    proptest! {
        #[test]
        fn a_frame_reads_back(gap: bool, missing: u16, sequence: u32, received_micros: u64, ts: Vec<u8>) {
            let header = FrameHeader { gap, missing, sequence, received_micros };
            let mut message = header.encode().to_vec();
            message.extend(&ts);
            prop_assert_eq!(FrameHeader::decode(&message), Ok((header, &ts[..])));
        }

        #[test]
        fn any_bytes_are_a_frame_or_a_named_error(message: Vec<u8>) {
            let _ = FrameHeader::decode(&message);
        }
    }
}
