//! How far the order of decoding differs from that of output (ISO/IEC 14496-10, C.4.5.3 and E.2.1): as it is, and as
//! the sequence parameter set that a decoder is given says it.
//!
//! A decoder holds as many pictures back as that set says may be out of order, and where it says nothing up to as many
//! as the level allows: each costs the viewer a frame's duration. So the set is given the true number, which is known
//! where no picture can be out of order. Elsewhere the stream's own claim is lowered to what the picture order counts
//! show, once two things agree: no picture was further out of order, and the times of the random access point leave no
//! room for it (a picture may not be due before it is decoded, so `PTS − DTS` of a key picture bounds what follows).
//! The first few pictures tell, as long as the output has not begun: Chromium's software decoder takes a smaller number
//! only when it is set up. Later it takes more of them, and a random access point. Where the times leave room, far more
//! have to show it. A picture that is further out of order all the same is left out by the decoder and never shown in
//! the wrong place; with the next random access point the number is raised for good.

use std::borrow::Cow;

use super::sps::Restriction;
use super::{Sps, unescape};
use crate::segmenter::bits::{BitReader, BitWriter};
use crate::segmenter::codec::escape;
use crate::segmenter::video::parameter_sets::UNIT_MAX;

/// Frames that any decoder holds at most (A.3.1).
const FRAMES_MAX: usize = 16;
/// Pictures from the first on that show how an encoder orders them, where their times agree: two of three that stand
/// between others are among them.
const FIRST_PROOF: u32 = 5;
/// Pictures that must have shown it where a decoder runs already: about a second.
const PROOF: u32 = 24;
/// The same where the times leave room for more: half a minute at 25 pictures a second.
const LONG_PROOF: u32 = 750;
/// How often a number is lowered that had to be raised again.
const LOWERED_MAX: u32 = 4;

/// What is watched of one sequence parameter set's pictures.
#[derive(Debug, Default)]
pub(super) struct Reordering {
    /// By [`content`].
    sps: Option<Sps>,
    /// The number that goes into the set in place of its own.
    told: Option<u32>,
    /// Picture order counts of the last frames since the order began.
    recent: [Option<i64>; FRAMES_MAX],
    next: usize,
    /// The last reference picture's count: low bits, and unwrapped.
    anchor: Option<(u32, i64)>,
    /// Pictures since the times last allowed something else, and how many were before one of them in the order of
    /// decoding and behind it in that of output, at most.
    pictures: u32,
    deepest: u32,
    /// What the times of the last random access point allow, and by how much it is shown after its decoding.
    allowed: u32,
    delay: i64,
    /// The first pictures may show that the set claims too much.
    unsettled: bool,
    /// Raised to this once it was too low; never below again.
    floor: u32,
    lowered: u32,
}

impl Reordering {
    /// Decoding begins: nothing of before is out of order with what follows.
    pub(super) const fn restart(&mut self) {
        self.recent = [None; FRAMES_MAX];
        self.anchor = None;
    }

    /// A random access point of this sequence is due, shown `delay` 90 kHz ticks after its decoding, where a frame
    /// lasts `step`; `alone` where nothing that follows needs a picture of before. Gives whether the set has to say
    /// something else from here on.
    pub(super) fn begins(&mut self, sps: &Sps, delay: i64, step: i64, alone: bool) -> bool {
        let allowed = frames_in(delay, step);
        self.unsettled = false;
        if self.sps.as_ref() != Some(&content(sps)) {
            let told = never_reordered(sps).then_some(0);
            let unsettled = told.is_none() && sps.poc_type == 0 && allowed < own(sps);
            *self = Self { sps: Some(content(sps)), told, allowed, delay, unsettled, ..Self::default() };
            return false;
        }
        // A decoder that is set up anew has nothing of before.
        let alone = alone || self.recent == [None; FRAMES_MAX];
        if !alone || sps.poc_type != 0 || never_reordered(sps) {
            return false;
        }
        let own = own(sps);
        let before = self.told.unwrap_or(own);
        let mut now = before.max(self.deepest);
        self.floor = self.floor.max(if now > before { now } else { 0 });
        if allowed != self.allowed {
            // Another encoder, or another way of its: it may begin to reorder at once.
            now = if allowed > self.allowed { now.max(allowed.min(own)) } else { now };
            (self.allowed, self.pictures, self.deepest) = (allowed, 0, 0);
        } else if self.pictures >= PROOF && self.lowered < LOWERED_MAX {
            let room = if self.pictures >= LONG_PROOF { 0 } else { allowed.min(own) };
            now = now.min(self.deepest.max(room).max(self.floor));
            self.lowered += u32::from(now < before);
        }
        self.told = (now != own || self.told.is_some()).then_some(now);
        now != before
    }

    /// Whether the first pictures may show that the set claims too much.
    pub(super) const fn unsettled(&self) -> bool {
        self.unsettled
    }

    /// After another of these, where a frame lasts `step` ticks: whether they do, so that the set has to say something
    /// else from the beginning on. `None` before that can be told.
    pub(super) fn settled(&mut self, step: i64) -> Option<bool> {
        let own = self.sps.as_ref().filter(|_| self.unsettled && self.pictures >= FIRST_PROOF).map(own)?;
        self.unsettled = false;
        self.allowed = frames_in(self.delay, step);
        self.told = Some(self.deepest.max(self.allowed)).filter(|now| *now < own);
        Some(self.told.is_some())
    }

    /// A frame with this picture order count (its low bits) goes to the decoder.
    pub(super) fn given(&mut self, sps: &Sps, poc_lsb: u32, reference: bool, idr: bool) {
        if sps.poc_type != 0 {
            return;
        }
        if idr {
            self.restart();
        }
        let low = i64::from(poc_lsb);
        let count = self.anchor.map_or(low, |(from, at)| at + sps.picture_order_difference(poc_lsb, from));
        if reference {
            self.anchor = Some((poc_lsb, count));
        }
        let depth = self.recent.iter().flatten().filter(|other| **other > count).count() as u32;
        if depth > own(sps).max(level_frames(sps)) {
            // Counts begin anew by a marking operation (8.2.1), or after a loss.
            self.restart();
        } else {
            self.deepest = self.deepest.max(depth);
        }
        self.pictures = self.pictures.saturating_add(1);
        self.recent[self.next] = Some(count);
        self.next = (self.next + 1) % FRAMES_MAX;
    }

    /// The set `unit` with the number that holds, or as it is where it says that itself or another one is meant.
    pub(super) fn said<'a>(&self, unit: &'a [u8]) -> Cow<'a, [u8]> {
        let rewritten = || {
            let sps = Sps::parse(unit)?;
            let told = self.told.filter(|_| self.sps.as_ref() == Some(&content(&sps)))?;
            with_reordering(&sps, unit, told)
        };
        rewritten().map_or(Cow::Borrowed(unit), Cow::Owned)
    }
}

/// What a set says, whatever its number and where it stands in it.
fn content(sps: &Sps) -> Sps {
    let restriction = match sps.restriction {
        Restriction::Present { reorder, buffering, .. } => Restriction::Present { reorder, buffering, at: 0 },
        _ => Restriction::Absent { at: 0 },
    };
    Sps { id: 0, restriction, ..sps.clone() }
}

/// How many frames of `step` ticks there are in `delay`: up where there are three quarters of one.
fn frames_in(delay: i64, step: i64) -> u32 {
    ((delay + step * 3 / 4) / step.max(1)).clamp(0, FRAMES_MAX as i64) as u32
}

/// Whether pictures are output in the order of decoding whatever comes: by the order that they count (8.2.1.3), or as
/// all of them are intra pictures (A.2.8–A.2.11).
const fn never_reordered(sps: &Sps) -> bool {
    let [profile, constraints, _] = sps.profile;
    sps.poc_type == 2 || profile == 44 || matches!(profile, 100 | 110 | 122 | 244) && constraints & 0x10 != 0
}

/// What the set itself says, or what is meant where it says nothing (E.2.1).
fn own(sps: &Sps) -> u32 {
    match sps.restriction {
        Restriction::Present { reorder, .. } => reorder.min(FRAMES_MAX as u32),
        _ => level_frames(sps),
    }
}

/// Frames that a decoder of this level holds (A.3.1, table A-1), and no less than the set asks for.
fn level_frames(sps: &Sps) -> u32 {
    let [_, constraints, level] = sps.profile;
    let macroblocks = match level {
        11 if constraints & 0x10 != 0 => 396,
        0..=10 => 396,
        11 => 900,
        12..=20 => 2376,
        21 => 4752,
        22..=30 => 8100,
        31 => 18_000,
        32 => 20_480,
        40..=41 => 32_768,
        42 => 34_816,
        50 => 110_400,
        51..=52 => 184_320,
        _ => 696_320,
    };
    (macroblocks / sps.macroblocks.max(1)).max(sps.max_num_ref_frames).min(FRAMES_MAX as u32)
}

/// The set `unit` with `max_num_reorder_frames`, and room in the decoder for that and for the reference frames; all
/// else bit for bit. `None` where it says so already, or cannot be read to the end.
pub(super) fn with_reordering(sps: &Sps, unit: &[u8], reorder: u32) -> Option<Vec<u8>> {
    let references = Some(sps.max_num_ref_frames).filter(|frames| *frames <= FRAMES_MAX as u32)?;
    // What waits for its output only, beside what others refer to.
    let enough = (references + reorder).min(level_frames(sps)).max(reorder);
    let (at, buffering) = match sps.restriction {
        Restriction::Present { reorder: own, .. } if own == reorder => return None,
        Restriction::Present { reorder: own, buffering, at } => {
            (at, if reorder < own { enough.min(buffering).max(references).max(reorder) } else { enough })
        }
        Restriction::Absent { at } | Restriction::NoVui { at } => (at, enough),
        Restriction::Unread => return None,
    };
    let (&header, rest) = unit.split_first()?;
    let plain = unescape(rest, UNIT_MAX);
    let mut w = BitWriter::default();
    w.copy(&mut BitReader::new(&plain), at)?;
    if let Restriction::NoVui { .. } = sps.restriction {
        // vui_parameters_present_flag, and nothing in it up to the restriction.
        w.put(0x100, 9);
    }
    if !matches!(sps.restriction, Restriction::Present { .. }) {
        // bitstream_restriction_flag, and what else it holds, as it is meant where it is not there.
        w.put(0b11, 2).ue(2).ue(1).ue(15).ue(15);
    }
    w.ue(reorder).ue(buffering);
    Some(escape(header, &w.finish_rbsp()))
}
