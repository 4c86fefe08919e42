//! Answers of name servers as any bytes (see [`crate::fuzzing`]).

use super::reverse::{self, Answer};
use super::service::{self, Services};
use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A DNS message, read as the answer to each question that discovery asks: of the source 192.0.2.1 or 2001:db8::1,
/// and of the domain `local.`
pub fn dns_answer(data: &[u8]) {
    let Ok(message) = Message::from_vec(data) else { return };
    let sources = [IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1).into()];
    for source in sources {
        let name = reverse::name(source);
        match reverse::read(&name, &message.answers) {
            (Answer::Records(records), malformed) => {
                assert!(!records.is_empty() && records.len() + malformed <= 16, "more records than are looked at");
            }
            (Answer::Alias(alias), malformed) => assert!(malformed == 0 && alias.len() <= 255),
            (Answer::Nothing, _) => {}
        }
    }
    let Ok(local) = Name::from_ascii("local.") else { return };
    if let Some(question) = service::recommended(&local) {
        let domains = service::domains(&question, &local, &message);
        assert!(domains.len() <= 4 && !domains.contains(&local));
        domains.iter().for_each(|domain| drop(Services::of(domain)));
    }
    let Some(mut services) = Services::of(&local) else { return };
    services.questions();
    for _ in 0..3 {
        services.take(&message);
        // One question for each instance, two for each server, and none twice.
        assert!(services.questions().len() <= 24);
    }
    assert!(services.questions().is_empty(), "a question twice");
    for announced in services.relays() {
        assert_ne!(announced.relay.port(), 0);
    }
}
