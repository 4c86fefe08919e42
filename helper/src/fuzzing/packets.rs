//! Decoders that keep nothing from one message to the next.

use crate::amt::message::{Message, Protocol};
use crate::discovery::record::Record;
use crate::membership::{self, Membership, general_query, igmp, mld, parse_general_query, parse_report};
use crate::{datagram, ipv4, ipv6};
use amt_shared::amt_url::parse_relays;
use amt_shared::ts::{ContinuityTracker, PACKET_LEN, Packet};
use amt_shared::wire::{FrameHeader, FromHelper, FromPage};
use amt_shared::{AmtUrl, clock::Pcr};
use std::net::IpAddr;

/// An AMT message, which encodes to one that says the same in as many bytes.
pub fn amt_message(data: &[u8]) {
    let Ok(message) = Message::decode(data) else { return };
    let encoded = message.encode();
    assert_eq!(encoded.len(), data.len());
    assert_eq!(Message::decode(&encoded), Ok(message));
}

/// An AMT URL, whose printed form is read as the same; and a list of relays.
pub fn amt_url(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(url) = text.parse::<AmtUrl>() {
        let printed = url.to_string();
        assert_eq!(printed.parse(), Ok(url.clone()), "{printed}");
        let channel = url.channel();
        assert_eq!(channel.to_string().parse(), Ok(channel.clone()));
        assert_eq!(channel.lacks_required_source(), url.lacks_required_source());
    }
    if let Ok(relays) = parse_relays(text) {
        for relay in relays {
            assert_eq!(parse_relays(&relay.to_string()), Ok(vec![relay]));
        }
    }
}

/// An AMTRELAY record, which encodes to the very bytes that it came in.
pub fn dns_record(data: &[u8]) {
    let Ok(record) = Record::decode(data) else { return };
    assert_eq!(record.encode(), data);
    assert!(record.to_string().is_ascii());
}

/// IGMP and MLD in their packets, as they came and with their checksums put right.
pub fn membership(data: &[u8]) {
    membership_packet(data);
    membership_packet(&repaired(data));
}

fn membership_packet(packet: &[u8]) {
    for protocol in [Protocol::Igmp, Protocol::Mld] {
        if let Ok(query) = parse_general_query(protocol, packet) {
            assert!((1..=7).contains(&query.robustness));
            assert_eq!(parse_general_query(protocol, &general_query(protocol, &query)), Ok(query));
        }
    }
    if let Ok(records) = igmp::parse_report(packet, false) {
        assert_eq!(igmp::parse_report(&igmp::report(&records), true), Ok(records));
    }
    if let Ok(records) = mld::parse_report(packet, false) {
        assert_eq!(mld::parse_report(&mld::report(&records), true), Ok(records));
    }
    let strict = parse_report(packet, true);
    let Ok(records) = parse_report(packet, false) else {
        assert!(strict.is_err(), "strict took what is none");
        return;
    };
    assert!(strict == Err(membership::Malformed::Header) || strict.as_ref() == Ok(&records));
    for record in records {
        for source in record.sources.iter().copied().map(Some).chain([None]) {
            if let Ok(membership) = Membership::new(record.group, source) {
                let sender = source.unwrap_or(record.group);
                assert!(membership.covers(sender, record.group));
                assert!(Membership::of_packet(sender, record.group).is_some_and(|both| both.contains(&membership)));
            }
        }
    }
}

/// Transport packets one behind the other, as the channel and the page look at them.
pub fn ts_packet(data: &[u8]) {
    let mut tracker = ContinuityTracker::default();
    for bytes in data.as_chunks::<PACKET_LEN>().0 {
        let Ok(packet) = Packet::parse(bytes) else { continue };
        assert!(packet.pid() <= 0x1FFF && packet.continuity_counter() <= 0x0F);
        assert!(packet.payload().len() <= PACKET_LEN - 4);
        assert!(bytes.ends_with(packet.payload()));
        assert!(packet.has_payload() || packet.payload().is_empty());
        if let Some(Pcr { base, extension }) = packet.pcr() {
            assert!(base < 1 << 33 && extension < 512);
        }
        assert!(packet.random_access() || !packet.starts_video_random_access());
        let _ = (packet.discontinuity(), packet.scrambled(), packet.transport_error(), tracker.check(&packet));
    }
}

/// What a page sends, and what the helper sends it: text and binary messages of the WebSocket.
pub fn websocket(data: &[u8]) {
    if let Ok((header, ts)) = FrameHeader::decode(data) {
        assert_eq!(ts.len() + FrameHeader::LEN, data.len());
        assert_eq!(FrameHeader::decode(&[&header.encode(), ts].concat()), Ok((header, ts)));
    }
    if let Ok(message) = serde_json::from_slice::<FromPage>(data) {
        let text = serde_json::to_string(&message).unwrap_or_default();
        assert_eq!(serde_json::from_str::<FromPage>(&text).ok(), Some(message.clone()));
        if let FromPage::Tune { url, .. } = message {
            amt_url(url.as_bytes());
        }
    }
    if let Ok(message) = serde_json::from_slice::<FromHelper>(data) {
        let text = serde_json::to_string(&message).unwrap_or_default();
        assert_eq!(serde_json::from_str::<FromHelper>(&text).ok(), Some(message));
    }
}

/// A packet whose checksums are right, as far as its lengths allow: those of IPv4, IGMP and MLD; the one of UDP is
/// taken away.
pub(crate) fn repaired(packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    match bytes.first().map(|first| first >> 4) {
        Some(4) => repair_ipv4(&mut bytes),
        Some(6) => repair_ipv6(&mut bytes),
        _ => {}
    }
    bytes
}

fn repair_ipv4(bytes: &mut [u8]) {
    let header_len = usize::from(bytes[0] & 0x0F) * 4;
    if header_len < 20 || bytes.len() < header_len {
        return;
    }
    bytes[10..12].fill(0);
    let sum = ipv4::checksum(&[&bytes[..header_len]]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    let end = usize::from(u16::from_be_bytes([bytes[2], bytes[3]])).min(bytes.len());
    let protocol = bytes[9];
    let Some(message) = bytes.get_mut(header_len..end).filter(|message| message.len() >= 8) else { return };
    match protocol {
        ipv4::IGMP => {
            message[2..4].fill(0);
            let sum = ipv4::checksum(&[message]);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        ipv4::UDP => message[6..8].fill(0),
        _ => {}
    }
}

fn repair_ipv6(bytes: &mut [u8]) {
    let Some((IpAddr::V6(source), IpAddr::V6(destination))) = datagram::addresses(bytes) else { return };
    let Ok(packet) = ipv6::Packet::parse(bytes) else { return };
    let (protocol, len) = (packet.protocol, packet.payload.len());
    let end = ipv6::HEADER_LEN + usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    let Some(message) = end.checked_sub(len).and_then(|start| bytes.get_mut(start..end)) else { return };
    if message.len() < 8 {
        return;
    }
    match protocol {
        ipv6::ICMPV6 => {
            message[2..4].fill(0);
            let sum = ipv6::checksum(source, destination, ipv6::ICMPV6, message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        ipv4::UDP => message[6..8].fill(0),
        _ => {}
    }
}
