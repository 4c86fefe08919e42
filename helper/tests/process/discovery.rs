//! Ways to a relay: by the DNS record of the source, down a list, past relays that are dead, full or not there yet.

use crate::common::page::Page;
use crate::common::relay::{GROUP, PORT, SOURCE, TestRelay};
use crate::common::stream::Stream;
use crate::common::{Helper, PATIENCE};
use amt_shared::wire::Phase;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::NULL;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The type of an AMTRELAY record (RFC 8777, 4.1).
const AMTRELAY: u16 = 260;
/// Asks nobody but relays that are named and the name server of the test.
const NEAR: [&str; 2] = ["--discovery", "named,dns"];

/// A name server that knows one AMTRELAY record, of the source and with this data, or no name at all. It serves
/// until the test's process ends.
fn name_server(rdata: Option<Vec<u8>>) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let [a, b, c, d] = SOURCE.octets();
        let owner = format!("{d}.{c}.{b}.{a}.in-addr.arpa.");
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let (name, kind) = (question.queries[0].name().clone(), question.queries[0].query_type());
            let mut answer = question.into_response();
            match &rdata {
                Some(rdata) if name.to_ascii() == owner && u16::from(kind) == AMTRELAY => {
                    let (code, rdata) = (RecordType::Unknown(AMTRELAY), NULL::with(rdata.clone()));
                    answer.add_answers([Record::from_rdata(name, 60, RData::Unknown { code, rdata })]);
                }
                _ => answer.metadata.response_code = ResponseCode::NXDomain,
            }
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
    address
}

fn receive(url: &str, more: &[&str]) -> Helper {
    let arguments = ["receive", url, "--transport", "udp", "--path", "amt", "--output", "/dev/null"];
    Helper::start(Helper::command().args(arguments).args(NEAR).args(more))
}

/// Sends until the helper receives; what it says then.
fn received_through(relay: &TestRelay, helper: &Helper) -> String {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = Stream::default();
    while !helper.lines.all().contains("Receiving ") {
        assert!(Instant::now() < deadline, "nothing is received:\n{}", helper.lines.all());
        relay.send(&stream.datagram());
        std::thread::sleep(Duration::from_millis(10));
    }
    let line = helper.lines.wait_for("Receiving ");
    assert!(line.contains(&format!("through the relay {}", relay.address)), "{line}");
    line
}

/// The milliseconds from tuning in to the first data, as the helper says them.
fn milliseconds(line: &str) -> u64 {
    let before = line.split(" ms after").next().unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_relay_that_nobody_named_is_found_in_the_dns_record_of_the_source() {
    // A record has no port: such a relay is at AMT's own.
    let address = Ipv4Addr::new(127, 0, 0, 77);
    let relay = TestRelay::start_on((address, 2268).into(), |_| ());
    let precedence_and_type = [10, 1];
    let record = [&precedence_and_type[..], &address.octets()].concat();
    let server = name_server(Some(record)).to_string();
    let helper = receive(&format!("amt://{SOURCE}@{GROUP}:{PORT}"), &["--dns-server", &server]);
    received_through(&relay, &helper);
    let said = "Trying the relay 127.0.0.77:2268, from the source's DNS record (precedence 10).";
    helper.lines.wait_for(said);
}

#[test]
fn a_list_whose_first_relay_is_dead_plays_soon() {
    let dead = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let relay = TestRelay::start();
    let url = format!("amt://{SOURCE}@{GROUP}:{PORT}?relay={},{}", dead.local_addr().unwrap(), relay.address);
    let helper = receive(&url, &[]);
    let line = received_through(&relay, &helper);
    println!("the first relay of two is dead: data {} ms after tuning in", milliseconds(&line));
    assert!(milliseconds(&line) <= 5000, "{line}");
}

#[test]
fn a_relay_that_takes_no_more_gateways_is_passed_over() {
    let full = TestRelay::start_at(Ipv4Addr::LOCALHOST, |config| config.max_endpoints = 0);
    let relay = TestRelay::start();
    let url = format!("amt://{SOURCE}@{GROUP}:{PORT}?relay={},{}", full.address, relay.address);
    let helper = receive(&url, &[]);
    received_through(&relay, &helper);
    assert_eq!(full.endpoints(), 0);
}

#[test]
fn a_relay_that_comes_up_after_it_was_refused_is_found() {
    let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let helper = receive(&format!("amt://{SOURCE}@{GROUP}:{PORT}?relay={address}"), &[]);
    helper.lines.wait_for(&format!("No relay listens at {address}"));
    let relay = TestRelay::start_on(address, |_| ());
    received_through(&relay, &helper);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_name_is_unknown_is_told_with_advice() {
    let server = name_server(None).to_string();
    let helper = Helper::serve(&[&NEAR[..], &["--dns-server", &server]].concat());
    let mut page = Page::open(helper.address()).await;
    page.tune(&format!("amt://{SOURCE}@{GROUP}:{PORT}?relay=nowhere.example")).await;
    let status = page.wait_for(Phase::Failed).await;
    assert_eq!(status.sentence, "Cannot resolve the relay “nowhere.example”: no such name.");
    assert!(status.advice.is_some_and(|advice| advice.contains("spelling")));
}
