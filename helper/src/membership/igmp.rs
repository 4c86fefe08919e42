//! IGMPv3 (RFC 3376) in its IPv4 packets, as AMT carries it; reports of versions 1 and 2 are read as
//! well, and on a network of hosts the queries of all versions.
//!
//! In go whole IPv4 packets, out come records and queries, and the reverse. Checksums are checked in both
//! headers. Dropped are other versions and types; records of unknown types are passed over (4.2.12).

use super::{GeneralQuery, Malformed, Query, Record, RecordType, code};
use crate::ipv4;
use crate::reader::Reader;
use std::net::Ipv4Addr;
use std::time::Duration;

const QUERY: u8 = 0x11;
const V1_REPORT: u8 = 0x12;
const V2_REPORT: u8 = 0x16;
const V2_LEAVE: u8 = 0x17;
const V3_REPORT: u8 = 0x22;

/// Where queries go.
const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Where reports go (4.2.14).
const ALL_V3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Internetwork Control (4).
const TOS: u8 = 0xC0;
const TTL: u8 = 1;
/// The unit of the Max Resp Code (4.1.1).
const TENTH: Duration = Duration::from_millis(100);
/// The Query Response Interval, for which IGMPv1 has no field (8.3).
const RESPONSE_INTERVAL: Duration = Duration::from_secs(10);

/// Builds the IPv4 packet of a version 3 report.
#[must_use]
pub fn report(records: &[Record<Ipv4Addr>]) -> Vec<u8> {
    let mut message = vec![V3_REPORT, 0, 0, 0, 0, 0];
    message.extend((records.len() as u16).to_be_bytes());
    for record in records {
        message.extend([record.kind as u8, 0]);
        message.extend((record.sources.len() as u16).to_be_bytes());
        message.extend(record.group.octets());
        message.extend(record.sources.iter().flat_map(Ipv4Addr::octets));
    }
    packet(Ipv4Addr::UNSPECIFIED, ALL_V3_ROUTERS, message)
}

/// Builds the IPv4 packet of a version 3 General Query that wants an answer at once (RFC 7450, 5.3.3.3).
/// The interval is rounded down to what the code can say.
#[must_use]
pub fn general_query(query: &GeneralQuery) -> Vec<u8> {
    // The source is unspecified: any is right inside a tunnel (RFC 7450, 5.2.1, 5.3.3.3).
    network_query(Ipv4Addr::UNSPECIFIED, None, TENTH, query)
}

/// Builds the IPv4 packet of a version 3 query for a network of hosts: a Group-Specific one, which goes to the group
/// itself (4.1.9, 4.1.12), or a General one. `max_response` is rounded down to what the code can say.
#[must_use]
pub fn network_query(
    from: Ipv4Addr,
    group: Option<Ipv4Addr>,
    max_response: Duration,
    timing: &GeneralQuery,
) -> Vec<u8> {
    let tenths = u64::try_from(max_response.as_millis() / TENTH.as_millis()).unwrap_or(u64::MAX);
    let [qrv, qqic] = timing.encode();
    let mut message = vec![QUERY, code::encode_float(tenths), 0, 0];
    message.extend(group.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    message.extend([qrv, qqic, 0, 0]);
    packet(from, group.unwrap_or(ALL_SYSTEMS), message)
}

fn packet(source: Ipv4Addr, destination: Ipv4Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = ipv4::checksum(&[&message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut bytes = ipv4::header((TOS, TTL, ipv4::IGMP), source, destination, &ipv4::ROUTER_ALERT, message.len());
    bytes.extend(message);
    bytes
}

/// Reads the IPv4 packet of a query of any version, as routers send it to a network of hosts (7.1).
///
/// # Errors
/// Where it is something else, or damaged.
pub fn parse_query(bytes: &[u8]) -> Result<Query<Ipv4Addr>, Malformed> {
    let message = message(&ipv4::Packet::parse(bytes)?)?;
    let mut reader = Reader::new(message);
    let [QUERY, max_response, _, _] = reader.take()? else { return Err(Malformed::Type) };
    let group = Some(reader.ipv4()?).filter(|group| !group.is_unspecified());
    let tenths = |count: u64| TENTH.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    if reader.len() == 0 {
        let max_response = if max_response == 0 { RESPONSE_INTERVAL } else { tenths(max_response.into()) };
        return Ok(Query { group, max_response, timing: None });
    }
    let [flags_qrv, qqic] = reader.take()?;
    reader.u16()?;
    let timing = Some(GeneralQuery::decode(flags_qrv, qqic));
    Ok(Query { group, max_response: tenths(code::decode_float(max_response)), timing })
}

/// Reads the IPv4 packet of a version 3 General Query. Any source, TTL and options are taken; octets behind
/// the packet are ignored.
///
/// # Errors
/// Where it is something else, or damaged.
pub fn parse_general_query(bytes: &[u8]) -> Result<GeneralQuery, Malformed> {
    let mut reader = Reader::new(message(&ipv4::Packet::parse(bytes)?)?);
    let [kind, _max_response, _, _] = reader.take()?;
    if kind != QUERY {
        return Err(Malformed::Type);
    }
    let group = reader.ipv4()?;
    if reader.len() == 0 {
        // Eight bytes are a query of version 1 or 2 (7.1).
        return Err(Malformed::Type);
    }
    let [flags_qrv, qqic] = reader.take()?;
    let sources = reader.u16()?;
    if !group.is_unspecified() || sources != 0 {
        return Err(Malformed::NotGeneral);
    }
    Ok(GeneralQuery::decode(flags_qrv, qqic))
}

/// Reads the IPv4 packet of a report, of any version, or of a version 2 leave. With `strict`, its header
/// must be what RFC 3376 (4) calls for, as a relay has to demand (RFC 7450, 5.3.3.4): Router Alert and a TTL
/// of 1. Any source is taken.
///
/// # Errors
/// Where it is something else, or damaged.
pub fn parse_report(bytes: &[u8], strict: bool) -> Result<Vec<Record<Ipv4Addr>>, Malformed> {
    let packet = ipv4::Packet::parse(bytes)?;
    let mut reader = Reader::new(message(&packet)?);
    if strict && (packet.ttl != TTL || !packet.has_router_alert()) {
        return Err(Malformed::Header);
    }
    let [kind, _, _, _] = reader.take()?;
    match kind {
        V1_REPORT | V2_REPORT => {
            Ok(vec![Record { kind: RecordType::ModeIsExclude, group: reader.ipv4()?, sources: vec![] }])
        }
        V2_LEAVE => Ok(vec![Record { kind: RecordType::ChangeToInclude, group: reader.ipv4()?, sources: vec![] }]),
        V3_REPORT => {
            reader.u16()?;
            let count = reader.u16()?;
            let records = (0..count).map(|_| record(&mut reader));
            records.filter_map(Result::transpose).collect()
        }
        _ => Err(Malformed::Type),
    }
}

/// The IGMP message in a packet, its checksum checked.
fn message<'a>(packet: &ipv4::Packet<'a>) -> Result<&'a [u8], Malformed> {
    if packet.protocol != ipv4::IGMP || packet.fragment {
        return Err(Malformed::Protocol);
    }
    if packet.payload.len() < 8 {
        return Err(Malformed::Length);
    }
    if ipv4::checksum(&[packet.payload]) != 0 {
        return Err(Malformed::Checksum);
    }
    Ok(packet.payload)
}

fn record(reader: &mut Reader<'_>) -> Result<Option<Record<Ipv4Addr>>, Malformed> {
    let [kind, auxiliary_words] = reader.take()?;
    let count = reader.u16()?;
    let group = reader.ipv4()?;
    let sources = (0..count).map(|_| reader.ipv4()).collect::<Result<_, _>>()?;
    reader.slice(usize::from(auxiliary_words) * 4)?;
    Ok(RecordType::from_code(kind).map(|kind| Record { kind, group, sources }))
}

#[cfg(test)]
#[path = "igmp_tests.rs"]
mod tests;
