//! What happens on the way into a tunnel, in words for people.

use crate::membership::Membership;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A step of a gateway. `Display` is one plain sentence without its full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A Relay Discovery was sent.
    Discovery {
        /// The address asked.
        to: SocketAddr,
        /// 1 for the first of its kind, more for retransmissions.
        attempt: u32,
        /// Why the search began.
        cause: Cause,
    },
    /// A Relay Advertisement named the relay.
    Advertisement {
        /// The relay.
        relay: SocketAddr,
    },
    /// A Request was sent.
    Request {
        /// The relay.
        to: SocketAddr,
        /// 1 for the first of its kind, more for retransmissions.
        attempt: u32,
        /// Why the cycle began.
        cause: Cause,
    },
    /// A Membership Query came that takes us: the gateway is connected.
    Query {
        /// The relay.
        relay: SocketAddr,
        /// How often it wants to be told.
        interval: Duration,
        /// Our own address as the relay sees it, where it tells (G flag).
        endpoint: Option<SocketAddr>,
    },
    /// The relay takes nobody new (L flag); another is sought.
    RelayFull {
        /// The relay.
        relay: SocketAddr,
    },
    /// The relay takes nobody new (L flag), but may keep us, who have subscriptions: it has too much to do or is
    /// about to go (RFC 8777, 3.3.5), and does not heed us if it has forgotten us. Told once as long as it lasts.
    RelayLimited {
        /// The relay.
        relay: SocketAddr,
    },
    /// A Membership Update or a Teardown was sent.
    Report {
        /// The relay.
        to: SocketAddr,
        /// What it says.
        report: Report,
        /// The membership it is about, where it is about one alone.
        membership: Option<Membership>,
        /// Sent again lest the first was lost: nobody answers these.
        repeated: bool,
    },
    /// The first data of a membership came, or the first after a silence.
    Receiving {
        /// The relay.
        relay: SocketAddr,
        /// Whose.
        membership: Membership,
    },
    /// Data of a membership stopped, or did not come at all; it is said again, or the relay asked early.
    Silent {
        /// Whose.
        membership: Membership,
        /// How long there was none.
        duration: Duration,
    },
    /// The relay sees us at another address than before; what it had there is torn down.
    EndpointChanged {
        /// Where it saw us before.
        old: SocketAddr,
    },
    /// The network told that what we sent did not arrive (ICMP).
    Unreachable {
        /// Where it was sent.
        to: SocketAddr,
    },
}

/// Why a search or a cycle began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The beginning.
    Start,
    /// The relay was just advertised.
    Advertised,
    /// It is time.
    Refresh,
    /// No data.
    Silence,
    /// The relay did not answer Requests.
    NoQuery,
    /// The relay took nobody new.
    RelayFull,
    /// ICMP told that an Update did not arrive.
    Unreachable,
    /// This host has another address or route.
    PathChange,
}

/// What a gateway tells a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A membership begins, or is said as if it did.
    Join,
    /// All memberships go on.
    Refresh,
    /// A membership ends, in an Update.
    Leave,
    /// The tunnel ends.
    Teardown,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery { to, attempt: 1, cause } => write!(f, "Sent Relay Discovery to {to}{cause}"),
            Self::Discovery { to, attempt, .. } => {
                write!(f, "No answer; sent Relay Discovery to {to} again (attempt {attempt})")
            }
            Self::Advertisement { relay } => write!(f, "Found the relay {relay}"),
            Self::Request { to, attempt: 1, cause } => write!(f, "Sent Request to {to}{cause}"),
            Self::Request { to, attempt, .. } => {
                write!(f, "No answer; sent Request to {to} again (attempt {attempt})")
            }
            Self::Query { relay, interval, endpoint } => {
                write!(f, "Received Membership Query from {relay}; refresh interval {} s", interval.as_secs())?;
                endpoint.map_or(Ok(()), |endpoint| write!(f, "; it sees us as {endpoint}"))
            }
            Self::RelayFull { relay } => write!(f, "The relay {relay} accepts no new gateways; looking for another"),
            Self::RelayLimited { relay } => write!(f, "The relay {relay} accepts no new gateways; it may keep us"),
            Self::Report { to, report, membership, repeated } => {
                let again = if *repeated { " (repeated in case of loss)" } else { "" };
                let what = What(*membership);
                match report {
                    Report::Join => write!(f, "Sent Membership Update to {to}: join {what}{again}"),
                    Report::Refresh => write!(f, "Sent Membership Update to {to}: refresh {what}"),
                    Report::Leave => write!(f, "Sent Membership Update to {to}: leave {what}{again}"),
                    Report::Teardown => write!(f, "Sent Teardown to {to}{again}"),
                }
            }
            Self::Receiving { relay, membership } => write!(f, "Receiving {membership} from {relay}"),
            Self::Silent { membership, duration } => {
                write!(f, "No data from {membership} for {:.1} s; requesting it again", duration.as_secs_f64())
            }
            Self::EndpointChanged { old } => write!(f, "The relay no longer sees us as {old}; moving the tunnel"),
            Self::Unreachable { to } => write!(f, "{to} is unreachable (ICMP); still trying"),
        }
    }
}

/// What a report is about.
struct What(Option<Membership>);

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(membership) => membership.fmt(f),
            None => f.write_str("all channels"),
        }
    }
}

/// Reads as the end of a sentence.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start | Self::Advertised => "",
            Self::Refresh => " (periodic refresh)",
            Self::Silence => " (no data)",
            Self::NoQuery => " (the relay stopped answering)",
            Self::RelayFull => " (the previous relay accepts no new gateways)",
            Self::Unreachable => " (the last message was not delivered)",
            Self::PathChange => " (this machine's network path changed)",
        })
    }
}
