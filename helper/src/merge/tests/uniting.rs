//! RTP, from one path and from several.

use super::*;
use crate::rtp::Discard;
use proptest::prelude::*;

const SSRC: u32 = 7;

pub(super) fn packet_of(ssrc: u32, number: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 33];
    bytes.extend((number as u16).to_be_bytes());
    bytes.extend(number.wrapping_mul(90).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(numbered(number));
    bytes
}

pub(super) fn packet(number: u32) -> Vec<u8> {
    packet_of(SSRC, number)
}

impl Bench {
    pub(super) fn rtp(&mut self, at: u64, path: PathId, number: u32) -> Result<(), Discard> {
        self.push(ms(at), path, &packet(number))
    }

    pub(super) fn numbers(&self) -> Vec<u32> {
        self.out.iter().map(|out| number_of(&out.ts)).collect()
    }

    pub(super) fn gaps(&self) -> Vec<u32> {
        self.out.iter().filter(|out| out.gap).map(|out| number_of(&out.ts)).collect()
    }

    pub(super) fn figures(&self) -> crate::rtp::Figures {
        self.merge.figures().rtp
    }
}

#[test]
fn what_comes_in_order_goes_on_at_once_and_is_not_copied() {
    let mut merge = Merge::default();
    let now = Instant::now();
    for number in [65_534, 65_535, 65_536, 65_537] {
        let bytes = packet(number);
        let mut passed_on = None;
        merge.push(now, A, &bytes, 5, &mut |delivery| passed_on = Some((delivery.ts.as_ptr(), delivery.gap))).unwrap();
        assert_eq!(passed_on, Some((bytes[12..].as_ptr(), false)));
        assert_eq!(merge.poll_timeout(), None);
    }
    let figures = merge.figures();
    assert!(figures.is_rtp);
    assert_eq!((figures.rtp.expected, figures.rtp.received, figures.rtp.lost), (4, 4, 0));
}

#[test]
fn contributing_sources_extension_and_padding_are_stripped() {
    let mut bench = Bench::new();
    let mut bytes = packet(1);
    bytes[0] = 0x80 | 0x20 | 0x10 | 2;
    bytes.splice(12..12, [1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 3, 3, 3, 3]);
    bytes.extend([0, 0, 3]);
    bench.push(ms(0), A, &bytes).unwrap();
    assert_eq!(bench.out[0].ts, numbered(1));
}

#[test]
fn dynamic_payload_types_and_markers_are_rtp_as_well() {
    for payload_type in [33 | 0x80, 96, 96 | 0x80] {
        let mut bench = Bench::new();
        let mut bytes = packet(1);
        bytes[1] = payload_type;
        bench.push(ms(0), A, &bytes).unwrap();
        assert!(bench.merge.figures().is_rtp);
        assert_eq!(bench.out[0].ts, numbered(1));
    }
}

#[test]
fn what_is_sent_beside_the_stream_is_dropped_by_name() {
    let mut bench = Bench::new();
    let report = [0x80, 200, 0, 4, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0];
    assert_eq!(bench.push(ms(0), A, &report), Err(Discard::Rtcp));
    bench.rtp(0, A, 1).unwrap();
    assert_eq!(bench.push(ms(0), A, &report), Err(Discard::Rtcp));
    let mut fec = vec![0x80, 96, 0, 9, 0, 0, 0, 9, 0, 0, 0, 0];
    fec.extend([0, 1, 0, 0, 0x80 | 33, 0, 0, 0, 0, 0, 0, 0, 0x40, 10, 10, 0]);
    fec.extend([0xAA; 200]);
    assert_eq!(bench.push(ms(0), A, &fec), Err(Discard::Fec));
    let mut other = packet(2);
    other[1] = 97;
    other[12] = 0;
    assert_eq!(bench.push(ms(0), A, &other), Err(Discard::OtherPayload));
    assert_eq!(bench.push(ms(0), A, &numbered(9)), Err(Discard::OtherPayload));
    bench.rtp(1, A, 2).unwrap();
    assert_eq!((bench.numbers(), bench.figures().lost), (vec![1, 2], 0));
}

#[test]
fn a_packet_behind_later_ones_is_put_in_its_place() {
    let mut bench = Bench::new();
    for (at, number) in [(0, 1), (1, 4), (2, 3), (3, 5), (4, 2), (5, 6)] {
        bench.rtp(at, A, number).unwrap();
    }
    assert_eq!(bench.numbers(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.out[4].received_micros, 3000);
    assert_eq!((bench.figures().reordered, bench.figures().lost, bench.gaps()), (2, 0, vec![]));
}

#[test]
fn a_loss_is_waited_for_less_each_time_it_is_one() {
    let mut bench = Bench::new();
    bench.rtp(0, A, 1).unwrap();
    let mut waits = Vec::new();
    for round in 1..=20_u32 {
        let at = u64::from(round) * 100;
        bench.rtp(at, A, 2 * round + 1).unwrap();
        bench.run_until(ms(at + 99));
        waits.push((bench.out.last().unwrap().at - ms(at)).as_millis());
    }
    assert_eq!((waits[0], waits[1], waits[19]), (50, 37, 5), "{waits:?}");
    assert_eq!((bench.figures().lost, bench.gaps().len()), (20, 20));
    // What comes late teaches to wait longer.
    let now = 100 * 21;
    bench.rtp(now, A, 43).unwrap();
    bench.run_until(ms(now + 20));
    assert_eq!(bench.rtp(now + 20, A, 42), Err(Discard::Late));
    bench.rtp(now + 50, A, 45).unwrap();
    bench.rtp(now + 75, A, 44).unwrap();
    assert_eq!(bench.numbers()[21..], [43, 44, 45]);
    assert_eq!((bench.figures().late, bench.figures().reordered), (1, 1));
}

#[test]
fn a_packet_for_the_second_time_is_dropped() {
    let mut bench = Bench::new();
    for number in [1, 2, 4] {
        bench.rtp(0, A, number).unwrap();
    }
    for number in [1, 2, 4] {
        assert_eq!(bench.rtp(0, A, number), Err(Discard::Duplicate));
    }
    bench.rtp(0, A, 3).unwrap();
    assert_eq!((bench.numbers(), bench.figures().duplicates), (vec![1, 2, 3, 4], 3));
}

#[test]
fn a_sender_that_begins_anew_is_proved_by_its_second_packet() {
    let mut bench = Bench::new();
    bench.rtp(0, A, 40_000).unwrap();
    // One stray packet proves nothing.
    bench.rtp(1, A, 100).unwrap();
    bench.rtp(2, A, 40_001).unwrap();
    for (at, number) in [(3, 200), (4, 201), (5, 202)] {
        bench.rtp(at, A, number).unwrap();
    }
    for (at, number) in [(6, 900), (7, 901)] {
        bench.push(ms(at), A, &packet_of(8, number)).unwrap();
    }
    assert_eq!(bench.numbers(), [40_000, 40_001, 200, 201, 202, 900, 901]);
    assert_eq!((bench.gaps(), bench.figures().lost), (vec![200, 900], 0));
}

#[test]
fn what_one_path_loses_the_other_brings() {
    let mut bench = Bench::new();
    for number in 1..=40 {
        // B is 3 ms behind; each loses every tenth, and both 25.
        let at = u64::from(number) * 10;
        if number % 10 != 5 {
            bench.rtp(at, A, number).unwrap();
        }
        if number % 10 != 7 && number != 25 {
            bench.rtp(at + 3, B, number).unwrap();
        }
    }
    let expected: Vec<u32> = (1..=40).filter(|number| *number != 25).collect();
    assert_eq!(bench.numbers(), expected);
    let figures = bench.figures();
    assert_eq!((figures.recovered, figures.lost, figures.duplicates, bench.gaps()), (3 + 4, 1, 0, vec![26]));
}

#[test]
fn a_path_that_is_gone_or_silent_is_not_waited_for() {
    for gone in [true, false] {
        let mut bench = Bench::new();
        for number in 1..=3 {
            bench.rtp(u64::from(number), A, number).unwrap();
            bench.rtp(u64::from(number), B, number).unwrap();
        }
        if gone {
            bench.merge.path_gone(B);
        }
        let at = if gone { 4 } else { 600 };
        bench.rtp(at, A, 5).unwrap();
        bench.run_until(ms(at + 60));
        assert_eq!(bench.numbers(), [1, 2, 3, 5]);
    }
}

#[test]
fn a_path_that_lags_is_waited_for_and_so_is_what_it_alone_has() {
    let mut bench = Bench::new();
    for number in 1..=20 {
        bench.rtp(u64::from(number), A, number).unwrap();
    }
    bench.rtp(300, B, 1).unwrap();
    bench.rtp(300, A, 22).unwrap();
    bench.run_until(ms(590));
    assert_eq!(bench.out.len(), 20);
    for number in 2..=21 {
        bench.rtp(590, B, number).unwrap();
    }
    assert_eq!(bench.numbers(), (1..=22).collect::<Vec<_>>());
    assert_eq!(bench.figures().recovered, 1);
}

#[test]
fn a_foreign_sender_on_another_path_is_refused_until_the_stream_ends() {
    let mut bench = Bench::new();
    for number in 1..=10 {
        bench.rtp(u64::from(number), A, number).unwrap();
        let foreign = bench.push(ms(number.into()), B, &packet_of(8, 500 + number));
        assert_eq!(foreign, if number == 1 { Ok(()) } else { Err(Discard::OtherSender) });
    }
    assert_eq!(bench.numbers(), (1..=10).collect::<Vec<_>>());
    bench.push(ms(600), B, &packet_of(8, 600)).unwrap();
    bench.push(ms(601), B, &packet_of(8, 601)).unwrap();
    assert_eq!(bench.numbers()[10..], [600, 601]);
}

#[test]
fn a_restart_is_followed_when_all_paths_have_made_it() {
    let mut bench = Bench::new();
    let sent = |at: u64| if at < 50 { 30_000 + at as u32 } else { at as u32 };
    for at in 0..100 {
        let _ = bench.rtp(at, A, sent(at));
        if at >= 10 {
            let _ = bench.rtp(at, B, sent(at - 10));
        }
    }
    let mut expected: Vec<u32> = (0..100).map(sent).collect();
    // The path that is ahead is refused until the other one restarts; that one brings everything.
    expected.truncate(bench.numbers().len());
    assert_eq!(bench.numbers(), expected);
    assert!(expected.len() >= 90, "{}", expected.len());
}

#[test]
fn a_hole_that_is_not_filled_keeps_the_bounds() {
    let mut bench = Bench::new();
    bench.rtp(0, A, 1).unwrap();
    for number in 3..=8000 {
        bench.rtp(0, A, number).unwrap();
    }
    assert_eq!(bench.out.len(), 7999);
    assert_eq!(bench.figures().lost, 1);
}

#[test]
fn the_fraction_of_loss_is_of_the_last_seconds() {
    let mut bench = Bench::new();
    for number in 0..1100_u32 {
        if number % 4 != 1 || number > 600 {
            bench.rtp(u64::from(number) * 10, A, number).unwrap();
        }
        if number == 520 {
            assert!((60..=66).contains(&bench.figures().fraction_lost), "{}", bench.figures().fraction_lost);
        }
    }
    assert!((8..=16).contains(&bench.figures().fraction_lost), "{}", bench.figures().fraction_lost);
}

#[test]
fn a_sender_that_changes_to_plain_ts_and_back_is_followed() {
    let mut bench = Bench::new();
    for number in 1..=3 {
        bench.rtp(number.into(), A, number).unwrap();
    }
    for number in 4..=8 {
        let _ = bench.push(ms(number.into()), A, &numbered(number));
    }
    for number in 9..=13 {
        let _ = bench.rtp(number.into(), A, number);
    }
    assert_eq!(bench.numbers(), [1, 2, 3, 6, 7, 8, 11, 12, 13]);
    assert_eq!(bench.gaps(), [6, 11]);
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn any_datagrams_are_passed_on_or_dropped(
        datagrams in proptest::collection::vec((0_u64..40, 0_u8..3, 0_u8..4, 0_u16..2000, any::<Vec<u8>>()), 0..200),
    ) {
        let mut bench = Bench::new();
        let mut at = 0;
        for (pause, path, kind, sequence, noise) in datagrams {
            at += pause;
            let bytes = match kind {
                0 => noise,
                1 => packet_of(SSRC + u32::from(path), sequence.into()),
                2 => numbered(sequence.into()),
                _ => [&[0x80 | noise.first().unwrap_or(&0) & 0x3F, 33][..], &sequence.to_be_bytes(), &noise].concat(),
            };
            let _ = bench.push(ms(at), PathId(path), &bytes);
            if sequence == 0 {
                bench.merge.path_gone(PathId(path));
                bench.merge.prefer(PathId(kind));
            }
        }
        bench.run_until(ms(at + 10_000));
        prop_assert_eq!(bench.merge.poll_timeout(), None);
    }

    #[test]
    fn two_paths_give_what_either_has_once_and_in_order(
        first: u16,
        skew in 0_u64..=300,
        late in proptest::collection::vec((0_u64..33, 0_u64..33), 300),
        lost in proptest::option::of(proptest::collection::vec((0_u8..10, 0_u8..10), 300)),
    ) {
        // Packets are late, which reorders them: by less than is always waited for where a tenth is lost as well, and
        // otherwise by less than is waited for at first.
        let late: Vec<_> = late.into_iter().map(|(a, b)| if lost.is_some() { (a / 8, b / 8) } else { (a, b) }).collect();
        let lost = lost.unwrap_or(vec![(1, 1); 300]);
        let mut arrivals: Vec<(u64, PathId, u32)> = Vec::new();
        for (index, ((late_a, late_b), (lost_a, lost_b))) in late.iter().zip(&lost).enumerate() {
            let (number, at) = (u32::from(first) + index as u32, index as u64);
            arrivals.extend((*lost_a != 0).then_some((at + late_a, A, number)));
            arrivals.extend((*lost_b != 0).then_some((at + skew + late_b, B, number)));
        }
        arrivals.sort_by_key(|(at, _, _)| *at);
        let mut bench = Bench::new();
        for (at, path, number) in &arrivals {
            let _ = bench.rtp(*at, *path, *number);
        }
        bench.run_until(ms(10_000));
        let numbers = bench.numbers();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b));
        // Before the first packet of all, and before the other path is there, nothing can be put in its place.
        let settled = numbers[0] + skew as u32 + 40;
        let expected: Vec<u32> = (settled..u32::from(first) + 300)
            .filter(|number| arrivals.iter().any(|(_, _, arrived)| arrived == number))
            .collect();
        let from = numbers.partition_point(|number| *number < settled);
        prop_assert_eq!(&numbers[from..], &expected[..]);
        prop_assert_eq!(bench.figures().duplicates, 0);
    }
}
