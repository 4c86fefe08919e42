//! The relay on real sockets, with our own gateway at the other end.

use super::looper::DATAGRAM_LEN;
use super::*;
use crate::amt::gateway::{Config, Event, Gateway};
use crate::datagram;
use crate::membership::Membership;
use amt_shared::ts::{self, Continuity, ContinuityTracker, Packet};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long anything may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway with a socket, and what it received.
struct Viewer {
    gateway: Gateway,
    socket: UdpSocket,
    stream: Vec<u8>,
}

impl Viewer {
    async fn new(relay: SocketAddr, source: Option<Ipv4Addr>) -> Self {
        let membership = Membership::new(GROUP.into(), source.map(IpAddr::from)).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let seed = socket.local_addr().unwrap().port().into();
        let mut gateway = Gateway::new(Instant::now(), Config::new(membership.protocol()), relay, seed);
        gateway.join(Instant::now(), membership);
        Self { gateway, socket, stream: Vec::new() }
    }

    /// Runs until `enough`, or for this long; says whether it was enough.
    async fn run(&mut self, time: Duration, mut enough: impl FnMut(&mut Self) -> bool) -> bool {
        let end = Instant::now() + time;
        let mut buffer = [0; 2048];
        while Instant::now() < end {
            while let Some(transmit) = self.gateway.poll_transmit() {
                self.socket.send_to(&transmit.payload, transmit.to).await.unwrap();
            }
            if enough(self) {
                return true;
            }
            let wake = self.gateway.poll_timeout().unwrap_or(end).min(end);
            match tokio::time::timeout_at(wake.into(), self.socket.recv_from(&mut buffer)).await {
                Ok(received) => {
                    let (len, from) = received.unwrap();
                    let inner = self.gateway.handle_datagram(Instant::now(), from, &buffer[..len]);
                    if let Ok(Some(packet)) = inner {
                        let datagram = datagram::parse(packet).unwrap();
                        assert_eq!(datagram.payload.len(), DATAGRAM_LEN);
                        assert_eq!(datagram.destination, SocketAddr::from((GROUP, PORT)));
                        self.stream.extend(datagram.payload);
                    }
                }
                Err(_) => self.gateway.handle_timeout(Instant::now()),
            }
        }
        false
    }

    async fn receive(&mut self, datagrams: usize) {
        let target = self.stream.len() + datagrams * DATAGRAM_LEN;
        assert!(self.run(PATIENCE, |viewer| viewer.stream.len() >= target).await, "no data");
    }

    async fn leave_and_wait_for_silence(&mut self) {
        self.gateway.stop(Instant::now());
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < end, "the data does not stop");
            self.stream.clear();
            let before = self.raw_datagrams(Duration::from_millis(500)).await;
            if before == 0 {
                return;
            }
        }
    }

    /// Datagrams that still arrive, whatever the gateway thinks of them.
    async fn raw_datagrams(&mut self, time: Duration) -> usize {
        while let Some(transmit) = self.gateway.poll_transmit() {
            self.socket.send_to(&transmit.payload, transmit.to).await.unwrap();
        }
        let (end, mut buffer, mut count) = (Instant::now() + time, [0; 2048], 0);
        while tokio::time::timeout_at(end.into(), self.socket.recv_from(&mut buffer)).await.is_ok() {
            count += 1;
        }
        count
    }

    /// Fails where a packet is missing.
    fn assert_whole(&self) {
        let mut counters: BTreeMap<u16, ContinuityTracker> = BTreeMap::new();
        for bytes in self.stream.as_chunks::<{ ts::PACKET_LEN }>().0 {
            let packet = Packet::parse(bytes).unwrap();
            assert_eq!(counters.entry(packet.pid()).or_default().check(&packet), Continuity::Expected);
        }
        assert!(counters.len() >= 4, "PAT, PMT, picture and sound");
    }
}

fn start(options: &RelayOptions) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<anyhow::Result<()>>) {
    let relay = Relay::bind(options).unwrap();
    let address = relay.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(relay.run(async move {
        let _ = stopped.await;
    }));
    (address, stop, task)
}

fn any_port() -> RelayOptions {
    RelayOptions { bind: ([127, 0, 0, 1], 0).into(), ..RelayOptions::default() }
}

#[test]
fn the_demo_channel_is_the_one_in_the_readme() {
    assert_eq!(demo_url(DEFAULT_BIND).to_string(), "amt://192.0.2.1@232.0.2.1:1234?relay=127.0.0.1");
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], 2269));
    assert_eq!(demo_url(elsewhere).to_string(), "amt://192.0.2.1@232.0.2.1:1234?relay=127.0.0.1:2269");
}

#[tokio::test]
async fn gateways_join_and_leave_while_the_clip_plays_on() {
    let (address, stop, task) = start(&any_port());
    let mut first = Viewer::new(address, Some(SOURCE)).await;
    first.receive(150).await;
    first.assert_whole();

    // The second comes into the middle of what the first has seen from its beginning.
    let mut second = Viewer::new(address, None).await;
    second.receive(20).await;
    first.leave_and_wait_for_silence().await;
    second.stream.clear();
    second.receive(20).await;
    second.leave_and_wait_for_silence().await;

    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_gets_the_clip_who_joined_another_source() {
    let (address, _stop, _task) = start(&any_port());
    let mut other = Viewer::new(address, Some(Ipv4Addr::new(192, 0, 2, 2))).await;
    let reported = |viewer: &mut Viewer| {
        std::iter::from_fn(|| viewer.gateway.poll_event()).any(|event| matches!(event, Event::Report { .. }))
    };
    assert!(other.run(PATIENCE, reported).await);
    assert_eq!(other.raw_datagrams(Duration::from_millis(500)).await, 0);
}

#[tokio::test]
async fn the_frame_log_names_the_frames_in_the_order_they_were_sent() {
    let path = std::env::temp_dir().join(format!("amt-frame-log-{}", std::process::id()));
    let options = RelayOptions { frame_log: Some(path.clone()), ..any_port() };
    let (_, stop, task) = start(&options);
    let end = Instant::now() + PATIENCE;
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    while read().lines().count() < 8 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
    let text = read();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<(u32, u64)> = text
        .lines()
        .map(|line| line.split_once(' ').map(|(frame, at)| (frame.parse().unwrap(), at.parse().unwrap())).unwrap())
        .collect();
    let frames: Vec<_> = lines.iter().take(8).map(|line| line.0).collect();
    assert_eq!(frames, [0, 2, 1, 4, 3, 6, 5, 8]);
    assert!(lines.is_sorted_by_key(|line| line.1));
    // Five frame periods lie between the first and the sixth, give or take what a loaded machine is late.
    assert!(lines[7].1 - lines[0].1 >= 200_000, "faster than the clip");
}

#[tokio::test]
async fn what_is_wrong_is_said_in_a_sentence() {
    let (address, _stop, _task) = start(&any_port());
    let said = |options: RelayOptions| Relay::bind(&options).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said(RelayOptions { bind: address, ..any_port() }).contains("is in use"));
    assert!(said(RelayOptions { bind: ([0, 0, 0, 0], 0).into(), ..any_port() }).contains("address that gateways can"));
    assert!(said(RelayOptions { bind: ([192, 0, 2, 77], 0).into(), ..any_port() }).contains("not an address of this"));
    let upstream = Upstream::Interface("no-such-0".into());
    assert!(said(RelayOptions { upstream, ..any_port() }).contains("no interface “no-such-0”"));
    let frame_log = Some("/nowhere/at/all".into());
    assert!(said(RelayOptions { frame_log, ..any_port() }).contains("/nowhere/at/all"));
}
