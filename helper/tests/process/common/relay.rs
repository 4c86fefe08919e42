//! Our own relay's state machine behind a real socket.

use super::eventually;
use amt_helper::amt::message::MULTICAST_DATA_HEADER;
use amt_helper::amt::relay::{Config, Event, Relay};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const GROUP: Ipv4Addr = Ipv4Addr::new(232, 9, 9, 9);
pub(crate) const PORT: u16 = 1234;

/// A relay on loopback.
pub(crate) struct TestRelay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    socket: UdpSocket,
    relay: Mutex<Relay>,
    events: Mutex<Vec<Event>>,
    /// Called at the first message of a gateway, before it is answered.
    greeting: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    over: AtomicBool,
}

impl TestRelay {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let shared = Arc::new(Shared {
            socket,
            relay: Mutex::new(Relay::new(Config::new(address.ip()), [7; 16])),
            events: Mutex::default(),
            greeting: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let worker = Arc::clone(&shared);
        std::thread::spawn(move || worker.run());
        Self { address, shared }
    }

    /// The URL of the test channel through this relay.
    pub(crate) fn url(&self) -> String {
        self.url_of(GROUP)
    }

    pub(crate) fn url_of(&self, group: Ipv4Addr) -> String {
        format!("amt://{SOURCE}@{group}:{PORT}?relay={}", self.address)
    }

    /// Does something when the first gateway asks, before it is answered.
    pub(crate) fn at_first_message(&self, greeting: impl FnOnce() + Send + 'static) {
        *self.shared.greeting.lock().unwrap() = Some(Box::new(greeting));
    }

    pub(crate) fn joined(&self, group: Ipv4Addr) -> usize {
        let joined = |event: &&Event| matches!(event, Event::Joined { group: of, .. } if *of == group);
        self.shared.events.lock().unwrap().iter().filter(joined).count()
    }

    pub(crate) fn left(&self, group: Ipv4Addr) -> usize {
        let left = |event: &&Event| matches!(event, Event::Left { group: of, .. } if *of == group);
        self.shared.events.lock().unwrap().iter().filter(left).count()
    }

    /// How many tunnels there were.
    pub(crate) fn endpoints(&self) -> usize {
        let added = |event: &&Event| matches!(event, Event::EndpointAdded(_));
        self.shared.events.lock().unwrap().iter().filter(added).count()
    }

    pub(crate) fn wait_for_join(&self, group: Ipv4Addr) {
        eventually("the channel is joined", || self.subscribers(group) > 0);
    }

    pub(crate) fn subscribers(&self, group: Ipv4Addr) -> usize {
        self.shared.relay.lock().unwrap().subscribers(SOURCE.into(), group.into()).count()
    }

    /// Sends one datagram of the test channel.
    pub(crate) fn send(&self, payload: &[u8]) {
        self.send_to(GROUP, PORT, payload);
    }

    pub(crate) fn send_to(&self, group: Ipv4Addr, port: u16, payload: &[u8]) {
        let message = [&MULTICAST_DATA_HEADER[..], &inner(group, port, payload)].concat();
        let relay = self.shared.relay.lock().unwrap();
        for endpoint in relay.subscribers(SOURCE.into(), group.into()) {
            self.shared.socket.send_to(&message, endpoint).unwrap();
        }
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn run(&self) {
        let mut buffer = [0; 2048];
        while !self.over.load(Ordering::Relaxed) {
            let received = self.socket.recv_from(&mut buffer);
            let greeting = received.is_ok().then(|| self.greeting.lock().unwrap().take()).flatten();
            if let Some(greeting) = greeting {
                greeting();
            }
            let mut relay = self.relay.lock().unwrap();
            if let Ok((length, from)) = received {
                // Refused messages show as missing events.
                let _ = relay.handle_datagram(Instant::now(), from, &buffer[..length]);
            }
            relay.handle_timeout(Instant::now());
            while let Some(transmit) = relay.poll_transmit() {
                self.socket.send_to(&transmit.payload, transmit.to).unwrap();
            }
            while let Some(event) = relay.poll_event() {
                self.events.lock().unwrap().push(event);
            }
        }
    }
}

/// An IPv4 packet with a UDP datagram; both checksums as a relay may leave them (the inner UDP one zero).
fn inner(group: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let ip = etherparse::Ipv4Header::new(
        8 + payload.len() as u16,
        16,
        etherparse::IpNumber::UDP,
        SOURCE.octets(),
        group.octets(),
    )
    .unwrap();
    let mut packet = Vec::new();
    ip.write(&mut packet).unwrap();
    packet.extend(5000u16.to_be_bytes());
    packet.extend(port.to_be_bytes());
    packet.extend((8 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}
