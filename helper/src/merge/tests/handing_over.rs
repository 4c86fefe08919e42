//! Plain TS, where one path takes over from another.

use super::*;
use proptest::prelude::*;
use std::hash::{Hash, Hasher};

/// A source of plain TS: numbered datagrams, and runs of null packets that are all alike.
fn source(pattern: &[u8], len: usize) -> Vec<Vec<u8>> {
    let null = |number: u32| pattern[number as usize % pattern.len()] == 0;
    (0..len as u32).map(|number| if null(number) { numbered(u32::MAX) } else { numbered(number) }).collect()
}

/// What comes by one path: every datagram this much later, but for those it loses and beyond its times.
struct Carried {
    path: PathId,
    skew: u64,
    from: u64,
    until: u64,
    lost: fn(usize) -> bool,
}

impl Carried {
    fn all(path: PathId, skew: u64) -> Self {
        Self { path, skew, from: 0, until: u64::MAX, lost: |_| false }
    }
}

/// A step of a test: a time, and what is done to the merge then.
type Step<'a> = (u64, &'a dyn Fn(&mut Merge));

/// Milliseconds between two datagrams of a source.
const SPACING: u64 = 5;

fn carry(source: &[Vec<u8>], carried: &[Carried], steps: &[Step<'_>]) -> Bench {
    let mut bench = Bench::new();
    let mut arrivals = Vec::new();
    for carried in carried {
        for index in (0..source.len()).filter(|index| !(carried.lost)(*index)) {
            let at = index as u64 * SPACING + carried.skew;
            if (carried.from..carried.until).contains(&at) {
                arrivals.push((at, carried.path, index));
            }
        }
    }
    arrivals.sort();
    let mut steps = steps.iter().peekable();
    for (at, path, index) in arrivals {
        while let Some((_, step)) = steps.next_if(|(step_at, _)| *step_at <= at) {
            step(&mut bench.merge);
        }
        bench.push(ms(at), path, &source[index]).unwrap();
    }
    bench.run_until(ms(60_000));
    bench
}

fn datagrams(bench: &Bench) -> Vec<Vec<u8>> {
    bench.out.iter().map(|out| out.ts.clone()).collect()
}

fn prefer(path: PathId) -> impl Fn(&mut Merge) {
    move |merge| merge.prefer(path)
}

#[test]
fn one_path_passes_untouched() {
    let mut merge = Merge::default();
    let now = Instant::now();
    // Not cut at packets, and with bytes that could be the start of RTP.
    for payload in [numbered(1), vec![0x80; 300], vec![], vec![1, 2, 3]] {
        let mut passed_on = None;
        merge.push(now, A, &payload, 5, &mut |delivery| passed_on = Some(delivery.ts.as_ptr())).unwrap();
        assert_eq!(passed_on, Some(payload.as_ptr()));
        assert_eq!(merge.poll_timeout(), None);
    }
    assert!(!merge.figures().is_rtp);
}

#[test]
fn the_preferred_path_takes_over_whichever_is_ahead() {
    let source = source(&[1, 1, 0, 0, 0, 0, 0, 1], 400);
    for (a, b) in [(0, 0), (0, 300), (300, 0), (0, 1), (1, 0)] {
        let bench = carry(&source, &[Carried::all(A, a), Carried::all(B, b)], &[(800, &prefer(B))]);
        let out = datagrams(&bench);
        let first = out.len() - source.len().min(out.len());
        assert_eq!(first, 0);
        assert!(source.ends_with(&out) && out.len() >= 400 - 60, "{a} {b}: {}", out.len());
        assert!(bench.out.iter().all(|out| !out.gap));
        assert_eq!(bench.merge.figures().handovers, 1, "{a} {b}");
    }
}

#[test]
fn a_path_that_dies_is_left_without_a_loss() {
    let source = source(&[1, 0, 0, 1, 1], 400);
    for (a, b) in [(0, 300), (300, 0), (0, 0)] {
        for gone in [true, false] {
            let dies = Carried { until: 1000, ..Carried::all(A, a) };
            let drop_a = |merge: &mut Merge| {
                if gone {
                    merge.path_gone(A)
                }
            };
            // Joined after the other, so that it is not followed from the start.
            let later = Carried { from: a + b + 20, ..Carried::all(B, b) };
            let bench = carry(&source, &[dies, later], &[(1000, &drop_a)]);
            assert_eq!(datagrams(&bench), source, "{a} {b}");
            assert!(bench.out.iter().all(|out| !out.gap));
            let longest = bench.out.windows(2).map(|two| two[1].at - two[0].at).max().unwrap();
            assert!(longest <= ms(if gone { 310 } else { 510 }), "{longest:?}");
        }
    }
}

#[test]
fn a_path_with_something_else_takes_over_with_a_gap() {
    let source_a = source(&[1], 400);
    let mut bench = Bench::new();
    for (index, datagram) in source_a.iter().enumerate() {
        let at = index as u64 * SPACING;
        bench.push(ms(at), A, datagram).unwrap();
        bench.push(ms(at), B, &numbered(100_000 + index as u32)).unwrap();
        if index == 100 {
            bench.merge.prefer(B);
        }
    }
    let numbers: Vec<u32> = bench.out.iter().map(|out| number_of(&out.ts)).collect();
    let turn = numbers.iter().position(|number| *number >= 100_000).unwrap();
    // A second later than it was asked for.
    assert!((295..=305).contains(&turn), "{turn}");
    assert_eq!(bench.out.iter().filter(|out| out.gap).count(), 1);
    assert!(bench.out[turn].gap);
    assert!(numbers.is_sorted_by(|a, b| a < b));
    assert_eq!(bench.merge.figures().misplaced, 1);
}

#[test]
fn a_path_that_begins_after_the_other_ended_goes_on_at_once_with_a_gap() {
    let source = source(&[1], 800);
    let ends = Carried { until: 1000, ..Carried::all(A, 0) };
    let begins = Carried { from: 3000, ..Carried::all(B, 0) };
    let bench = carry(&source, &[ends, begins], &[(1000, &|merge| merge.path_gone(A))]);
    let numbers: Vec<u32> = bench.out.iter().map(|out| number_of(&out.ts)).collect();
    assert_eq!(numbers, (0..200).chain(600..800).collect::<Vec<_>>());
    assert_eq!(bench.out[200].at, ms(3000));
    assert!(bench.out[200].gap);
}

#[test]
fn what_the_new_path_lost_at_the_seam_does_not_hold_it_up_for_long() {
    let source = source(&[1], 400);
    // The last 20 that A brings never come by B, which is behind.
    let a = Carried { until: 1000, ..Carried::all(A, 0) };
    let b = Carried { from: 300, lost: |index| (180..200).contains(&index), ..Carried::all(B, 100) };
    let bench = carry(&source, &[a, b], &[(1000, &|merge| merge.path_gone(A))]);
    assert_eq!(datagrams(&bench), source);
    let longest = bench.out.windows(2).map(|two| two[1].at - two[0].at).max().unwrap();
    assert!(longest <= ms(100 + 100 + 50), "{longest:?}");
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn switches_lose_and_double_nothing(
        pattern in proptest::collection::vec(0_u8..3, 5..40),
        skews in (0_u64..=300, 0_u64..=300),
        switches in proptest::collection::vec((700_u64..2600, any::<bool>()), 0..4),
        death in proptest::option::of((1000_u64..2500, any::<bool>())),
    ) {
        let mut pattern = pattern;
        pattern[0] = 1;
        let source = source(&pattern, 600);
        let mut a = Carried::all(A, skews.0);
        let mut b = Carried::all(B, skews.1);
        let mut switches = switches;
        switches.sort_unstable();
        if let Some((at, first)) = death {
            if first { a.until = at } else { b.until = at }
        }
        let (to_a, to_b) = (prefer(A), prefer(B));
        let steps: Vec<Step<'_>> = switches
            .iter()
            .map(|(at, first)| (*at, if *first { &to_a as &dyn Fn(&mut Merge) } else { &to_b }))
            .collect();
        let bench = carry(&source, &[a, b], &steps);
        let out = datagrams(&bench);
        // All from where the first path began, which may end early only where the one that is ahead has died.
        let begin = source.windows(3).position(|three| out.starts_with(three)).unwrap_or(0);
        let rest = &source[begin..];
        prop_assert!(out.len() >= rest.len() - 62, "{} of {}", out.len(), rest.len());
        prop_assert_eq!(&out[..], &rest[..out.len()]);
        prop_assert!(bench.out.iter().all(|out| !out.gap));
    }

    #[test]
    fn loss_makes_neither_doubles_nor_disorder(
        seed: u32,
        skews in (0_u64..=300, 0_u64..=300),
        switches in proptest::collection::vec((700_u64..2600, any::<bool>()), 0..4),
    ) {
        let source = source(&[1], 600);
        let lost = |index: usize, path: u32| {
            let mut hasher = std::hash::DefaultHasher::new();
            (index, path, seed).hash(&mut hasher);
            hasher.finish().is_multiple_of(10)
        };
        let mut arrivals = Vec::new();
        for index in 0..source.len() {
            let at = index as u64 * SPACING;
            arrivals.extend((!lost(index, 0)).then_some((at + skews.0, A, index)));
            arrivals.extend((!lost(index, 1)).then_some((at + skews.1, B, index)));
        }
        arrivals.sort();
        let mut bench = Bench::new();
        let mut switches = switches;
        switches.sort_unstable();
        let mut switches = switches.into_iter().peekable();
        for (at, path, index) in arrivals {
            if let Some((_, first)) = switches.next_if(|(switch, _)| *switch <= at) {
                bench.merge.prefer(if first { A } else { B });
            }
            bench.push(ms(at), path, &source[index]).unwrap();
        }
        bench.run_until(ms(60_000));
        let numbers: Vec<u32> = bench.out.iter().map(|out| number_of(&out.ts)).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b));
        // Nothing is missing that neither path has lost.
        for number in numbers[0]..*numbers.last().unwrap() {
            let index = number as usize;
            prop_assert!(numbers.binary_search(&number).is_ok() || lost(index, 0) || lost(index, 1), "{}", number);
        }
        prop_assert!(bench.out.iter().all(|out| !out.gap));
    }
}
