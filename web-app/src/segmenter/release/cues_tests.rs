use super::*;
use crate::segmenter::output::Track;
use crate::segmenter::time::timeline::{Basis, Due as FrameDue};

/// Cues beside a track that goes on by 3,600 ticks a frame.
struct Bench {
    timeline: Timeline,
    cues: Cues,
    outputs: VecDeque<Output>,
    /// Output time of the next frame.
    next: i64,
}

impl Bench {
    fn begun(origin: u64) -> Self {
        let mut timeline = Timeline::default();
        let origin = timeline.unwrap(origin);
        timeline.start(Track::Video, origin, 0);
        Self { timeline, cues: Cues::default(), outputs: VecDeque::new(), next: 0 }
    }

    /// A frame's PES packet begins, and it is placed.
    fn frame(&mut self, raw: u64) {
        let source = self.timeline.unwrap(raw);
        self.place(source);
    }

    fn place(&mut self, source: i64) {
        let due = FrameDue { source, expected: (self.next > 0).then_some(self.next), basis: Basis::Guessed };
        self.next = self.timeline.place(Track::Video, due).time + 3600;
        self.cues.go_on(&self.timeline, &mut self.outputs);
    }

    fn cue(&mut self, due: Due) {
        let cue = Untimed { pid: 1, due, content: CueContent::Id3(vec![0; 100]) };
        self.cues.take(cue, &self.timeline, true, &mut self.outputs);
    }

    fn told(&mut self) -> Vec<Option<i64>> {
        let pts = |output| if let Output::Cue(cue) = output { cue.pts } else { None };
        self.outputs.drain(..).map(pts).collect()
    }
}

#[test]
fn a_splice_may_lie_far_ahead_and_cuts_there() {
    let mut bench = Bench::begun(900_000);
    bench.cue(Due::Ahead(900_000 + 90_000 * 3600));
    assert_eq!(bench.told(), [Some(90_000 * 3600)]);
    assert_eq!(bench.cues.boundaries().collect::<Vec<_>>(), [Boundary::At(90_000 * 3600)]);
}

#[test]
fn a_splice_by_a_clock_that_is_about_to_jump_waits_for_the_frame_behind_the_jump() {
    for (before, behind) in [(90_000_000, 0), (0, 90_000_000)] {
        let mut bench = Bench::begun(before);
        (0..10).for_each(|count| bench.frame(before + count * 3600));
        let due = bench.next;
        // The picture's PES packet has begun and is not whole yet.
        let source = bench.timeline.unwrap(behind);
        bench.cue(Due::Ahead(behind + 36_000));
        assert_eq!(bench.told(), []);
        bench.place(source);
        assert_eq!(bench.told(), [Some(due + 36_000)], "{before}");
    }
    // Long past by the clock before the jump: not even that has begun.
    let mut bench = Bench::begun(90_000_000);
    (0..10).for_each(|count| bench.frame(90_000_000 + count * 3600));
    let due = bench.next;
    bench.cue(Due::Ahead(36_000));
    bench.frame(0);
    assert_eq!(bench.told(), [Some(due + 36_000)]);
}

#[test]
fn a_splice_that_is_long_past_is_told_though_no_jump_comes() {
    let mut bench = Bench::begun(90_000_000);
    bench.cue(Due::Ahead(88_000_000));
    (0..60).for_each(|count| bench.frame(90_000_000 + count * 3600));
    assert_eq!(bench.told(), []);
    (60..70).for_each(|count| bench.frame(90_000_000 + count * 3600));
    assert_eq!(bench.told(), [Some(-2_000_000)]);
}

#[test]
fn a_time_that_has_nothing_to_do_with_the_clock_has_no_place() {
    let mut bench = Bench::begun(90_000_000);
    bench.cue(Due::Beside(1_000));
    (0..70).for_each(|count| bench.frame(90_000_000 + count * 3600));
    assert_eq!(bench.told(), [None]);
}

#[test]
fn what_is_held_does_not_pile_up() {
    let mut bench = Bench::begun(90_000_000);
    (0..3 * HELD_MAX).for_each(|_| bench.cue(Due::Beside(0)));
    assert_eq!((bench.told().len(), bench.cues.held.len()), (2 * HELD_MAX, HELD_MAX));
    assert_eq!(bench.cues.bytes, HELD_MAX * 100);
    bench.cues.finish(&bench.timeline, &mut bench.outputs);
    assert_eq!((bench.told(), bench.cues.bytes), (vec![None; HELD_MAX], 0));
}

#[test]
fn before_the_output_begins_cues_wait_for_it_whatever_their_time() {
    let mut timeline = Timeline::default();
    let (mut cues, mut outputs) = (Cues::default(), VecDeque::new());
    for due in [Due::Never, Due::Immediate, Due::Beside(93_600), Due::Ahead(180_000)] {
        let cue = Untimed { pid: 1, due, content: CueContent::Id3(vec![]) };
        cues.take(cue, &timeline, false, &mut outputs);
    }
    assert!(outputs.is_empty());
    let origin = timeline.unwrap(90_000);
    timeline.start(Track::Video, origin, 0);
    cues.go_on(&timeline, &mut outputs);
    let told: Vec<_> =
        outputs.iter().filter_map(|output| if let Output::Cue(cue) = output { Some(cue.pts) } else { None }).collect();
    assert_eq!(told, [None, None, Some(3_600), Some(90_000)]);
}
