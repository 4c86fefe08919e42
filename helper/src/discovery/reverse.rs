//! AMTRELAY records in the reverse tree of a source (RFC 8777, 2.2 and 3.4).
//!
//! In go an address and the answers of name servers; out come the name to ask for, the aliases to follow (CNAME
//! and DNAME, as 3.4 demands) and the records.

use super::record::{self, Record};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record as Resource, RecordType};
use std::net::IpAddr;

/// DNAME is known by its number alone (RFC 6672).
const DNAME: u16 = 39;
/// Records of one source that are looked at, and aliases within one answer.
const MAX_RECORDS: usize = 16;

/// The type to ask for.
pub(super) const AMTRELAY: RecordType = RecordType::Unknown(record::TYPE);

/// What the answers to a question say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// At least one.
    Records(Vec<Record>),
    /// To be asked for instead.
    Alias(Name),
    /// Neither.
    Nothing,
}

/// The name under in-addr.arpa or ip6.arpa (RFC 1035, 3.5; RFC 3596, 2.5).
pub(super) fn name(address: IpAddr) -> Name {
    Name::from(address.to_canonical())
}

/// What `answers` say of `name`. Records that are none are passed over; their number is returned too.
pub(super) fn read(name: &Name, answers: &[Resource]) -> (Answer, usize) {
    let mut name = name.clone();
    let mut followed = false;
    for _ in 0..MAX_RECORDS {
        let here = answers.iter().filter(|answer| answer.name == name && answer.dns_class == DNSClass::IN);
        let (mut records, mut malformed) = (Vec::new(), 0);
        for rdata in here.clone().filter_map(|answer| unknown(&answer.data, record::TYPE)).take(MAX_RECORDS) {
            match Record::decode(rdata) {
                Ok(record) => records.push(record),
                Err(_) => malformed += 1,
            }
        }
        if !records.is_empty() || malformed > 0 {
            let answer = if records.is_empty() { Answer::Nothing } else { Answer::Records(records) };
            return (answer, malformed);
        }
        let cname = here.clone().find_map(|answer| match &answer.data {
            RData::CNAME(target) => Some(target.0.clone()),
            _ => None,
        });
        // A name server adds a CNAME for the DNAME that it used (RFC 6672, 3.1), but it may be lost on the way.
        let Some(next) = cname.or_else(|| answers.iter().find_map(|answer| dname(&name, answer))) else { break };
        name = next;
        followed = true;
    }
    (if followed { Answer::Alias(name) } else { Answer::Nothing }, 0)
}

/// The name that `name` stands for, if this is a DNAME above it (RFC 6672, 2.2).
fn dname(name: &Name, answer: &Resource) -> Option<Name> {
    let target = unknown(&answer.data, DNAME)?;
    let above = usize::from(answer.name.num_labels());
    if answer.dns_class != DNSClass::IN || !answer.name.zone_of(name) || usize::from(name.num_labels()) <= above {
        return None;
    }
    let kept = usize::from(name.num_labels()) - above;
    let target = wire_name(target)?;
    Name::from_labels(name.iter().take(kept)).ok()?.append_domain(&target).ok()
}

/// A name as it stands on the wire, not compressed, and nothing behind it.
pub(super) fn wire_name(wire: &[u8]) -> Option<Name> {
    let mut labels = Vec::new();
    let mut rest = wire;
    loop {
        let (&len, tail) = rest.split_first()?;
        if len == 0 {
            return if tail.is_empty() { Name::from_labels(labels).ok() } else { None };
        }
        let (label, tail) = tail.split_at_checked(len.into())?;
        labels.push(label);
        rest = tail;
    }
}

fn unknown(data: &RData, wanted: u16) -> Option<&[u8]> {
    match data {
        RData::Unknown { code, rdata } if u16::from(*code) == wanted => Some(&rdata.anything),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::{CNAME, NULL};

    fn parse(name: &str) -> Name {
        Name::from_ascii(name).unwrap()
    }

    fn resource(name: &str, code: u16, rdata: &[u8]) -> Resource {
        let data = RData::Unknown { code: RecordType::Unknown(code), rdata: NULL::with(rdata.to_vec()) };
        Resource::from_rdata(parse(name), 60, data)
    }

    fn cname(name: &str, target: &str) -> Resource {
        Resource::from_rdata(parse(name), 60, RData::CNAME(CNAME(parse(target))))
    }

    #[test]
    fn the_names_of_the_rfc() {
        assert_eq!(name("198.51.100.12".parse().unwrap()), parse("12.100.51.198.in-addr.arpa."));
        assert_eq!(name("::ffff:198.51.100.12".parse().unwrap()), parse("12.100.51.198.in-addr.arpa."));
        let long = "a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";
        assert_eq!(name("2001:db8::a".parse().unwrap()), parse(long));
    }

    #[test]
    fn records_are_found_behind_aliases_in_any_order() {
        let relay = [10, 1, 203, 0, 113, 15];
        let answers = [
            resource("12.0-63.100.51.198.in-addr.arpa.", record::TYPE, &relay),
            cname("12.100.51.198.in-addr.arpa.", "12.0-63.100.51.198.in-addr.arpa."),
        ];
        let (answer, malformed) = read(&parse("12.100.51.198.in-addr.arpa."), &answers);
        assert_eq!(answer, Answer::Records(vec![Record::decode(&relay).unwrap()]));
        assert_eq!(malformed, 0);
        let (answer, _) = read(&parse("12.100.51.198.in-addr.arpa."), &answers[1..]);
        assert_eq!(answer, Answer::Alias(parse("12.0-63.100.51.198.in-addr.arpa.")));
        assert_eq!(read(&parse("13.100.51.198.in-addr.arpa."), &answers).0, Answer::Nothing);
    }

    #[test]
    fn a_dname_stands_for_everything_below_it_and_not_for_itself() {
        let target = b"\x03rev\x07example\x00";
        let answers = [resource("51.198.in-addr.arpa.", DNAME, target)];
        let read = |name: &str| read(&parse(name), &answers).0;
        assert_eq!(read("12.100.51.198.in-addr.arpa."), Answer::Alias(parse("12.100.rev.example.")));
        assert_eq!(read("51.198.in-addr.arpa."), Answer::Nothing);
        assert_eq!(read("12.100.52.198.in-addr.arpa."), Answer::Nothing);
    }

    #[test]
    fn aliases_that_go_in_circles_end() {
        let answers = [cname("a.example.", "b.example."), cname("b.example.", "a.example.")];
        assert!(matches!(read(&parse("a.example."), &answers), (Answer::Alias(_), 0)));
        let grows = [resource("example.", DNAME, b"\x01a\x07example\x00")];
        assert!(matches!(read(&parse("x.example."), &grows), (Answer::Alias(_), 0)));
    }

    #[test]
    fn records_that_are_none_are_counted_and_passed_over() {
        let good = [10, 1, 203, 0, 113, 15];
        let answers = [[10, 4, 0, 0, 0, 0], good].map(|rdata| resource("s.example.", record::TYPE, &rdata));
        let (answer, malformed) = read(&parse("s.example."), &answers);
        assert_eq!((answer, malformed), (Answer::Records(vec![Record::decode(&good).unwrap()]), 1));
        assert_eq!(read(&parse("s.example."), &answers[..1]), (Answer::Nothing, 1));
    }
}
