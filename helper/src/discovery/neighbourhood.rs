//! Asks the local network for relays: mDNS (RFC 6762), as a one-shot question (5.1), whose answers come back to the
//! port that asked (6.7).

use super::failure::Cause;
use super::service::{Announced, Services};
use futures_util::future::join_all;
use hickory_resolver::proto::op::{Message, MessageType, Query};
use hickory_resolver::proto::rr::Name;
use pnet::datalink::{self, NetworkInterface};
use pnet::ipnetwork::IpNetwork;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0xFB);
/// A responder takes up to 120 ms (6), and a question may be repeated after a second (5.2), in case it was lost.
const REPEAT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_millis(1500);
/// Interfaces that are asked, and datagrams that are read of each.
const MAX_INTERFACES: usize = 8;
const MAX_DATAGRAMS: usize = 64;

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Neighbourhood {
    /// Everybody on every interface that can do multicast.
    Interfaces,
    /// One responder, for tests that must not leave the machine.
    #[cfg(test)]
    Only(SocketAddr),
}

/// One version of IP on one interface.
struct Link {
    socket: UdpSocket,
    to: SocketAddr,
    /// Whoever answers must be in one of these (11).
    networks: Vec<IpNetwork>,
    scope: u32,
}

impl Neighbourhood {
    /// Calls `found` with relays as they answer, until there is nothing more to wait for.
    ///
    /// # Errors
    /// Where none answered.
    pub(super) async fn ask(&self, found: &(impl Fn(Vec<Announced>) + Sync)) -> Result<(), Cause> {
        let links = match self {
            Self::Interfaces => links(),
            #[cfg(test)]
            Self::Only(responder) => vec![Link::to(*responder)],
        };
        if links.is_empty() {
            return Err(Cause::Unreachable);
        }
        let answered = join_all(links.into_iter().map(|link| link.ask(found))).await;
        if answered.contains(&true) { Ok(()) } else { Err(Cause::NoAnswer) }
    }
}

impl Link {
    async fn ask(self, found: &impl Fn(Vec<Announced>)) -> bool {
        let Some(mut services) = Name::from_ascii("local.").ok().and_then(|local| Services::of(&local)) else {
            return false;
        };
        let id = rand::random();
        let began = Instant::now();
        let mut repeat = Some(began + REPEAT);
        let mut known = 0;
        let mut buffer = [0; 9000];
        for _ in 0..MAX_DATAGRAMS {
            for (name, kind) in services.questions() {
                let mut message = Message::query();
                message.metadata.id = id;
                message.metadata.recursion_desired = false;
                message.add_query(Query::query(name, kind));
                if let Ok(question) = message.to_vec() {
                    // An interface may go at any time; the others go on.
                    let _ = self.socket.send_to(&question, self.to).await;
                }
            }
            tokio::select! {
                Ok((len, from)) = self.socket.recv_from(&mut buffer) => {
                    if let Some(answer) = self.read(&buffer[..len], from, id) {
                        services.take(&answer);
                    }
                }
                () = sleep_until(repeat.unwrap_or(began)), if repeat.is_some() => {
                    repeat = None;
                    services.forget_questions();
                }
                () = sleep_until(began + PATIENCE) => break,
            }
            let relays = services.relays();
            if relays.len() > known {
                known = relays.len();
                found(relays.into_iter().map(|announced| self.with_scope(announced)).collect());
            }
        }
        known > 0
    }

    /// An answer to our question from somebody near.
    fn read(&self, datagram: &[u8], from: SocketAddr, id: u16) -> Option<Message> {
        let near = self.networks.iter().any(|network| network.contains(from.ip()));
        let message = Message::from_vec(datagram).ok().filter(|_| near)?;
        (message.metadata.message_type == MessageType::Response && message.metadata.id == id).then_some(message)
    }

    /// A link-local address says nothing without its interface.
    fn with_scope(&self, announced: Announced) -> Announced {
        match announced.relay {
            SocketAddr::V6(relay) if relay.ip().is_unicast_link_local() => {
                let relay = SocketAddrV6::new(*relay.ip(), relay.port(), 0, self.scope);
                Announced { relay: relay.into(), ..announced }
            }
            _ => announced,
        }
    }

    #[cfg(test)]
    fn to(responder: SocketAddr) -> Self {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(socket).unwrap();
        Self { socket, to: responder, networks: vec!["127.0.0.0/8".parse().unwrap()], scope: 0 }
    }
}

fn links() -> Vec<Link> {
    let usable = |interface: &NetworkInterface| {
        interface.is_up() && interface.is_multicast() && !interface.is_loopback() && !interface.is_point_to_point()
    };
    let interfaces = datalink::interfaces().into_iter().filter(usable).take(MAX_INTERFACES);
    interfaces.flat_map(|interface| [link_v4(&interface), link_v6(&interface)]).flatten().flatten().collect()
}

fn link_v4(interface: &NetworkInterface) -> Option<io::Result<Link>> {
    let address = interface.ips.iter().find_map(|network| match network.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })?;
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_multicast_if_v4(&address)?;
        socket.set_multicast_ttl_v4(255)?;
        bind(socket, (address, 0).into())
    };
    let link =
        |socket| Link { socket, to: (GROUP_V4, PORT).into(), networks: interface.ips.clone(), scope: interface.index };
    Some(open().map(link))
}

fn link_v6(interface: &NetworkInterface) -> Option<io::Result<Link>> {
    let address = interface.ips.iter().find_map(|network| match network.ip() {
        IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
        _ => None,
    })?;
    let open = || {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_only_v6(true)?;
        socket.set_multicast_if_v6(interface.index)?;
        socket.set_multicast_hops_v6(255)?;
        bind(socket, SocketAddrV6::new(address, 0, 0, interface.index).into())
    };
    let link = |socket| Link {
        socket,
        to: SocketAddrV6::new(GROUP_V6, PORT, 0, interface.index).into(),
        networks: interface.ips.clone(),
        scope: interface.index,
    };
    Some(open().map(link))
}

fn bind(socket: Socket, address: SocketAddr) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
