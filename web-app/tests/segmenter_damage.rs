//! Streams that are damaged: what is lost is what was touched, and nothing runs apart.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Sample, Segmenter, Track};
use proptest::prelude::*;
use segmenter_support::*;

/// How far apart sound and picture may be after a repair: half an AAC frame, in 90 kHz ticks.
const HALF_FRAME: i64 = 961;

fn crcs(samples: &[(Sample, u32)]) -> Vec<u32> {
    samples.iter().map(|(_, crc)| *crc).collect()
}

/// How many of `all` are missing in `some`, which must hold nothing else.
fn missing(all: &[u32], some: &[u32]) -> usize {
    let mut rest = all.iter();
    for crc in some {
        assert!(rest.any(|other| other == crc), "a frame that is not the source's, or out of order");
    }
    all.len() - some.len()
}

#[test]
fn one_lost_video_packet_costs_the_frames_it_touches_and_no_sound() {
    let ts = fixture("clip");
    let clean = run(&ts);
    // Behind the first picture: without that one, the output begins with the next random access point. Before
    // the last one: nothing shows that its end is missing.
    for lost in of_pid(&packets(&ts), VIDEO).into_iter().filter(|index| (40..490).contains(index)) {
        let run = run(&without(&ts, |index| index == lost));
        run.check(1);
        let frames = missing(&crcs(&clean.video), &crcs(&run.video));
        // Where the frame before ends does not show when what follows is lost: that one may go too.
        assert!((1..=2).contains(&frames), "packet {lost}: {frames} frames");
        assert_eq!(crcs(&run.audio), crcs(&clean.audio), "packet {lost}");
    }
}

#[test]
fn one_lost_audio_packet_costs_the_frames_it_touches_and_silence_takes_their_place() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let all = of_pid(&packets(&ts), AUDIO);
    for &lost in &all[2..all.len() - 20] {
        let run = run(&without(&ts, |index| index == lost));
        run.check(HALF_FRAME);
        assert_eq!(run.audio.len(), clean.audio.len(), "packet {lost}");
        let whole = crcs(&clean.audio);
        let kept = run.audio.iter().filter(|(_, crc)| whole.contains(crc)).count();
        assert!(whole.len() - kept <= 3, "packet {lost}: {} frames", whole.len() - kept);
        assert_eq!(crcs(&run.video), crcs(&clean.video));
    }
}

#[test]
fn seventy_lost_packets_leave_sound_and_picture_together() {
    let ts = fixture("clip");
    for from in [60, 150, 240, 330] {
        let run = run(&without(&ts, |index| (from..from + 70).contains(&index)));
        run.check(HALF_FRAME);
        assert!(run.video.len() > 55, "{}", run.video.len());
        let end = |samples: &[(Sample, u32)], rate: i64| {
            let (last, _) = samples.last().unwrap();
            (last.dts as i64 + i64::from(last.duration)) * 90_000 / rate
        };
        assert_eq!(end(&run.video, 90_000), 75 * 3600, "{from}");
        assert!((end(&run.audio, 48_000) - end(&run.video, 90_000)).abs() < 15_000, "{from}");
    }
}

#[test]
fn legal_duplicates_change_nothing() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let twice: Vec<u8> = packets(&ts).iter().flat_map(|packet| [*packet, *packet].concat()).collect();
    assert_eq!(run(&twice), clean);
}

#[test]
fn a_loss_that_the_counter_cannot_show_is_found() {
    let ts = fixture("clip");
    let all = of_pid(&packets(&ts), VIDEO);
    // Fifteen look like a duplicate.
    let lost = &all[60..75];
    let run = run(&without(&ts, |index| lost.contains(&index)));
    run.check(1);
    assert_eq!(run.faults.get("continuity"), Some(&15));
    // Sixteen do not show at all, but a declared length does.
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO)]);
    let twice = [ts.clone(), shift_times(&ts, 3 * 90_000)].concat();
    for pes in pes_packets(&twice).into_iter().filter(|pes| pes.pid == VIDEO) {
        muxer.pes(&pes, Length::Declared);
    }
    let starts: Vec<usize> = packets(&muxer.ts)
        .iter()
        .enumerate()
        .filter(|(_, packet)| packet[1] & 0x40 != 0)
        .map(|(index, _)| index)
        .collect();
    // A frame of more than 17 packets: the second I picture.
    let long = starts.windows(2).rfind(|pair| pair[1] - pair[0] > 17).expect("a long frame")[0];
    let whole = segmenter_support::run(&muxer.ts);
    let cut = segmenter_support::run(&without(&muxer.ts, |index| (long + 1..long + 17).contains(&index)));
    assert_eq!(missing(&crcs(&whole.video), &crcs(&cut.video)), 1);
}

#[test]
fn junk_and_missing_bytes_are_passed_over() {
    let ts = fixture("clip");
    for at in (9000..90_000).step_by(3777) {
        for (put, take) in [(50, 0), (0, 100), (188 * 3 + 5, 0), (0, 188 * 2 + 1), (1, 0), (0, 1)] {
            let mut damaged = ts.clone();
            damaged.splice(at..at + take, std::iter::repeat_n(0x55, put));
            let run = run(&damaged);
            run.check(HALF_FRAME);
            assert_eq!(run.faults.get("sync_lost"), Some(&1), "{at} {put} {take}");
            assert!(run.video.len() >= 71 && run.audio.len() >= 138, "{at}: {} {}", run.video.len(), run.audio.len());
        }
    }
}

#[test]
fn packets_with_errors_are_named_and_left_out() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let victim = of_pid(&packets(&ts), VIDEO)[50];
    type Damage = fn(&mut [u8; 188]);
    let faults: [(&str, Damage); 4] = [
        ("transport_error", |packet| packet[1] |= 0x80),
        ("scrambled", |packet| packet[3] |= 0xC0),
        ("adaptation_field", |packet| {
            packet[3] |= 0x30;
            packet[4] = 250;
        }),
        ("adaptation_field", |packet| packet[3] &= 0x0F),
    ];
    for (name, damage) in faults {
        let mut all = packets(&ts);
        damage(&mut all[victim]);
        let run = run(&all.concat());
        run.check(1);
        assert_eq!(run.faults.get(name), Some(&1), "{:?}", run.faults);
        assert!(missing(&crcs(&clean.video), &crcs(&run.video)) <= 2);
        assert_eq!(crcs(&run.audio), crcs(&clean.audio));
    }
}

#[test]
fn times_may_wrap_anywhere() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let first = clean.video[0].0.source_pts;
    for into in (-8000..280_000).step_by(7919) {
        let by = (1i64 << 33) - first - into;
        let run = run(&shift_times(&ts, by));
        run.check(1);
        let times =
            |run: &Run| run.video.iter().chain(&run.audio).map(|(s, _)| (s.dts, s.pts, s.duration)).collect::<Vec<_>>();
        assert_eq!(times(&run), times(&clean), "{into}");
        assert!(run.discontinuities.is_empty());
    }
}

#[test]
fn a_looping_source_goes_on_without_a_step() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let run = run(&renumber(&ts.repeat(4)));
    run.check(HALF_FRAME);
    assert_eq!(crcs(&run.video), crcs(&clean.video).repeat(4));
    // The clip's sound is 3.029 s long, its picture 3 s: a frame or two go at each seam.
    assert!((558..=568).contains(&run.audio.len()), "{}", run.audio.len());
    assert!(run.discontinuities.contains(&(Track::Video, "clock_jump")));
    let last = run.video.last().unwrap().0;
    assert_eq!(last.dts + 3600, 4 * 75 * 3600);
}

#[test]
fn a_jump_of_the_clock_is_bridged_for_both_tracks() {
    let ts = fixture("clip");
    for by in [100 * 90_000, -100 * 90_000, 3 * 90_000 + 11, 4_000_000_000, -45_000] {
        let both = [shift_times(&ts, 200 * 90_000), shift_times(&ts, 203 * 90_000 + by)].concat();
        let run = run(&renumber(&both));
        run.check(HALF_FRAME);
        assert_eq!(run.video.len(), 150, "{by}");
        let last = run.video.last().unwrap().0;
        assert_eq!(last.dts + 3600, 150 * 3600, "{by}");
        assert!((280..=284).contains(&run.audio.len()), "{by}: {}", run.audio.len());
    }
}

#[test]
fn another_encoder_in_mid_stream_gets_a_new_initialisation_segment() {
    let (one, two) = (fixture("clip"), fixture("sliced"));
    let run = run(&renumber(&[one.clone(), two, one].concat()));
    run.check(HALF_FRAME);
    assert_eq!(run.video.len(), 225);
    let sizes: Vec<_> =
        run.inits.iter().filter(|init| init.track == Track::Video).map(|i| (i.width, i.height)).collect();
    assert_eq!(sizes, [(160, 90), (128, 72), (160, 90)]);
    assert_eq!(run.inits.iter().filter(|init| init.track == Track::Audio).count(), 1);
}

#[test]
fn new_parameter_sets_at_the_same_size_get_one_too() {
    let run = run(&renumber(&[fixture("clip"), fixture("open_gop")].concat()));
    let video: Vec<_> = run.inits.iter().filter(|init| init.track == Track::Video).collect();
    let [one, two] = video[..] else { panic!("{} segments", video.len()) };
    assert_eq!((one.width, one.height), (two.width, two.height));
    assert_ne!(one.data, two.data);
}

#[test]
fn a_pmt_that_changes_its_streams_is_followed() {
    let pes = pes_packets(&fixture("clip"));
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
    for (index, mut packet) in pes.iter().cloned().enumerate() {
        if index == pes.len() / 2 {
            muxer.pmt(PMT, 1, 1, &[(0x1B, VIDEO + 50), (0x0F, AUDIO)]);
        }
        if index >= pes.len() / 2 && packet.pid == VIDEO {
            packet.pid += 50;
        }
        muxer.pes(&packet, Length::Declared);
    }
    let run = run(&muxer.ts);
    run.check(HALF_FRAME);
    // The new PID's first random access point is up to a second away.
    assert!(run.video.len() >= 50, "{}", run.video.len());
    assert_eq!(run.audio.len(), 142);
    assert_eq!(run.inits.iter().map(|init| init.pid).collect::<Vec<_>>().len(), 3);
    assert_eq!(run.programs.last().unwrap().streams[0].pid, VIDEO + 50);
}

#[test]
fn a_table_with_a_wrong_crc_is_not_believed() {
    let ts = fixture("clip");
    let mut all = packets(&ts);
    let tables = of_pid(&all, PMT);
    let wrong = tables[tables.len() / 2];
    all[wrong][20] ^= 0xFF;
    let run = run(&all.concat());
    assert_eq!(run.faults.get("crc"), Some(&1), "{:?}", run.faults);
    assert_eq!(run.video.len(), 75);
}

#[test]
fn clean_pictures_can_be_had_instead_of_artefacts() {
    let ts = fixture("clip");
    // Lost with it: a reference picture of the first second.
    let victims = of_pid(&packets(&ts), VIDEO);
    let mut runs = victims[30..60]
        .iter()
        .map(|victim| run_with(&without(&ts, |index| index == *victim), 1316, Options::default()));
    let waits = |run: &Run| run.discontinuities.contains(&(Track::Video, "waiting_for_random_access"));
    let run = runs.find(waits).expect("a loss that matters");
    run.check(1);
    // From the loss in the first second on, nothing but what follows a key frame comes.
    let hole = run.video.windows(2).position(|pair| pair[1].0.source_pts - pair[0].0.source_pts > 4 * 3600).unwrap();
    assert!(run.video[hole + 1].0.key);
    assert_eq!(run.audio.len(), 142);
}

#[test]
fn a_loss_of_pictures_that_no_other_needs_is_no_reason_to_wait() {
    let ts = fixture("clip");
    let clean = run(&ts);
    let mut costs = Vec::new();
    for lost in of_pid(&packets(&ts), VIDEO).into_iter().filter(|index| (40..490).contains(index)) {
        let run = run_with(&without(&ts, |index| index == lost), 1316, Options::default());
        run.check(1);
        costs.push(missing(&crcs(&clean.video), &crcs(&run.video)));
    }
    // B pictures here are in no other's way; what a reference picture costs is the rest of its second.
    assert!(costs.iter().filter(|cost| **cost <= 2).count() > 20, "{costs:?}");
    assert!(costs.iter().any(|cost| *cost > 10) && costs.iter().all(|cost| *cost <= 27), "{costs:?}");
}

#[test]
fn only_a_transport_stream_is_recognised_as_one() {
    let recognised = |bytes: &[u8]| {
        let mut segmenter = Segmenter::default();
        bytes.chunks(1316).for_each(|piece| segmenter.push(piece, 0));
        segmenter.finish();
        segmenter.recognised()
    };
    let ts = fixture("clip");
    for length in [1, 2, 3, 5, 20] {
        assert!(recognised(&ts[..188 * length]), "{length} packets");
        assert!(recognised(&ts[188 * 40..188 * (40 + length)]), "{length} packets from mid-stream");
    }
    assert!(recognised(&ts[77..3000]) && recognised(&[&vec![9; 3000], &ts[..3000], &vec![9; 3000]].concat()));

    // Bytes without any order (a linear congruential generator's).
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for length in [300, 1000, 10_000, 100_000, 4_000_000] {
        assert!(!recognised(&(0..length).map(|_| random()).collect::<Vec<_>>()), "{length} random bytes");
    }
    assert!(!recognised(&[]) && !recognised(&[b'G'; 188 * 30]));
    let numbers = (0..5000).map(|n| format!("Good Grey Goose {n}\n")).collect::<String>();
    assert!(!recognised(numbers.as_bytes()));
    assert!(!recognised(&run(&ts).init(Track::Video).data));
}

/// `fixture("clip")`, 12 s of it without any seam, packet by packet.
fn endless() -> Vec<[u8; 188]> {
    let clip = pes_packets(&fixture("clip"));
    let mut all = Vec::new();
    for (pid, period) in [(VIDEO, 3 * 90_000), (AUDIO, 142 * 1920)] {
        for round in 0..4 {
            all.extend(clip.iter().filter(|pes| pes.pid == pid).cloned().map(|mut pes| {
                pes.pts = pes.pts.map(|pts| pts + round * period);
                pes.dts = pes.dts.map(|dts| dts + round * period);
                pes
            }));
        }
    }
    all.sort_by_key(|pes| pes.dts.or(pes.pts));
    let mut muxer = Muxer::default();
    for (index, pes) in all.iter().enumerate() {
        if index % 10 == 0 {
            muxer.pat(&[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
        }
        muxer.pes(pes, Length::Declared);
    }
    packets(&muxer.ts)
}

/// What may remain between sound and picture where the sound took up another grid, in ms: half a frame.
const GRID: f64 = 11.0;

/// Sound against picture at the end, in ms.
fn apart_at_end(run: &Run) -> f64 {
    let offset = |samples: &[(Sample, u32)], rate: f64| {
        let (last, _) = samples.last().expect("samples");
        last.pts as f64 * 1000.0 / rate - last.source_pts as f64 / 90.0
    };
    offset(&run.audio, 48_000.0) - offset(&run.video, 90_000.0)
}

#[test]
fn one_false_time_moves_nothing_for_long() {
    let whole = endless();
    let starts: Vec<usize> = (0..whole.len() * 3 / 4).filter(|index| has_time(&whole[*index])).collect();
    for &victim in starts.iter().skip(12).step_by(7).take(40) {
        for by in [9_000, 45_000, -45_000, 80_000, -9_000_000, 9_000_000, 1 << 32, -777] {
            let mut all = whole.clone();
            let packet = shift_times(&all[victim], by);
            all[victim].copy_from_slice(&packet);
            let run = run(&all.concat());
            orderly(&run);
            assert!(apart_at_end(&run).abs() <= GRID, "{victim} {by}: {} ms", apart_at_end(&run));
        }
    }
}

fn has_time(packet: &[u8; 188]) -> bool {
    matches!(pid(packet), VIDEO | AUDIO) && packet[1] & 0x40 != 0
}

/// Decoding times go on, durations are possible ones.
fn orderly(run: &Run) {
    for samples in [&run.video, &run.audio] {
        for pair in samples.windows(2) {
            assert!(pair[1].0.dts >= pair[0].0.dts + u64::from(pair[0].0.duration));
            assert!((1..=900_000).contains(&pair[0].0.duration));
        }
    }
}

#[test]
fn a_short_jump_of_the_clock_is_bridged_and_the_sound_may_follow_late() {
    let whole = endless();
    for by in [-18_000, -45_000, -10_000, 18_000, 150_000] {
        for late in [0, 20, 120] {
            let mut all = whole.clone();
            let middle = all.len() / 2;
            for (index, packet) in all.iter_mut().enumerate() {
                if index > middle + if pid(packet) == AUDIO { late } else { 0 } {
                    let moved = shift_times(packet, by);
                    packet.copy_from_slice(&moved);
                }
            }
            let run = run(&all.concat());
            orderly(&run);
            assert!(apart_at_end(&run).abs() <= GRID, "{by} {late}: {} ms", apart_at_end(&run));
            assert_eq!(run.video.len(), 300);
        }
    }
}

#[test]
fn sound_that_is_off_by_any_part_of_a_frame_is_repaired_once_and_not_to_and_fro() {
    let whole = endless();
    for by in (-1920..=1920).step_by(32) {
        let mut all = whole.clone();
        let middle = all.len() / 2;
        for packet in all[middle..].iter_mut().filter(|packet| pid(packet) == AUDIO) {
            let moved = shift_times(packet, by);
            packet.copy_from_slice(&moved);
        }
        // A step of the picture's clock as well, so that both are put in place anew.
        for packet in &mut all[middle..] {
            let moved = shift_times(packet, -700_000);
            packet.copy_from_slice(&moved);
        }
        let run = run(&all.concat());
        let repairs = run.discontinuities.iter().filter(|(_, reason)| *reason != "clock_jump").count();
        assert!(repairs <= 2, "{by}: {:?}", run.discontinuities);
        assert!(apart_at_end(&run).abs() <= GRID, "{by}: {} ms", apart_at_end(&run));
    }
}

/// Found by the property below: after a loss, a PES header of sound has a false length, so that its time is taken for
/// that of the second frame in it.
#[test]
fn a_time_that_goes_to_the_wrong_frame_leaves_sound_and_picture_together() {
    let mut all = endless();
    all.drain(363..363 + 21);
    all[560][12] ^= 8;
    let run = run(&all.concat());
    assert!(apart_at_end(&run).abs() <= GRID, "{} ms", apart_at_end(&run));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sound_and_picture_are_together_again_after_any_damage(
        damage in proptest::collection::vec((8usize..1200, 0usize..3, 1usize..30, any::<u8>()), 1..60),
    ) {
        let mut all = endless();
        for (at, kind, length, byte) in damage {
            match kind {
                0 if at % 3 == 0 => drop(all.drain(at..at + length)),
                1 => all.swap(at, at + length % 6),
                _ => all[at][length * 6] ^= byte,
            }
        }
        let run = run(&all.concat());
        orderly(&run);
        prop_assert!(apart_at_end(&run).abs() <= GRID, "{} ms", apart_at_end(&run));
    }

    #[test]
    fn any_loss_leaves_an_orderly_timeline(losses in proptest::collection::vec((8usize..500, 1usize..40), 1..8)) {
        let run = run(&without(&fixture("clip"), |index| losses.iter().any(|(at, count)| (*at..at + count).contains(&index))));
        run.check(HALF_FRAME * 2);
    }

    #[test]
    fn any_change_of_bytes_is_survived_and_cutting_changes_nothing(
        edits in proptest::collection::vec((0usize..94_000, any::<u8>(), 0usize..400), 0..60),
        chunk in 1usize..5000,
    ) {
        let mut ts = fixture("clip");
        for (at, byte, length) in edits {
            let at = at.min(ts.len() - 1);
            match byte & 3 {
                0 => {
                    let end = (at + length).min(ts.len() - 1);
                    ts.drain(at..end);
                }
                1 => {
                    ts.splice(at..at, std::iter::repeat_n(byte, length));
                }
                _ => ts[at] ^= byte,
            }
        }
        let whole = run_with(&ts, usize::MAX, go_on());
        let cut = run_with(&ts, chunk, go_on());
        prop_assert_eq!(&whole.video, &cut.video);
        prop_assert_eq!(&whole.audio, &cut.audio);
        prop_assert_eq!(&whole.faults, &cut.faults);
        for samples in [&whole.video, &whole.audio] {
            for pair in samples.windows(2) {
                prop_assert!(pair[1].0.dts >= pair[0].0.dts + u64::from(pair[0].0.duration));
                prop_assert!((1..=2_000_000).contains(&pair[0].0.duration));
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        run(&bytes);
    }
}
