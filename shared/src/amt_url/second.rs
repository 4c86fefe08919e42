//! The second copy of a channel (SMPTE ST 2022-7): the same RTP packets, sent to another group or from another
//! source, so that what one network loses the other one brings.

use super::{AmtUrl, Host, UrlError, check_group, check_source, host_and_port, named};
use core::fmt;
use core::net::IpAddr;

/// Where the second copy is sent: `second=[SOURCE@]GROUP[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecondCopy {
    /// The sender; `None` joins any source, whatever the first copy's source is.
    pub source: Option<Host>,
    /// The multicast group.
    pub group: Host,
    /// The UDP port; the first copy's unless given.
    pub port: u16,
}

/// A second copy as it was written: its port may be left to the first one.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    source: Option<Host>,
    group: Host,
    port: Option<u16>,
}

impl Written {
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let (source, place) = text.rsplit_once('@').unwrap_or(("", text));
        let source = named(source, str::parse)?;
        let (group, port) = host_and_port(place)?;
        let group = named(group, str::parse::<Host>)?.ok_or(UrlError::NoSecondGroup)?;
        check_group(&group)?;
        check_source(source.as_ref(), &group)?;
        Ok(Self { source, group, port })
    }

    /// The second copy beside its first one.
    pub(super) fn beside(self, first: &AmtUrl) -> Result<SecondCopy, UrlError> {
        let second = SecondCopy { source: self.source, group: self.group, port: self.port.unwrap_or(first.port) };
        if let (Host::Address(one), Host::Address(other)) = (&first.group, &second.group)
            && one.is_ipv4() != other.is_ipv4()
        {
            return Err(UrlError::SecondFamily { group: *one, second: *other });
        }
        if second.group == first.group && second.port == first.port {
            // Joined for any source, both would bring the same packets by the same way.
            let same = second.source == first.source || second.source.is_none() || first.source.is_none();
            return if same { Err(UrlError::SecondIsFirst) } else { Ok(second) };
        }
        Ok(second)
    }
}

impl SecondCopy {
    pub(super) fn lacks_required_source(&self) -> bool {
        lacks_required_source(self.source.as_ref(), &self.group)
    }
}

pub(super) fn lacks_required_source(source: Option<&Host>, group: &Host) -> bool {
    source.is_none()
        && match group {
            Host::Address(IpAddr::V4(group)) => group.octets()[0] == 232,
            Host::Address(IpAddr::V6(group)) => group.segments()[0] & 0xFFF0 == 0xFF30 && group.segments()[1] == 0,
            Host::Name(_) => false,
        }
}

impl fmt::Display for SecondCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}@")?;
        }
        write!(f, "{}:{}", self.group, self.port)
    }
}
