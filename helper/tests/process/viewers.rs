//! Pages and the channels they watch, over real sockets.

use crate::common::page::{Page, Received};
use crate::common::relay::{GROUP, TestRelay};
use crate::common::stream::{Stream, begins_with_random_access};
use crate::common::{Helper, PATIENCE, eventually};
use amt_shared::wire::{FromHelper, Phase, Status};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(232, 9, 9, 10);

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_the_stream_as_it_was_sent() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune(&relay.url()).await;
    let status = page.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);
    assert_eq!(status.relay, Some(relay.address.to_string()));
    let mut stream = Stream::default();
    let (mut sent, mut got, mut next) = (Vec::new(), Vec::new(), 0);
    for _ in 0..120 {
        let datagram = stream.datagram();
        relay.send(&datagram);
        sent.extend(datagram);
        while got.len() < sent.len() {
            let (header, ts) = page.frame().await;
            assert_eq!(header.sequence, next);
            assert!(!header.gap);
            next += 1;
            got.extend(ts);
        }
    }
    assert_eq!(got, sent);
    let stats = page.stats().await;
    assert_eq!((stats.continuity_lost, stats.viewers, stats.ts_packets), (0, 1, 120 * 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_page_shares_the_tunnel_and_starts_at_once() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut first = Page::open(helper.address()).await;
    first.tune(&relay.url()).await;
    first.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    for _ in 0..Stream::INTERVAL + 5 {
        relay.send(&stream.datagram());
        first.frame().await;
    }
    // The first datagram of each interval makes two frames; nothing may be left when the next one looks.
    let mut second = Page::open(helper.address()).await;
    // The same channel by another way: it is shared all the same.
    second.tune(&relay.url().replace("?relay=", "?timeout=9&relay=")).await;
    let frames = loop {
        match second.next().await {
            Received::Message(FromHelper::CatchUp { frames, age_micros }) => {
                assert!(age_micros < 60_000_000);
                break frames;
            }
            Received::Message(_) => {}
            Received::Frame(..) => panic!("frames before CatchUp"),
        }
    };
    // No datagram is sent now: all of this is kept.
    let mut kept = Vec::new();
    for _ in 0..frames {
        kept.push(second.frame().await);
    }
    assert_eq!(kept[0].1[1..3], [0x40, 0x00], "it begins with the PAT");
    assert!(begins_with_random_access(&kept[1].1));
    assert!(kept.windows(2).all(|pair| pair[1].0.sequence == pair[0].0.sequence + 1));
    assert_eq!((relay.joined(GROUP), relay.endpoints()), (1, 1));
    // A live frame follows the kept ones without a step.
    relay.send(&stream.datagram());
    assert_eq!(second.frame().await.0.sequence, kept.last().unwrap().0.sequence + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_seconds_to_keep_a_second_page_is_given_the_tables_alone() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&["--cache-seconds", "0"]);
    let mut first = Page::open(helper.address()).await;
    first.tune(&relay.url()).await;
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    for _ in 0..10 {
        relay.send(&stream.datagram());
        first.frame().await;
    }
    let mut second = Page::open(helper.address()).await;
    second.tune(&relay.url()).await;
    let (_, tables) = second.frame().await;
    assert_eq!((tables.len(), &tables[1..3], &tables[189..191]), (2 * 188, &[0x40, 0x00][..], &[0x41, 0x00][..]));
    relay.send(&[0x47; 188].repeat(7));
    assert_eq!(second.frame().await.1, [0x47; 188].repeat(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_tells_when_the_kernel_received_it_however_late_the_helper_reads_it() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune(&relay.url()).await;
    relay.wait_for_join(GROUP);
    page.wait_for(Phase::Joined).await;
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
    helper.signal("-STOP");
    let before = now();
    relay.send(&Stream::default().datagram());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let after = now();
    helper.signal("-CONT");
    let received = page.frame().await.0.received_micros;
    assert!((before..after).contains(&received), "{before} ≤ {received} < {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_page_to_leave_ends_the_tunnel_and_a_reload_does_not() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let mut first = Page::open(address).await;
    let mut second = Page::open(address).await;
    first.tune(&relay.url()).await;
    second.tune(&relay.url()).await;
    relay.wait_for_join(GROUP);
    drop(first);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(relay.subscribers(GROUP), 1, "one page still watches");
    drop(second);
    // Loaded again within the grace.
    let mut again = Page::open(address).await;
    again.tune(&relay.url()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((relay.joined(GROUP), relay.left(GROUP)), (1, 0));
    again.say(r#"{"type":"stop"}"#).await;
    again.wait_for(Phase::Idle).await;
    eventually("the tunnel is torn down", || relay.left(GROUP) == 1 && relay.subscribers(GROUP) == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_takes_nothing_loses_back_to_a_random_access_point_and_hurts_nobody() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let mut fast = Page::open(address).await;
    let mut slow = Page::open_slow(address).await;
    fast.tune(&relay.url()).await;
    slow.tune(&relay.url()).await;
    fast.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);

    let mut stream = Stream::default();
    let (mut sent, mut got, mut next) = (0, 0, 0);
    // Until well more has been sent than mailbox, socket buffers and WebSocket hold for the slow one.
    while sent < 40 << 20 {
        for _ in 0..32 {
            let datagram = stream.datagram();
            sent += datagram.len();
            relay.send(&datagram);
        }
        while got < sent {
            let (header, ts) = fast.frame().await;
            assert_eq!(header.sequence, next, "the fast page misses nothing");
            next += 1;
            got += ts.len();
        }
    }
    // Now the slow one reads what is left for it.
    let mut last = slow.frame().await.0.sequence;
    let mut steps = 0;
    while last + 1 < next {
        let (header, ts) = slow.frame().await;
        if header.sequence != last + 1 {
            steps += 1;
            assert!(begins_with_random_access(&ts), "it goes on where decoding can start");
        }
        last = header.sequence;
    }
    assert!(steps >= 1, "it must have lost something");
    assert!(fast.stats().await.viewer_dropped > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_address_costs_neither_the_socket_nor_other_channels() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let mut watching = Page::open(address).await;
    watching.tune(&relay.url()).await;
    watching.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);

    let mut page = Page::open(address).await;
    page.tune("http://not.an.amt.url/").await;
    assert!(page.wait_for(Phase::Failed).await.sentence.contains("amt://"));
    page.say("{\"type\":\"dance\"}").await;
    assert!(page.wait_for(Phase::Failed).await.sentence.contains("understand"));
    page.tune("amt://192.0.2.1@232.9.9.11?relay=no-such-relay.invalid").await;
    let status = page.wait_for(Phase::Failed).await;
    assert!(status.sentence.contains("no-such-relay.invalid") && status.advice.is_some());
    page.tune(&relay.url_of(OTHER_GROUP)).await;
    page.wait_for(Phase::Joined).await;
    relay.wait_for_join(OTHER_GROUP);
    relay.send_to(OTHER_GROUP, 1234, &Stream::default().datagram());
    page.frame().await;

    relay.send(&Stream::default().datagram());
    watching.frame().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_relay_is_heeded_while_the_first_brings_nothing() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune("amt://192.0.2.1@232.9.9.9?relay=no-such-relay.invalid").await;
    page.wait_for(Phase::Failed).await;
    page.tune(&relay.url()).await;
    page.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);
    relay.send(&Stream::default().datagram());
    page.frame().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_transport_stream_is_told() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune(&relay.url()).await;
    page.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);
    for _ in 0..30 {
        relay.send(&[0x20; 1000]);
    }
    assert!(page.wait_for(Phase::Failed).await.sentence.contains("not an MPEG transport stream"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_port_is_told_with_the_right_one() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune(&relay.url()).await;
    page.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);
    for _ in 0..30 {
        relay.send_to(GROUP, 5555, &Stream::default().datagram());
    }
    assert!(page.wait_for(Phase::Failed).await.sentence.contains("5555"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_not_there_is_told_and_the_next_one_is_tried() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    // Nobody listens on the discard port of loopback.
    page.tune(&relay.url().replace("?relay=", "?timeout=1&relay=127.0.0.1:9,")).await;
    page.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);
    relay.send(&Stream::default().datagram());
    page.frame().await;
    helper.lines.wait_for("No relay listens at 127.0.0.1:9");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_learns_no_more_than_that_a_stranger_does_not_answer() {
    let helper = Helper::serve(&[]);
    // One port is closed, at the other something else than a relay answers.
    let babbler = UdpSocket::bind("127.0.0.1:0").unwrap();
    let answering = babbler.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((_, from)) = babbler.recv_from(&mut [0; 1500]) {
            let _ = babbler.send_to(b"no AMT", from);
        }
    });
    let mut learnt = Vec::new();
    for (group, relay) in [(11, "127.0.0.1:9".to_owned()), (12, answering.to_string())] {
        let mut page = Page::open(helper.address()).await;
        page.tune(&format!("amt://192.0.2.1@232.9.9.{group}?relay={relay}")).await;
        let mut told: Vec<Status> = Vec::new();
        let (began, deadline) = (Instant::now(), Instant::now() + PATIENCE);
        loop {
            assert!(Instant::now() < deadline, "{told:?}");
            match page.next().await {
                Received::Message(FromHelper::Status(status)) => told.push(status),
                Received::Message(FromHelper::Stats(stats)) => {
                    assert!(stats.discarded.is_empty(), "{stats:?}");
                    if told.last().is_some_and(|status| status.sentence.contains("does not answer")) {
                        break;
                    }
                }
                _ => {}
            }
        }
        // A closed port answers at once: not even the time is to tell it from a silent one.
        assert!(began.elapsed() > Duration::from_millis(300), "{relay}: {:?}", began.elapsed());
        let told = told.iter().map(|status| format!("{status:?}").replace(&relay, "…"));
        let told = told.map(|status| status.replace(relay.rsplit(':').next().unwrap(), "…")).collect::<Vec<_>>();
        learnt.push(told);
    }
    assert_eq!(learnt[0], learnt[1]);
    helper.lines.wait_for("No relay listens at 127.0.0.1:9");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_name_relays_at_the_port_of_relays_alone() {
    let (relay, other) = (TestRelay::start(), TestRelay::start());
    let port = relay.address.port().to_string();
    let helper = Helper::serve(&["--relay-ports", &port]);
    let mut page = Page::open(helper.address()).await;
    page.say(&format!(r#"{{"type":"tune","url":"{}"}}"#, other.url())).await;
    let refused = page.wait_for(Phase::Failed).await;
    assert!(refused.advice.unwrap().contains("--relay-ports "), "{}", refused.sentence);
    page.say(&format!(r#"{{"type":"tune","url":"{}"}}"#, relay.url())).await;
    relay.wait_for_join(GROUP);
    assert_eq!(other.joined(GROUP), 0);
    page.tune(&other.url_of(OTHER_GROUP)).await;
    other.wait_for_join(OTHER_GROUP);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_the_answer_to_a_tune_is_of_that_channel_alone() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    let (first, second) = (relay.url(), relay.url_of(OTHER_GROUP));
    let mut keeper = Page::open(helper.address()).await;
    keeper.tune(&first).await;
    relay.wait_for_join(GROUP);
    relay.send(&Stream::default().datagram());
    keeper.frame().await;
    // Three in a row, unanswered: only the last one counts.
    for url in [&second, &first, &second] {
        page.tune(url).await;
    }
    relay.wait_for_join(OTHER_GROUP);
    relay.send(&Stream::default().datagram());
    let marked = [0x47; 188].repeat(7);
    let mut answers = 0;
    while answers < 3 {
        if let Received::Message(FromHelper::Tuned { url, .. }) = page.next().await {
            assert_eq!(url, *[&second, &first, &second][answers]);
            answers += 1;
        }
    }
    relay.send_to(OTHER_GROUP, 1234, &marked);
    assert_eq!(page.frame().await.1, marked);
}

#[tokio::test]
async fn the_answer_to_a_tune_gives_its_number_back() {
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    for (asked, number) in [(r#","request":4294967295"#, Some(u32::MAX)), ("", None), (r#","request":7"#, Some(7))] {
        page.say(&format!(r#"{{"type":"tune","url":"amt://no address"{asked}}}"#)).await;
        loop {
            if let Received::Message(FromHelper::Tuned { url, request }) = page.next().await {
                assert_eq!((url.as_str(), request), ("amt://no address", number));
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_page_that_there_is_nothing_to_tell_hears_that_the_helper_is_there() {
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    for _ in 0..2 {
        assert!(matches!(page.next().await, Received::Message(FromHelper::Alive)));
    }
    page.say(r#"{"type":"stop"}"#).await;
    page.wait_for(Phase::Idle).await;
    assert!(matches!(page.next().await, Received::Message(FromHelper::Alive)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_a_transport_stream_is_said_to_come() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune(&relay.url()).await;
    page.wait_for(Phase::Joined).await;
    relay.wait_for_join(GROUP);
    (0..30).for_each(|_| relay.send(&[0x20; 1000]));
    page.wait_for(Phase::Failed).await;
    let mut stream = Stream::default();
    (0..30).for_each(|_| relay.send(&stream.datagram()));
    page.wait_for(Phase::Receiving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_that_a_later_page_names_is_used_when_the_first_falls_silent() {
    let (relay, other) = (TestRelay::start(), TestRelay::start());
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    page.tune(&relay.url()).await;
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    relay.send(&stream.datagram());
    page.wait_for(Phase::Receiving).await;
    let mut later = Page::open(helper.address()).await;
    later.tune(&other.url()).await;
    later.wait_for(Phase::Receiving).await;
    // From here on the first brings nothing.
    other.wait_for_join(GROUP);
    other.send(&stream.datagram());
    page.frame().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_another_relay_for_a_channel_is_told_of_that_one_and_not_of_the_one_before() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    let url = |relay: &str| format!("amt://192.0.2.1@232.9.9.9?relay={relay}");
    for (relay, told) in [("127.0.0.1:9", "127.0.0.1:9 does not answer"), ("nobody.invalid", "nobody.invalid")] {
        let stranger = silent.local_addr().unwrap().to_string();
        page.tune(&url(&stranger)).await;
        let unanswered = format!("{stranger} does not answer");
        while !page.wait_for(Phase::Discovering).await.sentence.contains(&unanswered) {}
        page.tune(&url(relay)).await;
        let told_by = tokio::time::Instant::now() + crate::common::PATIENCE;
        loop {
            assert!(tokio::time::Instant::now() < told_by, "“{told}” is not told");
            let Received::Message(FromHelper::Status(status)) = page.next().await else { continue };
            if status.sentence.contains(told) {
                break;
            }
        }
        // Nothing of the one before takes its place.
        let settled = tokio::time::Instant::now() + Duration::from_secs(3);
        while tokio::time::Instant::now() < settled {
            if let Received::Message(FromHelper::Status(status)) = page.next().await {
                assert!(!status.sentence.contains(&silent.local_addr().unwrap().to_string()), "{}", status.sentence);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_names_one_relay_after_another_keeps_nobody_else_from_the_channel() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let url = relay.url();
    let channel = url.split_once('?').unwrap().0.to_owned();
    let flood = tokio::spawn(async move {
        let mut page = Page::open(address).await;
        for n in 0.. {
            page.tune(&format!("{channel}?relay=127.7.{}.{}", n / 250 % 250, 1 + n % 250)).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut page = Page::open(address).await;
    page.tune(&url).await;
    relay.wait_for_join(GROUP);
    let sender = tokio::spawn(async move {
        let mut stream = Stream::default();
        loop {
            relay.send(&stream.datagram());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    for _ in 0..20 {
        page.frame().await;
    }
    sender.abort();
    flood.abort();
}
