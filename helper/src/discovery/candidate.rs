//! A relay that may be tried, where it was learnt of, and which of two is to be preferred (RFC 8777, 3.1.2).

use std::fmt;
use std::net::SocketAddr;

/// A relay that may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Where to send the Relay Discovery; with `discover` unset, the Request.
    pub relay: SocketAddr,
    /// Where it was learnt of.
    pub origin: Origin,
    /// Whether a Relay Discovery must come before a Request (RFC 8777, 4.2.2). Unset only where the record of a
    /// sender says so: an address that a person wrote may be a broker's or an anycast one.
    pub discover: bool,
}

/// Where a relay was learnt of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// By name or address, from the command line, the environment or the URL.
    Named {
        /// The place in the list; lower ones first.
        place: u16,
    },
    /// DNS-SD, in the local network or its domains.
    DnsSd {
        /// Of the SRV record (RFC 2782); lower ones first.
        priority: u16,
        /// Of the SRV record: among equals, the share of gateways that should come.
        weight: u16,
    },
    /// A well-known anycast address (RFC 7450, 7.1).
    Anycast,
    /// An AMTRELAY record of the source.
    Reverse {
        /// Lower ones first.
        precedence: u8,
    },
}

/// Which of two is to be preferred: the lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Preference {
    class: u8,
    within: u16,
}

impl Origin {
    /// What a person named comes first, since they know their network (RFC 8777, 3.1.1, condition 3); then local
    /// relays, so that the network between them and the sender carries the packets once; then those that the
    /// network routes to; last those that the sender knows (3.1.2).
    pub(super) const fn preference(self) -> Preference {
        let (class, within) = match self {
            Self::Named { place } => (0, place),
            Self::DnsSd { priority, .. } => (1, priority),
            Self::Anycast => (2, 0),
            Self::Reverse { precedence } => (3, precedence as u16),
        };
        Preference { class, within }
    }

    /// Whether a local relay might still be found that is better than this one.
    pub(super) const fn is_remote(self) -> bool {
        matches!(self, Self::Anycast | Self::Reverse { .. })
    }

    /// A number that is lower, among equals, for whom chance prefers: `uniform` is random in (0, 1]. With the
    /// weights of SRV records each comes first as often as its weight says (RFC 2782); 0 is almost never.
    pub(super) fn lot(self, uniform: f64) -> f64 {
        let weight = match self {
            Self::DnsSd { weight, .. } => f64::from(weight).max(0.01),
            _ => 1.0,
        };
        -uniform.ln() / weight
    }
}

/// As part of a sentence: “the relay A, known from …”.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { .. } => f.write_str("the URL or the options"),
            Self::DnsSd { .. } => f.write_str("the local network (DNS-SD)"),
            Self::Anycast => f.write_str("the AMT anycast address"),
            Self::Reverse { precedence } => write!(f, "the source's DNS record (precedence {precedence})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_preferred_as_the_rfc_orders_them() {
        let order = [
            Origin::Named { place: 0 },
            Origin::Named { place: 7 },
            Origin::DnsSd { priority: 0, weight: 0 },
            Origin::DnsSd { priority: 10, weight: 9 },
            Origin::Anycast,
            Origin::Reverse { precedence: 0 },
            Origin::Reverse { precedence: 255 },
        ];
        assert!(order.is_sorted_by(|a, b| a.preference() < b.preference()));
    }

    #[test]
    fn a_weight_is_the_share_of_those_that_come_first() {
        let [three, one] = [3, 1].map(|weight| Origin::DnsSd { priority: 0, weight });
        let uniform = |n: u32| f64::from(n + 1) / 100.0;
        let pairs = (0..100).flat_map(|a| (0..100).map(move |b| (uniform(a), uniform(b))));
        let first = pairs.filter(|&(a, b)| three.lot(a) < one.lot(b)).count();
        assert!((7_300..7_700).contains(&first), "{first} of 10000");
    }
}
