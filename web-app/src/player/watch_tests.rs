//! A media element that stands still for every reason there is, in simulated time.

use super::*;

const SEEN: Seen = Seen { now: 10.0, position: 5.0, ahead: 1.0, next_start: None, seeking: false };

/// A session that has begun to play at 5 s.
fn playing() -> Watch {
    let mut watch = Watch::new(8.0);
    assert_eq!(watch.place(8.5, Some((5.0, 5.2)), true), Some(5.0));
    watch
}

/// Looks ten times a second at an element that only goes where it is put; every step with its time.
fn steps(watch: &mut Watch, mut seen: Seen, seconds: u32) -> Vec<(f64, Step)> {
    let begun = seen.now;
    let mut steps = Vec::new();
    for tenth in 0..seconds * 10 {
        seen.now = begun + f64::from(tenth) / 10.0;
        let step = watch.look(&seen);
        if step != Step::Go {
            steps.push((seen.now - begun, step));
        }
        match step {
            Step::Go => {}
            Step::Jump(position) => seen.position = position,
            Step::Recover => break,
        }
    }
    steps
}

#[test]
fn begins_at_the_start_or_near_the_end_of_a_cache() {
    assert_eq!(Watch::new(0.0).place(0.1, Some((3.0, 3.3)), true), Some(3.0));
    assert_eq!(Watch::new(0.0).place(0.1, Some((3.0, 5.0)), true), Some(4.75));
    assert_eq!(Watch::new(0.0).place(0.1, None, true), None);
    let mut placed = playing();
    assert_eq!(placed.place(9.0, Some((5.0, 7.0)), true), None, "once");
}

#[test]
fn a_cache_alone_waits_a_second_for_what_is_live() {
    let mut watch = Watch::new(0.0);
    assert_eq!(watch.place(0.9, Some((3.0, 5.0)), false), None);
    assert_eq!(watch.place(1.0, Some((3.0, 5.0)), false), Some(4.75));
}

#[test]
fn while_it_moves_nothing_is_done() {
    let mut watch = playing();
    for tenth in 0..100 {
        let time = f64::from(tenth) / 10.0;
        let seen = Seen { now: 10.0 + time, position: 5.1 + time, next_start: Some(99.0), ..SEEN };
        assert_eq!(watch.look(&seen), Step::Go);
        assert!(!watch.stands(seen.now));
    }
}

#[test]
fn a_hole_is_jumped() {
    let mut watch = playing();
    let hole = Seen { ahead: 0.01, next_start: Some(5.5), ..SEEN };
    let steps = steps(&mut watch, hole, 1);
    assert_eq!(steps.first().map(|step| step.1), Some(Step::Jump(5.501)));
    assert!(steps[0].0 < 0.3, "{steps:?}");
}

#[test]
fn without_data_it_waits_for_ever_and_the_picture_stands() {
    let mut watch = playing();
    assert_eq!(steps(&mut watch, Seen { ahead: 0.0, ..SEEN }, 600), []);
    assert!(watch.stands(610.0) && watch.still(610.0) > 599.0);
}

#[test]
fn an_element_that_stands_before_data_is_pushed_and_then_given_up() {
    let mut watch = playing();
    let stubborn = steps(&mut watch, SEEN, 60);
    assert_eq!(stubborn.first().map(|step| step.1), Some(Step::Jump(5.1)));
    let (given_up, step) = *stubborn.last().unwrap();
    assert_eq!(step, Step::Recover);
    assert!(given_up < STUCK_RECOVER + 2.1, "after {given_up} s");
    assert!(stubborn.len() <= 4, "{stubborn:?}");
}

#[test]
fn a_pause_takes_its_seconds_or_its_bytes_and_no_more() {
    let mut watch = playing();
    assert!(!watch.look_at_pause(10.0, 5.0, 19.0));
    assert!(watch.look_at_pause(10.0, 5.0, 21.0));
    // 60 Mbit/s: it has enough long before twenty seconds.
    let mut seconds = 0.0;
    while !watch.look_at_pause(10.0 + seconds, 5.0, seconds) {
        watch.given(750_000);
        seconds += 0.1;
    }
    assert!(seconds < 3.0, "{seconds}");
    watch.look(&SEEN);
    assert!(!watch.look_at_pause(20.0, 5.0, 1.0), "the next pause has its own");
}

#[test]
fn waiting_is_a_stall_only_where_it_had_settled() {
    let mut watch = Watch::new(0.0);
    assert!(!watch.has_run_dry(5.0), "nothing plays yet");
    watch.place(5.0, Some((1.0, 1.1)), true);
    assert!(!watch.has_run_dry(5.5));
    assert!(watch.has_run_dry(6.5));
    watch.jumped(7.0);
    assert!(!watch.has_run_dry(7.5));
}

#[test]
fn live_is_worth_a_jump_only_from_further_away() {
    assert_eq!(Watch::live(5.0, Some((1.0, 5.3))), None);
    assert_eq!(Watch::live(5.0, Some((1.0, 9.0))), Some(8.75));
    assert_eq!(Watch::live(5.0, Some((8.9, 9.0))), Some(8.9));
    assert_eq!(Watch::live(5.0, None), None);
}
