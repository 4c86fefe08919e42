//! The control loop against a simulated media element, in simulated time.

use super::*;

const TICK: f64 = 0.1;
const FRAME: f64 = 0.04;

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
    transit: fn(u32) -> f64,
}

impl Simulation {
    /// Begins to play `behind` seconds behind the newest frame.
    fn new(behind: f64, transit: fn(u32) -> f64) -> Self {
        let now = 100.0;
        let mut simulation = Self {
            edge: LiveEdge::new(true),
            now,
            position: now - behind,
            rate: 1.0,
            next_frame: ((now - behind) / FRAME) as u32,
            buffered_end: 0.0,
            stalls: 0,
            seeks: 0,
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
        while self.now < end {
            self.now += TICK;
            self.receive();
            let wanted = self.position + TICK * self.rate;
            let moving = wanted <= self.buffered_end;
            if !moving {
                self.stalls += 1;
                self.edge.stalled(self.now);
            }
            self.position = wanted.min(self.buffered_end);
            let decision = self.edge.decide(&Sight {
                now: self.now,
                current_time: self.position,
                buffered_end: self.buffered_end,
                moving,
            });
            self.rate = decision.rate;
            assert!((0.97..=1.10).contains(&self.rate), "rate {}", self.rate);
            if let Some(seek) = decision.seek {
                assert!(seek > self.position && seek <= self.buffered_end, "jump from {} to {seek}", self.position);
                self.position = seek;
                self.seeks += 1;
            }
        }
        self
    }

    fn lag(&self) -> f64 {
        self.now - self.position
    }
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
    let mut start = Simulation::new(0.6, |_| 0.0);
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
    let mut edge = LiveEdge::new(false);
    edge.stalled(10.0);
    edge.stalled(10.2);
    assert!((edge.margin - MARGIN_STEP).abs() < 1e-9, "one stall counts once");
    let sight = |now| Sight { now, current_time: now - 0.1, buffered_end: now, moving: true };
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
fn a_burst_of_late_frames_is_forgotten_slowly() {
    let mut burst = Simulation::new(0.3, |frame| if (2600..2605).contains(&frame) { 0.2 } else { 0.0 });
    burst.run(5.0);
    let during = burst.lag();
    burst.run(4.0);
    assert!(burst.lag() > during, "it keeps away for a while");
    burst.run(40.0);
    assert!((burst.lag() - FLOOR[0]).abs() < 0.06, "{}", burst.lag());
}

#[test]
fn nothing_is_changed_while_nothing_is_known_or_moves() {
    let mut edge = LiveEdge::new(true);
    let sight = Sight { now: 5.0, current_time: 0.0, buffered_end: 4.0, moving: true };
    assert_eq!(edge.decide(&sight), Decision { rate: 1.0, seek: None });
    edge.arrived(5.0, Track::Audio, 4.9);
    assert_eq!(edge.decide(&Sight { moving: false, ..sight }), Decision { rate: 1.0, seek: None });
}

#[test]
fn the_slower_track_sets_the_target() {
    let mut edge = LiveEdge::new(true);
    edge.arrived(10.0, Track::Video, 10.0);
    edge.arrived(10.0, Track::Audio, 9.8);
    let sight = Sight { now: 10.0, current_time: 9.5, buffered_end: 10.0, moving: true };
    edge.decide(&sight);
    assert!((edge.target.unwrap() - 0.2 - FLOOR[1]).abs() < 1e-9);
    edge.arrived(10.0, Track::Video, 9.7);
    edge.decide(&sight);
    assert!((edge.target.unwrap() - 0.3 - FLOOR[0]).abs() < 1e-9, "each has its own floor");
}
