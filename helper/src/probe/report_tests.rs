use super::*;
use crate::amt::gateway::{Cause, Event, Report as Told};
use crate::demo::clip::{Clip, TEST_CARD};
use crate::demo::looper::Looper;
use crate::probe::stream::Analyser;
use amt_shared::wire::Phase;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn relay() -> SocketAddr {
    "192.0.2.9:2268".parse().unwrap()
}

/// So many steps of four: discovery, request, update, data.
fn steps(count: usize) -> Steps {
    let now = Instant::now();
    let mut steps = Steps::new(now);
    let to = relay();
    steps.candidate(to, "the URL");
    let events = [
        vec![Event::Discovery { to, attempt: 1, cause: Cause::Start }],
        vec![Event::Advertisement { relay: to }, Event::Request { to, attempt: 1, cause: Cause::Advertised }],
        vec![
            Event::Query { relay: to, interval: Duration::from_secs(125), endpoint: None },
            Event::Report { to, report: Told::Join, membership: None, repeated: false },
        ],
    ];
    for event in events.into_iter().take(count).flatten() {
        steps.tunnel(now, to, &event);
    }
    if count == 4 {
        steps.way("amt", Some(to), "delivered first");
        steps.packet(now);
        steps.key_frame(now);
    }
    steps
}

/// Ten seconds of the demo's clip, of which some datagrams do not come, and what its PIDs say.
fn clip(comes: impl Fn(u64) -> bool) -> Option<Figures> {
    let mut looper = Looper::new(Clip::parse(TEST_CARD).unwrap());
    let mut analyser = Analyser::default();
    for number in 0.. {
        let due = looper.next_due();
        if due >= Duration::from_secs(10) {
            break;
        }
        let mut datagram = Vec::new();
        looper.next_datagram(&mut datagram, &mut Vec::new());
        if comes(number) {
            analyser.push(due.as_micros() as u64, &datagram);
        }
    }
    analyser.figures(10_000_000)
}

fn report(steps: &Steps, stream: Option<Figures>) -> Report {
    let channel = "amt://192.0.2.1@232.0.2.1:1234".to_owned();
    Report::new(channel, 10.0, steps, ChannelStats::default(), stream, None)
}

#[test]
fn a_right_channel_is_fine() {
    let report = report(&steps(4), clip(|_| true));
    assert_eq!((report.verdict.status, report.verdict.exit), (Judgement::Fine, 0));
    let sentence = &report.verdict.sentence;
    assert!(sentence.starts_with("OK: 7"), "{sentence}");
    let end = " kbit/s through the relay 192.0.2.9:2268 with H.264 and AAC, no errors in 10.0 s.";
    assert!(sentence.ends_with(end), "{sentence}");
    assert_eq!(report.remarks, [""; 0]);
}

#[test]
fn the_step_that_failed_is_named() {
    for (count, expected) in [
        (1, "Not receivable: the discovery failed at 192.0.2.9:2268: no answer (sent once)."),
        (2, "Not receivable: the request failed at 192.0.2.9:2268: no answer (sent once)."),
        (
            3,
            "Not receivable: joined at 192.0.2.9:2268, but no data arrived in 10.0 s; check the source, group and port, \
             and the sender.",
        ),
    ] {
        let report = report(&steps(count), None);
        assert_eq!((report.verdict.exit, report.verdict.sentence.as_str()), (1, expected));
    }
}

#[test]
fn a_name_that_is_not_found_is_the_step_that_failed() {
    let now = Instant::now();
    let mut steps = Steps::new(now);
    steps.looked_up(now, "", Duration::ZERO, Err("Cannot resolve the relay “a.example”: no such name."));
    let sentence = report(&steps, None).verdict.sentence;
    // Another relay is asked in its place, which does not take the blame alone.
    steps.tunnel(now, relay(), &Event::Discovery { to: relay(), attempt: 1, cause: Cause::Start });
    let instead = report(&steps, None).verdict.sentence;
    let both = "Not receivable: cannot resolve the relay “a.example”: no such name; the discovery failed at ";
    assert!(instead.starts_with(both), "{instead}");
    assert_eq!(sentence, "Not receivable: the look-up failed: cannot resolve the relay “a.example”: no such name.");
}

#[test]
fn what_the_reception_knows_better_is_taken_from_it() {
    let status = Status {
        phase: Phase::Failed,
        sentence: "The group's data arrives on UDP port 5000, not on the port of 232.0.2.1:1234.".to_owned(),
        advice: None,
        relay: None,
    };
    let report = Report::new("x".into(), 3.0, &steps(3), ChannelStats::default(), None, Some(&status));
    let expected = "Not receivable: the group's data arrives on UDP port 5000, not on the port of 232.0.2.1:1234.";
    assert_eq!(report.verdict.sentence, expected);
    let status = Status { sentence: "The network is unreachable.".to_owned(), ..status };
    let report = Report::new("x".into(), 3.0, &steps(1), ChannelStats::default(), None, Some(&status));
    assert_eq!(report.verdict.sentence, "Not receivable: the discovery failed: the network is unreachable.");
}

#[test]
fn loss_comes_before_what_follows_from_it() {
    let report = report(&steps(4), clip(|number| !(200..300).contains(&number)));
    assert_eq!((report.verdict.status, report.verdict.exit), (Judgement::Errors, 3));
    let sentence = &report.verdict.sentence;
    let (gap, lost) = (sentence.find("no data for").unwrap(), sentence.find("transport packets;").unwrap());
    let pat = sentence.find("PAT_error_2 (no PAT for").unwrap();
    assert!(gap < lost && lost < pat, "{sentence}");
    assert!(!sentence.contains("PAT_error ("), "{sentence}");
}

#[test]
fn data_that_stops_is_told_first() {
    let report = report(&steps(4), clip(|number| number < 300));
    assert!(report.verdict.sentence.contains("s): the data stopped "), "{}", report.verdict.sentence);
}

#[test]
fn what_is_no_transport_stream_is_told_as_that_alone() {
    let mut analyser = Analyser::default();
    (0..100).for_each(|n| analyser.push(n * 100_000, &[7; 1000]));
    let report = report(&steps(4), analyser.figures(10_000_000));
    assert!(report.verdict.sentence.ends_with(": the data is not an MPEG transport stream; check the group and port."));
    assert_eq!(report.verdict.exit, 3);
}

#[test]
fn a_person_reads_sections_and_the_verdict_last() {
    let report = report(&steps(4), clip(|_| true));
    let text = report.to_string();
    for line in [
        "amt://192.0.2.1@232.0.2.1:1234",
        "Path",
        "  relay 192.0.2.9:2268, from the URL",
        "  Chosen: AMT through 192.0.2.9:2268 (from the URL; delivered first).",
        "  size                1316 bytes (7 × 188)",
        "  RTP                 none (plain UDP)",
        "  1.3.a  PAT_error_2                        ok",
    ] {
        assert!(text.lines().any(|found| found == line), "“{line}” is missing in:\n{text}");
    }
    assert!(
        text.contains("programme 1 “amt:// test card” (amt-helper demo): PMT on PID 4096, longest interval"),
        "{text}"
    );
    assert!(text.ends_with(&report.verdict.sentence));
}

#[test]
fn what_rtp_the_socket_and_fragments_tell_is_shown() {
    let counters = ChannelStats {
        rtp: true,
        rtp_lost: 3,
        rtp_jitter_micros: 1500,
        socket_dropped: 1,
        reassembled: 7,
        discarded: [("inner UDP packet with a bad checksum".to_owned(), 2)].into(),
        ..ChannelStats::default()
    };
    let report = Report::new("x".into(), 10.0, &steps(4), counters, clip(|_| true), None);
    let text = report.to_string();
    for line in [
        "  RTP                 3 lost, 0 late, 0 reordered, 0 duplicate, 0 recovered; jitter 1.50 ms",
        "  dropped by socket   1",
        "  fragments           7 packets reassembled, 0 incomplete",
        "  discarded           2 × inner UDP packet with a bad checksum",
    ] {
        assert!(text.lines().any(|found| found == line), "“{line}” is missing in:\n{text}");
    }
    let end = ": 1 datagram dropped by this machine's socket; lost 3 RTP packets.";
    assert!(report.verdict.sentence.ends_with(end), "{text}");
    assert_eq!(report.verdict.exit, 3);
}

#[test]
fn the_names_that_scripts_read_stay() {
    let report = serde_json::to_value(report(&steps(4), clip(|_| true))).unwrap();
    for (place, expected) in [
        ("/verdict/status", serde_json::json!("fine")),
        ("/verdict/exit", 0.into()),
        ("/way/path", "amt".into()),
        ("/way/relay", "192.0.2.9:2268".into()),
        ("/candidates/0/why", "the URL".into()),
        ("/steps/0/name", "discovery".into()),
        ("/steps/0/outcome", "done".into()),
        ("/steps/3/name", "first_packet".into()),
        ("/steps/4/name", "first_key_frame".into()),
        ("/counters/rtp_lost", 0.into()),
        ("/stream/arrivals/sizes/0/bytes", 1316.into()),
        ("/stream/programs/0/number", 1.into()),
        ("/stream/programs/0/name", "amt:// test card".into()),
        ("/stream/programs/0/pcr/intervals_over_40_ms", 0.into()),
        ("/stream/programs/0/streams/0/codec", "H.264".into()),
        ("/stream/programs/0/streams/0/kind", "video".into()),
        ("/stream/programs/0/streams/0/pid", 256.into()),
        ("/stream/programs/0/streams/1/pts/jumps", 0.into()),
        ("/stream/checks/0/number", "1.1".into()),
        ("/stream/checks/0/errors", 0.into()),
    ] {
        assert_eq!(report.pointer(place), Some(&expected), "{place}");
    }
}
