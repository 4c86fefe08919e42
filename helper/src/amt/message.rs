//! The seven messages of AMT (RFC 7450, 5.1), encoded and decoded.
//!
//! In go UDP payloads, out come views into them; what is not exactly one message of version 0 is dropped with
//! its reason. Reserved bits are sent as zero and ignored on receipt. What the encapsulated packets say is
//! not looked at here.

use crate::reader::{Reader, Truncated};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The two bytes before the packet in a Multicast Data message (5.1.6).
pub const MULTICAST_DATA_HEADER: [u8; 2] = [MULTICAST_DATA, 0];

const RELAY_DISCOVERY: u8 = 1;
const RELAY_ADVERTISEMENT: u8 = 2;
const REQUEST: u8 = 3;
const MEMBERSHIP_QUERY: u8 = 4;
const MEMBERSHIP_UPDATE: u8 = 5;
const MULTICAST_DATA: u8 = 6;
const TEARDOWN: u8 = 7;

const P_FLAG: u8 = 0x01;
const E_FLAG: u8 = 0x02;
/// Where the relay in the Linux kernel has the P flag.
const LINUX_P_FLAG: u8 = 0x80;
const L_FLAG: u8 = 0x02;
const G_FLAG: u8 = 0x01;
/// Port and address of the gateway, at the end of a Membership Query and of a Teardown.
const GATEWAY_LEN: usize = 18;

/// A Response MAC: the relay's proof to itself that the sender got its Query (5.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

/// The group membership protocol inside the tunnel (5.1.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// IGMPv3 in IPv4: the P flag is 0.
    Igmp,
    /// MLDv2 in IPv6: the P flag is 1.
    Mld,
}

/// The flags of a Request. A relay that goes by RFC 7450 alone reads nothing but `p` (5.1.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestFlags {
    /// P flag: an MLD query is wanted (5.1.3.4).
    pub p: bool,
    /// E flag: the gateway can read the ECN field of what carries Multicast Data (RFC 9601).
    pub ecn: bool,
    /// The P flag at 0x80, a reserved bit, where the relay in the Linux kernel has it.
    pub linux_p: bool,
}

impl RequestFlags {
    /// What the P flag asks for.
    #[must_use]
    pub fn protocol(self) -> Protocol {
        if self.p { Protocol::Mld } else { Protocol::Igmp }
    }
}

impl From<Protocol> for RequestFlags {
    fn from(protocol: Protocol) -> Self {
        Self { p: protocol == Protocol::Mld, ..Self::default() }
    }
}

/// A relay's answer to a Request (5.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembershipQuery<'a> {
    /// L flag: no new endpoints are taken.
    pub limit: bool,
    /// To be copied into Updates and Teardowns.
    pub mac: Mac,
    /// That of the Request.
    pub nonce: u32,
    /// The encapsulated General Query; there may be octets behind it, to be ignored.
    pub packet: &'a [u8],
    /// With the G flag: the endpoint that the relay saw the Request come from.
    pub gateway: Option<SocketAddr>,
}

/// One AMT message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A gateway looks for a relay (5.1.1).
    RelayDiscovery {
        /// Comes back in the Advertisement.
        nonce: u32,
    },
    /// A relay tells its unicast address (5.1.2).
    RelayAdvertisement {
        /// That of the Discovery.
        nonce: u32,
        /// Where Requests go.
        relay: IpAddr,
    },
    /// A gateway asks for a Membership Query (5.1.3).
    Request {
        /// What is to be asked in the Query.
        flags: RequestFlags,
        /// Comes back in the Query.
        nonce: u32,
    },
    /// A relay asks for memberships (5.1.4).
    MembershipQuery(MembershipQuery<'a>),
    /// A gateway tells memberships (5.1.5).
    MembershipUpdate {
        /// That of the Query.
        mac: Mac,
        /// That of the Query.
        nonce: u32,
        /// The encapsulated report.
        packet: &'a [u8],
    },
    /// A multicast packet, or a fragment of one (5.1.6).
    MulticastData {
        /// It.
        packet: &'a [u8],
    },
    /// A gateway ends a tunnel, also from another endpoint (5.1.7).
    Teardown {
        /// That of the Query whose endpoint is to be torn down.
        mac: Mac,
        /// That of the same Query.
        nonce: u32,
        /// The endpoint as that Query told it.
        gateway: SocketAddr,
    },
}

/// Why a datagram is no AMT message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Malformed {
    /// Shorter or longer than its type can be.
    #[error("AMT message with an invalid length")]
    Length,
    /// A version other than 0 (5.2.3.2, 5.3.3.1).
    #[error("AMT message with an unsupported version")]
    Version,
    /// A type that RFC 7450 does not have.
    #[error("AMT message of an unknown type")]
    Type,
}

impl From<Truncated> for Malformed {
    fn from(Truncated: Truncated) -> Self {
        Self::Length
    }
}

impl<'a> Message<'a> {
    /// Reads one UDP payload.
    ///
    /// # Errors
    /// Where it is not exactly one message of version 0.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(datagram);
        let first = reader.u8()?;
        if first >> 4 != 0 {
            return Err(Malformed::Version);
        }
        let message = match first & 0x0F {
            RELAY_DISCOVERY => {
                reader.take::<3>()?;
                Self::RelayDiscovery { nonce: reader.u32()? }
            }
            RELAY_ADVERTISEMENT => {
                reader.take::<3>()?;
                let nonce = reader.u32()?;
                // The length tells the family (5.1.2.5).
                let relay = if reader.len() == 4 { reader.ipv4()?.into() } else { reader.ipv6()?.into() };
                Self::RelayAdvertisement { nonce, relay }
            }
            REQUEST => {
                let [flags, _, _] = reader.take()?;
                let set = |flag| flags & flag != 0;
                let flags = RequestFlags { p: set(P_FLAG), ecn: set(E_FLAG), linux_p: set(LINUX_P_FLAG) };
                Self::Request { flags, nonce: reader.u32()? }
            }
            MEMBERSHIP_QUERY => {
                let flags = reader.u8()?;
                let (mac, nonce) = (Mac(reader.take()?), reader.u32()?);
                let with_gateway = flags & G_FLAG != 0;
                let packet = reader.all_but(if with_gateway { GATEWAY_LEN } else { 0 })?;
                let gateway = if with_gateway { Some(read_gateway(&mut reader)?) } else { None };
                Self::MembershipQuery(MembershipQuery { limit: flags & L_FLAG != 0, mac, nonce, packet, gateway })
            }
            MEMBERSHIP_UPDATE => {
                reader.u8()?;
                Self::MembershipUpdate { mac: Mac(reader.take()?), nonce: reader.u32()?, packet: reader.all_but(0)? }
            }
            MULTICAST_DATA => {
                reader.u8()?;
                Self::MulticastData { packet: reader.all_but(0)? }
            }
            TEARDOWN => {
                reader.u8()?;
                let (mac, nonce) = (Mac(reader.take()?), reader.u32()?);
                Self::Teardown { mac, nonce, gateway: read_gateway(&mut reader)? }
            }
            _ => return Err(Malformed::Type),
        };
        if reader.len() == 0 { Ok(message) } else { Err(Malformed::Length) }
    }

    /// The UDP payload of this message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        match *self {
            Self::RelayDiscovery { nonce } => {
                bytes.extend([RELAY_DISCOVERY, 0, 0, 0]);
                bytes.extend(nonce.to_be_bytes());
            }
            Self::RelayAdvertisement { nonce, relay } => {
                bytes.extend([RELAY_ADVERTISEMENT, 0, 0, 0]);
                bytes.extend(nonce.to_be_bytes());
                match relay {
                    IpAddr::V4(relay) => bytes.extend(relay.octets()),
                    IpAddr::V6(relay) => bytes.extend(relay.octets()),
                }
            }
            Self::Request { flags: RequestFlags { p, ecn, linux_p }, nonce } => {
                let flag = |set: bool, flag: u8| if set { flag } else { 0 };
                bytes.extend([REQUEST, flag(p, P_FLAG) | flag(ecn, E_FLAG) | flag(linux_p, LINUX_P_FLAG), 0, 0]);
                bytes.extend(nonce.to_be_bytes());
            }
            Self::MembershipQuery(MembershipQuery { limit, mac, nonce, packet, gateway }) => {
                let flags = if limit { L_FLAG } else { 0 } | if gateway.is_some() { G_FLAG } else { 0 };
                bytes.extend([MEMBERSHIP_QUERY, flags]);
                bytes.extend(mac.0);
                bytes.extend(nonce.to_be_bytes());
                bytes.extend(packet);
                if let Some(gateway) = gateway {
                    bytes.extend(gateway_fields(gateway));
                }
            }
            Self::MembershipUpdate { mac, nonce, packet } => {
                bytes.extend([MEMBERSHIP_UPDATE, 0]);
                bytes.extend(mac.0);
                bytes.extend(nonce.to_be_bytes());
                bytes.extend(packet);
            }
            Self::MulticastData { packet } => {
                bytes.extend(MULTICAST_DATA_HEADER);
                bytes.extend(packet);
            }
            Self::Teardown { mac, nonce, gateway } => {
                bytes.extend([TEARDOWN, 0]);
                bytes.extend(mac.0);
                bytes.extend(nonce.to_be_bytes());
                bytes.extend(gateway_fields(gateway));
            }
        }
        bytes
    }
}

/// The Gateway Address fields (5.1.4.9): IPv4 as an IPv4-compatible IPv6 address. A relay also computes its
/// MAC over them.
pub(super) fn gateway_fields(gateway: SocketAddr) -> [u8; GATEWAY_LEN] {
    let mut bytes = [0; GATEWAY_LEN];
    bytes[..2].copy_from_slice(&gateway.port().to_be_bytes());
    match gateway.ip() {
        IpAddr::V4(address) => bytes[14..].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes[2..].copy_from_slice(&address.octets()),
    }
    bytes
}

/// Whatever is read here encodes to the same bytes again, which the relay's MAC depends on: `::` and `::1`
/// stay IPv6, and an IPv4-mapped address stays mapped.
fn read_gateway(reader: &mut Reader<'_>) -> Result<SocketAddr, Truncated> {
    let port = reader.u16()?;
    let address = match reader.take::<16>()? {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if a != 0 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        octets => IpAddr::V6(Ipv6Addr::from(octets)),
    };
    Ok(SocketAddr::new(address, port))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
