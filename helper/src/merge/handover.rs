//! Plain TS from several paths: one is followed, and handed over to another without a datagram lost, doubled or
//! out of order, whichever of the two is ahead.
//!
//! Of what went on the identities are remembered, of what the other paths brought the datagrams. Where both have a
//! run of datagrams in common, what went on behind it is known to be still to come by the other path, or there
//! already: this much of the other path is left out, and what follows goes on.

use super::place::{RUN, identity, last_common};
use super::{Delivery, PathId};
use crate::rtp::sequence::MAX_SKEW;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A path that is silent for this long, while another one brings something, is left.
const SILENT: Duration = Duration::from_millis(200);
/// How far back the datagrams of other paths are kept: a path that is ahead by [`MAX_SKEW`] must still have what
/// follows when the other has been silent.
const KEPT: Duration = Duration::from_millis(750);
/// How much is kept of one path: [`KEPT`] of 80 Mbit/s.
const MAX_KEPT_BYTES: usize = 8 << 20;
const MAX_KEPT: usize = 8192;
/// Of how many datagrams that went on the identity is remembered: [`KEPT`] of 100 Mbit/s.
const MAX_HISTORY: usize = 8192;
/// How long a path that is to take over may need to show where; the other is followed meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts to find the place.
const ATTEMPTS: Duration = Duration::from_millis(10);
/// How many datagrams, and for how long, are held because they may be new, or still lie among those left out.
const MAX_HELD: usize = 16;
const MAX_HOLD: Duration = Duration::from_millis(50);
/// How much of what went on is known as brought by the path that is left, should it take over again.
const TAIL: usize = 256;

/// All paths of one channel, and the one that is followed.
#[derive(Debug, Default)]
pub(super) struct Handover {
    lanes: Vec<Lane>,
    followed: Option<PathId>,
    /// When the followed path brought something last.
    heard: Option<Instant>,
    /// Identities of what went on, and when the followed path brought it or would have, the oldest first.
    history: VecDeque<(u64, u64)>,
    state: State,
    /// Another path is to be followed.
    wanted: Option<PathId>,
    /// When it first brought something after that was said.
    wanted_since: Option<Instant>,
    next_attempt: Option<Instant>,
    gap: bool,
    handovers: u64,
    misplaced: u64,
}

#[derive(Debug, Default)]
enum State {
    /// What the followed path brings goes on.
    #[default]
    Following,
    /// The followed path brings something, but it is not known where it goes on from the one before, which was
    /// heard last then.
    Seeking { heard: Instant },
    /// What the followed path brings has gone on already, by the one before.
    CatchingUp(CatchingUp),
}

#[derive(Debug, Default)]
struct CatchingUp {
    /// What went on and is still to come by the followed path.
    left_out: VecDeque<u64>,
    /// When the last of that should be received by the followed path, as far as the place tells.
    until_micros: u64,
    /// What is not among that and was received later: the path before lost it, or this one the rest of that.
    held: Vec<Kept>,
    held_since: Option<Instant>,
}

/// One path.
#[derive(Debug)]
struct Lane {
    path: PathId,
    last: Instant,
    /// What it brought while another path was followed.
    kept: VecDeque<Kept>,
    kept_bytes: usize,
}

#[derive(Debug)]
struct Kept {
    identity: u64,
    at: Instant,
    received_micros: u64,
    /// `None` where it was passed on when this path was followed.
    payload: Option<Box<[u8]>>,
}

impl Handover {
    pub(super) fn push(
        &mut self,
        now: Instant,
        path: PathId,
        payload: &[u8],
        received_micros: u64,
        out: &mut impl FnMut(Delivery<'_>),
    ) {
        self.handle_timeout(now, out);
        let followed = *self.followed.get_or_insert(path) == path;
        let index = self.lane(now, path);
        self.lanes[index].last = now;
        if followed {
            self.heard = Some(now);
        } else if self.wanted == Some(path) {
            self.wanted_since.get_or_insert(now);
        }
        let identity = identity(payload);
        if followed && matches!(self.state, State::Following) {
            self.pass_on(identity, payload, received_micros, out);
        } else {
            let kept = Kept { identity, at: now, received_micros, payload: Some(payload.into()) };
            if followed && matches!(self.state, State::CatchingUp(_)) {
                self.catch_up(now, kept, out);
            } else {
                let since = self.heard.unwrap_or(now);
                self.lanes[index].keep(since, kept);
            }
        }
        self.turn(now, out);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(Delivery<'_>)) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.turn(now, out);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let followed = self.followed?;
        let state = match &self.state {
            State::Following => None,
            State::Seeking { heard } => Some(*heard + MAX_SKEW),
            State::CatchingUp(catching_up) => catching_up.due(),
        };
        let other = self.lanes.iter().filter(|lane| lane.path != followed).map(|lane| lane.last).max();
        let silent = match (self.heard.filter(|_| self.index(followed).is_some()), other) {
            (Some(heard), Some(other)) if other > heard => Some(heard + SILENT),
            // It is gone: at once.
            (None, Some(other)) => Some(other),
            _ => None,
        };
        let wanted = self.wanted_since.map(|since| since + PATIENCE);
        [state, silent, wanted].into_iter().flatten().min()
    }

    pub(super) fn prefer(&mut self, path: PathId) {
        self.wanted = (self.followed != Some(path)).then_some(path);
        self.wanted_since = None;
        self.next_attempt = None;
    }

    pub(super) fn path_gone(&mut self, path: PathId) {
        self.lanes.retain(|lane| lane.path != path);
        if self.wanted == Some(path) {
            self.wanted = None;
            self.wanted_since = None;
        }
    }

    pub(super) fn figures(&self) -> (u64, u64) {
        (self.handovers, self.misplaced)
    }

    /// Whether a path other than this one brings something.
    pub(super) fn flows_beside(&self, now: Instant, path: PathId) -> bool {
        let flows = |lane: &Lane| now.saturating_duration_since(lane.last) < MAX_SKEW;
        self.lanes.iter().any(|lane| lane.path != path && flows(lane))
    }

    /// The sender sends something else now: forgets everything but the counters.
    pub(super) fn end(&mut self) {
        let (handovers, misplaced) = self.figures();
        *self = Self { handovers, misplaced, wanted: self.wanted, ..Self::default() };
    }

    pub(super) fn begin_with_gap(&mut self) {
        self.gap = true;
    }

    fn lane(&mut self, now: Instant, path: PathId) -> usize {
        if let Some(index) = self.index(path) {
            return index;
        }
        self.lanes.push(Lane { path, last: now, kept: VecDeque::new(), kept_bytes: 0 });
        self.lanes.len() - 1
    }

    fn index(&self, path: PathId) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.path == path)
    }

    fn pass_on(&mut self, identity: u64, ts: &[u8], received_micros: u64, out: &mut impl FnMut(Delivery<'_>)) {
        if self.history.len() == MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((identity, received_micros));
        out(Delivery { ts, received_micros, gap: std::mem::take(&mut self.gap), missing: 0 });
    }

    fn pass_on_kept(&mut self, kept: &Kept, out: &mut impl FnMut(Delivery<'_>)) {
        if let Some(payload) = &kept.payload {
            self.pass_on(kept.identity, payload, kept.received_micros, out);
        }
    }

    /// Leaves a path that went silent, tries to turn to the one that is wanted, and ends what lasts too long.
    fn turn(&mut self, now: Instant, out: &mut impl FnMut(Delivery<'_>)) {
        self.leave_silent(now);
        self.turn_to_wanted(now, out);
        match &mut self.state {
            State::Following => {}
            State::Seeking { heard } => {
                let heard = *heard;
                if !self.attempt(now, out) && heard + MAX_SKEW <= now {
                    self.go_on_behind(heard, out);
                }
            }
            State::CatchingUp(catching_up) if catching_up.due().is_some_and(|due| due <= now) => self.caught_up(out),
            State::CatchingUp(_) => {}
        }
    }

    /// Where the followed path brings nothing and another one does, that one is followed.
    fn leave_silent(&mut self, now: Instant) {
        let (Some(followed), Some(heard)) = (self.followed, self.heard) else { return };
        let gone = self.index(followed).is_none();
        if !gone && now.saturating_duration_since(heard) < SILENT {
            return;
        }
        let later = |lane: &&Lane| lane.path != followed && (gone || lane.last > heard);
        let other = self.lanes.iter().filter(later).max_by_key(|lane| (Some(lane.path) == self.wanted, lane.last));
        if let Some(other) = other {
            let (path, last) = (other.path, other.last);
            self.follow(path, last);
            self.state = State::Seeking { heard };
        }
    }

    fn follow(&mut self, path: PathId, last: Instant) {
        self.handovers += 1;
        if let Some(left) = self.followed.and_then(|left| self.index(left)) {
            let tail = self.history.range(self.history.len().saturating_sub(TAIL)..);
            let kept = |(identity, received_micros): &(u64, u64)| Kept {
                identity: *identity,
                at: last,
                received_micros: *received_micros,
                payload: None,
            };
            self.lanes[left].clear();
            self.lanes[left].kept.extend(tail.map(kept));
        }
        self.followed = Some(path);
        self.heard = Some(last);
        // Who wanted another path says so again when it is back.
        self.wanted = None;
        self.wanted_since = None;
        self.next_attempt = None;
    }

    fn turn_to_wanted(&mut self, now: Instant, out: &mut impl FnMut(Delivery<'_>)) {
        let Some(index) = self.wanted.and_then(|path| self.index(path)) else { return };
        let lane = &self.lanes[index];
        let Some(since) = self.wanted_since else { return };
        if now.saturating_duration_since(lane.last) >= SILENT || !matches!(self.state, State::Following) {
            self.wanted_since = None;
            return;
        }
        let (path, last) = (lane.path, lane.last);
        let over = now.saturating_duration_since(since) >= PATIENCE;
        if !over && self.next_attempt.is_some_and(|at| now < at) {
            return;
        }
        self.next_attempt = Some(now + ATTEMPTS);
        if let Some(place) = self.place(index) {
            self.follow(path, last);
            self.go_on_at(now, place, index, out);
        } else if over {
            // They have nothing in common: it goes on with what comes next.
            self.follow(path, last);
            self.lanes[index].clear();
            self.history.clear();
            self.misplaced += 1;
            self.gap = true;
        }
    }

    /// Tries to find the place of the followed path.
    fn attempt(&mut self, now: Instant, out: &mut impl FnMut(Delivery<'_>)) -> bool {
        if self.next_attempt.is_some_and(|at| now < at) {
            return false;
        }
        self.next_attempt = Some(now + ATTEMPTS);
        let Some(index) = self.followed.and_then(|path| self.index(path)) else { return false };
        let place = self.place(index);
        if let Some(place) = place {
            self.go_on_at(now, place, index, out);
        }
        place.is_some()
    }

    fn place(&self, index: usize) -> Option<(usize, usize)> {
        if self.history.len() < RUN || self.lanes[index].kept.len() < RUN {
            return None;
        }
        let kept: Vec<u64> = self.lanes[index].kept.iter().map(|kept| kept.identity).collect();
        let history: Vec<u64> = self.history.iter().map(|(identity, _)| *identity).collect();
        last_common(&history, &kept)
    }

    /// Goes on behind a place that both paths have: `ours` among what went on, `theirs` among what this one brought.
    fn go_on_at(
        &mut self,
        now: Instant,
        (ours, theirs): (usize, usize),
        index: usize,
        out: &mut impl FnMut(Delivery<'_>),
    ) {
        let left_out = self.history.iter().skip(ours + 1).map(|(identity, _)| *identity).collect();
        let mut kept = std::mem::take(&mut self.lanes[index].kept);
        self.lanes[index].clear();
        // What went on by the other path is from now on compared with what this one brings, which is ahead or behind.
        let ahead = kept[theirs].received_micros.wrapping_sub(self.history[ours].1);
        self.history.iter_mut().for_each(|(_, received_micros)| *received_micros = received_micros.wrapping_add(ahead));
        let until_micros = self.history.back().map_or(0, |(_, received_micros)| *received_micros);
        kept.drain(..=theirs);
        self.state = State::CatchingUp(CatchingUp { left_out, until_micros, ..CatchingUp::default() });
        for kept in kept {
            self.catch_up(now, kept, out);
        }
        self.follow_when_caught_up();
    }

    /// Goes on with what came since the path before was heard last: the place is not to be found.
    fn go_on_behind(&mut self, heard: Instant, out: &mut impl FnMut(Delivery<'_>)) {
        self.history.clear();
        self.misplaced += 1;
        self.gap = true;
        self.state = State::Following;
        let Some(index) = self.followed.and_then(|path| self.index(path)) else { return };
        let kept = std::mem::take(&mut self.lanes[index].kept);
        self.lanes[index].clear();
        for kept in kept.into_iter().filter(|kept| kept.at > heard) {
            self.pass_on_kept(&kept, out);
        }
    }

    /// Takes the next datagram of the followed path while it may have gone on already.
    fn catch_up(&mut self, now: Instant, kept: Kept, out: &mut impl FnMut(Delivery<'_>)) {
        let State::CatchingUp(catching_up) = &mut self.state else {
            return self.pass_on_kept(&kept, out);
        };
        if catching_up.leave_out(kept.identity) {
            self.follow_when_caught_up();
        } else if catching_up.left_out.is_empty() {
            self.state = State::Following;
            self.pass_on_kept(&kept, out);
        } else if kept.received_micros > catching_up.until_micros {
            catching_up.held_since.get_or_insert(now);
            catching_up.held.push(kept);
            if catching_up.held.len() >= MAX_HELD {
                self.caught_up(out);
            }
        }
        // What was received before lies among those left out: the other path lost it, and it is too late for it.
    }

    fn follow_when_caught_up(&mut self) {
        if matches!(&self.state, State::CatchingUp(catching_up) if catching_up.left_out.is_empty()) {
            self.state = State::Following;
        }
    }

    /// What is held is new.
    fn caught_up(&mut self, out: &mut impl FnMut(Delivery<'_>)) {
        let State::CatchingUp(CatchingUp { held, .. }) = std::mem::take(&mut self.state) else { return };
        for kept in held {
            self.pass_on_kept(&kept, out);
        }
    }
}

impl CatchingUp {
    /// Whether it is one of those to be left out; then all before it came as well, or will not come.
    fn leave_out(&mut self, identity: u64) -> bool {
        let mut same = self.left_out.iter().enumerate().filter(|(_, other)| **other == identity).map(|(at, _)| at);
        let at = match (same.next(), same.next()) {
            (Some(0), _) => 0,
            (Some(at), None) => at,
            // One of several equal ones that is not next tells nothing.
            _ => return false,
        };
        self.left_out.drain(..=at);
        // What is held lies before it.
        self.held.clear();
        self.held_since = None;
        true
    }

    fn due(&self) -> Option<Instant> {
        self.held_since.map(|since| since + MAX_HOLD)
    }
}

impl Kept {
    fn len(&self) -> usize {
        self.payload.as_ref().map_or(0, |payload| payload.len())
    }
}

impl Lane {
    /// Keeps a datagram, and of those before it what came shortly before `since` or later.
    fn keep(&mut self, since: Instant, kept: Kept) {
        self.kept_bytes += kept.len();
        self.kept.push_back(kept);
        let old = |kept: &Kept| since.saturating_duration_since(kept.at) > KEPT;
        while self.kept.len() > MAX_KEPT || self.kept_bytes > MAX_KEPT_BYTES || self.kept.front().is_some_and(old) {
            let Some(gone) = self.kept.pop_front() else { break };
            self.kept_bytes -= gone.len();
        }
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.kept_bytes = 0;
    }
}
