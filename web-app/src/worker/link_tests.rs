use super::*;

const TICK_MS: f64 = 250.0;

/// A link and its clock.
struct World {
    link: Link,
    now_ms: f64,
}

impl World {
    fn new() -> Self {
        Self { link: Link::default(), now_ms: 0.0 }
    }

    /// Lets so much time pass, in which `heard` says whether something comes; the steps, and when.
    fn pass(&mut self, milliseconds: f64, heard: bool) -> Vec<(f64, Step)> {
        let end = self.now_ms + milliseconds;
        let mut steps = Vec::new();
        while self.now_ms < end {
            if heard {
                self.link.heard();
            }
            steps.extend(self.link.tick(self.now_ms).map(|step| (self.now_ms, step)));
            self.now_ms += TICK_MS;
        }
        steps
    }

    fn greeted(alive_ms: Option<u32>) -> Self {
        let mut world = Self::new();
        assert_eq!(world.pass(TICK_MS, false), [(0.0, Step::Connect)]);
        world.link.heard();
        world.link.greeted(alive_ms);
        world
    }
}

#[test]
fn it_connects_at_once_and_stays_while_the_helper_says_something() {
    let mut world = World::greeted(Some(1500));
    assert_eq!(world.pass(3_600_000.0, true), []);
    assert!(world.link.is_up());
}

#[test]
fn a_connection_that_falls_silent_without_being_closed_is_lost_and_made_anew_within_five_seconds() {
    let mut world = World::greeted(Some(1500));
    world.pass(10_000.0, true);
    let silent_from = world.now_ms;
    let steps = world.pass(5000.0, false);
    let [(lost, Step::Lost { silent: true }), (again, Step::Connect)] = steps[..] else { panic!("{steps:?}") };
    assert!(lost - silent_from > 3000.0, "a few packets that have to be sent again are no loss: {steps:?}");
    assert!(again > lost && again - silent_from <= 5000.0, "{steps:?}");
    assert!(!world.link.is_up());
}

#[test]
fn a_helper_that_promises_nothing_may_be_silent_for_ever() {
    let mut world = World::greeted(None);
    assert_eq!(world.pass(3_600_000.0, false), []);
}

#[test]
fn no_promise_makes_it_impatient_or_blind() {
    let mut world = World::greeted(Some(0));
    assert_eq!(world.pass(1000.0, false), []);
    let mut world = World::greeted(Some(u32::MAX));
    assert!(world.pass(3_600_000.0, false).iter().any(|(_, step)| *step == Step::Lost { silent: true }));
}

#[test]
fn a_computer_that_slept_has_lost_nothing_by_that_alone() {
    let mut world = World::greeted(Some(1500));
    world.pass(1000.0, true);
    world.now_ms += 3_600_000.0;
    assert_eq!(world.pass(TICK_MS, false), [], "what waits in the socket is heard after this tick");
    assert_eq!(world.pass(60_000.0, true), []);
}

#[test]
fn a_proxy_without_a_helper_behind_it_is_left_and_tried_again_with_growing_pauses() {
    let mut world = World::new();
    let steps = world.pass(60_000.0, false);
    let connects: Vec<_> = steps.iter().filter(|(_, step)| *step == Step::Connect).map(|(at, _)| *at).collect();
    let gaps: Vec<_> = connects.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.is_sorted() && gaps.len() > 8, "{gaps:?}");
    assert_eq!(gaps.first(), Some(&(HELLO_WITHIN_MS + FIRST_PAUSE_MS)));
    assert_eq!(gaps.last(), Some(&(HELLO_WITHIN_MS + LONGEST_PAUSE_MS)));
    assert!(world.link.attempts() > 8);
    world.link.greeted(None);
    assert_eq!(world.link.attempts(), 0);
}

#[test]
fn a_socket_that_is_closed_is_opened_again_after_a_pause() {
    let mut world = World::greeted(Some(1500));
    world.pass(1000.0, true);
    assert_eq!(world.link.closed(), Step::Lost { silent: false });
    let closed = world.now_ms;
    assert_eq!(world.pass(1000.0, false), [(closed, Step::Connect)], "the first pause is a tick long");
    for _ in 0..6 {
        world.link.closed();
        world.pass(LONGEST_PAUSE_MS, false);
    }
    world.link.closed();
    let closed = world.now_ms;
    let steps = world.pass(2.0 * LONGEST_PAUSE_MS, false);
    assert!(steps[0].0 - closed >= LONGEST_PAUSE_MS - TICK_MS, "{steps:?}");
}
