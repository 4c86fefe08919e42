//! Whether a channel may be opened that a link brings.
//!
//! Any site can send a viewer here with an address in the link, and the helper sends to every relay that an address names.
//! So relays that were never used from here are opened only when the viewer says so. What is typed, or pressed in
//! the list of what has played, was meant.

use amt_shared::AmtUrl;
use amt_shared::amt_url::{Host, RelayAddress};
use std::net::IpAddr;

/// Relays that are remembered as used.
const KEPT: usize = 64;
/// Relays that a question names; there may be more.
const NAMED: usize = 3;

/// The relays of an address that are not among those used before.
#[must_use]
pub fn unknown(url: &AmtUrl, used: &[String]) -> Vec<RelayAddress> {
    url.relays.iter().filter(|relay| !used.contains(&relay.to_string())).cloned().collect()
}

/// The list of used relays with those of this address at its head.
#[must_use]
pub fn with(mut used: Vec<String>, url: &AmtUrl) -> Vec<String> {
    for relay in url.relays.iter().rev().map(ToString::to_string) {
        used.retain(|other| *other != relay);
        used.insert(0, relay);
    }
    used.truncate(KEPT);
    used
}

/// What the viewer is asked.
#[must_use]
pub fn question(relays: &[RelayAddress]) -> String {
    let named = relays.iter().take(NAMED).map(|relay| format!("{relay}{}", place(relay)));
    let mut named = named.collect::<Vec<_>>().join(", ");
    if relays.len() > NAMED {
        named += &format!(" and {} more", relays.len() - NAMED);
    }
    let relay = if relays.len() == 1 { "the relay" } else { "the relays" };
    format!("This link wants to use {relay} {named}.")
}

/// Where a relay is that is not in the internet at large.
fn place(relay: &RelayAddress) -> &'static str {
    const HERE: &str = " (on this computer)";
    const NEAR: &str = " (in your own network)";
    match &relay.host {
        Host::Name(name) if name == "localhost" || name.ends_with(".localhost") => HERE,
        // Names without a domain, and those of mDNS and of home networks.
        Host::Name(name) if !name.contains('.') || name.ends_with(".local") || name.ends_with(".home.arpa") => NEAR,
        Host::Name(_) => "",
        Host::Address(address) => match address.to_canonical() {
            address if address.is_loopback() => HERE,
            IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => NEAR,
            IpAddr::V6(v6) if v6.is_unique_local() => NEAR,
            _ => "",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(relays: &str) -> AmtUrl {
        format!("amt://192.0.2.1@232.0.0.1?relay={relays}").parse().unwrap()
    }

    fn asked(relays: &str) -> String {
        question(&unknown(&url(relays), &[]))
    }

    #[test]
    fn relays_that_were_used_are_not_asked_for_and_the_same_at_another_port_is_another() {
        let used = with(Vec::new(), &url("192.0.2.9,relay.example:2269"));
        assert!(unknown(&url("relay.example:2269"), &used).is_empty());
        assert!(unknown(&url("192.0.2.9"), &used).is_empty());
        assert!(unknown(&"amt://192.0.2.1@232.0.0.1".parse().unwrap(), &used).is_empty(), "it names none");
        for other in ["192.0.2.9:2269", "relay.example", "192.0.2.9,203.0.113.1"] {
            assert_eq!(unknown(&url(other), &used).len(), 1, "{other}");
        }
    }

    #[test]
    fn what_was_used_last_is_remembered_and_once() {
        let used = (0..100).fold(Vec::new(), |used, number| with(used, &url(&format!("192.0.2.{number}"))));
        assert_eq!((used.len(), used[0].as_str()), (KEPT, "192.0.2.99"));
        assert_eq!(with(used.clone(), &url("192.0.2.99")), used);
    }

    #[test]
    fn the_question_names_the_relays_and_where_they_are() {
        assert_eq!(asked("192.0.2.9"), "This link wants to use the relay 192.0.2.9.");
        assert_eq!(asked("a.example,b.example:9"), "This link wants to use the relays a.example, b.example:9.");
        assert!(asked("a.b,c.d,e.f,g.h,i.j").ends_with("a.b, c.d, e.f and 2 more."));
        for here in ["127.0.0.1:53", "localhost", "[::1]"] {
            assert!(asked(here).contains("on this computer"), "{here}");
        }
        for near in ["192.168.1.1", "10.0.0.1:53", "169.254.1.1", "[fd00::1]", "router", "printer.local"] {
            assert!(asked(near).contains("in your own network"), "{near}");
        }
    }
}
