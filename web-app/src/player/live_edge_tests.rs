//! The control loop against a simulated media element, in simulated time.

use super::*;

const TICK: f64 = 0.1;
const FRAME: f64 = 0.04;
const BOTH: Tracks = Tracks { video: true, audio: true };

/// An element that plays what has arrived: 25 pictures a second, each after a transit.
struct Simulation {
    edge: LiveEdge,
    now: f64,
    position: f64,
    rate: f64,
    next_frame: u32,
    buffered_end: f64,
    stalls: u32,
    seeks: u32,
    fastest: f64,
    /// Pictures from one key frame to the next.
    group: u32,
    transit: fn(u32) -> f64,
}

impl Simulation {
    /// Begins to play `behind` seconds behind the newest frame.
    fn new(behind: f64, transit: fn(u32) -> f64) -> Self {
        let now = 100.0;
        let mut simulation = Self {
            edge: LiveEdge::new(BOTH),
            now,
            position: now - behind,
            rate: 1.0,
            next_frame: ((now - behind) / FRAME) as u32,
            buffered_end: 0.0,
            stalls: 0,
            seeks: 0,
            fastest: 1.0,
            group: 25,
            transit,
        };
        simulation.receive();
        simulation
    }

    fn receive(&mut self) {
        loop {
            let start = f64::from(self.next_frame) * FRAME;
            let arrival = start + (self.transit)(self.next_frame);
            if arrival > self.now {
                break;
            }
            // Frames from before it began are the cache's, and say nothing.
            if arrival > 100.0 {
                self.edge.arrived(arrival, Track::Video, start);
            }
            self.buffered_end = start + FRAME;
            self.next_frame += 1;
        }
    }

    fn run(&mut self, seconds: f64) -> &mut Self {
        let end = self.now + seconds;
        let mut stood = false;
        while self.now < end {
            self.now += TICK;
            self.receive();
            let wanted = self.position + TICK * self.rate;
            let moving = wanted <= self.buffered_end;
            if !moving && !stood {
                self.stalls += 1;
                self.edge.stalled(self.now);
            }
            stood = !moving;
            self.position = wanted.min(self.buffered_end);
            let newest = self.next_frame.saturating_sub(1);
            let decision = self.edge.decide(&Sight {
                now: self.now,
                current_time: self.position,
                buffered_end: self.buffered_end,
                last_key: Some(f64::from(newest - newest % self.group) * FRAME),
                moving,
            });
            self.rate = decision.rate;
            self.fastest = self.fastest.max(self.rate);
            assert!(decision.keep_pitch || (0.98..=1.01).contains(&self.rate), "it is heard: {}", self.rate);
            assert!((0.98..=2.0).contains(&self.rate), "rate {}", self.rate);
            if let Some(seek) = decision.seek {
                assert!(seek > self.position && seek <= self.buffered_end, "jump from {} to {seek}", self.position);
                self.position = seek;
                self.seeks += 1;
            }
        }
        self
    }

    /// Runs until the stream's clock is at this time.
    fn until(&mut self, now: f64) -> &mut Self {
        self.run(now - self.now)
    }

    fn lag(&self) -> f64 {
        self.now - self.position
    }
}

/// Frames of these seconds are held up until their end.
fn held_up(frame: u32, from: f64, to: f64) -> f64 {
    let time = f64::from(frame) * FRAME;
    if (from..to).contains(&time) { to - time } else { 0.0 }
}

/// Up to 40 ms that look like chance.
fn jitter(frame: u32) -> f64 {
    f64::from(frame * 7919 % 40) / 1000.0
}

#[test]
fn comes_down_to_the_floor_and_stays_without_a_stall() {
    let mut steady = Simulation::new(0.3, |_| 0.0);
    steady.run(10.0);
    assert!((steady.lag() - FLOOR[0]).abs() < 0.015, "{}", steady.lag());
    steady.run(60.0);
    assert!((steady.lag() - FLOOR[0]).abs() < 0.015, "{}", steady.lag());
    assert_eq!((steady.stalls, steady.seeks), (0, 0));
}

#[test]
fn keeps_the_distance_that_jitter_needs() {
    let mut jittery = Simulation::new(0.4, |frame| f64::from(frame * 7919 % 100) / 1000.0);
    jittery.run(60.0);
    assert!((jittery.lag() - 0.099 - FLOOR[0]).abs() < 0.02, "{}", jittery.lag());
    assert_eq!(jittery.stalls, 0);
}

#[test]
fn the_constant_part_of_the_way_does_not_matter() {
    let mut far = Simulation::new(5.3, |_| 5.0);
    far.run(20.0);
    assert!((far.lag() - 5.0 - FLOOR[0]).abs() < 0.015, "{}", far.lag());
    assert_eq!((far.stalls, far.seeks), (0, 0));
}

#[test]
fn jumps_once_when_hopelessly_behind() {
    let mut late = Simulation::new(6.0, |_| 0.0);
    late.run(12.0);
    assert_eq!(late.seeks, 1);
    assert!(late.lag() < 0.15, "{}", late.lag());
}

#[test]
fn a_start_that_is_somewhat_behind_is_jumped_and_later_only_played_faster() {
    let mut start = Simulation::new(0.55, |_| 0.0);
    start.run(1.0);
    assert_eq!(start.seeks, 1);
    start.run(10.0);
    start.position -= 0.5;
    start.run(20.0);
    assert_eq!(start.seeks, 1);
    assert!((start.lag() - FLOOR[0]).abs() < 0.015, "{}", start.lag());
}

#[test]
fn a_stall_raises_the_margin_and_calm_lowers_it() {
    let mut edge = LiveEdge::new(Tracks { video: true, audio: false });
    edge.stalled(10.0);
    edge.stalled(10.2);
    assert!((edge.margin - MARGIN_STEP).abs() < 1e-9, "one stall counts once");
    let sight = |now| Sight { now, current_time: now - 0.1, buffered_end: now, last_key: None, moving: true };
    for tick in 0..100 {
        edge.decide(&sight(11.0 + f64::from(tick) * 0.1));
    }
    assert!(edge.margin > FLOOR_STEP, "not before it has been calm for a while");
    for tick in 0..600 {
        edge.decide(&sight(21.0 + f64::from(tick) * 0.1));
    }
    let learnt = edge.margin;
    assert!(learnt > 0.7 * FLOOR_STEP && learnt < FLOOR_STEP, "the floor is higher for minutes: {learnt}");
    for tick in 0..6000 {
        edge.decide(&sight(81.0 + f64::from(tick) * 0.1));
    }
    assert!((edge.margin).abs() < 1e-9, "and not for ever");
}

#[test]
fn three_seconds_after_data_flows_again_it_is_as_close_as_before() {
    for transit in [
        |frame| jitter(frame) + if (3250..3255).contains(&frame) { 0.2 } else { 0.0 },
        |frame| jitter(frame).max(held_up(frame, 129.0, 130.0)),
        |frame| jitter(frame).max(held_up(frame, 127.0, 130.0)),
        |frame| jitter(frame).max(held_up(frame, 120.0, 130.0)),
    ] as [fn(u32) -> f64; 4]
    {
        let mut stopped = Simulation::new(0.3, transit);
        stopped.until(119.9);
        let (usual, target) = (stopped.lag(), stopped.edge.target.unwrap());
        stopped.until(133.0);
        assert!((stopped.lag() - usual).abs() < 0.1, "{} was {usual}", stopped.lag());
        assert!(stopped.stalls <= 1 && stopped.seeks <= 1, "{} stalls, {} jumps", stopped.stalls, stopped.seeks);
        stopped.until(145.0);
        let now = stopped.edge.target.unwrap();
        assert!((now - target).abs() < 0.045, "the next minutes do not pay for it: {now} was {target}");
        assert!((stopped.lag() - now).abs() < 0.02, "{} for {now}", stopped.lag());
    }
}

#[test]
fn a_hold_up_in_the_first_seconds_costs_no_more() {
    let mut early = Simulation::new(0.3, |frame| jitter(frame).max(held_up(frame, 103.0, 106.0)));
    early.until(109.0);
    assert!(early.lag() < 0.2, "{}", early.lag());
}

#[test]
fn what_is_late_again_and_again_becomes_usual() {
    let mut bursts = Simulation::new(0.3, |frame| held_up(frame % 50, 1.7, 2.0));
    bursts.run(40.0);
    let before = bursts.stalls;
    bursts.run(60.0);
    assert_eq!(bursts.stalls, before, "after {before} it is learnt");
    assert!((bursts.lag() - 0.3 - FLOOR[0]).abs() < 0.1, "{}", bursts.lag());
}

#[test]
fn the_late_first_picture_of_each_long_group_becomes_usual() {
    for every in [200, 500] {
        let transit: fn(u32) -> f64 = match every {
            200 => |frame| jitter(frame) + if frame.is_multiple_of(200) { 0.3 } else { 0.0 },
            _ => |frame| jitter(frame) + if frame.is_multiple_of(500) { 0.3 } else { 0.0 },
        };
        let mut groups = Simulation::new(0.3, transit);
        groups.run(120.0);
        let before = groups.stalls;
        groups.run(600.0);
        assert_eq!(groups.stalls, before, "after {before} stalls it is learnt, {every} pictures a group");
        assert!(groups.lag() < 0.5, "{}", groups.lag());
    }
}

#[test]
fn a_longer_way_is_learnt_and_does_not_stall_on() {
    for more in [0.5, 8.0] {
        let transit: fn(u32) -> f64 = if more == 0.5 {
            |frame| jitter(frame) + if frame > 3000 { 0.5 } else { 0.0 }
        } else {
            |frame| jitter(frame) + if frame > 3000 { 8.0 } else { 0.0 }
        };
        let mut longer = Simulation::new(0.3, transit);
        longer.until(160.0);
        assert!(longer.stalls <= 3, "{} stalls where the way is {more} s longer", longer.stalls);
        assert!((longer.lag() - more).abs() < 0.2, "{}", longer.lag());
        assert!(!longer.edge.is_behind(longer.now), "nothing newer is to be had");
    }
}

#[test]
fn a_way_that_is_short_again_is_used_within_seconds() {
    let mut busy = Simulation::new(0.3, |frame| jitter(frame) + if (2750..3000).contains(&frame) { 1.5 } else { 0.0 });
    busy.until(109.0);
    let usual = busy.lag();
    busy.until(125.5);
    assert!((busy.lag() - usual).abs() < 0.1, "{} was {usual}", busy.lag());
    // A minute of a busy wireless network, half a second and more at any time.
    let mut bursts =
        Simulation::new(
            0.3,
            |frame| if (2750..4250).contains(&frame) { jitter(frame * 31) * 12.0 } else { jitter(frame) },
        );
    bursts.until(109.0);
    let usual = bursts.lag();
    bursts.until(169.0);
    let during = bursts.stalls;
    assert!(during < 10, "{during}");
    bursts.until(176.0);
    assert!((bursts.lag() - usual).abs() < 0.1, "{} was {usual}", bursts.lag());
}

#[test]
fn a_hold_up_that_drains_slowly_is_played_as_it_comes_and_is_over_when_it_is() {
    // A link of five quarters of the stream: three seconds of it take twelve to drain.
    let mut slow = Simulation::new(0.3, |frame| {
        let time = f64::from(frame) * FRAME;
        jitter(frame)
            + match time - 120.0 {
                early if early < 0.0 => 0.0,
                held if held < 3.0 => 3.0 - held * 0.2,
                draining => (3.0 - draining * 0.2).max(0.0),
            }
    });
    slow.until(119.9);
    let usual = slow.lag();
    slow.until(138.5);
    assert!(slow.stalls <= 3, "{} stalls", slow.stalls);
    assert!((slow.lag() - usual).abs() < 0.15, "{} was {usual}", slow.lag());
}

#[test]
fn in_a_long_group_of_pictures_it_plays_faster_where_a_jump_would_cost_more() {
    let mut long = Simulation::new(0.3, |frame| jitter(frame).max(held_up(frame, 127.0, 130.0)));
    long.group = 2500;
    long.until(135.0);
    assert_eq!(long.seeks, 0);
    assert!(long.fastest > 1.5, "{}", long.fastest);
    assert!(long.lag() < 0.2, "{}", long.lag());
}

#[test]
fn a_stall_that_no_margin_would_have_saved_teaches_nothing() {
    let mut stopped = Simulation::new(0.3, |frame| jitter(frame).max(held_up(frame, 127.0, 130.0)));
    stopped.until(135.0);
    assert_eq!(stopped.stalls, 1);
    assert!(stopped.edge.margin.abs() < 1e-9, "{}", stopped.edge.margin);
}

#[test]
fn whoever_stays_well_behind_is_told_so() {
    let mut edge = LiveEdge::new(BOTH);
    let sight = |now, lag| Sight { now, current_time: now - lag, buffered_end: now, last_key: None, moving: false };
    edge.arrived(10.0, Track::Video, 10.0);
    edge.decide(&sight(10.0, 0.2));
    edge.decide(&sight(11.0, 3.0));
    assert!(!edge.is_behind(11.0), "it may come back by itself");
    edge.decide(&sight(12.5, 3.0));
    assert!(edge.is_behind(12.5));
    edge.decide(&sight(12.6, 0.2));
    assert!(!edge.is_behind(14.0));
}

#[test]
fn hours_of_jitter_and_hold_ups_leave_no_trace() {
    // Half a second every 50 s, four seconds every 199 s.
    let mut hours = Simulation::new(0.3, |frame| {
        let often = held_up(frame % 1250, 20.0, 20.5);
        let rarely = held_up(frame % 4975, 100.0, 104.0);
        jitter(frame).max(often).max(rarely)
    });
    hours.run(30.0);
    let mut seconds = 0;
    let mut close = 0;
    for _ in 0..2 * 3600 {
        hours.run(1.0);
        seconds += 1;
        close += i32::from(hours.lag() < 0.35);
    }
    assert!(close * 100 > seconds * 85, "{close} of {seconds} seconds");
    assert!(hours.edge.margin < 0.3, "{}", hours.edge.margin);
}

#[test]
fn nothing_is_changed_while_nothing_is_known_or_moves() {
    let steady = Decision { rate: 1.0, keep_pitch: false, seek: None };
    let mut edge = LiveEdge::new(BOTH);
    let sight = Sight { now: 5.0, current_time: 0.0, buffered_end: 4.0, last_key: None, moving: true };
    assert_eq!(edge.decide(&sight), steady);
    edge.arrived(5.0, Track::Audio, 4.9);
    assert_eq!(edge.decide(&Sight { moving: false, ..sight }), steady);
}

#[test]
fn the_slower_track_sets_the_target() {
    let mut edge = LiveEdge::new(BOTH);
    edge.arrived(10.0, Track::Video, 10.0);
    edge.arrived(10.0, Track::Audio, 9.8);
    let sight = Sight { now: 10.0, current_time: 9.5, buffered_end: 10.0, last_key: None, moving: true };
    edge.decide(&sight);
    assert!((edge.target.unwrap() - 0.2 - FLOOR[1]).abs() < 1e-9);
    edge.arrived(10.0, Track::Video, 9.7);
    edge.decide(&sight);
    assert!((edge.target.unwrap() - 0.3 - FLOOR[0]).abs() < 1e-9, "each has its own floor");
}

#[test]
fn a_track_that_does_not_play_needs_nothing() {
    let mut edge = LiveEdge::new(BOTH);
    edge.arrived(10.0, Track::Video, 9.0);
    edge.arrived(10.0, Track::Audio, 9.8);
    let mut edge = edge.next(Tracks { video: false, audio: true });
    edge.decide(&Sight { now: 10.0, current_time: 9.5, buffered_end: 10.0, last_key: None, moving: true });
    assert!((edge.target.unwrap() - 0.2 - FLOOR[1]).abs() < 1e-9);
}
