//! Machines that take many datagrams, in simulated time.

use super::packets::repaired;
use crate::amt::gateway::{self, Gateway};
use crate::amt::message::{Message, Protocol};
use crate::amt::relay::{self, Event, Relay};
use crate::datagram;
use crate::membership::{Membership, parse_report};
use crate::merge::{Merge, PathId};
use crate::probe::stream::Analyser;
use crate::reader::Reader;
use crate::reassembly::Reassembly;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// As many steps as are taken of one input.
const MAX_STEPS: usize = 128;
const DAY: Duration = Duration::from_secs(86_400);
/// Where the nonce stands behind a type and 3 bytes, or behind a type, a byte and a MAC.
const AFTER_TYPE: usize = 4;
const AFTER_MAC: usize = 8;

/// What is done, and with which bytes; the last one may be cut off.
pub(crate) fn steps(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut reader = Reader::new(data);
    let step = move || {
        let what = reader.u8().ok()?;
        let len = usize::from(reader.u16().ok()?).min(reader.len());
        Some((what, reader.slice(len).ok()?))
    };
    std::iter::from_fn(step).take(MAX_STEPS)
}

/// Milliseconds, as a step tells them; a day at most.
fn pause(bytes: &[u8]) -> Duration {
    let millis = bytes.iter().take(4).fold(0, |millis, byte| millis << 8 | u64::from(*byte));
    Duration::from_millis(millis).min(DAY)
}

/// Calls `handle` until nothing is due any more, which is soon.
fn settle<T>(machine: &mut T, now: Instant, due: impl Fn(&T) -> Option<Instant>, mut handle: impl FnMut(&mut T)) {
    for _ in 0..1000 {
        if due(machine).is_none_or(|due| due > now) {
            return;
        }
        handle(machine);
    }
    panic!("something is due for ever");
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + with.len()) {
        place.copy_from_slice(with);
    }
}

/// A gateway: the first byte configures it. A step is a datagram from its relay (0), the same with the nonce that
/// was sent (1), one from elsewhere (2), time (3), a join (4) or a leave (5), news about the path (6), the end (7).
pub fn gateway(data: &[u8]) {
    let Some((flags, rest)) = data.split_first() else { return };
    let protocol = if flags & 1 == 0 { Protocol::Igmp } else { Protocol::Mld };
    let mut config = gateway::Config::new(protocol);
    config.discover = flags & 2 == 0;
    config.ecn = flags & 4 != 0;
    let relay = SocketAddr::from(([198, 51, 100, 1], 2268));
    let mut now = Instant::now();
    let mut gateway = Driven {
        gateway: Gateway::new(now, config, relay, 1),
        relay,
        nonce: [0; 4],
        memberships: memberships(protocol),
        wanted: [0; 3],
    };
    gateway.settle(now);
    for (what, bytes) in steps(rest) {
        let of = usize::from(what >> 3) % gateway.memberships.len();
        match what & 7 {
            0 => gateway.datagram(now, gateway.relay, bytes),
            1 => {
                let mut bytes = bytes.to_vec();
                let at = if bytes.first().is_some_and(|kind| kind & 0x0F >= 4) { AFTER_MAC } else { AFTER_TYPE };
                overwrite(&mut bytes, at, &gateway.nonce);
                if let Some((header, packet)) = bytes.split_at_checked(AFTER_MAC + 4) {
                    bytes = [header, &repaired(packet)].concat();
                }
                gateway.datagram(now, gateway.relay, &bytes);
            }
            2 => gateway.datagram(now, SocketAddr::from(([203, 0, 113, 66], 2268)), bytes),
            3 => now += pause(bytes),
            4 => {
                gateway.gateway.join(now, gateway.memberships[of]);
                gateway.wanted[of] += 1;
            }
            5 => {
                gateway.gateway.leave(now, gateway.memberships[of]);
                gateway.wanted[of] = gateway.wanted[of].saturating_sub(1);
            }
            6 if what & 8 == 0 => gateway.gateway.handle_unreachable(now),
            6 => gateway.gateway.handle_path_change(now),
            _ => {
                gateway.gateway.stop(now);
                gateway.wanted = [0; 3];
                gateway.settle(now);
                now += DAY;
                gateway.settle(now);
                break;
            }
        }
        gateway.settle(now);
    }
}

fn memberships(protocol: Protocol) -> [Membership; 3] {
    let (groups, source): ([IpAddr; 2], IpAddr) = match protocol {
        Protocol::Igmp => {
            ([[232, 0, 2, 1], [239, 1, 2, 3]].map(|group| Ipv4Addr::from(group).into()), [192, 0, 2, 1].into())
        }
        Protocol::Mld => {
            let group = |last| Ipv6Addr::new(0xFF3E, 0, 0, 0, 0, 0, 0, last).into();
            ([group(1), group(2)], Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1).into())
        }
    };
    let [one, other] = groups;
    let new = |group, source| Membership::new(group, source).expect("these can be joined");
    [new(one, Some(source)), new(other, None), new(other, Some(source))]
}

struct Driven {
    gateway: Gateway,
    /// Where the last message went, and its nonce.
    relay: SocketAddr,
    nonce: [u8; 4],
    memberships: [Membership; 3],
    wanted: [u32; 3],
}

impl Driven {
    fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if let Ok(Some(packet)) = self.gateway.handle_datagram(now, from, bytes) {
            let (source, group) = datagram::addresses(packet).expect("the packet was looked at");
            let wanted = self.memberships.iter().zip(self.wanted).filter(|(_, wanted)| *wanted > 0);
            assert!(wanted.into_iter().any(|(joined, _)| joined.covers(source, group)), "not joined: {source} {group}");
        }
    }

    fn settle(&mut self, now: Instant) {
        self.drain();
        settle(&mut self.gateway, now, Gateway::poll_timeout, |gateway| gateway.handle_timeout(now));
        self.drain();
    }

    fn drain(&mut self) {
        let mut sent = 0;
        while let Some(transmit) = self.gateway.poll_transmit() {
            let nonce = match Message::decode(&transmit.payload) {
                Ok(Message::RelayDiscovery { nonce } | Message::Request { nonce, .. }) => nonce,
                Ok(Message::MembershipUpdate { packet, nonce, .. }) => {
                    assert!(parse_report(packet, true).is_ok_and(|records| !records.is_empty()), "an empty Update");
                    nonce
                }
                Ok(Message::Teardown { nonce, .. }) => nonce,
                other => panic!("a gateway does not send {other:?}"),
            };
            (self.relay, self.nonce) = (transmit.to, nonce.to_be_bytes());
            sent += 1;
        }
        assert!(sent < 100, "{sent} messages at once");
        let told = std::iter::from_fn(|| self.gateway.poll_event()).count();
        assert!(told < 100, "{told} events at once");
    }
}

/// A relay for three gateways at most: the first byte configures it. A step is a datagram (0), the same with MAC and
/// nonce of the last Query (1), time (2), or a new secret or a forgotten gateway (3); of which gateway its higher
/// bits say.
pub fn relay(data: &[u8]) {
    const MAX_ENDPOINTS: usize = 3;
    let Some((flags, rest)) = data.split_first() else { return };
    let mut config = relay::Config::new([198, 51, 100, 1].into());
    config.teardown = flags & 1 == 0;
    config.strict = flags & 2 == 0;
    config.linux = flags & 4 != 0;
    (config.max_endpoints, config.max_endpoints_of_address) = (MAX_ENDPOINTS, 2);
    (config.max_groups, config.max_sources) = (4, 4);
    let mut relay = Relay::new(config, [1; 16]);
    let endpoints = [
        SocketAddr::from(([203, 0, 113, 5], 49152)),
        SocketAddr::from(([203, 0, 113, 5], 49153)),
        SocketAddr::from(([203, 0, 113, 5], 49154)),
        SocketAddr::from((Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 5), 49152)),
    ];
    let mut proofs = [[0; 10]; 4];
    let (mut joined, mut members) = (BTreeSet::new(), BTreeSet::new());
    let mut now = Instant::now();
    let end = (2, &[0xFF; 4][..]);
    for (what, bytes) in steps(rest).chain([end]) {
        let of = usize::from(what >> 2) % endpoints.len();
        match what & 3 {
            0 => {
                let _ = relay.handle_datagram(now, endpoints[of], bytes);
            }
            1 => {
                let mut bytes = bytes.to_vec();
                overwrite(&mut bytes, 2, &proofs[of]);
                if let Some((header, packet)) = bytes.split_at_checked(AFTER_MAC + 4)
                    && bytes[0] & 0x0F == 5
                {
                    bytes = [header, &repaired(packet)].concat();
                }
                let _ = relay.handle_datagram(now, endpoints[of], &bytes);
            }
            2 => now += pause(bytes),
            _ if what & 0x10 == 0 => relay.change_secret(now, [what; 16]),
            _ => relay.forget(endpoints[of]),
        }
        settle(&mut relay, now, Relay::poll_timeout, |relay| relay.handle_timeout(now));
        let answers: Vec<_> = std::iter::from_fn(|| relay.poll_transmit()).collect();
        assert!(answers.len() <= 1, "one datagram, many answers");
        for answer in answers {
            assert_eq!(answer.to, endpoints[of]);
            match Message::decode(&answer.payload) {
                Ok(Message::RelayAdvertisement { .. }) => {}
                Ok(Message::MembershipQuery(query)) => {
                    proofs[of].copy_from_slice(&[&query.mac.0[..], &query.nonce.to_be_bytes()].concat())
                }
                other => panic!("a relay does not answer {other:?}"),
            }
        }
        while let Some(event) = relay.poll_event() {
            let news = match event {
                Event::Joined { group, source } => joined.insert((group, source)),
                Event::Left { group, source } => joined.remove(&(group, source)),
                Event::EndpointAdded(endpoint) => members.insert(endpoint),
                Event::EndpointRemoved(endpoint) => members.remove(&endpoint),
            };
            assert!(news, "{event:?} is no news");
        }
        assert!(members.len() <= MAX_ENDPOINTS);
        for (group, source) in &joined {
            let to = relay.subscribers(source.unwrap_or(*group), *group).collect::<Vec<_>>();
            assert!(to.iter().all(|endpoint| members.contains(endpoint)), "data for who has no membership");
        }
    }
    assert!(joined.is_empty() && members.is_empty(), "remembered for a day: {joined:?} {members:?}");
}

/// Inner packets, put together and read. A step's lowest bit says that its checksums are put right, the others how
/// much time goes by.
pub fn inner(data: &[u8]) {
    let mut reassembly = Reassembly::default();
    let mut now = Instant::now();
    for (what, bytes) in steps(data) {
        now += Duration::from_millis(4 * u64::from(what >> 1));
        let repaired = if what & 1 == 0 { bytes.to_vec() } else { repaired(bytes) };
        let before = reassembly.figures().reassembled;
        let Ok(Some(packet)) = reassembly.push(now, &repaired) else { continue };
        let packet = packet.to_vec();
        let whole = reassembly.figures().reassembled > before;
        assert!(whole || packet == repaired, "what is no fragment was changed");
        assert!(packet.len() <= 40 + usize::from(u16::MAX));
        let Ok(datagram) = datagram::parse(&packet) else { continue };
        assert_eq!(datagram::addresses(&packet), Some((datagram.source.ip(), datagram.destination.ip())));
        if let (SocketAddr::V4(source), SocketAddr::V4(destination)) = (datagram.source, datagram.destination)
            && datagram.payload.len() <= 65_507
        {
            assert_eq!(datagram::parse(&datagram::build(source, destination, 1, datagram.payload)), Ok(datagram));
        }
    }
}

/// UDP payloads of three paths. A step's two lowest bits are the path, the others milliseconds; without bytes it
/// is the last payload again. A path of 3 is no payload, but time, or a path preferred or gone.
pub fn merge(data: &[u8]) {
    let mut merge = Merge::default();
    let mut now = Instant::now();
    let mut micros = 0;
    let mut last: &[u8] = &[];
    let (mut pushed, mut delivered) = ((0, 0), (0, 0));
    for (what, bytes) in steps(data).chain([(3, &[0xFF; 4][..])]) {
        let mut out = |delivery: crate::merge::Delivery<'_>| {
            delivered = (delivered.0 + 1, delivered.1 + delivery.ts.len());
        };
        match (what & 3, what >> 2 & 3) {
            (3, 0) => {
                let pause = pause(bytes);
                now += pause;
                micros += pause.as_micros() as u64;
            }
            (3, 1) => merge.prefer(PathId(what >> 4 & 3)),
            (3, _) => merge.path_gone(PathId(what >> 4 & 3)),
            (path, _) => {
                let pause = Duration::from_millis((what >> 2).into());
                now += pause;
                micros += pause.as_micros() as u64;
                last = if bytes.is_empty() { last } else { bytes };
                pushed = (pushed.0 + 1, pushed.1 + last.len());
                let _ = merge.push(now, PathId(path), last, micros, &mut out);
            }
        }
        settle(&mut merge, now, Merge::poll_timeout, |merge| merge.handle_timeout(now, &mut out));
        assert!(delivered.0 <= pushed.0 && delivered.1 <= pushed.1, "more goes on than came");
    }
    let figures = merge.figures();
    assert!(figures.rtp.received <= pushed.0 as u64 && figures.misplaced <= figures.handovers);
}

/// TS as the probe looks into it. A step's lowest bit says that something was lost before it, the others how many
/// milliseconds go by.
pub fn probe(data: &[u8]) {
    let mut analyser = Analyser::default();
    let (mut now, mut pushed) = (0, 0);
    for (what, bytes) in steps(data) {
        now += 1000 * u64::from(what >> 1);
        if what & 1 != 0 {
            analyser.lost();
        }
        analyser.push(now, bytes);
        pushed += 1;
    }
    let figures = analyser.figures(now + 1_000_000);
    assert_eq!(figures.is_some(), pushed > 0);
    assert!(serde_json::to_string(&figures).is_ok());
    assert!(analyser.first_key_frame().is_none_or(|at| at <= now));
}
