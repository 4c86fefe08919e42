//! From units to frames with source times, ready to be placed on the output timeline.
//!
//! Drops what cannot be shown: damaged frames, frames before the first random access point, and leading
//! pictures of an open GOP whose references are not there.

use amt_shared::clock::TICKS_PER_SECOND;

use super::codec::{Configuration, Due, Facts, Form, MadeUp, StandIns, Started, Step, VideoCodec};
use super::times::Times;
use super::unit::Unit;
use super::{FromUnit, VideoFrame};
use crate::segmenter::Options;
use crate::segmenter::fmp4;
use crate::segmenter::output::{FaultReason, Init, Track};
use crate::segmenter::release::Release;

/// Captions of one picture at most: a picture has 31 constructs of three bytes, and two fields may have their own.
const CAPTIONS_MAX: usize = 256;

/// Pictures that follow a random access point and are shown before it (leading pictures of an open GOP).
#[derive(Clone, Copy, Debug)]
struct Leading {
    /// When that one is shown.
    until: i64,
    /// Decoding began there: what they need is not there.
    began: bool,
}

/// Makes frames of units.
#[derive(Debug)]
pub(in crate::segmenter) struct VideoFrames<C: VideoCodec> {
    pid: u16,
    options: Options,
    codec: C,
    /// Which parameter sets the last initialisation segment holds.
    init: Option<(u64, u8)>,
    /// What stands in it.
    told: Option<Configuration>,
    /// Nothing is given out until the next random access point.
    waiting: bool,
    /// After a picture that others behind it are shown before.
    leading: Option<Leading>,
    /// A random access point was lost since nothing is given out: one that is there in part.
    missed: bool,
    /// Frames were lost since the last one that was given out.
    lost: bool,
    /// The last whole picture, when it is decoded and shown, and whether the stream says when it is decoded.
    last: Option<(C::Header, (i64, i64), bool)>,
    times: Times,
}

impl<C: VideoCodec> VideoFrames<C> {
    pub(super) fn new(pid: u16, options: Options) -> Self {
        Self {
            pid,
            options,
            codec: C::default(),
            init: None,
            told: None,
            waiting: true,
            missed: false,
            leading: None,
            lost: false,
            last: None,
            times: Times::default(),
        }
    }

    /// Takes the next unit.
    pub(in crate::segmenter) fn take(&mut self, unit: &Unit<'_, C::Header>, sets: &C::Sets, release: &mut Release) {
        let facts = unit.header.and_then(|header| C::facts(&header, sets));
        let times = self.times.of(unit, facts.as_ref(), &mut release.timeline);
        self.lost |= unit.after_loss || unit.damaged;
        let lacks = (self.waits() || self.makes_up())
            && !unit.damaged
            && self.lacks_reference(unit, facts.as_ref(), sets, times);
        let mut due = self.due(unit, facts.as_ref(), times, lacks);
        let complete = self.make_up_missing(due.as_ref(), unit, facts.as_ref(), sets, release);
        if unit.damaged {
            self.missed |= unit.key;
            self.codec.damaged(unit.header.as_ref());
            release.video(self.pid, FromUnit::Fault(FaultReason::DamagedFrame));
            return self.make_up_instead(due.as_ref(), sets, release);
        }
        if !self.waiting && (!complete || lacks && self.waits()) {
            self.waiting = true;
            if !unit.key {
                release.video(self.pid, FromUnit::Waiting);
            }
        }
        let key = unit.key || self.begins_anywhere(unit);
        if self.waiting && !key {
            return self.make_up_instead(due.as_ref(), sets, release);
        }
        let (Some(header), Some(facts)) = (unit.header, facts) else {
            return release.video(self.pid, FromUnit::Fault(FaultReason::NotDecodable));
        };
        let Some((dts, pts)) = times else { return release.video(self.pid, FromUnit::Fault(FaultReason::Timestamp)) };
        // Also of pictures that are left out: they are not missing.
        self.last = Some((header, (dts, pts), self.times.own()));
        self.codec.seen(unit, &header, sets);
        let mut form = Form { keep_sets: false, started: Started::No, stood_in: false };
        let mut start = Vec::new();
        if key {
            due.iter_mut().for_each(|due| due.key = true);
            let Some(anew) = due.as_ref().and_then(|due| self.random_access(due, &facts, sets, release)) else {
                return release.video(self.pid, FromUnit::Fault(FaultReason::NotDecodable));
            };
            if self.makes_up() {
                start = self.codec.start(&header, sets);
            }
            let made_up = !start.is_empty();
            form.started = if anew { Started::Here { made_up } } else { Started::Anew { made_up } };
        }
        if self.codec.leaves_out(&header) {
            return;
        }
        let leading = self.leading.filter(|leading| !key && pts < leading.until);
        let stand_ins = leading.map(|leading| self.stand_ins(unit, sets, leading.began)).unwrap_or_default();
        let begins = leading.is_some_and(|leading| leading.began);
        if begins && stand_ins.here.is_none() {
            return;
        }
        if let Some(due) = &due {
            self.codec.given(due, sets);
        }
        let (segment, anew) = match stand_ins {
            StandIns { here: Some(here), anew } => (here, anew),
            StandIns { here: None, anew: stand_in } => {
                form.keep_sets = self.init.is_none_or(|(generation, _)| generation != facts.configuration.0);
                form.stood_in = stand_in.is_some();
                let mut segment = Vec::with_capacity(fmp4::header_len(1) + unit.size());
                segment.resize(fmp4::header_len(1), 0);
                let anew = self.codec.sample(unit, sets, form, &mut segment);
                (segment, stand_in.or(anew))
            }
        };
        release.video(
            self.pid,
            FromUnit::Frame(VideoFrame {
                segment,
                anew,
                // A picture of a gradual refresh is none by itself.
                sync: key && (start.is_empty() || C::is_whole(&header)),
                start,
                dts,
                pts,
                step: self.times.step(),
                key,
                after_loss: core::mem::take(&mut self.lost),
                captions: captions::<C>(unit),
            }),
        );
        if self.codec.unsettled() && self.init == Some(facts.configuration) {
            self.settle(&header, sets, release);
        }
    }

    /// Puts another initialisation segment in the place of the one that was given, if it is needed and nothing has gone
    /// out yet.
    fn settle(&mut self, header: &C::Header, sets: &C::Sets, release: &mut Release) {
        if release.has_begun() || self.codec.begins_anew() {
            return;
        }
        let Some(changed) = self.codec.settled(self.times.step()) else { return };
        let configuration = if changed { self.codec.configuration(header, sets, self.makes_up()) } else { None };
        self.told = configuration.clone().or(self.told.take());
        release.video(self.pid, FromUnit::Settled(configuration.map(|settled| self.initialisation(settled))));
    }

    /// The last picture that came was only the beginning of one.
    pub(in crate::segmenter) fn truncated(&mut self) {
        self.last = None;
        self.lost = true;
    }

    /// A random access point: decoding begins with it, or may begin with it elsewhere. Gives whether a decoder has nothing
    /// before it; `None` where its initialisation segment cannot be made.
    fn random_access(
        &mut self,
        due: &Due<'_, C::Header>,
        facts: &Facts,
        sets: &C::Sets,
        release: &mut Release,
    ) -> Option<bool> {
        let clean = self.waits() || self.makes_up();
        let mut begins = core::mem::take(&mut self.waiting);
        self.missed = false;
        let mut leading = begins && self.codec.begin(due.header, clean);
        let mut anew = false;
        let outdated = self.codec.outdated(due, sets);
        if outdated || self.init != Some(facts.configuration) || self.codec.begins_anew() {
            let Some(configuration) = self.codec.configuration(due.header, sets, self.makes_up()) else {
                self.waiting = true;
                return None;
            };
            self.init = Some(facts.configuration);
            // Sets of another number may say the same.
            if self.codec.begins_anew() || self.told.as_ref() != Some(&configuration) {
                self.told = Some(configuration.clone());
                anew = true;
                release.video(self.pid, FromUnit::Init(self.initialisation(configuration)));
                if self.codec.unsettled() {
                    release.video(self.pid, FromUnit::Unsettled);
                }
                if !begins {
                    // With an initialisation segment decoders forget all pictures.
                    begins = true;
                    leading = self.codec.begin(due.header, clean);
                }
            }
        }
        leading |= !begins && self.codec.passes(due.header);
        self.leading = leading.then_some(Leading { until: due.pts, began: begins });
        Some(anew)
    }

    /// Segments with pictures in place of a leading one, and room for their headers.
    fn stand_ins(&mut self, unit: &Unit<'_, C::Header>, sets: &C::Sets, began: bool) -> StandIns {
        if !self.makes_up() {
            return StandIns::default();
        }
        let StandIns { here, anew } = self.codec.stand_ins(unit, sets, began);
        let segment = |sample: Vec<u8>| [vec![0; fmp4::header_len(1)], sample].concat();
        StandIns { here: here.map(segment), anew: anew.map(segment) }
    }

    /// Whether decoding begins with this picture for want of a better one: where artefacts are borne, a random access point
    /// is lost, and those may all be.
    fn begins_anywhere(&self, unit: &Unit<'_, C::Header>) -> bool {
        let goes_on = self.makes_up() && !self.options.wait_for_random_access;
        self.waiting && self.missed && goes_on && unit.header.is_some_and(|header| C::is_reference(&header))
    }

    /// Whether the last clean picture is held after a loss: also for a decoder that bears no error, where pictures
    /// cannot be made up for it.
    fn waits(&self) -> bool {
        self.options.wait_for_random_access || self.options.make_up_pictures && !C::MAKES_UP
    }

    fn makes_up(&self) -> bool {
        C::MAKES_UP && self.options.make_up_pictures
    }

    fn due<'a>(
        &self,
        unit: &'a Unit<'_, C::Header>,
        facts: Option<&Facts>,
        times: Option<(i64, i64)>,
        lacks: bool,
    ) -> Option<Due<'a, C::Header>> {
        let (header, _, (dts, pts)) = (unit.header.as_ref()?, facts?, times?);
        let (step, count) = (self.times.step(), self.times.count());
        Some(Due { header, key: unit.key, dts, pts, step, count, lost: self.lost || lacks })
    }

    /// Makes up the reference pictures that are missing before a picture. Gives whether the decoder has all of them
    /// then, as far as that is looked at.
    fn make_up_missing(
        &mut self,
        due: Option<&Due<'_, C::Header>>,
        unit: &Unit<'_, C::Header>,
        facts: Option<&Facts>,
        sets: &C::Sets,
        release: &mut Release,
    ) -> bool {
        let begins_anew = facts.is_some_and(|facts| facts.restarts) && !unit.damaged;
        let Some(due) = due.filter(|_| self.makes_up() && self.init.is_some() && !begins_anew) else { return true };
        let missing = self.codec.missing(due, sets);
        let complete = missing.is_some();
        missing.into_iter().flatten().for_each(|made_up| self.make_up(made_up, release));
        complete
    }

    /// Makes up a picture in place of one that is left out.
    fn make_up_instead(&mut self, due: Option<&Due<'_, C::Header>>, sets: &C::Sets, release: &mut Release) {
        if let Some(due) = due.filter(|_| self.makes_up() && self.init.is_some())
            && let Some(made_up) = self.codec.instead(due, sets)
        {
            self.make_up(made_up, release);
        }
    }

    fn make_up(&mut self, made_up: MadeUp, release: &mut Release) {
        let MadeUp { sample, dts, pts } = made_up;
        release.video(self.pid, FromUnit::Fault(FaultReason::RepeatedPicture));
        let mut segment = vec![0; fmp4::header_len(1)];
        segment.extend(sample);
        let (step, after_loss) = (self.times.step(), core::mem::take(&mut self.lost));
        let frame = VideoFrame {
            segment,
            anew: None,
            start: Vec::new(),
            dts,
            pts,
            step,
            key: false,
            sync: false,
            after_loss,
            captions: Vec::new(),
        };
        release.video(self.pid, FromUnit::Frame(frame));
    }

    /// Whether pictures are gone that `unit` or a later one may need.
    fn lacks_reference(
        &self,
        unit: &Unit<'_, C::Header>,
        facts: Option<&Facts>,
        sets: &C::Sets,
        times: Option<(i64, i64)>,
    ) -> bool {
        match (&self.last, &unit.header, facts, times) {
            (Some((before, (at, shown_at), own)), Some(this), Some(_), Some((dts, pts))) => {
                let step = self.times.step().max(1);
                let gone = (dts - at + step / 2) / step - 1;
                // Pictures that follow each other more closely than most are no sign of anything, even where their times are
                // uneven by nearly a whole step; and decoding times that are reckoned step back where what is known of the order
                // changes.
                let back = dts < at - step && *own && self.times.own();
                let gone = if back { gone } else { gone.max(0) };
                let (shown, count) = (pts - shown_at - (dts - at) + step, self.times.count());
                self.codec.lacks_reference(&Step { before, this, lost: self.lost, gone, shown, count }, sets)
            }
            _ => self.lost,
        }
    }

    fn initialisation(&self, configuration: Configuration) -> Init {
        let Configuration { codec, width, height, data } = configuration;
        Init {
            track: Track::Video,
            pid: self.pid,
            codec,
            timescale: TICKS_PER_SECOND as u32,
            width,
            height,
            sample_rate: 0,
            channels: 0,
            data,
        }
    }
}

/// The closed captions of a frame, empty for none.
fn captions<C: VideoCodec>(unit: &Unit<'_, C::Header>) -> Vec<u8> {
    let mut captions = Vec::new();
    for (_, bytes, _) in unit.noted().filter(|(_, _, notes)| notes.captions) {
        C::captions(bytes, &mut captions);
    }
    captions.truncate(CAPTIONS_MAX / 3 * 3);
    captions
}
