//! What a gateway tells about the groups it wants, and what a relay keeps of it (RFC 3376; RFC 3810 alike).
//!
//! In go a group and a source, out come whole IP packets for a Membership Update, and the judgement which
//! inner packets belong to the membership. [`igmp`] is the form on the wire for IPv4, [`filter`] a relay's
//! memory of one gateway and one group.

pub mod filter;
pub mod igmp;

use crate::amt::message::Protocol;
use crate::ipv4;
use crate::reader::Truncated;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A group, and the source to hear in it.
///
/// The families are apart inside, so that a packet of the wrong one cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership(Family);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4 { group: Ipv4Addr, source: Option<Ipv4Addr> },
}

/// Why something cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// The group is no multicast address.
    #[error("{0} is not a multicast group")]
    NotMulticast(IpAddr),
    /// The source can send nothing.
    #[error("{0} is not the address of a sender")]
    NotUnicast(IpAddr),
    /// Group and source are of different versions of IP.
    #[error("the group {group} and the source {source_address} are not of the same IP version")]
    Families {
        /// The group.
        group: IpAddr,
        /// The source.
        source_address: IpAddr,
    },
    /// MLD is not there yet.
    #[error("IPv6 membership is not supported yet: {0} cannot be joined")]
    Ipv6(IpAddr),
}

impl Membership {
    /// A membership of a group, for one source or (`None`) for any.
    ///
    /// # Errors
    /// Where there can be no such membership, and for IPv6, until MLD is there.
    pub fn new(group: IpAddr, source: Option<IpAddr>) -> Result<Self, MembershipError> {
        if !group.is_multicast() {
            return Err(MembershipError::NotMulticast(group));
        }
        match (group, source) {
            (IpAddr::V4(group), None) => Ok(Self(Family::V4 { group, source: None })),
            (IpAddr::V4(group), Some(IpAddr::V4(source))) => {
                if source.is_multicast() || source.is_unspecified() || source.is_broadcast() {
                    return Err(MembershipError::NotUnicast(source.into()));
                }
                Ok(Self(Family::V4 { group, source: Some(source) }))
            }
            (IpAddr::V6(_), None | Some(IpAddr::V6(_))) => Err(MembershipError::Ipv6(group)),
            (_, Some(source_address)) => Err(MembershipError::Families { group, source_address }),
        }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> IpAddr {
        let Family::V4 { group, .. } = self.0;
        group.into()
    }

    /// The source, where only one is to be heard.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        let Family::V4 { source, .. } = self.0;
        source.map(IpAddr::from)
    }

    /// Which protocol tells it.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.0 {
            Family::V4 { .. } => Protocol::Igmp,
        }
    }

    /// Whether an inner packet with these addresses was joined: a relay may pay no heed to sources (RFC 7450,
    /// 5.3.3.4), or send what nobody asked for (6.2).
    #[must_use]
    pub fn covers(&self, source: IpAddr, destination: IpAddr) -> bool {
        destination == self.group() && self.source().is_none_or(|joined| joined == source)
    }

    /// The packet that says it begins (a state change, RFC 3376, 5.1).
    #[must_use]
    pub fn join(&self) -> Vec<u8> {
        self.report(RecordType::AllowNewSources, RecordType::ChangeToExclude)
    }

    /// The packet that says it is so (current state, 5.2).
    #[must_use]
    pub fn current_state(&self) -> Vec<u8> {
        self.report(RecordType::ModeIsInclude, RecordType::ModeIsExclude)
    }

    /// The packet that says it is over (a state change, 5.1).
    #[must_use]
    pub fn leave(&self) -> Vec<u8> {
        self.report(RecordType::BlockOldSources, RecordType::ChangeToInclude)
    }

    fn report(&self, for_one_source: RecordType, for_any: RecordType) -> Vec<u8> {
        let Family::V4 { group, source } = self.0;
        let kind = if source.is_some() { for_one_source } else { for_any };
        igmp::report(&[Record { kind, group, sources: source.into_iter().collect() }])
    }

    /// Reads the General Query that a relay answers a Request with.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn general_query(&self, packet: &[u8]) -> Result<GeneralQuery, Malformed> {
        match self.0 {
            Family::V4 { .. } => igmp::parse_general_query(packet),
        }
    }
}

/// What a gateway needs to know of a General Query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralQuery {
    /// How often to report (QQIC, RFC 3376, 4.1.7).
    pub interval: Duration,
    /// How often to say what must not be lost (QRV, 4.1.6); never 0.
    pub robustness: u8,
}

/// One group's part of a report (RFC 3376, 4.2.3; RFC 3810, 5.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<A> {
    /// What is said about the sources.
    pub kind: RecordType,
    /// The group.
    pub group: A,
    /// The sources it is said about.
    pub sources: Vec<A>,
}

/// The types of group records (RFC 3376, 4.2.12; RFC 3810, 5.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordType {
    /// IS_IN: these sources are heard.
    ModeIsInclude = 1,
    /// IS_EX: all but these are heard.
    ModeIsExclude = 2,
    /// TO_IN: from now on only these are heard.
    ChangeToInclude = 3,
    /// TO_EX: from now on all but these are heard.
    ChangeToExclude = 4,
    /// ALLOW: these are heard too.
    AllowNewSources = 5,
    /// BLOCK: these are heard no longer.
    BlockOldSources = 6,
}

impl RecordType {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::ModeIsInclude,
            2 => Self::ModeIsExclude,
            3 => Self::ChangeToInclude,
            4 => Self::ChangeToExclude,
            5 => Self::AllowNewSources,
            6 => Self::BlockOldSources,
            _ => return None,
        })
    }
}

/// Why a packet is not the membership message it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Malformed {
    /// The packet around it is wrong.
    #[error(transparent)]
    Ipv4(#[from] ipv4::Malformed),
    /// A fragment, or another protocol.
    #[error("membership packet is not IGMP")]
    Protocol,
    /// Without Router Alert, or with a TTL other than 1 (RFC 3376, 4).
    #[error("membership report without Router Alert or TTL 1")]
    Header,
    /// Shorter than what it says it holds.
    #[error("membership message too short")]
    Length,
    /// The checksum is wrong.
    #[error("membership message with a wrong checksum")]
    Checksum,
    /// A query where a report was due, a report where a query was, or of an older version.
    #[error("membership message of the wrong type")]
    Type,
    /// A query for one group (RFC 7450, 5.2.3.5.4 takes General Queries alone).
    #[error("membership query is not a General Query")]
    NotGeneral,
}

impl From<Truncated> for Malformed {
    fn from(Truncated: Truncated) -> Self {
        Self::Length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(group: &str, source: Option<&str>) -> Result<Membership, MembershipError> {
        Membership::new(group.parse().unwrap(), source.map(|source| source.parse().unwrap()))
    }

    #[test]
    fn what_cannot_be_joined_is_refused_by_name() {
        assert!(matches!(new("10.0.0.1", None), Err(MembershipError::NotMulticast(_))));
        for source in ["224.0.0.9", "0.0.0.0", "255.255.255.255"] {
            assert!(matches!(new("232.0.0.1", Some(source)), Err(MembershipError::NotUnicast(_))));
        }
        assert!(matches!(new("232.0.0.1", Some("2001:db8::1")), Err(MembershipError::Families { .. })));
        assert!(matches!(new("ff3e::1", Some("192.0.2.1")), Err(MembershipError::Families { .. })));
        assert_eq!(
            new("ff3e::1", Some("2001:db8::1")).unwrap_err().to_string(),
            "IPv6 membership is not supported yet: ff3e::1 cannot be joined"
        );
    }

    #[test]
    fn only_the_joined_source_is_covered() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = new("232.0.0.1", Some("192.0.2.1")).unwrap();
        let any = new("232.0.0.1", None).unwrap();
        for (source, group, by_one, by_any) in [
            ("192.0.2.1", "232.0.0.1", true, true),
            ("192.0.2.2", "232.0.0.1", false, true),
            ("192.0.2.1", "232.0.0.2", false, false),
        ] {
            assert_eq!(one.covers(address(source), address(group)), by_one);
            assert_eq!(any.covers(address(source), address(group)), by_any);
        }
    }

    #[test]
    fn one_source_is_allowed_and_blocked_and_any_is_excluded_and_included() {
        let kinds = |membership: Membership| {
            [membership.join(), membership.current_state(), membership.leave()].map(|packet| {
                let records = igmp::parse_report(&packet, true).unwrap();
                (records[0].kind, records[0].sources.len())
            })
        };
        assert_eq!(
            kinds(new("232.0.0.1", Some("192.0.2.1")).unwrap()),
            [(RecordType::AllowNewSources, 1), (RecordType::ModeIsInclude, 1), (RecordType::BlockOldSources, 1)]
        );
        assert_eq!(
            kinds(new("239.0.0.1", None).unwrap()),
            [(RecordType::ChangeToExclude, 0), (RecordType::ModeIsExclude, 0), (RecordType::ChangeToInclude, 0)]
        );
    }
}
