//! The AMT URL: which channel, through which relay.
//!
//! Two forms are in use, and both are read:
//!
//! ```text
//! amt://[SOURCE@]GROUP[:PORT]                                              VLC's
//! amt://GROUP[:PORT]?relay=R1[,R2…]&timeout=SECONDS&source=SOURCE          the predecessor's, also with
//! amt://?multicast=GROUP&…                                                 the group as a parameter
//! …?second=[SOURCE@]GROUP[:PORT]                                           ours: the channel's second copy
//! ```
//!
//! and any mixture of them that does not contradict itself. SOURCE and GROUP are addresses or names, IPv6 in
//! brackets; a relay may carry a port (`R1:2268`). The port of the channel is 1234 unless given; without a
//! source the join is for any source (RFC 4607 calls that ASM). A parameter that is not known, stands twice or
//! has no value is refused: a mistyped `relay=` must not look for other relays in silence. What other players and
//! people write for a group is read as well, see [`form`]. [`AmtUrl`] prints itself in one canonical form that
//! parses back to the same value.

mod form;
mod second;

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;
use form::{Form, Parameter};
use serde::{Deserialize, Serialize};

pub use second::SecondCopy;

/// The UDP port of a channel whose URL names none, as VLC has it.
pub const DEFAULT_PORT: u16 = 1234;
/// The UDP port of relays (RFC 7450, 7.2).
pub const RELAY_PORT: u16 = 2268;
/// The longest silence that a URL may ask to wait for, in seconds.
pub const MAX_TIMEOUT_SECONDS: u32 = 3600;

/// A channel and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AmtUrl {
    /// The sender; `None` joins any source.
    pub source: Option<Host>,
    /// The multicast group.
    pub group: Host,
    /// The UDP port of the channel's datagrams.
    pub port: u16,
    /// The same RTP packets once more (SMPTE ST 2022-7); `None` where there is one copy.
    pub second: Option<SecondCopy>,
    /// Relays in the order to try them; empty where the URL leaves the relay open.
    pub relays: Vec<RelayAddress>,
    /// Seconds of silence after which another path is tried.
    pub timeout_seconds: Option<u32>,
}

/// An address, or a name to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An IPv4 or IPv6 address.
    Address(IpAddr),
    /// A DNS name, lower case.
    Name(String),
}

/// A relay: an address or a name, and a port where it is not AMT's own (2268).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelayAddress {
    /// Where it is.
    pub host: Host,
    /// Its UDP port where the address names one; see [`RelayAddress::udp_port`].
    pub port: Option<u16>,
}

impl RelayAddress {
    /// Its UDP port: [`RELAY_PORT`] unless the address names another.
    #[must_use]
    pub fn udp_port(&self) -> u16 {
        self.port.unwrap_or(RELAY_PORT)
    }
}

/// What is wrong with a URL, in a sentence that tells what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing was given.
    #[error("The address is empty. Write it like amt://SOURCE@GROUP:PORT.")]
    Empty,
    /// Another scheme, or what is no address.
    #[error("The address must start with amt://, like amt://SOURCE@GROUP:PORT.")]
    Scheme,
    /// A parameter that is none.
    #[error("“{given}” is not a parameter of an AMT address. {}", form::hint(*nearest))]
    UnknownParameter {
        /// As it was written.
        given: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A parameter that stands twice.
    #[error("The address has “{0}=” twice. Remove one of them; list several relays in one, like relay=A,B.")]
    RepeatedParameter(&'static str),
    /// A parameter without a value.
    #[error("“{0}=” has no value. Give it one, or remove it.")]
    EmptyParameter(&'static str),
    /// Commas without a relay between them.
    #[error("“{0}” contains an empty relay. Separate relays with single commas, like A,B.")]
    EmptyRelay(String),
    /// No group, neither in its place nor as `multicast=`.
    #[error("The address names no multicast group. Write it like amt://SOURCE@GROUP:PORT.")]
    NoGroup,
    /// The group is an address, but not a multicast one.
    #[error("{0} is not a multicast group: groups are 224.0.1.0 to 239.255.255.255, or start with ff in IPv6.")]
    NotMulticast(IpAddr),
    /// The group never leaves its link (RFC 5771, 4; RFC 4291, 2.7), so that no relay has it.
    #[error("{0} is a link-local group: it never leaves its own link, so no relay can forward it.")]
    LinkLocal(IpAddr),
    /// The source cannot be a sender.
    #[error("{0} cannot be a source. Use the sender's unicast address.")]
    SourceNotUnicast(IpAddr),
    /// One is IPv4, the other IPv6.
    #[error("The source {source_address} and the group {group} use different IP versions.")]
    Families {
        /// The source as given.
        source_address: IpAddr,
        /// The group as given.
        group: IpAddr,
    },
    /// A host part that is neither an address nor a name.
    #[error("“{0}” is neither an IP address nor a host name. Put IPv6 addresses in brackets, like [ff3e::1].")]
    Host(String),
    /// The port is not a number from 1 to 65535.
    #[error("“{0}” is not a port: it must be a number from 1 to 65535.")]
    Port(String),
    /// The timeout is not a number of seconds.
    #[error("“{0}” is not a timeout: it must be a whole number of seconds from 1 to 3600.")]
    Timeout(String),
    /// Group, source or port stand twice, with different values.
    #[error("The address names two different values for the {0}. Remove one of them.")]
    Contradiction(&'static str),
    /// `second=` without a group.
    #[error("The second copy names no multicast group. Write it like second=SOURCE@GROUP:PORT.")]
    NoSecondGroup,
    /// One copy is IPv4, the other IPv6.
    #[error("The second copy's group {second} and the group {group} use different IP versions.")]
    SecondFamily {
        /// The first copy's group.
        group: IpAddr,
        /// The second copy's group.
        second: IpAddr,
    },
    /// Both copies are one.
    #[error("The second copy is the same as the channel: its source, group or port must differ. Change or remove it.")]
    SecondIsFirst,
    /// A relay that can be none.
    #[error("{0} cannot be a relay: it must be a unicast address or a name.")]
    Relay(IpAddr),
}

impl AmtUrl {
    /// Whether a group lies in the range kept for source-specific joins (RFC 4607: 232/8 and ff3x::/32)
    /// while no source is named for it; routers will not carry such a join.
    #[must_use]
    pub fn lacks_required_source(&self) -> bool {
        second::lacks_required_source(self.source.as_ref(), &self.group)
            || self.second.as_ref().is_some_and(SecondCopy::lacks_required_source)
    }

    /// The same channel without what says how to reach it: pages that name different relays for one
    /// channel still share it.
    #[must_use]
    pub fn channel(&self) -> Self {
        Self { relays: Vec::new(), timeout_seconds: None, ..self.clone() }
    }
}

/// Reads a list of relays separated by commas, as in `relay=`, `--relay` and `AMT_RELAY`. A blank list has none: an
/// environment variable is often empty where it is not wanted.
///
/// # Errors
/// The first entry that is no relay.
pub fn parse_relays(list: &str) -> Result<Vec<RelayAddress>, UrlError> {
    if list.trim().is_empty() {
        return Ok(Vec::new());
    }
    let relay = |entry: &str| match entry.trim() {
        "" => Err(UrlError::EmptyRelay(list.to_owned())),
        entry => entry.parse(),
    };
    list.split(',').map(relay).collect()
}

impl FromStr for AmtUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let (form, rest) = Form::of(text)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = authority.trim_end_matches('/');

        let (source, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut source = named(source, Host::from_str)?;
        // VLC takes a path behind the authority and passes over it.
        let place = place.split_once('/').map_or(place, |(host, _)| host);
        let (host, mut port) = host_and_port(place)?;
        let mut group = named(host, Host::from_str)?;
        form.check(group.as_ref())?;

        let mut relays = Vec::new();
        let mut timeout_seconds = None;
        let mut second = None;
        for parameter in form.parameters(query) {
            let (name, value) = parameter?;
            match name {
                Parameter::Relay => relays = parse_relays(&value)?,
                Parameter::Timeout => {
                    let seconds = value.parse().ok().filter(|seconds| (1..=MAX_TIMEOUT_SECONDS).contains(seconds));
                    timeout_seconds = Some(seconds.ok_or(UrlError::Timeout(value))?);
                }
                Parameter::Source => agree(&mut source, value.parse()?, "source")?,
                Parameter::Multicast => {
                    let (host, explicit) = host_and_port(&value)?;
                    agree(&mut group, host.parse()?, "group")?;
                    if let Some(explicit) = explicit {
                        agree(&mut port, explicit, "port")?;
                    }
                }
                Parameter::Second => second = Some(second::Written::parse(&value)?),
            }
        }

        let group = group.ok_or(UrlError::NoGroup)?;
        check_group(&group)?;
        check_source(source.as_ref(), &group)?;
        let port = port.unwrap_or(DEFAULT_PORT);
        let mut url = Self { source, group, port, second: None, relays, timeout_seconds };
        url.second = second.map(|second: second::Written| second.beside(&url)).transpose()?;
        Ok(url)
    }
}

fn named<T>(text: &str, parse: impl Fn(&str) -> Result<T, UrlError>) -> Result<Option<T>, UrlError> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn agree<T: PartialEq>(first: &mut Option<T>, second: T, what: &'static str) -> Result<(), UrlError> {
    if first.as_ref().is_some_and(|first| *first != second) {
        return Err(UrlError::Contradiction(what));
    }
    *first = Some(second);
    Ok(())
}

fn check_group(group: &Host) -> Result<(), UrlError> {
    let Host::Address(address) = group else { return Ok(()) };
    if !address.is_multicast() {
        return Err(UrlError::NotMulticast(*address));
    }
    let link_local = match address {
        IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
        IpAddr::V6(v6) => v6.segments()[0] & 0xF <= 2,
    };
    if link_local { Err(UrlError::LinkLocal(*address)) } else { Ok(()) }
}

fn check_source(source: Option<&Host>, group: &Host) -> Result<(), UrlError> {
    let Some(Host::Address(source)) = source else { return Ok(()) };
    // What a machine sends to itself never comes to a relay.
    if !is_unicast(*source) || source.is_loopback() {
        return Err(UrlError::SourceNotUnicast(*source));
    }
    match group {
        Host::Address(group) if group.is_ipv4() != source.is_ipv4() => {
            Err(UrlError::Families { source_address: *source, group: *group })
        }
        _ => Ok(()),
    }
}

/// Whether something can be sent to or by this address: not “this network” and not kept for later or broadcast
/// (RFC 6890, 2.2.2), not IPv4 in the guise of IPv6 (RFC 4291, 2.5.5), and no link-local IPv6 address, which would need
/// its interface.
#[must_use]
pub fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_multicast() && !matches!(v4.octets()[0], 0 | 240..),
        IpAddr::V6(v6) if v6.is_loopback() => true,
        // `to_ipv4` knows both guises, and the unspecified address as one.
        IpAddr::V6(v6) => !v6.is_multicast() && !v6.is_unicast_link_local() && v6.to_ipv4().is_none(),
    }
}

/// Splits `host[:port]`, where an IPv6 host stands in brackets.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or_else(|| UrlError::Host(text.to_owned()))?;
        let (host, rest) = text.split_at(end + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(UrlError::Host(text.to_owned())),
        }
    } else {
        match text.split_once(':') {
            // More than one colon: an IPv6 address that somebody forgot to put in brackets.
            Some((_, port)) if port.contains(':') => return Err(UrlError::Host(text.to_owned())),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        None => None,
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port != 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Some(port),
            _ => return Err(UrlError::Port(digits.to_owned())),
        },
    };
    Ok((host, port))
}

impl FromStr for Host {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let bad = || UrlError::Host(text.to_owned());
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or_else(bad)?;
            return inner.parse::<Ipv6Addr>().map(|v6| Self::Address(v6.into())).map_err(|_| bad());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
        };
        // A last label of digits is a mistyped IPv4 address, never a name (RFC 1123, 2.1).
        let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if name.len() > 253 || numeric || !name.split('.').all(label) {
            return Err(bad());
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

impl FromStr for RelayAddress {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        // A bare IPv6 address cannot be mistaken here: no group or parameter follows it.
        let (host, port) = match text.parse::<Ipv6Addr>() {
            Ok(_) => (text, None),
            Err(_) => host_and_port(text)?,
        };
        let host = host.parse()?;
        match host {
            Host::Address(address) if !is_unicast(address) => Err(UrlError::Relay(address)),
            host => Ok(Self { host, port }),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for AmtUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("amt://")?;
        if let Some(source) = &self.source {
            write!(f, "{source}@")?;
        }
        write!(f, "{}:{}", self.group, self.port)?;
        let mut separator = '?';
        if let Some(second) = &self.second {
            write!(f, "?second={second}")?;
            separator = '&';
        }
        if !self.relays.is_empty() {
            let relays: Vec<_> = self.relays.iter().map(ToString::to_string).collect();
            write!(f, "{separator}relay={}", relays.join(","))?;
            separator = '&';
        }
        if let Some(seconds) = self.timeout_seconds {
            write!(f, "{separator}timeout={seconds}")?;
        }
        Ok(())
    }
}

impl Serialize for AmtUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AmtUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
