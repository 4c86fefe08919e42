//! A name server on loopback that says what a test wants, and remembers what it was asked.

use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, NULL, PTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;

/// Of one question.
pub(super) enum Reply {
    Records(Vec<Record>),
    Code(ResponseCode),
    /// The same as records, but later.
    Late(Duration, Vec<Record>),
    Silence,
    Garbage,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves until the test's runtime ends.
    pub(super) async fn start(reply: impl Fn(&str, RecordType) -> Reply + Send + 'static) -> Self {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let address = socket.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            loop {
                let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..len]).unwrap();
                let query = &question.queries[0];
                let (name, kind) = (query.name().to_ascii(), query.query_type());
                log.lock().unwrap().push(format!("{name} {}", number(query)));
                let mut answer = question.clone().into_response();
                let (delay, bytes) = match reply(&name, kind) {
                    Reply::Records(records) => (Duration::ZERO, answer.add_answers(records).to_vec().unwrap()),
                    Reply::Late(delay, records) => (delay, answer.add_answers(records).to_vec().unwrap()),
                    Reply::Code(code) => {
                        answer.metadata.response_code = code;
                        (Duration::ZERO, answer.to_vec().unwrap())
                    }
                    Reply::Garbage => {
                        // The right question and flags, and then an answer that is none.
                        let mut bytes = answer.to_vec().unwrap();
                        bytes[7] = 1;
                        bytes.extend([0xC0; 7]);
                        (Duration::ZERO, bytes)
                    }
                    Reply::Silence => continue,
                };
                let socket = socket.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    socket.send_to(&bytes, from).await.unwrap();
                });
            }
        });
        Self { address, asked }
    }

    /// The questions so far, each as its name and the number of its type, sorted and each once.
    pub(super) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

fn number(query: &Query) -> u16 {
    query.query_type().into()
}

pub(super) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

pub(super) fn record(owner: &str, data: RData) -> Record {
    Record::from_rdata(name(owner), 60, data)
}

pub(super) fn address(owner: &str, address: &str) -> Record {
    match address.parse().unwrap() {
        IpAddr::V4(address) => record(owner, RData::A(A(address))),
        IpAddr::V6(address) => record(owner, RData::AAAA(AAAA(address))),
    }
}

pub(super) fn unknown(owner: &str, code: u16, rdata: &[u8]) -> Record {
    record(owner, RData::Unknown { code: RecordType::Unknown(code), rdata: NULL::with(rdata.to_vec()) })
}

pub(super) fn cname(owner: &str, target: &str) -> Record {
    record(owner, RData::CNAME(CNAME(name(target))))
}

pub(super) fn ptr(owner: &str, target: &str) -> Record {
    record(owner, RData::PTR(PTR(name(target))))
}

pub(super) fn srv(owner: &str, priority: u16, weight: u16, port: u16, target: &str) -> Record {
    record(owner, RData::SRV(SRV::new(priority, weight, port, name(target))))
}
