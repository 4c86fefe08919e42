//! MLDv2 (RFC 3810) in its IPv6 packets, as AMT carries it; version 1 reports are read as well, and on
//! a network of hosts the queries of both versions.
//!
//! In go whole IPv6 packets, out come records and queries, and the reverse. The ICMPv6 checksum is checked.
//! Dropped are other versions and types; records of unknown types are passed over (5.2.12).

use super::{GeneralQuery, Malformed, Query, Record, RecordType, code};
use crate::ipv6;
use crate::reader::Reader;
use std::net::Ipv6Addr;
use std::time::Duration;

const QUERY: u8 = 130;
const V1_REPORT: u8 = 131;
const V1_DONE: u8 = 132;
const V2_REPORT: u8 = 143;

/// Where queries go (5.1.15).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 1);
/// Where reports go (5.2.14).
const ALL_V2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0x16);
const HOP_LIMIT: u8 = 1;

/// Builds the IPv6 packet of a version 2 report.
#[must_use]
pub fn report(records: &[Record<Ipv6Addr>]) -> Vec<u8> {
    let mut message = vec![V2_REPORT, 0, 0, 0, 0, 0];
    message.extend((records.len() as u16).to_be_bytes());
    for record in records {
        message.extend([record.kind as u8, 0]);
        message.extend((record.sources.len() as u16).to_be_bytes());
        message.extend(record.group.octets());
        message.extend(record.sources.iter().flat_map(Ipv6Addr::octets));
    }
    packet(Ipv6Addr::UNSPECIFIED, ALL_V2_ROUTERS, message)
}

/// Builds the IPv6 packet of a version 2 General Query that wants an answer at once (RFC 7450, 5.3.3.3).
/// The interval is rounded down to what the code can say.
#[must_use]
pub fn general_query(query: &GeneralQuery) -> Vec<u8> {
    // The source is unspecified: any is right inside a tunnel (RFC 7450, 5.2.1, 5.3.3.3).
    network_query(Ipv6Addr::UNSPECIFIED, None, Duration::from_millis(1), query)
}

/// Builds the IPv6 packet of a version 2 query for a network of hosts, from a link-local address (5.1.14): a Multicast
/// Address Specific one, which goes to the address itself (5.1.10, 5.1.15), or a General one. `max_response` is 32 s at
/// most.
#[must_use]
pub fn network_query(
    from: Ipv6Addr,
    group: Option<Ipv6Addr>,
    max_response: Duration,
    timing: &GeneralQuery,
) -> Vec<u8> {
    // Below 32768 the code is the number of milliseconds (5.1.3).
    let millis = max_response.as_millis().min(0x7FFF) as u16;
    let mut message = vec![QUERY, 0, 0, 0];
    message.extend(millis.to_be_bytes());
    message.extend([0, 0]);
    message.extend(group.unwrap_or(Ipv6Addr::UNSPECIFIED).octets());
    let [qrv, qqic] = timing.encode();
    message.extend([qrv, qqic, 0, 0]);
    packet(from, group.unwrap_or(ALL_NODES), message)
}

fn packet(source: Ipv6Addr, destination: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = ipv6::checksum(source, destination, ipv6::ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv6::with_router_alert(source, destination, HOP_LIMIT, &message)
}

/// Reads the IPv6 packet of a query of either version, as routers send it to a network of hosts (8.1).
///
/// # Errors
/// Where it is something else, or damaged.
pub fn parse_query(bytes: &[u8]) -> Result<Query<Ipv6Addr>, Malformed> {
    let packet = ip(bytes)?;
    let mut reader = Reader::new(message(&packet)?);
    let [QUERY, _, _, _] = reader.take()? else { return Err(Malformed::Type) };
    let max_response = reader.u16()?;
    reader.u16()?;
    let group = Some(reader.ipv6()?).filter(|group| !group.is_unspecified());
    if reader.len() == 0 {
        return Ok(Query { group, max_response: Duration::from_millis(max_response.into()), timing: None });
    }
    let [flags_qrv, qqic] = reader.take()?;
    reader.u16()?;
    let max_response = Duration::from_millis(code::decode_long_float(max_response));
    Ok(Query { group, max_response, timing: Some(GeneralQuery::decode(flags_qrv, qqic)) })
}

/// Reads the IPv6 packet of a version 2 General Query. Any source, hop limit and options are taken; octets
/// behind the packet are ignored.
///
/// # Errors
/// Where it is something else, or damaged.
pub fn parse_general_query(bytes: &[u8]) -> Result<GeneralQuery, Malformed> {
    let mut reader = Reader::new(message(&ip(bytes)?)?);
    let [kind, _code, _, _] = reader.take()?;
    if kind != QUERY {
        return Err(Malformed::Type);
    }
    let [_, _, _, _] = reader.take()?;
    let group = reader.ipv6()?;
    if reader.len() == 0 {
        // 24 bytes are a query of version 1 (8.1).
        return Err(Malformed::Type);
    }
    let [flags_qrv, qqic] = reader.take()?;
    let sources = reader.u16()?;
    if !group.is_unspecified() || sources != 0 {
        return Err(Malformed::NotGeneral);
    }
    Ok(GeneralQuery::decode(flags_qrv, qqic))
}

/// Reads the IPv6 packet of a report, of version 2 or 1, or of a version 1 Done. With `strict`, its header
/// must be what RFC 3810 (5) calls for, as a relay has to demand (RFC 7450, 5.3.3.4): Router Alert and a hop
/// limit of 1. Any source is taken.
///
/// # Errors
/// Where it is something else, or damaged.
pub fn parse_report(bytes: &[u8], strict: bool) -> Result<Vec<Record<Ipv6Addr>>, Malformed> {
    let packet = ip(bytes)?;
    let mut reader = Reader::new(message(&packet)?);
    if strict && (packet.hop_limit != HOP_LIMIT || !packet.router_alert) {
        return Err(Malformed::Header);
    }
    let [kind, _, _, _] = reader.take()?;
    let one = |mut reader: Reader<'_>, kind| {
        let [_, _, _, _] = reader.take()?;
        Ok(vec![Record { kind, group: reader.ipv6()?, sources: vec![] }])
    };
    match kind {
        V1_REPORT => one(reader, RecordType::ModeIsExclude),
        V1_DONE => one(reader, RecordType::ChangeToInclude),
        V2_REPORT => {
            reader.u16()?;
            let count = reader.u16()?;
            let records = (0..count).map(|_| record(&mut reader));
            records.filter_map(Result::transpose).collect()
        }
        _ => Err(Malformed::Type),
    }
}

fn ip(bytes: &[u8]) -> Result<ipv6::Packet<'_>, Malformed> {
    match bytes.first().map(|first| first >> 4) {
        Some(6) | None => Ok(ipv6::Packet::parse(bytes)?),
        _ => Err(Malformed::Protocol),
    }
}

/// The MLD message in a packet, its checksum checked.
fn message<'a>(packet: &ipv6::Packet<'a>) -> Result<&'a [u8], Malformed> {
    if packet.protocol != ipv6::ICMPV6 || packet.fragment.is_some() {
        return Err(Malformed::Protocol);
    }
    if packet.payload.len() < 8 {
        return Err(Malformed::Length);
    }
    if ipv6::checksum(packet.source, packet.destination, ipv6::ICMPV6, packet.payload) != 0 {
        return Err(Malformed::Checksum);
    }
    Ok(packet.payload)
}

fn record(reader: &mut Reader<'_>) -> Result<Option<Record<Ipv6Addr>>, Malformed> {
    let [kind, auxiliary_words] = reader.take()?;
    let count = reader.u16()?;
    let group = reader.ipv6()?;
    let sources = (0..count).map(|_| reader.ipv6()).collect::<Result<_, _>>()?;
    reader.slice(usize::from(auxiliary_words) * 4)?;
    Ok(RecordType::from_code(kind).map(|kind| Record { kind, group, sources }))
}

#[cfg(test)]
#[path = "mld_tests.rs"]
mod tests;
