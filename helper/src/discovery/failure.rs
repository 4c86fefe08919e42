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
            (Sought::Announced | Sought::Nowhere, _) => "Name a relay, with --relay or in the URL.",
            (_, Cause::NoAnswer | Cause::Unreachable | Cause::NoNameServer) => "Check the connection to the network.",
            (Sought::Source(_) | Sought::Group(_), _) => "Check its spelling, or write its address.",
            (Sought::Relay(_), _) => "Check the spelling of its name and the connection to the network.",
            (Sought::RelayOf(_) | Sought::RelayNamedBy(..), _) => "Name a relay, with --relay or in the URL.",
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
            Sought::Source(name) => write!(f, "The source “{name}” cannot be found: {cause}."),
            Sought::Group(name) => write!(f, "The group “{name}” cannot be found: {cause}."),
            Sought::Relay(name) => write!(f, "The relay “{name}” cannot be found: {cause}."),
            Sought::RelayNamedBy(source, name) => {
                write!(f, "The relay “{name}”, which DNS names for the source {source}, cannot be found: {cause}.")
            }
            Sought::RelayOf(source) => match cause {
                Cause::NoSuchName | Cause::NoRecord => write!(f, "DNS names no relay for the source {source}."),
                Cause::NoRelay => write!(f, "DNS says of the source {source} that no relay has it."),
                _ => write!(f, "DNS cannot be asked for relays of the source {source}: {cause}."),
            },
            Sought::Nowhere => f.write_str("No relay is named, and --discovery leaves no other place to look for one."),
            Sought::Announced => match cause {
                Cause::NoSuchName | Cause::NoRecord | Cause::NoAnswer => {
                    f.write_str("The local network announces no relay.")
                }
                _ => write!(f, "The local network cannot be asked for relays: {cause}."),
            },
        }
    }
}

/// As the end of a sentence.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("there is no such name"),
            Self::NoRecord => f.write_str("the name has no address"),
            Self::NoRelay => f.write_str("there is none"),
            Self::NoAnswer => f.write_str("no name server answers"),
            Self::Unreachable => f.write_str("no name server can be reached"),
            Self::NoNameServer => f.write_str("this machine knows no name server"),
            Self::Refused(code) => {
                let code = hickory_resolver::proto::op::ResponseCode::from((code >> 4) as u8, (code & 0xF) as u8);
                write!(f, "the name server says “{code}”")
            }
            Self::Garbage => f.write_str("the name, or the name server's answer, makes no sense"),
            Self::Impossible(address) => write!(f, "no relay can be at {address}"),
        }
    }
}
