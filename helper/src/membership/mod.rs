//! What a gateway tells about the groups it wants, and what a relay keeps of it (RFC 3376; RFC 3810 alike).
//!
//! In go groups and sources, out come whole IP packets for Membership Updates, and the judgement which inner
//! packets belong to what was joined. [`interest`] is all that one gateway wants, [`igmp`] and [`mld`] are the
//! forms on the wire, [`filter`] a relay's memory of one gateway and one group.

mod code;
pub mod filter;
pub mod igmp;
pub mod interest;
pub mod mld;

use crate::amt::message::Protocol;
use crate::ipv4;
use crate::reader::Truncated;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A group, and the source to hear in it. Ordered by group, any source first.
///
/// The families are apart inside, so that a group and a source of different ones cannot be together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Membership(Family);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Family {
    V4 { group: Ipv4Addr, source: Option<Ipv4Addr> },
    V6 { group: Ipv6Addr, source: Option<Ipv6Addr> },
}

/// Why something cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// The group is no multicast address.
    #[error("{0} is not a multicast group")]
    NotMulticast(IpAddr),
    /// The group does not leave its link, or not even its host: no relay can have it.
    #[error("{0} is a link-local group, which relays do not forward")]
    LinkLocal(IpAddr),
    /// The source can send nothing that a relay would forward.
    #[error("{0} is not a valid source address")]
    NotUnicast(IpAddr),
    /// Group and source are of different versions of IP.
    #[error("the group {group} and the source {source_address} use different IP versions")]
    Families {
        /// The group.
        group: IpAddr,
        /// The source.
        source_address: IpAddr,
    },
}

impl Membership {
    /// A membership of a group, for one source or (`None`) for any.
    ///
    /// # Errors
    /// Where there can be no such membership.
    pub fn new(group: IpAddr, source: Option<IpAddr>) -> Result<Self, MembershipError> {
        if !group.is_multicast() {
            return Err(MembershipError::NotMulticast(group));
        }
        if is_link_local_group(group) {
            return Err(MembershipError::LinkLocal(group));
        }
        if let Some(source) = source.filter(|source| !can_send(*source)) {
            return Err(MembershipError::NotUnicast(source));
        }
        match (group, source) {
            (IpAddr::V4(group), None) => Ok(Self(Family::V4 { group, source: None })),
            (IpAddr::V4(group), Some(IpAddr::V4(source))) => Ok(Self(Family::V4 { group, source: Some(source) })),
            (IpAddr::V6(group), None) => Ok(Self(Family::V6 { group, source: None })),
            (IpAddr::V6(group), Some(IpAddr::V6(source))) => Ok(Self(Family::V6 { group, source: Some(source) })),
            (_, Some(source_address)) => Err(MembershipError::Families { group, source_address }),
        }
    }

    /// The two memberships that a packet with these addresses can belong to: of any source, and of its own.
    /// `None` where the addresses are of different families.
    #[must_use]
    pub fn of_packet(source: IpAddr, group: IpAddr) -> Option<[Self; 2]> {
        match (group, source) {
            (IpAddr::V4(group), IpAddr::V4(source)) => {
                Some([None, Some(source)].map(|source| Self(Family::V4 { group, source })))
            }
            (IpAddr::V6(group), IpAddr::V6(source)) => {
                Some([None, Some(source)].map(|source| Self(Family::V6 { group, source })))
            }
            _ => None,
        }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> IpAddr {
        match self.0 {
            Family::V4 { group, .. } => group.into(),
            Family::V6 { group, .. } => group.into(),
        }
    }

    /// The source, where only one is to be heard.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        match self.0 {
            Family::V4 { source, .. } => source.map(IpAddr::from),
            Family::V6 { source, .. } => source.map(IpAddr::from),
        }
    }

    /// Which protocol tells it.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.0 {
            Family::V4 { .. } => Protocol::Igmp,
            Family::V6 { .. } => Protocol::Mld,
        }
    }

    /// Whether an inner packet with these addresses was joined: a relay may pay no heed to sources (RFC 7450,
    /// 5.3.3.4), or send what nobody asked for (6.2).
    #[must_use]
    pub fn covers(&self, source: IpAddr, destination: IpAddr) -> bool {
        destination == self.group() && self.source().is_none_or(|joined| joined == source)
    }
}

/// As in AMT URLs: the source, if there is one, and the group.
impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = self.source() {
            write!(f, "{source}@")?;
        }
        write!(f, "{}", self.group())
    }
}

/// 224.0.0.0/24 (RFC 5771, 4), and the IPv6 scopes reserved, of an interface and of a link (RFC 4291, 2.7).
fn is_link_local_group(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.octets()[..3] == [224, 0, 0],
        IpAddr::V6(group) => group.octets()[1] & 0x0F <= 2,
    }
}

/// Whether an address can be that of a sender whose packets are forwarded.
fn can_send(source: IpAddr) -> bool {
    let nowhere = source.is_multicast() || source.is_unspecified() || source.is_loopback();
    !nowhere
        && match source {
            IpAddr::V4(source) => !source.is_broadcast() && !source.is_link_local(),
            IpAddr::V6(source) => !source.is_unicast_link_local() && source.to_ipv4_mapped().is_none(),
        }
}

/// Reads the General Query of a protocol that a relay answers a Request with.
///
/// # Errors
/// Where it is something else.
pub fn parse_general_query(protocol: Protocol, packet: &[u8]) -> Result<GeneralQuery, Malformed> {
    match protocol {
        Protocol::Igmp => igmp::parse_general_query(packet),
        Protocol::Mld => mld::parse_general_query(packet),
    }
}

/// Builds the packet of a General Query.
#[must_use]
pub fn general_query(protocol: Protocol, query: &GeneralQuery) -> Vec<u8> {
    match protocol {
        Protocol::Igmp => igmp::general_query(query),
        Protocol::Mld => mld::general_query(query),
    }
}

/// Reads a report of either protocol; which one the version of IP tells. For `strict` see
/// [`igmp::parse_report`].
///
/// # Errors
/// Where it is something else, or damaged.
pub fn parse_report(packet: &[u8], strict: bool) -> Result<Vec<Record<IpAddr>>, Malformed> {
    fn widen<A: Into<IpAddr>>(records: Vec<Record<A>>) -> Vec<Record<IpAddr>> {
        let widen = |Record { kind, group, sources }: Record<A>| Record {
            kind,
            group: group.into(),
            sources: sources.into_iter().map(Into::into).collect(),
        };
        records.into_iter().map(widen).collect()
    }
    match packet.first().map(|first| first >> 4) {
        Some(6) => mld::parse_report(packet, strict).map(widen),
        _ => igmp::parse_report(packet, strict).map(widen),
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

impl GeneralQuery {
    /// From the last fields of a query; where one is zero the default holds (RFC 3376, 8.1, 8.2; RFC 3810,
    /// 9.1, 9.2).
    fn decode(flags_qrv: u8, qqic: u8) -> Self {
        let robustness = match flags_qrv & 0x07 {
            0 => 2,
            qrv => qrv,
        };
        let interval = match code::decode_float(qqic) {
            0 => 125,
            seconds => seconds,
        };
        Self { interval: Duration::from_secs(interval), robustness }
    }

    /// QRV and QQIC.
    fn encode(&self) -> [u8; 2] {
        let qrv = if self.robustness > 7 { 0 } else { self.robustness };
        [qrv, code::encode_float(self.interval.as_secs())]
    }
}

/// A query on a network of hosts, of whatever version: which routers ask there, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<A> {
    /// The group that is asked about; `None` in a General Query.
    pub group: Option<A>,
    /// How long hosts may take to answer (Max Resp Time, RFC 3376, 4.1.1; Maximum Response Delay, RFC 3810, 5.1.3).
    pub max_response: Duration,
    /// QQIC and QRV; `None` in IGMPv1, IGMPv2 and MLDv1, which do not have them (RFC 3376, 7.1; RFC 3810, 8.1).
    pub timing: Option<GeneralQuery>,
}

impl<A: Into<IpAddr>> Query<A> {
    /// The same for addresses of either version of IP.
    #[must_use]
    pub fn widen(self) -> Query<IpAddr> {
        let Self { group, max_response, timing } = self;
        Query { group: group.map(Into::into), max_response, timing }
    }
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
    /// A fragment, or another protocol or version of IP.
    #[error("membership packet of the wrong protocol")]
    Protocol,
    /// Without Router Alert, or with a TTL or hop limit other than 1 (RFC 3376, 4; RFC 3810, 5).
    #[error("membership report without Router Alert or with a TTL other than 1")]
    Header,
    /// Shorter than what it says it holds.
    #[error("membership message too short")]
    Length,
    /// The checksum is wrong.
    #[error("membership message with a bad checksum")]
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
    use proptest::prelude::*;

    fn new(group: &str, source: Option<&str>) -> Result<Membership, MembershipError> {
        Membership::new(group.parse().unwrap(), source.map(|source| source.parse().unwrap()))
    }

    #[test]
    fn what_cannot_be_joined_is_refused_by_name() {
        for group in ["10.0.0.1", "255.255.255.255", "2001:db8::1", "::1"] {
            assert!(matches!(new(group, None), Err(MembershipError::NotMulticast(_))), "{group}");
        }
        for group in ["224.0.0.1", "224.0.0.251", "ff02::1", "ff01::1", "ff12::8000:1", "ff30::1"] {
            assert!(matches!(new(group, None), Err(MembershipError::LinkLocal(_))), "{group}");
        }
        for source in ["224.0.0.9", "0.0.0.0", "255.255.255.255", "127.0.0.1", "169.254.1.1"] {
            assert!(matches!(new("232.0.0.1", Some(source)), Err(MembershipError::NotUnicast(_))), "{source}");
        }
        for source in ["ff3e::1", "::", "::1", "fe80::1", "::ffff:192.0.2.1"] {
            assert!(matches!(new("ff3e::1", Some(source)), Err(MembershipError::NotUnicast(_))), "{source}");
        }
        assert!(matches!(new("232.0.0.1", Some("2001:db8::1")), Err(MembershipError::Families { .. })));
        assert!(matches!(new("ff3e::1", Some("192.0.2.1")), Err(MembershipError::Families { .. })));
        assert_eq!(
            new("224.0.0.251", None).unwrap_err().to_string(),
            "224.0.0.251 is a link-local group, which relays do not forward"
        );
    }

    #[test]
    fn only_the_joined_source_is_covered() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for [group, other_group, source, other_source] in
            [["232.0.0.1", "232.0.0.2", "192.0.2.1", "192.0.2.2"], ["ff3e::1", "ff3e::2", "2001:db8::1", "2001:db8::2"]]
        {
            let (one, any) = (new(group, Some(source)).unwrap(), new(group, None).unwrap());
            for (source, group, by_one, by_any) in
                [(source, group, true, true), (other_source, group, false, true), (source, other_group, false, false)]
            {
                assert_eq!(one.covers(address(source), address(group)), by_one);
                assert_eq!(any.covers(address(source), address(group)), by_any);
                let of_packet = Membership::of_packet(address(source), address(group)).unwrap();
                assert_eq!((of_packet.contains(&one), of_packet.contains(&any)), (by_one, by_any));
            }
        }
        assert_eq!(Membership::of_packet(address("192.0.2.1"), address("ff3e::1")), None);
        assert_eq!(new("ff3e::1", Some("2001:db8::1")).unwrap().to_string(), "2001:db8::1@ff3e::1");
    }

    proptest! {
        #[test]
        fn any_addresses_are_joined_or_refused(group: IpAddr, source: Option<IpAddr>) {
            if let Ok(membership) = Membership::new(group, source) {
                prop_assert_eq!((membership.group(), membership.source()), (group, source));
                prop_assert!(group.is_multicast() && source.is_none_or(|source| !source.is_loopback()));
            }
        }
    }
}
