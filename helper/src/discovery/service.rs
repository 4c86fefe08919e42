//! Relays that announce themselves: DNS-SD for `_amt._udp` (RFC 6763; RFC 8777, 3.1.2).
//!
//! In go the records of any answers, in any order; out come what is still to be asked for, and the relays. The same
//! for unicast DNS and mDNS.

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

/// The service (RFC 8777, 3.1.2).
pub(super) const SERVICE: &str = "_amt._udp";
/// Instances, and addresses of all of them, that are looked at.
const MAX_INSTANCES: usize = 8;
const MAX_ADDRESSES: usize = 16;
/// Domains that one domain may recommend.
const MAX_DOMAINS: usize = 4;

/// What is known of the instances of the service in one domain.
#[derive(Debug)]
pub(super) struct Services {
    service: Name,
    instances: Vec<Name>,
    servers: Vec<Server>,
    addresses: Vec<(Name, IpAddr)>,
    asked: HashSet<(Name, RecordType)>,
}

/// An SRV record (RFC 2782).
#[derive(Debug, PartialEq, Eq)]
struct Server {
    instance: Name,
    priority: u16,
    weight: u16,
    port: u16,
    target: Name,
}

/// What to ask for (PTR) to learn which other domains are to be looked at (RFC 6763, 11).
pub(super) fn recommended(domain: &Name) -> Option<Name> {
    Name::from_ascii("lb._dns-sd._udp").ok()?.append_domain(domain).ok()
}

/// The domains of the answer, other than the one that was asked.
pub(super) fn domains(question: &Name, asked: &Name, answer: &Message) -> Vec<Name> {
    let domains = answer.answers.iter().filter(|record| record.name == *question).filter_map(|record| {
        let RData::PTR(domain) = &record.data else { return None };
        (domain.0 != *asked).then(|| domain.0.clone())
    });
    domains.take(MAX_DOMAINS).collect()
}

/// A relay that announces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) relay: SocketAddr,
    pub(super) priority: u16,
    pub(super) weight: u16,
}

impl Services {
    /// Of one domain, like `local.`; `None` where the name would be too long.
    pub(super) fn of(domain: &Name) -> Option<Self> {
        let service = Name::from_ascii(SERVICE).ok()?.append_domain(domain).ok()?;
        Some(Self { service, instances: Vec::new(), servers: Vec::new(), addresses: Vec::new(), asked: HashSet::new() })
    }

    /// Takes what belongs to the service from all sections of an answer.
    pub(super) fn take(&mut self, answer: &Message) {
        for record in answer.all_sections().filter(|record| record.name == self.service) {
            if let RData::PTR(instance) = &record.data
                && self.instances.len() < MAX_INSTANCES
                && !self.instances.contains(&instance.0)
            {
                self.instances.push(instance.0.clone());
            }
        }
        for record in answer.all_sections() {
            // A target of “.” means that the service is not there (RFC 2782).
            if let RData::SRV(srv) = &record.data
                && self.instances.contains(&record.name)
                && self.servers.len() < MAX_INSTANCES
                && !srv.target.is_root()
                && srv.port != 0
            {
                let server = Server {
                    instance: record.name.clone(),
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.clone(),
                };
                if !self.servers.contains(&server) {
                    self.servers.push(server);
                }
            }
        }
        for record in answer.all_sections() {
            let address = match &record.data {
                RData::A(address) => IpAddr::from(address.0),
                RData::AAAA(address) => IpAddr::from(address.0),
                _ => continue,
            };
            let wanted = self.servers.iter().any(|server| server.target == record.name);
            if wanted
                && self.addresses.len() < MAX_ADDRESSES
                && !self.addresses.contains(&(record.name.clone(), address))
            {
                self.addresses.push((record.name.clone(), address));
            }
        }
    }

    /// What is to be asked for next; nothing is asked for twice, and what came by itself not at all.
    pub(super) fn questions(&mut self) -> Vec<(Name, RecordType)> {
        let mut wanted = vec![(self.service.clone(), RecordType::PTR)];
        let without_server = |instance: &&Name| self.servers.iter().all(|server| server.instance != **instance);
        wanted.extend(self.instances.iter().filter(without_server).map(|name| (name.clone(), RecordType::SRV)));
        let without_address = |server: &&Server| self.addresses.iter().all(|(name, _)| *name != server.target);
        for server in self.servers.iter().filter(without_address) {
            wanted.extend([RecordType::AAAA, RecordType::A].map(|kind| (server.target.clone(), kind)));
        }
        wanted.retain(|question| self.asked.insert(question.clone()));
        wanted
    }

    /// Asks everything again that had no answer.
    pub(super) fn forget_questions(&mut self) {
        self.asked.clear();
    }

    /// The relays known so far.
    pub(super) fn relays(&self) -> Vec<Announced> {
        let relays = self.servers.iter().flat_map(|server| {
            let of_target = self.addresses.iter().filter(|(name, _)| *name == server.target);
            of_target.map(|(_, address)| Announced {
                relay: SocketAddr::new(*address, server.port),
                priority: server.priority,
                weight: server.weight,
            })
        });
        relays.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::OpCode;
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, PTR, SRV};

    fn answer(records: impl IntoIterator<Item = Record>) -> Message {
        let mut answer = Message::response(1, OpCode::Query);
        answer.add_answers(records);
        answer
    }

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn record(owner: &str, data: RData) -> Record {
        Record::from_rdata(name(owner), 120, data)
    }

    fn ptr(instance: &str) -> Record {
        record("_amt._udp.local.", RData::PTR(PTR(name(instance))))
    }

    fn srv(instance: &str, port: u16, target: &str) -> Record {
        record(instance, RData::SRV(SRV::new(5, 7, port, name(target))))
    }

    fn a(target: &str, last: u8) -> Record {
        record(target, RData::A(A::new(192, 0, 2, last)))
    }

    #[test]
    fn everything_in_one_answer_leaves_nothing_to_ask() {
        let mut services = Services::of(&name("local.")).unwrap();
        assert_eq!(services.questions(), [(name("_amt._udp.local."), RecordType::PTR)]);
        let records = [a("r.local.", 9), srv("R._amt._udp.local.", 2268, "r.local."), ptr("R._amt._udp.local.")];
        services.take(&answer(records));
        assert_eq!(services.questions(), []);
        let relay = "192.0.2.9:2268".parse().unwrap();
        assert_eq!(services.relays(), [Announced { relay, priority: 5, weight: 7 }]);
    }

    #[test]
    fn what_is_missing_is_asked_for_once() {
        let mut services = Services::of(&name("local.")).unwrap();
        services.questions();
        services.take(&answer([ptr("R._amt._udp.local.")]));
        assert_eq!(services.questions(), [(name("R._amt._udp.local."), RecordType::SRV)]);
        services.take(&answer([srv("r._AMT._udp.local.", 2268, "r.local.")]));
        assert_eq!(services.questions(), [(name("r.local."), RecordType::AAAA), (name("r.local."), RecordType::A)]);
        assert_eq!(services.questions(), []);
        assert_eq!(services.relays(), []);
    }

    #[test]
    fn what_nobody_asked_for_is_not_taken() {
        let mut services = Services::of(&name("local.")).unwrap();
        let foreign = [
            record("_ipp._tcp.local.", RData::PTR(PTR(name("P._ipp._tcp.local.")))),
            srv("P._ipp._tcp.local.", 631, "p.local."),
            a("p.local.", 1),
            ptr("none._amt._udp.local."),
            srv("none._amt._udp.local.", 2268, "."),
            ptr("zero._amt._udp.local."),
            srv("zero._amt._udp.local.", 0, "p.local."),
        ];
        services.take(&answer(foreign));
        assert_eq!(services.relays(), []);
        services.take(&answer((0..100).map(|n| ptr(&format!("r{n}._amt._udp.local.")))));
        assert_eq!(services.instances.len(), MAX_INSTANCES);
    }
}
