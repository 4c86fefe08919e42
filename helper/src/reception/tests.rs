//! What is told of a channel, whatever its tunnels do.

use super::*;
use crate::amt::gateway::{Cause, Event, Report};
use crate::membership::Membership;
use crate::options::TransportChoice;
use crate::transport::Transports;
use crate::tunnel::Line;
use amt_shared::stats::ChannelStats;
use amt_shared::wire::Phase;
use std::net::SocketAddr;

/// Keeps what is told.
#[derive(Default)]
struct Told(Vec<Status>);

impl Consumer for Told {
    fn datagram(&mut self, _: &[u8], _: u64) {}
    fn lost(&mut self, _: u16) {}
    fn flush(&mut self) {}
    fn status(&mut self, status: Status) {
        self.0.push(status);
    }
    fn step(&mut self, _: &str) {}
    fn stats(&mut self, _: &ChannelStats) {}
}

#[tokio::test]
async fn what_is_told_follows_the_data_whatever_questions_are_still_open() {
    let network = Network::of_the_demo(Transports::open(TransportChoice::Udp).unwrap(), None);
    let (sender, mut told) = mpsc::unbounded_channel();
    let flow = Flow::new(Told::default(), sender);
    let plan = Plan::new("amt://192.0.2.1@232.0.0.1?relay=192.0.2.9".parse().unwrap(), &[]);
    let mut reception = Reception {
        narrator: Narrator::new(plan.label()),
        plan,
        network: &network,
        flow: &flow,
        told: &mut told,
        shown: None,
        since: Instant::now(),
        remedied: None,
    };
    let relay = SocketAddr::from(([192, 0, 2, 9], 2268));
    let way = Way::Tunnel(relay);
    let membership = Membership::new([232, 0, 0, 1].into(), Some([192, 0, 2, 1].into())).unwrap();
    let mut choice = Choice::new(PathChoice::Amt, PATIENCE);
    let path = flow.path(way);
    let packet = [&[0x47, 0x01, 0x01, 0x10][..], &[0xFF; 184]].concat();
    let phase = || flow.consumer(|told| told.0.last().map(|status| status.phase)).flatten();
    let unanswered = Event::Request { to: relay, attempt: 3, cause: Cause::Silence };

    for _ in 0..3 {
        // The relay falls silent, and is asked.
        let before = Instant::now() - 2 * PATIENCE;
        path.datagram(before, &packet, 0);
        reception.data(way);
        assert_eq!(phase(), Some(Phase::Receiving));
        for event in [Event::Silent { membership, duration: PATIENCE }, unanswered] {
            reception.news(way, Instant::now(), &News::Event(event), &mut choice, None);
            reception.look(Instant::now(), &mut choice, None);
            assert_eq!(phase(), Some(Phase::Silent));
        }
        // It sends again, before any question is answered; one more of them goes out.
        path.datagram(Instant::now(), &packet, 0);
        reception.news(way, Instant::now(), &News::Event(unanswered), &mut choice, None);
        reception.look(Instant::now(), &mut choice, None);
        assert_eq!(phase(), Some(Phase::Receiving));
        let report = Event::Report { to: relay, report: Report::Join, membership: None, repeated: false };
        for event in [unanswered, Event::Unreachable { to: relay }, report, Event::RelayFull { relay }] {
            reception.data(way);
            reception.news(way, Instant::now(), &News::Event(event), &mut choice, None);
            reception.look(Instant::now(), &mut choice, None);
            assert_eq!(phase(), Some(Phase::Receiving), "{event}");
        }
    }
}
