//! Our own relay's state machine behind a real socket.

use super::eventually;
use amt_helper::amt::message::MULTICAST_DATA_HEADER;
use amt_helper::amt::relay::{Config, Event, Relay};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const GROUP: Ipv4Addr = Ipv4Addr::new(232, 9, 9, 9);
pub(crate) const SOURCE_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xDB8, 1, 0, 0, 0, 0, 1);
pub(crate) const GROUP_6: Ipv6Addr = Ipv6Addr::new(0xFF3E, 0, 0, 0, 0, 0, 0x8000, 9);
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
        Self::start_at(Ipv4Addr::LOCALHOST, |_| ())
    }

    /// One at this address, with settings of its own.
    pub(crate) fn start_at(address: impl Into<IpAddr>, set: impl FnOnce(&mut Config)) -> Self {
        Self::start_on((address.into(), 0).into(), set)
    }

    /// One at this address and port.
    pub(crate) fn start_on(address: SocketAddr, set: impl FnOnce(&mut Config)) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let mut config = Config::new(address.ip());
        set(&mut config);
        let shared = Arc::new(Shared {
            socket,
            relay: Mutex::new(Relay::new(config, [7; 16])),
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

    pub(crate) fn url_of(&self, group: impl Into<IpAddr>) -> String {
        match group.into() {
            IpAddr::V4(group) => format!("amt://{SOURCE}@{group}:{PORT}?relay={}", self.address),
            IpAddr::V6(group) => format!("amt://[{SOURCE_6}]@[{group}]:{PORT}?relay={}", self.address),
        }
    }

    /// Does something when the first gateway asks, before it is answered.
    pub(crate) fn at_first_message(&self, greeting: impl FnOnce() + Send + 'static) {
        *self.shared.greeting.lock().unwrap() = Some(Box::new(greeting));
    }

    pub(crate) fn joined(&self, group: impl Into<IpAddr>) -> usize {
        let group = group.into();
        let joined = |event: &&Event| matches!(event, Event::Joined { group: of, .. } if *of == group);
        self.shared.events.lock().unwrap().iter().filter(joined).count()
    }

    pub(crate) fn left(&self, group: impl Into<IpAddr>) -> usize {
        let group = group.into();
        let left = |event: &&Event| matches!(event, Event::Left { group: of, .. } if *of == group);
        self.shared.events.lock().unwrap().iter().filter(left).count()
    }

    /// How many tunnels there were.
    pub(crate) fn endpoints(&self) -> usize {
        let added = |event: &&Event| matches!(event, Event::EndpointAdded(_));
        self.shared.events.lock().unwrap().iter().filter(added).count()
    }

    pub(crate) fn wait_for_join(&self, group: impl Into<IpAddr>) {
        let group = group.into();
        eventually("the channel is joined", || self.subscribers(group) > 0);
    }

    pub(crate) fn subscribers(&self, group: impl Into<IpAddr>) -> usize {
        let group = group.into();
        self.shared.relay.lock().unwrap().subscribers(source_of(group), group).count()
    }

    /// Sends one datagram of the test channel.
    pub(crate) fn send(&self, payload: &[u8]) {
        self.send_to(GROUP, PORT, payload);
    }

    pub(crate) fn send_to(&self, group: impl Into<IpAddr>, port: u16, payload: &[u8]) {
        let group = group.into();
        let message = [&MULTICAST_DATA_HEADER[..], &inner(group, port, payload)].concat();
        let relay = self.shared.relay.lock().unwrap();
        for endpoint in relay.subscribers(source_of(group), group) {
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

fn source_of(group: IpAddr) -> IpAddr {
    if group.is_ipv4() { SOURCE.into() } else { SOURCE_6.into() }
}

/// A packet with a UDP datagram; its checksum as a relay may leave it: zero (RFC 7450, 4.2.2.3).
fn inner(group: IpAddr, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let builder = match group {
        IpAddr::V4(group) => etherparse::PacketBuilder::ipv4(SOURCE.octets(), group.octets(), 16),
        IpAddr::V6(group) => etherparse::PacketBuilder::ipv6(SOURCE_6.octets(), group.octets(), 16),
    };
    builder.udp(5000, port).write(&mut packet, payload).unwrap();
    let checksum = packet.len() - payload.len() - 2;
    packet[checksum..checksum + 2].fill(0);
    packet
}
