//! Why a lookup found nothing, told apart, and what to say.

use amt_shared::wire::{Phase, Status};
use std::fmt;
use std::net::IpAddr;

/// A lookup that found nothing. Prints itself as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was looked for.
    pub what: Sought,
    /// Why it was not found.
    pub cause: Cause,
}

/// What was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The address of the source that the URL names.
    Source(String),
    /// The address of the group that the URL names.
    Group(String),
    /// The address of a relay that the URL or the options name.
    Relay(String),
    /// A relay in the DNS records of a source (RFC 8777, 2.2).
    RelayOf(IpAddr),
    /// The address of a relay that such a record names.
    RelayNamedBy(IpAddr, String),
    /// A relay that announces itself (DNS-SD).
    Announced,
    /// Any relay, where no place is left to look for one.
    Nowhere,
}

/// Why it was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// DNS says so (NXDOMAIN).
    NoSuchName,
    /// The name is there, what was asked for is not.
    NoRecord,
    /// An AMTRELAY record of type 0: the sender says that there is no relay (RFC 8777, 4.2.4).
    NoRelay,
    /// Nobody answered in time.
    NoAnswer,
    /// No name server can be reached.
    Unreachable,
    /// This machine knows no name server.
    NoNameServer,
    /// The name server said that it cannot or will not; its response code (RFC 6895, 2.3).
    Refused(u16),
    /// The answer, or the name, makes no sense.
    Garbage,
    /// The address that was found is not one that a relay can have.
    Impossible(IpAddr),
}

impl Failure {
    pub(super) fn new(what: Sought, cause: Cause) -> Self {
        Self { what, cause }
    }

    /// Whether the sentence is worth a person's attention. That the source has no record, or that nobody announces
    /// a relay, is how things are nearly everywhere.
    #[must_use]
    pub fn is_news(&self) -> bool {
        match self.what {
            Sought::RelayOf(_) => !matches!(self.cause, Cause::NoSuchName | Cause::NoRecord),
            Sought::Announced => false,
            _ => true,
        }
    }

    /// What to do about it, in a sentence.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match (&self.what, self.cause) {
            (Sought::Announced | Sought::Nowhere, _) => "Name a relay with --relay or in the URL.",
            (_, Cause::NoAnswer | Cause::Unreachable | Cause::NoNameServer) => "Check the network connection.",
            (Sought::Source(_) | Sought::Group(_), _) => "Check the spelling, or use an IP address.",
            (Sought::Relay(_), _) => "Check the spelling and the network connection.",
            (Sought::RelayOf(_) | Sought::RelayNamedBy(..), _) => "Name a relay with --relay or in the URL.",
        }
    }

    /// The same for the page.
    #[must_use]
    pub fn status(&self) -> Status {
        let advice = Some(self.advice().to_owned());
        Status { phase: Phase::Failed, sentence: self.to_string(), advice, relay: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause;
        match &self.what {
            Sought::Source(name) => write!(f, "Cannot resolve the source “{name}”: {cause}."),
            Sought::Group(name) => write!(f, "Cannot resolve the group “{name}”: {cause}."),
            Sought::Relay(name) => write!(f, "Cannot resolve the relay “{name}”: {cause}."),
            Sought::RelayNamedBy(source, name) => {
                write!(f, "Cannot resolve the relay “{name}”, which DNS lists for the source {source}: {cause}.")
            }
            Sought::RelayOf(source) => match cause {
                Cause::NoSuchName | Cause::NoRecord => write!(f, "DNS lists no relay for the source {source}."),
                Cause::NoRelay => write!(f, "DNS says that no relay serves the source {source}."),
                _ => write!(f, "Cannot look up relays for the source {source} in DNS: {cause}."),
            },
            Sought::Nowhere => f.write_str("No relay is named, and --discovery rules out every other way to find one."),
            Sought::Announced => match cause {
                Cause::NoSuchName | Cause::NoRecord | Cause::NoAnswer => {
                    f.write_str("No relay is announced on the local network.")
                }
                _ => write!(f, "Cannot look for relays on the local network: {cause}."),
            },
        }
    }
}

/// As the end of a sentence.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("no such name"),
            Self::NoRecord => f.write_str("the name has no address"),
            Self::NoRelay => f.write_str("there is none"),
            Self::NoAnswer => f.write_str("no name server answered"),
            Self::Unreachable => f.write_str("no name server is reachable"),
            Self::NoNameServer => f.write_str("this machine has no name server configured"),
            Self::Refused(code) => {
                let code = hickory_resolver::proto::op::ResponseCode::from((code >> 4) as u8, (code & 0xF) as u8);
                write!(f, "the name server answered “{code}”")
            }
            Self::Garbage => f.write_str("the name or the name server's answer is malformed"),
            Self::Impossible(address) => write!(f, "{address} cannot be a relay"),
        }
    }
}
