//! Several channels through one tunnel to a relay.

use crate::common::page::Page;
use crate::common::relay::{GROUP, PORT, SOURCE, TestRelay};
use crate::common::stream::Stream;
use crate::common::{Helper, eventually};
use amt_helper::membership::Membership;
use amt_helper::options::TransportChoice;
use amt_helper::transport::Transports;
use amt_helper::tunnel::{Lease, Line, News, Settings, Tunnels, Wanted};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(232, 9, 9, 10);

/// A datagram is sent to the channel of a page, which takes all frames of it; there is no step in them.
async fn whole(relay: &TestRelay, page: &mut Page, group: Ipv4Addr, stream: &mut Stream, next: &mut Option<u32>) {
    let datagram = stream.datagram();
    relay.send_to(group, PORT, &datagram);
    let mut left = datagram.len();
    while left > 0 {
        let (header, ts) = page.frame().await;
        assert!(next.is_none_or(|next| next == header.sequence) && !header.gap);
        *next = Some(header.sequence + 1);
        left -= ts.len();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_channels_of_one_relay_share_a_tunnel_and_the_one_that_is_left_does_not_disturb_the_other() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut stays = Page::open(helper.address()).await;
    let mut leaves = Page::open(helper.address()).await;
    stays.tune(&relay.url()).await;
    relay.wait_for_join(GROUP);
    leaves.tune(&relay.url_of(OTHER_GROUP)).await;
    relay.wait_for_join(OTHER_GROUP);
    assert_eq!(relay.endpoints(), 1, "one tunnel for both");

    let (mut stream, mut other) = (Stream::default(), Stream::default());
    let (mut next, mut other_next) = (None, None);
    for _ in 0..20 {
        whole(&relay, &mut stays, GROUP, &mut stream, &mut next).await;
        whole(&relay, &mut leaves, OTHER_GROUP, &mut other, &mut other_next).await;
    }
    drop(leaves);
    // It is left after a grace; data of the other goes on before, meanwhile and after.
    let deadline = Instant::now() + crate::common::PATIENCE;
    while relay.left(OTHER_GROUP) == 0 {
        assert!(Instant::now() < deadline, "the channel that nobody watches is not left");
        whole(&relay, &mut stays, GROUP, &mut stream, &mut next).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..20 {
        whole(&relay, &mut stays, GROUP, &mut stream, &mut next).await;
    }
    assert_eq!((relay.endpoints(), relay.left(GROUP), relay.subscribers(OTHER_GROUP)), (1, 0, 0));

    // Joined again, it comes through the tunnel that is there.
    let mut again = Page::open(helper.address()).await;
    again.tune(&relay.url_of(OTHER_GROUP)).await;
    relay.wait_for_join(OTHER_GROUP);
    let mut other_next = None;
    whole(&relay, &mut again, OTHER_GROUP, &mut other, &mut other_next).await;
    whole(&relay, &mut stays, GROUP, &mut stream, &mut next).await;
    assert_eq!(relay.endpoints(), 1);
    helper.signal("-TERM");
    eventually("both are left at the end", || relay.left(GROUP) == 1 && relay.left(OTHER_GROUP) == 2);
}

/// A channel's end that only has to be there.
struct Quiet;

impl Line for Quiet {
    fn datagram(&self, _: Instant, _: &[u8], _: u64) {}
    fn flush(&self, _: Instant) {}
    fn other_port(&self, _: u16) {}
    fn news(&self, _: News) {}
}

// One thread, so that the tunnel's task sees the leave and the join at once.
#[tokio::test]
async fn a_channel_that_comes_as_the_last_one_leaves_does_not_keep_that_one_joined() {
    async fn until(what: &str, so: impl Fn() -> bool) {
        let deadline = Instant::now() + crate::common::PATIENCE;
        while !so() {
            assert!(Instant::now() < deadline, "it did not come to be: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let relay = TestRelay::start();
    let settings = Settings { refresh: Duration::from_secs(30), ecn: false };
    let tunnels = Tunnels::new(Transports::open(TransportChoice::Udp).unwrap(), settings, None);
    let take = |group: Ipv4Addr| {
        let membership = Membership::new(group.into(), Some(SOURCE.into())).unwrap();
        let wanted = Wanted { membership, port: PORT, relay: relay.address, discover: true };
        let lease = tunnels.take(&wanted, Arc::new(Quiet)).unwrap();
        lease.join();
        lease
    };
    let first = take(GROUP);
    until("the first is joined", || relay.subscribers(GROUP) == 1).await;
    drop(first);
    let _second = take(OTHER_GROUP);
    until("the second is joined", || relay.subscribers(OTHER_GROUP) == 1).await;
    until("the first is left", || relay.subscribers(GROUP) == 0).await;
    assert_eq!(relay.endpoints(), 1);
}

/// A channel's end that keeps what it is told, or panics at the first question to the relay.
struct Heard {
    panics: bool,
    news: Mutex<Vec<News>>,
}

impl Line for Heard {
    fn datagram(&self, _: Instant, _: &[u8], _: u64) {}
    fn flush(&self, _: Instant) {}
    fn other_port(&self, _: u16) {}
    fn news(&self, news: News) {
        assert!(!self.panics || !matches!(news, News::Event(_)), "on purpose");
        self.news.lock().unwrap().push(news);
    }
}

#[tokio::test]
async fn a_tunnel_that_comes_to_grief_says_so_to_its_channels_and_another_takes_its_place() {
    let relay = TestRelay::start();
    let settings = Settings { refresh: Duration::from_secs(30), ecn: false };
    let tunnels = Tunnels::new(Transports::open(TransportChoice::Udp).unwrap(), settings, None);
    let membership = Membership::new(GROUP.into(), Some(SOURCE.into())).unwrap();
    let wanted = Wanted { membership, port: PORT, relay: relay.address, discover: true };
    let [panics, heard, later] = [true, false, false].map(|panics| Arc::new(Heard { panics, news: Mutex::default() }));
    let _grief = [tunnels.take(&wanted, heard.clone()), tunnels.take(&wanted, panics)];
    let told = |line: &Heard, what: fn(&News) -> bool| line.news.lock().unwrap().iter().any(what);
    let deadline = Instant::now() + crate::common::PATIENCE;
    while !told(&heard, |news| matches!(news, News::Gone)) {
        assert!(Instant::now() < deadline, "the other channel is not told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lease = tunnels.take(&wanted, later.clone()).unwrap();
    lease.join();
    while relay.subscribers(GROUP) == 0 {
        assert!(Instant::now() < deadline, "no other tunnel takes its place");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!told(&later, |news| matches!(news, News::Gone)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_loses_more_than_another_is_left_and_nothing_is_lost_or_doubled_by_that() {
    const LOST: u32 = 5;
    let (lossy, whole) = (Arc::new(TestRelay::start()), Arc::new(TestRelay::start()));
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune(&format!("{},{}", lossy.url(), whole.address)).await;
    lossy.wait_for_join(GROUP);
    let (first, second) = (Arc::clone(&lossy), Arc::clone(&whole));
    let sender = tokio::spawn(async move {
        let mut stream = Stream::default();
        for number in 0_u32.. {
            let datagram = stream.datagram();
            if number % 10 != LOST {
                first.send(&datagram);
            }
            second.send(&datagram);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let mut numbers: Vec<u32> = Vec::new();
    let (mut after, deadline) = (0, Instant::now() + 3 * crate::common::PATIENCE);
    while after < 1000 {
        assert!(Instant::now() < deadline, "it is not left");
        let (_, ts) = page.frame().await;
        // The video packets carry the numbers of their datagrams.
        let video = ts.chunks(188).filter(|packet| packet[1..3] == [1, 1] && packet[4] == 0);
        numbers.extend(video.map(|packet| u32::from_be_bytes(packet[4..8].try_into().unwrap())));
        after += u32::from(lossy.left(GROUP) > 0);
    }
    sender.abort();
    assert!(numbers.is_sorted(), "nothing comes again");
    numbers.dedup();
    let missing: Vec<u32> = numbers.windows(2).flat_map(|pair| pair[0] + 1..pair[1]).collect();
    assert!(missing.iter().all(|number| number % 10 == LOST), "{missing:?}");
    let last_missing = missing.last().copied().unwrap_or(0);
    assert!(numbers.last().unwrap() - last_missing > 500, "nothing is missing behind that");
    assert_eq!(whole.left(GROUP), 0);
}

#[tokio::test]
async fn new_relays_are_opened_slowly_and_those_that_answered_at_once() {
    let relay = TestRelay::start();
    let settings = Settings { refresh: Duration::from_secs(30), ecn: false };
    let tunnels = Tunnels::new(Transports::open(TransportChoice::Udp).unwrap(), settings, None);
    let take = |relay: SocketAddr| {
        let membership = Membership::new(GROUP.into(), Some(SOURCE.into())).unwrap();
        tunnels.take(&Wanted { membership, port: PORT, relay, discover: true }, Arc::new(Quiet)).unwrap()
    };
    async fn until_joined(relay: &TestRelay, lease: &Lease, subscribers: usize) {
        lease.join();
        let deadline = Instant::now() + crate::common::PATIENCE;
        while relay.subscribers(GROUP) != subscribers {
            assert!(Instant::now() < deadline, "it is not joined");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let known = take(relay.address);
    until_joined(&relay, &known, 1).await;

    // Strangers, whose first message says that they were asked.
    let strangers: Vec<UdpSocket> = (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let began = Instant::now();
    let leases: Vec<Lease> = strangers.iter().map(|stranger| take(stranger.local_addr().unwrap())).collect();
    drop(known);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = |stranger: &&UdpSocket| {
        stranger.set_nonblocking(true).unwrap();
        stranger.recv(&mut [0; 64]).is_ok()
    };
    let asked = strangers.iter().filter(asked).count();
    if began.elapsed() < Duration::from_secs(7) {
        assert!((1..=32).contains(&asked), "{asked} relays at once");
    }

    // While others wait, one that has answered before is joined again.
    let again = take(relay.address);
    until_joined(&relay, &again, 1).await;
    if began.elapsed() < Duration::from_secs(7) {
        let more = strangers.iter().filter(|stranger| stranger.recv(&mut [0; 64]).is_ok()).count();
        assert!(more <= 32, "{more}");
    }
    drop(leases);
}
