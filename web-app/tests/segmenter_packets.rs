//! Transport packets as networks and multiplexers make them: all that is whole comes out.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::Options;
use segmenter_support::faults::*;
use segmenter_support::measure::*;
use segmenter_support::*;

fn clean() -> (Vec<[u8; 188]>, Run) {
    let all = Plan { rounds: 1, ..Plan::default() }.packets();
    let run = run(&all.concat());
    run.check(1);
    assert_eq!((run.video.len(), run.audio.len()), (75, 142));
    (all, run)
}

#[test]
fn packets_may_stand_192_or_204_bytes_apart() {
    let (all, whole) = clean();
    for (before, behind) in [(4, 0), (0, 4), (0, 16)] {
        assert_eq!(run(&spaced(&all, before, behind)), whole, "{before} {behind}");
    }
}

#[test]
fn null_packets_are_passed_over_whatever_their_counters_say() {
    let (all, whole) = clean();
    assert_eq!(run(&with_null_packets(&all)), whole);
}

#[test]
fn packets_of_other_programmes_and_of_no_table_are_passed_over() {
    let (all, whole) = clean();
    let mut ts = Vec::new();
    for (index, packet) in all.iter().enumerate() {
        let mut other = *packet;
        other[1] = other[1] & 0xE0 | 0x0C;
        other[2] = index as u8;
        ts.extend(other);
        ts.extend(packet);
    }
    assert_eq!(run(&ts), whole);
}

#[test]
fn a_stream_may_be_joined_at_any_packet() {
    let all = Plan { rounds: 2, ..Plan::default() }.packets();
    let whole = run(&all.concat());
    for from in (0..all.len() / 2).step_by(7) {
        for options in [go_on(), Options::default()] {
            let run = run_with(&all[from..].concat(), 1316, options);
            run.check(1);
            // A random access point comes every second.
            assert!(run.video.len() >= 50 && run.video[0].0.key, "{from}: {}", run.video.len());
            assert_eq!(run.video[0].0.dts.min(4500), run.video[0].0.dts, "{from}");
            assert!(crcs(&whole.video).ends_with(&crcs(&run.video)), "{from}");
            assert!(crcs(&whole.audio).ends_with(&crcs(&run.audio)), "{from}");
            // Sound from where the picture begins.
            assert!(run.audio.len() as u64 * 1024 * 25 / 48_000 + 8 >= run.video.len() as u64, "{from}");
            assert!(run.discontinuities.is_empty() && run.faults.keys().all(|fault| *fault == "not_decodable"));
        }
    }
}

#[test]
fn a_stream_that_is_scrambled_throughout_is_named_and_what_is_clear_plays() {
    let (all, whole) = clean();
    for (scrambled, clear) in [(VIDEO, AUDIO), (AUDIO, VIDEO)] {
        let mut ts = all.clone();
        let count = of_pid(&ts, scrambled).into_iter().map(|index| ts[index][3] |= 0x80).count();
        let run = run(&ts.concat());
        // Packets without payload are never scrambled, whatever they say.
        let named = run.faults.get("scrambled").copied().unwrap_or(0) as usize;
        assert!(named > count / 2 && named <= count, "{named} of {count}");
        let (kept, gone) = if clear == AUDIO { (&run.audio, &run.video) } else { (&run.video, &run.audio) };
        assert!(gone.is_empty());
        assert_eq!(crcs(kept), crcs(if clear == AUDIO { &whole.audio } else { &whole.video }));
    }
}

#[test]
fn packets_whose_error_indicator_is_set_cost_what_they_carry() {
    let (all, whole) = clean();
    let victims = of_pid(&all, VIDEO);
    for &victim in victims.iter().skip(40).step_by(17) {
        let mut ts = all.clone();
        // With its other bytes being anything.
        ts[victim][1] |= 0x80;
        ts[victim][3] ^= 0x5A;
        ts[victim][20] ^= 0xFF;
        let run = run(&ts.concat());
        run.check(1);
        assert_eq!(run.faults.get("transport_error"), Some(&1));
        assert!(missing(&crcs(&whole.video), &crcs(&run.video)) <= 2);
        assert_eq!(crcs(&run.audio), crcs(&whole.audio));
    }
}

#[test]
fn broken_adaptation_fields_cost_what_their_packets_carry_and_end_nothing() {
    let (all, whole) = clean();
    for &victim in of_pid(&all, VIDEO).iter().skip(40).step_by(13) {
        for length in [0, 1, 7, 100, 182, 183, 184, 255] {
            for flags in [0x00, 0x12, 0xFF] {
                let mut ts = all.clone();
                ts[victim][3] |= 0x30;
                ts[victim][4] = length;
                ts[victim][5] = flags;
                let run = run(&ts.concat());
                orderly(&run);
                assert!(whole.video.len() - run.video.len() <= 2, "{victim} {length} {flags:x}");
                assert!(apart_at_end(&run).abs() <= GRID, "{victim} {length} {flags:x}: {}", apart_at_end(&run));
                assert_eq!(run.video.last().unwrap().1, whole.video.last().unwrap().1);
            }
        }
    }
}

/// Puts packets of `pid` with `change` of a model of theirs behind every tenth of that PID's, and counts all of them.
fn with_others(all: &[[u8; 188]], of: u16, change: impl Fn(&mut [u8; 188])) -> (Vec<u8>, u64) {
    let (mut ts, mut own, mut count) = (Vec::new(), 0, 0);
    for packet in all {
        ts.extend(packet);
        own += usize::from(pid(packet) == of);
        if pid(packet) == of && own % 2 == 0 {
            let mut other = [0xFF; 188];
            other[..4].copy_from_slice(&[0x47, (of >> 8) as u8, of as u8, 0x10]);
            change(&mut other);
            ts.extend(other);
            count += 1;
        }
    }
    (renumber(&ts), count)
}

#[test]
fn packets_whose_announced_payload_has_no_byte_are_counted_and_nothing_is_lost_for_them() {
    let (all, whole) = clean();
    for of in [VIDEO, AUDIO, PMT] {
        for start in [0, 0x40] {
            let (ts, count) = with_others(&all, of, |packet| {
                packet[1] |= start;
                packet[3] |= 0x20;
                packet[4..6].copy_from_slice(&[183, 0]);
            });
            let run = run(&ts);
            assert_eq!((&run.video, &run.audio), (&whole.video, &whole.audio), "{of}");
            assert!(count > 3);
            assert_eq!((run.faults.get("adaptation_field"), run.faults.len()), (Some(&count), 1), "{of}");
        }
    }
}

#[test]
fn padding_and_other_pes_packets_without_times_are_no_part_of_the_stream() {
    for length in [Length::Unbounded, Length::Declared] {
        let clip: Vec<Pes> = pes_packets(&fixture("clip"));
        let mux = |padded: bool| {
            let mut muxer = Muxer::default();
            muxer.pat(&[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
            for (number, pes) in clip.iter().enumerate() {
                muxer.pes(pes, length);
                if padded {
                    // One in a packet of its own, or over two.
                    let stream_id = [0xBE, 0xBF, 0xF0, 0xFF][number % 4];
                    let size = [64, 180, 300][number % 3];
                    let bytes = [&[0, 0, 1, stream_id, 0, size as u8][..], &vec![0xFF; size]].concat();
                    bytes
                        .chunks(184)
                        .enumerate()
                        .for_each(|(index, piece)| muxer.packet(pes.pid, index == 0, &[], piece));
                }
            }
            run_with(&muxer.ts, 1316, Options { make_up_pictures: true, ..Options::default() })
        };
        let (whole, padded) = (mux(false), mux(true));
        assert_eq!(whole.video.len(), 75);
        assert_eq!(
            (&padded.video, &padded.audio, &padded.faults),
            (&whole.video, &whole.audio, &whole.faults),
            "{length:?}"
        );
    }
}

#[test]
fn a_datagram_that_comes_twice_changes_nothing() {
    for name in ["clip", "open_gop"] {
        // With packets of their own for private data, each another, as others have them for clocks: these count nothing.
        let mut all = Vec::new();
        for packet in packets(&fixture(name)) {
            all.push(packet);
            let [_, _, _, control, ..] = packet;
            if of_pid(&[packet], VIDEO).len() == 1 && all.len() % 3 == 0 {
                let mut beside = [0xFF; 188];
                beside[..8].copy_from_slice(&[0x47, packet[1] & 0x1F, packet[2], 0x20 | control & 0x0F, 183, 2, 2, 0]);
                beside[8..10].copy_from_slice(&(all.len() as u16).to_be_bytes());
                all.push(beside);
            }
        }
        let whole = run(&all.concat());
        // Every fifth comes once more, at once.
        let twice = all.chunks(7).enumerate().flat_map(|(number, datagram)| {
            let times = if number % 5 == 0 { 2 } else { 1 };
            datagram.concat().repeat(times)
        });
        let run = run(&twice.collect::<Vec<u8>>());
        assert_eq!(crcs(&run.video), crcs(&whole.video), "{name}");
        assert_eq!(crcs(&run.audio), crcs(&whole.audio), "{name}");
        // A table in two packets seems to lack some in between; it comes again.
        assert!(run.faults.keys().all(|fault| *fault == "continuity"), "{name}: {:?}", run.faults);
    }
}
