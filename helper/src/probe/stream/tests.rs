//! Each check of TR 101 290 in simulated time, with the bytes that make it fail.

use super::test_stream::{AUDIO, Content, PMT_PID, Sender, VIDEO, pat_entry, pmt_body, section, versioned};
use super::*;
use crate::demo::clip::{Clip, TEST_CARD};
use crate::demo::looper::Looper;
use amt_shared::ts;
use proptest::prelude::*;
use std::time::Duration;

/// A stream as a receiver sees it, with the time its last datagram came.
#[derive(Default)]
struct Receiver {
    analyser: Analyser,
    last: u64,
}

/// Some moment: nothing may depend on where time begins.
const EPOCH: u64 = 1_700_000_000_000_000;

impl Receiver {
    fn take(&mut self, datagrams: &[(u64, Vec<u8>)]) {
        for (at, bytes) in datagrams {
            self.analyser.push(EPOCH + at, bytes);
            self.last = *at;
        }
    }

    fn figures(&self) -> Figures {
        self.analyser.figures(EPOCH + self.last).unwrap()
    }

    /// What failed: numbers of checks with their counts.
    fn failed(&self) -> Vec<(&'static str, u64)> {
        let checks = self.figures().checks;
        let failed = checks.iter().filter_map(|check| Some((check.number, check.errors.filter(|errors| *errors > 0)?)));
        failed.collect()
    }

    fn first(&self, number: &str) -> Failure {
        self.figures().checks.into_iter().find(|check| check.number == number).and_then(|check| check.first).unwrap()
    }
}

/// A second of a right stream, then what the test does, then two seconds of a right one.
fn with(change: impl FnOnce(&mut Sender) -> Vec<(u64, Vec<u8>)>) -> Receiver {
    let (mut sender, mut receiver) = (Sender::default(), Receiver::default());
    receiver.take(&sender.send(1000));
    let changed = change(&mut sender);
    receiver.take(&changed);
    sender = Sender { silent: Vec::new(), tables_every: 100_000, pcr_every: 20_000, ..sender };
    receiver.take(&sender.send(2000));
    receiver
}

/// The same with one packet of the first datagram after the first second changed.
fn damaged(pid: u16, change: impl Fn(&mut [u8])) -> Receiver {
    with(|sender| {
        let mut datagrams = sender.send(200);
        let mut packets = datagrams.iter_mut().flat_map(|(_, bytes)| bytes.as_chunks_mut::<PACKET_LEN>().0);
        change(packets.find(|packet| ts::pid(packet) == pid).unwrap());
        datagrams
    })
}

#[test]
fn a_right_stream_passes_every_check_and_is_described() {
    let receiver = with(|_| Vec::new());
    assert_eq!(receiver.failed(), []);
    let figures = receiver.figures();
    assert!(figures.is_ts);
    assert_eq!((figures.packets, figures.packets_lost, figures.skipped_bytes), (1500 * 7, 0, 0));
    assert_eq!(figures.transport_stream_id, Some(1));
    let [program] = &figures.programs[..] else { panic!("{figures:?}") };
    assert_eq!((program.number, program.pmt_pid, program.pcr_pid), (1, PMT_PID, Some(VIDEO)));
    let described: Vec<_> =
        program.streams.iter().map(|s| (s.codec, s.packets.pid, s.languages.join(","), s.key_frames)).collect();
    assert_eq!(described, [("H.264", VIDEO, String::new(), 3), ("AAC", AUDIO, "deu".to_owned(), 0)]);
    let pts: Vec<_> = program.streams.iter().map(|stream| stream.pts.clone().unwrap()).collect();
    assert_eq!((pts[0].mean_interval_ms, pts[1].mean_interval_ms), (Some(40.0), Some(24.0)));
    assert_eq!((pts[0].jumps, pts[0].longest_wait_ms), (0, Some(40.0)));
    assert!((480.0..=500.0).contains(&pts[0].least_ahead_ms.unwrap()), "{pts:?}");
    let pcr = program.pcr.as_ref().unwrap();
    assert_eq!((pcr.longest_interval_ms, pcr.intervals_over_40_ms), (Some(20.0), 0));
    assert!(pcr.jitter_peak_to_peak_micros.unwrap() < 0.1, "{pcr:?}");
    let first = receiver.analyser.first_key_frame();
    assert_eq!(first, Some(EPOCH));
}

#[test]
fn the_demos_clip_passes_every_check() {
    let mut receiver = Receiver::default();
    // Over the seam, after 20.48 s.
    let mut looper = Looper::new(Clip::parse(TEST_CARD).unwrap());
    while looper.next_due() < Duration::from_secs(25) {
        let (due, mut datagram) = (looper.next_due().as_micros() as u64, Vec::new());
        looper.next_datagram(&mut datagram, &mut Vec::new());
        receiver.take(&[(due, datagram)]);
    }
    assert_eq!(receiver.failed(), []);
    let figures = receiver.figures();
    let codecs: Vec<_> = figures.programs[0].streams.iter().map(|stream| stream.codec).collect();
    assert_eq!(codecs, ["H.264", "AAC"]);
    assert!(figures.programs[0].streams[0].key_frames > 1);
    assert_eq!(figures.programs[0].name.as_deref(), Some("amt:// test card"));
}

#[test]
fn check_1_1_and_1_2_sync() {
    let receiver = damaged(AUDIO, |packet| packet[0] = 0x46);
    // Without the packet one is missing by its counter, too.
    assert_eq!(receiver.failed(), [("1.2", 1), ("1.4", 1)]);
    let receiver = with(|sender| {
        let mut datagrams = sender.send(20);
        datagrams[3].1.insert(100, 0xAA);
        datagrams
    });
    let failed = receiver.failed();
    assert_eq!(&failed[..2], [("1.1", 1), ("1.2", 2)], "{failed:?}");
    assert_eq!(receiver.first("1.1"), Failure { at_ms: 1006, what: "two consecutive wrong sync bytes".into() });
}

#[test]
fn what_is_no_transport_stream_fails_one_check_only() {
    let mut receiver = Receiver::default();
    let noise: Vec<_> = (0..100).map(|n| (n * 2000, vec![n as u8 | 0x80; 1316])).collect();
    receiver.take(&noise);
    assert_eq!(receiver.failed(), [("1.1", 1)]);
    let figures = receiver.figures();
    assert!(!figures.is_ts);
    // Of what has no packets nothing else can be said: neither that it is wrong nor that it is right.
    let checked: Vec<_> =
        figures.checks.iter().filter(|check| check.errors.is_some()).map(|check| check.number).collect();
    assert_eq!(checked, ["1.1", "1.2"]);
}

#[test]
fn check_1_3_a_pat_that_stays_away() {
    let receiver = with(|sender| {
        sender.silent = vec![0];
        sender.send(600)
    });
    assert_eq!(receiver.failed(), [("1.3", 1), ("1.3.a", 1)]);
    assert_eq!(receiver.first("1.3.a"), Failure { at_ms: 900, what: "no PAT for 0.70 s".into() });
    assert_eq!(receiver.figures().longest_pat_interval_ms, Some(700.0));
    // One that never comes is missed from the first packet on; nothing else can be said then.
    let (mut sender, mut never) = (Sender { silent: vec![0], ..Sender::default() }, Receiver::default());
    never.take(&sender.send(400));
    assert_eq!(never.failed(), []);
    never.take(&sender.send(400));
    assert_eq!(never.failed(), [("1.3", 1), ("1.3.a", 1)]);
}

#[test]
fn check_1_3_another_table_or_a_scrambled_one_on_pid_0() {
    let receiver = with(|sender| {
        sender.insert(Content::section(0, &section(2, 1, &pmt_body())));
        sender.send(10)
    });
    assert_eq!(receiver.failed(), [("1.3", 1), ("1.3.a", 1)]);
    assert_eq!(receiver.first("1.3").what, "PID 0: unexpected table 0x02");
    let receiver = damaged(0, |packet| packet[3] |= 0x80);
    // And nothing says how it is scrambled.
    assert_eq!(receiver.failed(), [("1.3", 1), ("1.3.a", 1), ("2.6", 1)]);
}

#[test]
fn check_1_3_packets_on_pid_0_are_not_yet_a_pat() {
    let receiver = with(|sender| {
        sender.silent = vec![0];
        let mut datagrams = sender.send(0);
        for _ in 0..8 {
            sender.silent.clear();
            sender.tables_every = u64::MAX;
            sender.insert(Content { pid: 0, payload: vec![0xFF; 184], ..Content::default() });
            sender.insert(Content::section(PMT_PID, &section(2, 1, &pmt_body())));
            datagrams.extend(sender.send(100));
        }
        datagrams
    });
    assert_eq!(receiver.failed(), [("1.3.a", 1)]);
}

#[test]
fn check_1_4_continuity() {
    let receiver = with(|sender| {
        let mut datagrams = sender.send(100);
        datagrams.remove(7);
        datagrams
    });
    let figures = receiver.figures();
    // Seven packets of video, or six and one of sound.
    assert_eq!(figures.packets_lost, 7);
    let failed = receiver.failed();
    assert!(matches!(failed[..], [("1.4", 1..=2)]), "{failed:?}");
    // The same packet twice is right, three times is not.
    for (times, right) in [(2, true), (3, false)] {
        let receiver = with(|sender| {
            let mut datagrams = sender.send(20);
            let last: Vec<u8> = datagrams[9].1[6 * PACKET_LEN..].to_vec();
            (1..times).for_each(|_| datagrams[9].1.extend(&last));
            datagrams
        });
        assert_eq!(receiver.failed().is_empty(), right);
    }
}

#[test]
fn check_1_5_a_pmt_that_stays_away_or_is_scrambled() {
    let receiver = with(|sender| {
        sender.silent = vec![PMT_PID];
        sender.send(600)
    });
    assert_eq!(receiver.failed(), [("1.5.a", 1)]);
    assert_eq!(receiver.first("1.5.a").what, "no PMT of programme 1 for 0.70 s");
    let receiver = damaged(PMT_PID, |packet| packet[3] |= 0xC0);
    assert_eq!(receiver.failed(), [("1.5.a", 1), ("2.6", 1)]);
}

#[test]
fn check_1_5_every_program_of_the_pat_has_to_have_its_own() {
    let receiver = with(|sender| {
        sender.tables_every = u64::MAX;
        let mut datagrams = Vec::new();
        for _ in 0..8 {
            let both = [pat_entry(1, PMT_PID), pat_entry(2, 0x1001)].concat();
            sender.insert(Content::section(0, &versioned(0, 1, 1, &both)));
            sender.insert(Content::section(PMT_PID, &section(2, 1, &pmt_body())));
            datagrams.extend(sender.send(100));
        }
        datagrams
    });
    let first = receiver.first("1.5.a");
    // At the end of the two seconds the first PAT holds again, and program 2 is no longer announced.
    assert_eq!(receiver.figures().pat_changes, 2);
    assert_eq!(first.what, "no PMT of programme 2 for 0.80 s");
}

#[test]
fn check_1_6_a_stream_that_stays_away() {
    let receiver = with(|sender| {
        sender.silent = vec![AUDIO];
        sender.send(5200)
    });
    assert_eq!(receiver.failed(), [("1.6", 1), ("2.5", 1)]);
    assert!(receiver.first("1.6").what.starts_with("no packet of AAC on PID 257 for 5.2"));
}

#[test]
fn check_1_6_a_stream_that_never_comes() {
    let (mut sender, mut receiver) = (Sender { silent: vec![AUDIO], ..Sender::default() }, Receiver::default());
    receiver.take(&sender.send(4900));
    assert_eq!(receiver.failed(), []);
    receiver.take(&sender.send(200));
    assert_eq!(receiver.failed(), [("1.6", 1)]);
}

#[test]
fn check_2_1_and_2_2_damage_that_is_known() {
    let receiver = damaged(AUDIO, |packet| packet[1] |= 0x80);
    assert_eq!(receiver.failed(), [("1.4", 1), ("2.1", 1)]);
    let receiver = damaged(PMT_PID, |packet| packet[10] ^= 1);
    assert_eq!(receiver.failed(), [("2.2", 1)]);
    assert_eq!(receiver.first("2.2").what, "PID 4096: table 0x02 with a CRC error");
}

#[test]
fn check_2_3_pcrs_too_rare_and_a_clock_that_jumps() {
    let receiver = with(|sender| {
        sender.pcr_every = 150_000;
        sender.send(1000)
    });
    let failed = receiver.failed();
    assert!(matches!(failed[..], [("2.3.a", 5..=7)]), "{failed:?}");
    let pcr = receiver.figures().programs[0].pcr.clone().unwrap();
    assert!(pcr.intervals_over_40_ms >= 5 && pcr.unannounced_steps == 0, "{pcr:?}");

    let receiver = with(|sender| {
        sender.clock_offset = 90_000;
        Vec::new()
    });
    assert_eq!(receiver.failed(), [("2.3.b", 1)]);
    assert_eq!(receiver.first("2.3.b").what, "PID 256: the PCR jumped by 1000 ms");
    assert_eq!(receiver.figures().programs[0].streams[0].pts.as_ref().unwrap().jumps, 1);

    let announced = with(|sender| {
        sender.clock_offset = 90_000;
        let ticks = sender.now * 27 + 90_000 * 300;
        sender.insert(Content {
            pid: VIDEO,
            adaptation: Some((0x90, Some(ticks))),
            payload: vec![0xAB; 176],
            ..Content::default()
        });
        Vec::new()
    });
    let failed = announced.failed();
    // The same packet's own PCR follows at once, which is no step.
    assert!(failed.iter().all(|(number, _)| *number != "2.3.a"), "{failed:?}");
}

#[test]
fn check_2_5_a_pts_that_stays_away() {
    let receiver = with(|sender| {
        sender.silent = vec![AUDIO];
        sender.send(800)
    });
    assert_eq!(receiver.failed(), [("2.5", 1)]);
    assert!(receiver.first("2.5").what.starts_with("no PTS of AAC on PID 257 for 0.8"));
}

#[test]
fn check_2_6_scrambled_without_a_cat_and_another_table_in_its_place() {
    let scramble = |sender: &mut Sender| {
        let mut datagrams = sender.send(100);
        for packet in datagrams.iter_mut().flat_map(|(_, bytes)| bytes.as_chunks_mut::<PACKET_LEN>().0) {
            if ts::pid(packet) == VIDEO {
                packet[3] |= 0x80;
            }
        }
        datagrams
    };
    let receiver = with(scramble);
    assert_eq!(receiver.failed(), [("2.6", 1)]);
    assert!(receiver.figures().scrambled_packets > 300);
    let receiver = with(|sender| {
        sender.insert(Content::section(1, &section(1, 0xFFFF, &[9, 4, 0x0B, 0, 0xE1, 0])));
        scramble(sender)
    });
    assert_eq!(receiver.failed(), []);
    let receiver = with(|sender| {
        sender.insert(Content::section(1, &section(2, 1, &[])));
        sender.send(10)
    });
    assert_eq!(receiver.failed(), [("2.6", 1)]);
}

#[test]
fn key_frames_are_found_without_their_mark() {
    let (mut sender, mut receiver) = (Sender { mark_key_frames: false, ..Sender::default() }, Receiver::default());
    receiver.take(&sender.send(3100));
    let video = receiver.figures().programs[0].streams[0].clone();
    assert_eq!((video.random_access_points, video.key_frames), (0, 4));
    assert_eq!(video.longest_key_frame_interval_ms, Some(1000.0));
    assert!(receiver.analyser.first_key_frame().is_some());
}

#[test]
fn a_changed_pmt_is_followed_and_counted() {
    let receiver = with(|sender| {
        let body = [&pmt_body()[..], &[0x06, 0xE1, 2, 0xF0, 3, 0x6A, 1, 0]].concat();
        sender.insert(Content::section(PMT_PID, &versioned(2, 1, 1, &body)));
        sender.send(90)
    });
    let program = receiver.figures().programs[0].clone();
    assert_eq!((program.pmt_changes, program.streams.len()), (2, 2));
    assert_eq!(receiver.failed(), []);
}

#[test]
fn a_service_is_known_by_its_name() {
    let receiver = with(|sender| {
        let body = [&[0, 1, 0xFF, 0, 1, 0xFC, 0x80, 13, 0x48, 11, 1, 3][..], b"ARD", &[5], b"Das 1"].concat();
        sender.insert(Content::section(0x11, &section(0x42, 1, &body)));
        sender.send(10)
    });
    let program = receiver.figures().programs[0].clone();
    assert_eq!((program.provider.as_deref(), program.name.as_deref()), (Some("ARD"), Some("Das 1")));
}

#[test]
fn a_silence_counts_to_its_end() {
    let (mut sender, mut receiver) = (Sender::default(), Receiver::default());
    receiver.take(&sender.send(1000));
    let figures = receiver.analyser.figures(EPOCH + 7_000_000).unwrap();
    let failed: Vec<_> =
        figures.checks.iter().filter(|check| check.errors > Some(0)).map(|check| check.number).collect();
    assert_eq!(failed, ["1.3", "1.3.a", "1.5.a", "1.6", "2.5"]);
    assert_eq!(figures.arrivals.silent_at_end_ms, 6002);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_looked_at(
        packets in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..60), 0u16..24, any::<u8>(), 0u64..400_000), 5..60)
    ) {
        let mut analyser = Analyser::default();
        let (mut sender, mut now) = (Sender::default(), 0);
        for (at, bytes) in sender.send(50) {
            analyser.push(at, &bytes);
        }
        for (payload, pid, flags, step) in packets {
            now += step;
            let pid = match pid { 20 => PMT_PID, 21 => VIDEO, 22 => AUDIO, 23 => 0, other => other };
            let mut packet = [flags; PACKET_LEN];
            packet[..4].copy_from_slice(&[0x47, 0x40 | (pid >> 8) as u8, pid as u8, flags]);
            packet[4..4 + payload.len()].copy_from_slice(&payload);
            analyser.push(now, &packet);
            if flags & 7 == 0 {
                analyser.lost();
            }
        }
        analyser.push(now, &[0x47; 1316]);
        let figures = analyser.figures(now).unwrap();
        prop_assert!(serde_json::to_string(&figures).is_ok());
    }

    #[test]
    fn a_right_stream_with_wrong_bits_is_looked_at(
        flips in proptest::collection::vec((0usize..60_000, 0u8..8), 0..300)
    ) {
        let mut datagrams = Sender::default().send(100);
        for (at, bit) in flips {
            let datagram = at / 1316 % datagrams.len();
            datagrams[datagram].1[at % 1316] ^= 1 << bit;
        }
        let mut receiver = Receiver::default();
        receiver.take(&datagrams);
        let _ = receiver.figures();
    }
}
