use super::super::filter::Filter;
use super::super::parse_report;
use super::*;
use RecordType::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn membership(text: &str) -> Membership {
    let (source, group) = match text.split_once('@') {
        Some((source, group)) => (Some(ip(source)), group),
        None => (None, text),
    };
    Membership::new(ip(group), source).unwrap()
}

/// A gateway's interest with a relay that wants everything said twice, and what was said.
struct Host {
    interest: Interest,
    changes: StateChanges,
}

impl Host {
    fn new(protocol: Protocol) -> Self {
        Self { interest: Interest::new(protocol), changes: StateChanges::default() }
    }

    fn join(&mut self, text: &str) -> String {
        if let Some(change) = self.interest.join(membership(text)) {
            self.changes.add(&change, 2);
        }
        self.said()
    }

    fn leave(&mut self, text: &str) -> String {
        if let Some(change) = self.interest.leave(membership(text)) {
            self.changes.add(&change, 2);
        }
        self.said()
    }

    /// What is said now, or said again.
    fn said(&mut self) -> String {
        written(&self.changes.next(&self.interest).packets)
    }
}

/// Records as the standards write them.
fn written(packets: &[Vec<u8>]) -> String {
    let records = packets.iter().flat_map(|packet| parse_report(packet, true).unwrap());
    let write = |Record { kind, group, sources }: Record<IpAddr>| {
        let kind = match kind {
            ModeIsInclude => "IS_IN",
            ModeIsExclude => "IS_EX",
            ChangeToInclude => "TO_IN",
            ChangeToExclude => "TO_EX",
            AllowNewSources => "ALLOW",
            BlockOldSources => "BLOCK",
        };
        let sources: Vec<_> = sources.iter().map(IpAddr::to_string).collect();
        format!("{kind}({group}: {})", sources.join(" "))
    };
    records.map(write).collect::<Vec<_>>().join(" ")
}

#[test]
fn two_sources_of_one_group_come_and_go_by_themselves() {
    let mut host = Host::new(Protocol::Igmp);
    assert_eq!(host.join("192.0.2.1@232.0.0.1"), "ALLOW(232.0.0.1: 192.0.2.1)");
    assert_eq!(host.said(), "ALLOW(232.0.0.1: 192.0.2.1)");
    assert_eq!(host.said(), "");
    assert_eq!(host.join("192.0.2.2@232.0.0.1"), "ALLOW(232.0.0.1: 192.0.2.2)");
    assert_eq!(host.said(), "ALLOW(232.0.0.1: 192.0.2.2)");
    assert_eq!(host.leave("192.0.2.1@232.0.0.1"), "BLOCK(232.0.0.1: 192.0.2.1)");
    assert_eq!(host.said(), "BLOCK(232.0.0.1: 192.0.2.1)");
    assert_eq!(written(&host.interest.current_state()), "IS_IN(232.0.0.1: 192.0.2.2)");
    assert_eq!(host.leave("192.0.2.2@232.0.0.1"), "BLOCK(232.0.0.1: 192.0.2.2)");
    assert!(host.interest.is_empty());
    assert_eq!(written(&host.interest.current_state()), "");
}

#[test]
fn any_source_outweighs_one_source_and_gives_way_to_it() {
    let mut host = Host::new(Protocol::Mld);
    host.join("2001:db8::1@ff3e::1");
    host.said();
    assert_eq!(host.join("ff3e::1"), "TO_EX(ff3e::1: )");
    assert_eq!(host.said(), "TO_EX(ff3e::1: )");
    // It is heard already.
    assert_eq!(host.join("2001:db8::2@ff3e::1"), "");
    assert_eq!(written(&host.interest.current_state()), "IS_EX(ff3e::1: )");
    assert_eq!(host.leave("2001:db8::1@ff3e::1"), "");
    assert_eq!(host.leave("ff3e::1"), "TO_IN(ff3e::1: 2001:db8::2)");
    assert_eq!(host.said(), "TO_IN(ff3e::1: 2001:db8::2)");
    assert_eq!(host.leave("2001:db8::2@ff3e::1"), "BLOCK(ff3e::1: 2001:db8::2)");
}

#[test]
fn a_change_while_another_is_repeated_is_merged_with_it() {
    let mut host = Host::new(Protocol::Igmp);
    host.join("192.0.2.1@232.0.0.1");
    assert_eq!(host.join("192.0.2.2@232.0.0.1"), "ALLOW(232.0.0.1: 192.0.2.1 192.0.2.2)");
    assert_eq!(host.join("239.0.0.1"), "ALLOW(232.0.0.1: 192.0.2.2) TO_EX(239.0.0.1: )");
    assert_eq!(host.said(), "TO_EX(239.0.0.1: )");
    assert_eq!(host.said(), "");
    // What is taken back is said as it is now.
    host.join("192.0.2.3@232.0.0.1");
    assert_eq!(host.leave("192.0.2.3@232.0.0.1"), "BLOCK(232.0.0.1: 192.0.2.3)");
    host.said();
    // A change of mode says the sources too.
    host.leave("192.0.2.1@232.0.0.1");
    assert_eq!(host.join("232.0.0.1"), "TO_EX(232.0.0.1: )");
    assert_eq!(host.leave("232.0.0.1"), "TO_IN(232.0.0.1: 192.0.2.2)");
    assert_eq!(host.join("192.0.2.4@232.0.0.1"), "TO_IN(232.0.0.1: 192.0.2.2 192.0.2.4)");
    assert_eq!(host.said(), "ALLOW(232.0.0.1: 192.0.2.4)");
    assert_eq!(host.said(), "");
}

#[test]
fn joins_and_leaves_are_counted() {
    let mut host = Host::new(Protocol::Igmp);
    let (source, group) = (ip("192.0.2.1"), ip("232.0.0.1"));
    assert_ne!(host.join("192.0.2.1@232.0.0.1"), "");
    host.said();
    assert_eq!(host.join("192.0.2.1@232.0.0.1"), "");
    assert_eq!(host.leave("192.0.2.1@232.0.0.1"), "");
    assert!(host.interest.covers(source, group));
    assert_ne!(host.leave("192.0.2.1@232.0.0.1"), "");
    assert!(!host.interest.covers(source, group));
    host.said();
    assert_eq!(host.leave("192.0.2.1@232.0.0.1"), "");
    // Of the other protocol.
    assert_eq!(host.join("ff3e::1"), "");
    assert!(host.interest.is_empty());
}

#[test]
fn one_membership_is_said_again_alone_and_all_as_if_they_were_new() {
    let mut host = Host::new(Protocol::Igmp);
    for text in ["192.0.2.1@232.0.0.1", "192.0.2.2@232.0.0.1", "239.0.0.1", "192.0.2.1@239.0.0.1"] {
        host.join(text);
    }
    while !host.said().is_empty() {}
    for (text, said) in [
        ("192.0.2.2@232.0.0.1", "ALLOW(232.0.0.1: 192.0.2.2)"),
        ("239.0.0.1", "TO_EX(239.0.0.1: )"),
        ("192.0.2.1@239.0.0.1", "TO_EX(239.0.0.1: )"),
    ] {
        host.changes.again(&host.interest, membership(text), 1);
        assert_eq!([host.said(), host.said()], [said, ""]);
    }
    host.changes.anew(&host.interest, 2);
    let all = "ALLOW(232.0.0.1: 192.0.2.1 192.0.2.2) TO_EX(239.0.0.1: )";
    assert_eq!([host.said(), host.said(), host.said()], [all, all, ""]);
    assert_eq!(written(&host.interest.farewell()), "BLOCK(232.0.0.1: 192.0.2.1 192.0.2.2) TO_IN(239.0.0.1: )");
}

#[test]
fn what_one_saying_is_about_is_told() {
    let mut host = Host::new(Protocol::Igmp);
    let mut said = |membership: Membership, joins: bool| {
        let interest = &mut host.interest;
        let change = if joins { interest.join(membership) } else { interest.leave(membership) }.unwrap();
        host.changes.add(&change, 1);
        let StateChange { joins, membership, .. } = host.changes.next(&host.interest);
        (joins, membership)
    };
    for text in ["192.0.2.1@232.0.0.1", "239.0.0.1"] {
        let membership = membership(text);
        assert_eq!(said(membership, true), (true, Some(membership)));
        assert_eq!(said(membership, false), (false, Some(membership)));
    }
}

#[test]
fn no_packet_is_too_long_for_any_path() {
    for (protocol, at_least) in [(Protocol::Igmp, 5), (Protocol::Mld, 15)] {
        let mut host = Host::new(protocol);
        for n in 0..900_u16 {
            let [high, low] = n.to_be_bytes();
            let (group, source) = match protocol {
                // Half of them sources of one group.
                Protocol::Igmp => (
                    IpAddr::from([232, 1, high * (n as u8 & 1), low * (n as u8 & 1)]),
                    IpAddr::from([10, 0, high, low]),
                ),
                Protocol::Mld => (
                    Ipv6Addr::new(0xFF3E, 0, 0, 0, 0, 0, 1, n * (n & 1)).into(),
                    Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, n + 1).into(),
                ),
            };
            let membership = Membership::new(group, Some(source)).unwrap();
            host.changes.add(&host.interest.join(membership).unwrap(), 1);
        }
        for packets in
            [host.changes.next(&host.interest).packets, host.interest.current_state(), host.interest.farewell()]
        {
            assert!(packets.len() >= at_least, "{}", packets.len());
            assert!(packets.iter().all(|packet| packet.len() <= MAX_PACKET));
            let records = packets.iter().flat_map(|packet| parse_report(packet, true).unwrap());
            assert_eq!(records.map(|record| record.sources.len()).sum::<usize>(), 900);
        }
    }
}

/// A relay's memory of the host.
#[derive(Default)]
struct Router(BTreeMap<IpAddr, Filter>);

impl Router {
    fn hear(&mut self, now: Instant, packets: &[Vec<u8>]) {
        for Record { kind, group, sources } in packets.iter().flat_map(|packet| parse_report(packet, true).unwrap()) {
            self.0.entry(group).or_default().apply(now, Duration::from_secs(260), kind, sources, 1000);
        }
    }

    fn wants(&self, source: IpAddr, group: IpAddr) -> bool {
        self.0.get(&group).is_some_and(|filter| filter.wants(source))
    }
}

proptest! {
    /// Of every change the first saying is lost or the second, never both.
    #[test]
    fn a_relay_knows_what_is_wanted_whatever_single_report_is_lost(
        v6: bool,
        steps in proptest::collection::vec((any::<bool>(), 0_u8..3, 0_u8..4, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let protocol = if v6 { Protocol::Mld } else { Protocol::Igmp };
        let group = |n: u8| if v6 { ip(&format!("ff3e::{}", n + 1)) } else { ip(&format!("232.0.0.{n}")) };
        let source = |n: u8| if v6 { ip(&format!("2001:db8::{}", n + 1)) } else { ip(&format!("192.0.2.{n}")) };
        let mut host = Host::new(protocol);
        let (mut heard_all, mut heard_half) = (Router::default(), Router::default());
        let now = Instant::now();
        let mut lost_last = false;
        for (join, g, s, lost, pause) in steps {
            let membership = Membership::new(group(g), (s > 0).then(|| source(s))).unwrap();
            let change = if join { host.interest.join(membership) } else { host.interest.leave(membership) };
            if let Some(change) = change {
                host.changes.add(&change, 2);
            }
            for _ in 0..if pause { 3 } else { 1 } {
                let packets = host.changes.next(&host.interest).packets;
                heard_all.hear(now, &packets);
                lost_last = lost && !lost_last;
                if !lost_last {
                    heard_half.hear(now, &packets);
                }
            }
            for (g, s) in (0..3).flat_map(|g| (0..5).map(move |s| (g, s))) {
                prop_assert_eq!(heard_all.wants(source(s), group(g)), host.interest.covers(source(s), group(g)));
            }
        }
        while !host.changes.is_empty() {
            let packets = host.changes.next(&host.interest).packets;
            heard_half.hear(now, &packets);
        }
        let mut told_now = Router::default();
        told_now.hear(now, &host.interest.current_state());
        for (g, s) in (0..3).flat_map(|g| (0..5).map(move |s| (g, s))) {
            let wanted = host.interest.covers(source(s), group(g));
            prop_assert_eq!(told_now.wants(source(s), group(g)), wanted);
            prop_assert_eq!(heard_half.wants(source(s), group(g)), wanted);
        }
        // And after the farewell nothing.
        heard_all.hear(now, &host.interest.farewell());
        prop_assert!(heard_all.0.values().all(Filter::is_empty));
    }
}
