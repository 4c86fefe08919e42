use super::*;

const TICK_MS: f64 = 100.0;

#[derive(Default)]
struct World {
    restarts: Restarts,
    now_ms: f64,
}

impl World {
    /// Lets so much time pass, in which a worker that runs says something where `alive`; the steps, and when.
    fn pass(&mut self, milliseconds: f64, alive: bool) -> Vec<(f64, Step)> {
        let end = self.now_ms + milliseconds;
        let mut steps = Vec::new();
        while self.now_ms < end {
            if alive {
                self.restarts.heard();
            }
            steps.extend(self.restarts.tick(self.now_ms).map(|step| (self.now_ms, step)));
            self.now_ms += TICK_MS;
        }
        steps
    }

    fn running() -> Self {
        let mut world = Self::default();
        assert_eq!(world.pass(TICK_MS, false), [(0.0, Step::Start)]);
        world.restarts.heard();
        world
    }
}

#[test]
fn a_worker_that_works_is_left_alone() {
    let mut world = World::running();
    assert_eq!(world.pass(3_600_000.0, true), []);
    assert_eq!(world.restarts.trouble(), None);
}

#[test]
fn a_worker_that_does_not_load_is_tried_again_with_growing_pauses_and_then_given_up() {
    let mut world = World::default();
    let mut starts = Vec::new();
    for _ in 0..600 {
        for (at, step) in world.pass(TICK_MS, false) {
            assert_eq!(step, Step::Start);
            starts.push(at);
            world.restarts.broke();
            let again = starts.len() < LOSSES_MAX as usize;
            assert_eq!(world.restarts.trouble(), Some(Helper::WorkerNotLoaded { again }));
        }
    }
    assert_eq!(starts.len(), LOSSES_MAX as usize, "{starts:?}");
    let pauses: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] >= FIRST_PAUSE_MS && pauses.is_sorted(), "{pauses:?}");
    world.restarts.wanted();
    assert_eq!(world.pass(TICK_MS, false).len(), 1, "a viewer who presses Play has another attempt");
}

#[test]
fn a_worker_whose_code_never_arrives_is_started_anew_with_more_patience() {
    let mut world = World::default();
    let steps = world.pass(90_000.0, false);
    let at =
        |wanted: Step| -> Vec<f64> { steps.iter().filter(|(_, step)| *step == wanted).map(|(at, _)| *at).collect() };
    let (starts, ends) = (at(Step::Start), at(Step::End));
    assert_eq!(ends[0] - starts[0], READY_WITHIN_MS);
    assert_eq!(ends[1] - starts[1], 2.0 * READY_WITHIN_MS);
    assert!(world.restarts.trouble().is_some_and(|trouble| trouble == Helper::WorkerNotLoaded { again: true }));
    world.restarts.heard();
    assert_eq!(world.restarts.trouble(), None);
}

#[test]
fn a_worker_that_breaks_down_whenever_it_runs_is_given_up() {
    let mut world = World::default();
    let mut starts = 0;
    for _ in 0..3000 {
        if !world.pass(TICK_MS, false).is_empty() {
            starts += 1;
            world.restarts.heard();
            world.pass(2000.0, true);
            world.restarts.broke();
        }
    }
    assert_eq!(starts, LOSSES_MAX);
    assert_eq!(world.restarts.trouble(), Some(Helper::WorkerLost { again: false }));
}

#[test]
fn a_worker_that_breaks_down_now_and_then_is_always_started_again() {
    let mut world = World::running();
    for _ in 0..3 * LOSSES_MAX {
        world.pass(WORKED_MS + 1000.0, true);
        world.restarts.broke();
        assert_eq!(world.restarts.trouble(), Some(Helper::WorkerLost { again: true }));
        let steps = world.pass(2.0 * FIRST_PAUSE_MS, false);
        assert!(matches!(steps[..], [(_, Step::Start)]), "{steps:?}");
        world.restarts.heard();
    }
}

#[test]
fn a_worker_that_says_nothing_any_more_is_ended_but_not_by_a_page_that_slept() {
    let mut world = World::running();
    world.pass(10_000.0, true);
    world.now_ms += 3_600_000.0;
    assert_eq!(world.pass(1000.0, false), []);
    world.pass(1000.0, true);
    let from = world.now_ms;
    let steps = world.pass(2.0 * SILENT_MAX_MS, false);
    let [(ended, Step::End), (started, Step::Start)] = steps[..] else { panic!("{steps:?}") };
    assert!(ended - from <= SILENT_MAX_MS + TICK_MS && started > ended, "{steps:?}");
}
