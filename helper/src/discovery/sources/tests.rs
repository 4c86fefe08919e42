use super::server::{Reply, Server, address, cname, name, ptr, srv, unknown};
use super::*;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::RecordType;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const DNS: Parts = Parts { dns: true, ..Parts::NONE };
const NAMED: Parts = Parts { named: true, ..Parts::NONE };
const DNS_SD: Parts = Parts { dns_sd: true, ..Parts::NONE };
const AMTRELAY: u16 = 260;
const DNAME: u16 = 39;
const OWNER: &str = "12.100.51.198.in-addr.arpa.";

fn source() -> IpAddr {
    [198, 51, 100, 12].into()
}

fn wanted(relays: &str) -> Wanted {
    let named = amt_shared::amt_url::parse_relays(relays).unwrap();
    Wanted { source: Some(source()), named, beyond_named: false, dns_sd: true }
}

/// A discovery that asks this server and the neighbourhood's responder, if any, and nobody else.
fn discovery(parts: Parts, server: &Server) -> Discovery {
    let mut discovery = Discovery::new(parts).with_name_server(server.address);
    discovery.neighbourhood = Neighbourhood::Only(server.address);
    discovery.manner.patience = Duration::from_secs(60);
    discovery
}

/// Everything that is found, in the order in which it came.
async fn all(discovery: &Discovery, wanted: Wanted) -> (Vec<Candidate>, Vec<String>) {
    let mut receiver = discovery.candidates(wanted);
    let (mut candidates, mut failures) = (Vec::new(), Vec::new());
    loop {
        match receiver.recv().await.expect("it is finished before it ends") {
            Found::Candidates(found) => candidates.extend(found),
            Found::Failed(failure) => failures.push(failure.to_string()),
            Found::Finished => break,
        }
    }
    assert_eq!(receiver.recv().await, None);
    (candidates, failures)
}

fn at(relay: &str, origin: Origin) -> Candidate {
    Candidate { relay: relay.parse().unwrap(), origin, discover: true }
}

fn reverse_of(relay: &str, precedence: u8, discover: bool) -> Candidate {
    Candidate { relay: relay.parse().unwrap(), origin: Origin::Reverse { precedence }, discover }
}

#[tokio::test]
async fn relays_with_addresses_come_at_once_and_names_as_they_are_found() {
    let server = Server::start(|owner, kind| match (owner, kind) {
        ("relay.example.", RecordType::A) => {
            Reply::Records(vec![cname("relay.example.", "r.example."), address("r.example.", "192.0.2.1")])
        }
        ("relay.example.", RecordType::AAAA) => {
            Reply::Late(Duration::from_millis(20), vec![address("relay.example.", "2001:db8::1")])
        }
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    let (found, failures) = all(&discovery(NAMED, &server), wanted("relay.example:2269,192.0.2.9,gone.example")).await;
    let place = |place| Origin::Named { place };
    assert_eq!(found[0], at("192.0.2.9:2268", place(1)));
    assert!(found.contains(&at("[2001:db8::1]:2269", place(0))));
    assert!(found.contains(&at("192.0.2.1:2269", place(0))));
    assert_eq!(found.len(), 3);
    assert_eq!(failures, ["Cannot resolve the relay “gone.example”: no such name."]);
}

#[tokio::test]
async fn a_name_server_that_is_late_for_one_version_does_not_hold_up_the_other() {
    let server = Server::start(|owner, kind| match kind {
        RecordType::A => Reply::Records(vec![address(owner, "192.0.2.1")]),
        _ => Reply::Silence,
    })
    .await;
    let mut receiver = discovery(NAMED, &server).candidates(wanted("relay.example"));
    let first = receiver.recv().await;
    assert_eq!(first, Some(Found::Candidates(vec![at("192.0.2.1:2268", Origin::Named { place: 0 })])));
}

#[tokio::test]
async fn ways_not_to_find_a_name_are_told_apart() {
    let server = Server::start(|owner, _| match owner {
        "empty.example." => Reply::Code(ResponseCode::NoError),
        "broken.example." => Reply::Code(ResponseCode::ServFail),
        "mute.example." => Reply::Silence,
        "nonsense.example." => Reply::Garbage,
        "zero.example." => Reply::Records(vec![address("zero.example.", "0.0.0.0")]),
        "group.example." => Reply::Records(vec![address("group.example.", "ff0e::1")]),
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    let mut discovery = discovery(NAMED, &server);
    discovery.manner.patience = Duration::from_millis(1500);
    let relays = "empty.example,broken.example,mute.example,nonsense.example,zero.example,group.example,none.example";
    let (found, mut failures) = all(&discovery, wanted(relays)).await;
    failures.sort();
    assert_eq!(found, []);
    let cannot = |name: &str, why: &str| format!("Cannot resolve the relay “{name}.example”: {why}.");
    assert_eq!(
        failures,
        [
            cannot("broken", "the name server answered “Server Failure”"),
            cannot("empty", "the name has no address"),
            cannot("group", "ff0e::1 cannot be a relay"),
            cannot("mute", "no name server answered"),
            cannot("none", "no such name"),
            cannot("nonsense", "the name or the name server's answer is malformed"),
            cannot("zero", "0.0.0.0 cannot be a relay"),
        ]
    );
}

#[tokio::test]
async fn this_machine_is_known_without_asking() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let (found, failures) = all(&discovery(NAMED, &server), wanted("localhost:9")).await;
    assert!(found.contains(&at("127.0.0.1:9", Origin::Named { place: 0 })), "{found:?} {failures:?}");
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn the_records_of_a_source_give_precedence_discovery_and_names() {
    let server = Server::start(|owner, kind| match (owner, u16::from(kind)) {
        (OWNER, AMTRELAY) => Reply::Records(vec![
            unknown(OWNER, AMTRELAY, b"\x80\x83\x06relays\x07example\x00"),
            unknown(OWNER, AMTRELAY, &[10, 1, 203, 0, 113, 15]),
            unknown(OWNER, AMTRELAY, &[10, 5, 1, 2, 3, 4]),
            unknown(OWNER, AMTRELAY, &[10, 1, 127, 0, 0, 1]),
            unknown(OWNER, AMTRELAY, &[20, 0]),
        ]),
        ("relays.example.", 1) => Reply::Records(vec![address(owner, "192.0.2.1"), address(owner, "192.0.2.2")]),
        ("relays.example.", 28) => Reply::Records(vec![address(owner, "2001:db8::1")]),
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    let (mut found, failures) = all(&discovery(DNS, &server), wanted("")).await;
    found.sort_by_key(|candidate| candidate.relay);
    // A name server on this machine may send us to this machine.
    let expected = [
        reverse_of("127.0.0.1:2268", 10, true),
        reverse_of("192.0.2.1:2268", 128, false),
        reverse_of("192.0.2.2:2268", 128, false),
        reverse_of("203.0.113.15:2268", 10, true),
        reverse_of("[2001:db8::1]:2268", 128, false),
    ];
    assert_eq!(found, expected);
    assert_eq!(failures, [""; 0]);
}

#[tokio::test]
async fn aliases_are_followed_to_the_records() {
    let server = Server::start(|owner, kind| match (owner, u16::from(kind)) {
        // Without the CNAME that would say the same (RFC 6672, 3.1).
        (OWNER, AMTRELAY) => {
            Reply::Records(vec![unknown("100.51.198.in-addr.arpa.", DNAME, b"\x04anti\x07example\x00")])
        }
        ("12.anti.example.", AMTRELAY) => Reply::Records(vec![cname(owner, "other.example.")]),
        ("other.example.", AMTRELAY) => Reply::Records(vec![
            cname(owner, "last.example."),
            unknown("last.example.", AMTRELAY, &[1, 129, 203, 0, 113, 15]),
        ]),
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    let (found, failures) = all(&discovery(DNS, &server), wanted("")).await;
    assert_eq!(found, [reverse_of("203.0.113.15:2268", 1, false)]);
    assert_eq!(failures, [""; 0]);
}

#[tokio::test]
async fn what_the_records_of_a_source_do_not_give_is_told() {
    async fn failure(reply: impl Fn(&str) -> Reply + Send + 'static) -> String {
        let server = Server::start(move |owner, _| reply(owner)).await;
        let (found, mut failures) = all(&discovery(DNS, &server), wanted("")).await;
        assert_eq!((found.len(), failures.len()), (0, 1), "{failures:?}");
        failures.remove(0)
    }
    let cannot = |why| format!("Cannot look up relays for the source 198.51.100.12 in DNS: {why}.");
    let none = "DNS lists no relay for the source 198.51.100.12.";
    assert_eq!(failure(|_| Reply::Code(ResponseCode::NXDomain)).await, none);
    assert_eq!(failure(|_| Reply::Code(ResponseCode::NoError)).await, none);
    assert_eq!(
        failure(|_| Reply::Records(vec![unknown(OWNER, AMTRELAY, &[0, 0])])).await,
        "DNS says that no relay serves the source 198.51.100.12."
    );
    let refused = failure(|_| Reply::Code(ResponseCode::Refused)).await;
    assert_eq!(refused, cannot("the name server answered “Query Refused”"));
    let garbage = "the name or the name server's answer is malformed";
    assert_eq!(failure(|_| Reply::Records(vec![unknown(OWNER, AMTRELAY, &[7])])).await, cannot(garbage));
    let circle = |owner: &str| Reply::Records(vec![cname(owner, &format!("a.{}", &owner[..owner.len().min(60)]))]);
    assert_eq!(failure(circle).await, cannot(garbage));
    assert_eq!(
        failure(|_| Reply::Records(vec![unknown(OWNER, AMTRELAY, &[1, 1, 255, 255, 255, 255])])).await,
        cannot("255.255.255.255 cannot be a relay")
    );
}

#[tokio::test]
async fn dns_does_not_send_us_to_this_machine() {
    let far = Discovery::new(DNS).with_name_server("192.0.2.53:53".parse().unwrap());
    assert!(!far.possible([127, 0, 0, 1].into()));
    assert!(!far.possible("::1".parse().unwrap()));
    assert!(!far.possible("::ffff:127.0.0.1".parse().unwrap()));
    assert!(!far.possible("fe80::1".parse().unwrap()), "on which link?");
    assert!(far.possible([192, 0, 2, 1].into()));
}

proptest! {
    #[test]
    fn answers_with_anything_wrong_in_them_do_no_harm(
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let service = "_amt._udp.local.";
        let mut answer = Message::response(1, OpCode::Query);
        answer.add_answers([
            cname(OWNER, "a.example."),
            unknown("example.", DNAME, b"\x03net\x00"),
            unknown("a.net.", AMTRELAY, b"\x80\x83\x06relays\x07example\x00"),
            ptr(service, "R._amt._udp.local."),
            srv("R._amt._udp.local.", 0, 0, 2268, "r.local."),
            address("r.local.", "192.0.2.1"),
            address("r.local.", "2001:db8::1"),
        ]);
        let mut bytes = answer.to_vec().unwrap();
        for (at, byte) in wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(answer) = Message::from_vec(&bytes) {
            let _ = reverse::read(&name(OWNER), &answer.answers);
            let mut services = Services::of(&name("local.")).unwrap();
            services.take(&answer);
            prop_assert!(services.questions().len() < 32 && services.relays().len() < 32);
        }
    }
}

#[tokio::test]
async fn where_relays_are_named_nobody_else_is_asked_before_they_failed() {
    let server = Server::start(|_, _| Reply::Code(ResponseCode::NXDomain)).await;
    let parts = Parts { dns_sd: false, ..Parts::ALL };
    let named = wanted("192.0.2.1,relay.example");
    let (found, _) = all(&discovery(parts, &server), named.clone()).await;
    assert_eq!(found, [at("192.0.2.1:2268", Origin::Named { place: 0 })]);
    assert_eq!(server.asked(), ["relay.example. 1", "relay.example. 28"]);
    let (found, _) = all(&discovery(parts, &server), Wanted { beyond_named: true, ..named }).await;
    assert_eq!(found.iter().filter(|candidate| candidate.origin == Origin::Anycast).count(), 2);
    assert!(server.asked().contains(&format!("{OWNER} 260")));
}

#[tokio::test]
async fn where_all_named_relays_are_on_this_machine_nobody_else_is_ever_asked() {
    let server = Server::start(|_, _| Reply::Code(ResponseCode::NXDomain)).await;
    let here = Wanted { beyond_named: true, ..wanted("127.0.0.1:1,[::1]:1") };
    let (found, failures) = all(&discovery(Parts::ALL, &server), here).await;
    assert_eq!((found.len(), failures.len()), (2, 0));
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn parts_that_are_off_are_not_asked() {
    let server = Server::start(|_, _| Reply::Code(ResponseCode::NXDomain)).await;
    let (found, failures) = all(&discovery(Parts { anycast: true, ..Parts::NONE }, &server), wanted("192.0.2.1")).await;
    assert_eq!(found, ["[2001:3::1]:2268", "192.52.193.1:2268"].map(|relay| at(relay, Origin::Anycast)));
    assert_eq!((failures.len(), server.asked().len()), (0, 0));
    let (found, failures) = all(&discovery(Parts::NONE, &server), wanted("192.0.2.1")).await;
    assert_eq!(found, []);
    assert_eq!(failures, ["No relay is named, and --discovery rules out every other way to find one."]);
    // Without a source there is nothing to look up in reverse (RFC 8777, 2.1).
    let anybody = Wanted { source: None, ..wanted("") };
    assert_eq!(all(&discovery(DNS, &server), anybody).await, (vec![], vec![]));
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn neighbours_and_domains_are_asked_for_relays_that_announce_themselves() {
    let server = Server::start(|owner, kind| match (owner, kind) {
        // The neighbour says everything at once, and something that nobody asked for.
        ("_amt._udp.local.", RecordType::PTR) => Reply::Records(vec![
            ptr(owner, "Near._amt._udp.local."),
            srv("Near._amt._udp.local.", 0, 3, 2269, "near.local."),
            address("near.local.", "192.0.2.1"),
            address("far.local.", "192.0.2.66"),
        ]),
        ("lb._dns-sd._udp.site.example.", RecordType::PTR) => {
            Reply::Records(vec![ptr(owner, "site.example."), ptr(owner, "campus.example.")])
        }
        ("_amt._udp.campus.example.", RecordType::PTR) => Reply::Records(vec![
            ptr(owner, "C._amt._udp.campus.example."),
            srv("C._amt._udp.campus.example.", 9, 0, 2268, "c.example."),
            address("c.example.", "192.0.2.3"),
        ]),
        ("_amt._udp.site.example.", RecordType::PTR) => Reply::Records(vec![ptr(owner, "R._amt._udp.site.example.")]),
        ("R._amt._udp.site.example.", RecordType::SRV) => {
            Reply::Records(vec![srv(owner, 1, 0, 2268, "r.site.example.")])
        }
        ("r.site.example.", RecordType::AAAA) => Reply::Records(vec![address(owner, "2001:db8::7")]),
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    let mut discovery = discovery(DNS_SD, &server);
    discovery.manner.search = vec![name("site.example.")];
    let (found, failures) = all(&discovery, wanted("")).await;
    let near = at("192.0.2.1:2269", Origin::DnsSd { priority: 0, weight: 3 });
    let far = at("[2001:db8::7]:2268", Origin::DnsSd { priority: 1, weight: 0 });
    let recommended = at("192.0.2.3:2268", Origin::DnsSd { priority: 9, weight: 0 });
    assert!([near, far, recommended].iter().all(|relay| found.contains(relay)), "{found:?}");
    assert_eq!((found.len(), failures.len()), (3, 0));
}

#[tokio::test]
async fn where_nobody_announces_a_relay_it_is_told_but_is_no_news() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let mut receiver = discovery(DNS_SD, &server).candidates(wanted(""));
    let Some(Found::Failed(failure)) = receiver.recv().await else { panic!() };
    assert_eq!(failure.to_string(), "No relay is announced on the local network.");
    assert!(!failure.is_news());
    assert_eq!(server.asked(), ["_amt._udp.local. 12"]);
}

#[tokio::test]
async fn who_drops_the_receiver_ends_the_lookups() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let discovery = discovery(NAMED, &server);
    let receiver = discovery.candidates(wanted("relay.example"));
    while server.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The task holds one clone of it.
    assert_eq!(std::sync::Arc::strong_count(&discovery.manner.pace), 3);
    drop(receiver);
    while std::sync::Arc::strong_count(&discovery.manner.pace) > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn source_and_group_are_of_one_version_where_they_can_be() {
    let server = Server::start(|owner, kind| match (owner, kind) {
        ("source.example.", RecordType::A) => Reply::Records(vec![address(owner, "198.51.100.12")]),
        ("source.example.", RecordType::AAAA) => Reply::Records(vec![address(owner, "2001:db8::12")]),
        ("six.example.", RecordType::AAAA) => Reply::Records(vec![address(owner, "2001:db8::12")]),
        ("group.example.", RecordType::A) => Reply::Records(vec![address(owner, "232.0.0.1")]),
        ("group.example.", RecordType::AAAA) => Reply::Records(vec![address(owner, "ff3e::8000:1")]),
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    let discovery = discovery(NAMED, &server);
    let look_up = async |url: &str| discovery.source_and_group(&url.parse().unwrap()).await;
    let four = (Some(source()), "232.0.0.1".parse().unwrap());
    assert_eq!(look_up("amt://source.example@group.example").await, Ok(four));
    let six = (Some("2001:db8::12".parse().unwrap()), "ff3e::8000:1".parse().unwrap());
    assert_eq!(look_up("amt://six.example@group.example").await, Ok(six));
    assert_eq!(look_up("amt://group.example").await, Ok((None, four.1)));
    let failure = look_up("amt://gone.example@232.0.0.1").await.unwrap_err();
    assert_eq!(failure.to_string(), "Cannot resolve the source “gone.example”: no such name.");
    assert_eq!(failure.advice(), "Check the spelling, or use an IP address.");
    let failure = look_up("amt://192.0.2.1@gone.example").await.unwrap_err();
    assert_eq!(failure.to_string(), "Cannot resolve the group “gone.example”: no such name.");
}

#[tokio::test]
async fn a_query_whose_answer_is_lost_is_sent_again_soon() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |owner, _| match asked.fetch_add(1, Ordering::Relaxed) {
        0..4 => Reply::Silence,
        _ => Reply::Records(vec![address(owner, "192.0.2.1")]),
    })
    .await;
    let mut discovery = discovery(NAMED, &server);
    discovery.manner.patience = Manner::default().patience;
    let (found, failures) = all(&discovery, wanted("relay.example")).await;
    assert_eq!((found, failures), (vec![at("192.0.2.1:2268", Origin::Named { place: 0 })], vec![]));
}
