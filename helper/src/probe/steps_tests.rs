use super::*;
use crate::amt::gateway::Cause;

const RELAY: &str = "192.0.2.9:2268";

fn relay() -> SocketAddr {
    RELAY.parse().unwrap()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn join(repeated: bool) -> Event {
    Event::Report { to: relay(), report: Report::Join, membership: None, repeated }
}

/// From discovery to the update, as it should go, in 40 ms.
fn joined(began: Instant) -> Steps {
    let mut steps = Steps::new(began);
    steps.candidate(relay(), "the options");
    let (start, advertised) = (Cause::Start, Cause::Advertised);
    steps.tunnel(began + ms(5), relay(), &Event::Discovery { to: relay(), attempt: 1, cause: start });
    steps.tunnel(began + ms(15), relay(), &Event::Advertisement { relay: relay() });
    steps.tunnel(began + ms(15), relay(), &Event::Request { to: relay(), attempt: 1, cause: advertised });
    let endpoint = Some("198.51.100.7:40000".parse().unwrap());
    steps.tunnel(began + ms(40), relay(), &Event::Query { relay: relay(), interval: ms(125_000), endpoint });
    steps.tunnel(began + ms(40), relay(), &join(false));
    steps.tunnel(began + ms(41), relay(), &join(true));
    steps
}

fn names(steps: &Steps) -> Vec<(Name, Outcome, f64, Option<f64>)> {
    steps.list().iter().map(|step| (step.name, step.outcome, step.at_ms, step.took_ms)).collect()
}

#[test]
fn each_step_has_its_time_and_its_round_trip() {
    let began = Instant::now();
    let mut steps = joined(began);
    steps.way("amt", Some(relay()), "delivered first");
    steps.packet(began + ms(70));
    steps.packet(began + ms(80));
    steps.key_frame(began + ms(570));
    let done = Outcome::Done;
    assert_eq!(
        names(&steps),
        [
            (Name::Discovery, done, 5.0, Some(10.0)),
            (Name::Request, done, 15.0, Some(25.0)),
            (Name::Update, done, 40.0, None),
            (Name::FirstPacket, done, 70.0, Some(30.0)),
            (Name::FirstKeyFrame, done, 570.0, Some(500.0)),
        ]
    );
    assert_eq!(steps.list()[1].detail, "192.0.2.9:2268: refresh interval 125 s; it sees us as 198.51.100.7:40000");
    assert_eq!(steps.list()[2].attempts, 1);
    let way = steps.chosen().unwrap();
    assert_eq!((way.path, way.relay, way.changes), ("amt", Some(relay()), 0));
    assert_eq!(way.why, "from the options; delivered first");
}

#[test]
fn a_round_trip_is_that_of_the_question_that_was_answered() {
    let began = Instant::now();
    let mut steps = Steps::new(began);
    for (at, attempt) in [(0, 1), (1000, 2), (3000, 3)] {
        let event = Event::Discovery { to: relay(), attempt, cause: Cause::Start };
        steps.tunnel(began + ms(at), relay(), &event);
    }
    steps.tunnel(began + ms(3020), relay(), &Event::Advertisement { relay: "192.0.2.10:2268".parse().unwrap() });
    let step = &steps.list()[0];
    assert_eq!((step.at_ms, step.took_ms, step.attempts), (0.0, Some(20.0), 3));
    assert_eq!(step.detail, "192.0.2.9:2268: the relay is 192.0.2.10:2268");
}

#[test]
fn a_refresh_is_no_step() {
    let began = Instant::now();
    let mut steps = joined(began);
    let before = steps.list();
    let refresh = Event::Request { to: relay(), attempt: 1, cause: Cause::Refresh };
    steps.tunnel(began + ms(30_000), relay(), &refresh);
    let query = Event::Query { relay: relay(), interval: ms(125_000), endpoint: None };
    steps.tunnel(began + ms(30_010), relay(), &query);
    assert_eq!(steps.list(), before);
}

#[test]
fn what_failed_says_how() {
    let began = Instant::now();
    let mut steps = Steps::new(began);
    steps.looked_up(began + ms(30), "the relay “a.example”", ms(20), Err("no such name"));
    // It is looked up again and again.
    steps.looked_up(began + ms(35), "the relay “a.example”", ms(2), Err("no such name"));
    let found: [IpAddr; 2] = ["192.0.2.9".parse().unwrap(), "192.0.2.10".parse().unwrap()];
    steps.looked_up(began + ms(40), "the relay “b.example”", ms(25), Ok(&found));
    steps.tunnel(began + ms(50), relay(), &Event::Discovery { to: relay(), attempt: 1, cause: Cause::Start });
    steps.tunnel(began + ms(51), relay(), &Event::Unreachable { to: relay() });
    let silent: SocketAddr = "192.0.2.10:2268".parse().unwrap();
    steps.tunnel(began + ms(60), silent, &Event::Discovery { to: silent, attempt: 1, cause: Cause::Start });
    let list = steps.list();
    let told: Vec<_> = list.iter().map(|step| (step.outcome, step.detail.as_str())).collect();
    assert_eq!(
        told,
        [
            (Outcome::Failed, "the relay “a.example”: no such name"),
            (Outcome::Done, "the relay “b.example”: 192.0.2.9, 192.0.2.10"),
            (Outcome::Failed, "192.0.2.9:2268: unreachable (ICMP)"),
            (Outcome::Unanswered, "192.0.2.10:2268: no answer"),
        ]
    );
    assert_eq!((list[0].at_ms, list[0].took_ms, list[0].attempts), (10.0, Some(20.0), 2));
}

#[test]
fn a_full_relay_is_told_at_its_request() {
    let began = Instant::now();
    let mut steps = Steps::new(began);
    steps.tunnel(began, relay(), &Event::Request { to: relay(), attempt: 1, cause: Cause::Start });
    steps.tunnel(began + ms(9), relay(), &Event::RelayFull { relay: relay() });
    assert_eq!(names(&steps), [(Name::Request, Outcome::Failed, 0.0, None)]);
}

#[test]
fn native_data_has_no_update() {
    let began = Instant::now();
    let mut steps = joined(began);
    steps.way("native", None, "native multicast delivers, so no relay is needed");
    steps.packet(began + ms(20));
    let list = steps.list();
    let first = list.iter().find(|step| step.name == Name::FirstPacket).unwrap();
    assert_eq!((first.took_ms, first.detail.as_str(), first.relay), (Some(20.0), "after the start", None));
    steps.way("amt", Some(relay()), "native multicast stopped delivering");
    assert_eq!(steps.chosen().unwrap().changes, 1);
}

#[test]
fn lists_are_bounded() {
    let began = Instant::now();
    let mut steps = Steps::new(began);
    for port in 1..1000 {
        let to = SocketAddr::from(([192, 0, 2, 1], port));
        steps.candidate(to, "somewhere");
        steps.looked_up(began, &port.to_string(), ms(0), Ok(&[]));
        steps.tunnel(began, to, &Event::Discovery { to, attempt: 1, cause: Cause::Start });
    }
    assert_eq!((steps.candidates().len(), steps.list().len()), (MAX, 2 * MAX));
}
