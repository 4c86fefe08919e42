//! Closed captions (ATSC A/53 part 4, 6.2.3), put from decoding order into the order of presentation.
//!
//! In: the constructs of each picture with its times on the output timeline. Out: a [`Cue`] for each picture that has
//! some, as soon as no picture that is decoded later can be shown before it. What captions say is not read here.

use std::collections::VecDeque;

use crate::segmenter::output::{Cue, CueContent, Output};

/// Pictures that wait: more than any stream decodes ahead of their presentation.
const WAITING_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct CaptionOrder {
    /// By presentation time.
    waiting: VecDeque<Cue>,
}

impl CaptionOrder {
    /// Takes the captions of a picture of `pid` that is shown at `pts`, in the source at `source_pts`, and is decoded
    /// at `dts`; empty for none.
    pub(in crate::segmenter) fn picture(
        &mut self,
        pid: u16,
        (dts, pts, source_pts): (i64, i64, i64),
        captions: Vec<u8>,
        outputs: &mut VecDeque<Output>,
    ) {
        if !captions.is_empty() {
            if self.waiting.len() == WAITING_MAX {
                self.give(outputs);
            }
            let at = self.waiting.partition_point(|cue| cue.pts <= Some(pts));
            let content = CueContent::Captions(captions);
            self.waiting.insert(at, Cue { pid, pts: Some(pts), source_pts: Some(source_pts), content });
        }
        // No later picture is shown before it is decoded.
        while self.waiting.front().is_some_and(|cue| cue.pts <= Some(dts)) {
            self.give(outputs);
        }
    }

    /// No more pictures follow these.
    pub(in crate::segmenter) fn finish(&mut self, outputs: &mut VecDeque<Output>) {
        while !self.waiting.is_empty() {
            self.give(outputs);
        }
    }

    fn give(&mut self, outputs: &mut VecDeque<Output>) {
        outputs.extend(self.waiting.pop_front().map(Output::Cue));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(outputs: &VecDeque<Output>) -> Vec<i64> {
        let pts = |output: &Output| if let Output::Cue(cue) = output { cue.pts } else { None };
        outputs.iter().filter_map(pts).collect()
    }

    #[test]
    fn captions_come_in_the_order_of_presentation_and_no_later_than_their_picture_is_due() {
        let (mut order, mut outputs) = (CaptionOrder::default(), VecDeque::new());
        // I0 P3 B1 B2, one step late.
        for (dts, pts, due) in [(0, 1, &[][..]), (1, 4, &[1]), (2, 2, &[1, 2]), (3, 3, &[1, 2, 3])] {
            order.picture(256, (dts, pts, pts), vec![0xFC, 1, 2], &mut outputs);
            assert_eq!(shown(&outputs), due);
        }
        order.finish(&mut outputs);
        assert_eq!(shown(&outputs), [1, 2, 3, 4]);
    }

    #[test]
    fn pictures_that_claim_to_be_shown_far_ahead_do_not_pile_up() {
        let (mut order, mut outputs) = (CaptionOrder::default(), VecDeque::new());
        for at in 0..1000 {
            order.picture(256, (at, 1_000_000 + at, 0), vec![0xFC, 1, 2], &mut outputs);
        }
        assert_eq!(outputs.len(), 1000 - WAITING_MAX);
    }
}
