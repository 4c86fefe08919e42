//! Puts the RTP packets of one channel in their order (RFC 3550, 5.1 and A.1), whichever paths they come by.
//!
//! In go packets with their path and time, out come their payloads, each once and in the order of their sequence
//! numbers. What is next goes on at once and is not copied. Only while something is missing are later packets
//! kept: until it comes, or until every path that still delivers has gone past it for longer than it was ever
//! seen to reorder. A path that lags behind is waited for, half a second at most.

use super::jitter::Jitter;
use super::window::Window;
use super::{Discard, Figures, Header};
use crate::merge::{Delivery, PathId};
use amt_shared::ts::PACKET_LEN;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long a path that lags behind another is waited for (SMPTE ST 2022-7, class C, allows 450 ms), and for how
/// long a path without packets still counts.
pub(crate) const MAX_SKEW: Duration = Duration::from_millis(500);
/// How long a path may take to bring a packet after a later one: at first, at most where it was seen to take as long, and
/// where nothing is ever reordered.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(200);
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
/// For how long it is remembered, at least, how late a packet was, and behind how many others.
const LATENESS_MEMORY: Duration = Duration::from_secs(10);
const DEPTH_MEMORY: Duration = Duration::from_secs(60);
/// A step further than this is a sender that began anew, not loss (RFC 3550, A.1).
const MAX_DROPOUT: i64 = 3000;
/// A packet of one path this far behind is not late, but of a sender that began anew.
const MAX_MISORDER: i64 = 512;
/// How far a new path may be from the stream: more than half a second of it.
const MAX_DISTANCE: i64 = 16_384;
/// How much is kept while something is missing: half a second of 60 Mbit/s.
const MAX_HELD_BYTES: usize = 4 << 20;
const MAX_HELD: usize = 4096;
/// Of how many positions it is known whether they went on.
const PASSED_ON: u64 = 16_384;
/// How many of its last steps over missing packets a path remembers.
const MAX_SKIPPED: usize = 128;
/// Over how long the fraction of loss is taken (the least interval of RTCP, RFC 3550, 6.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// One channel's packets, and what every path has brought of them.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    stream: Option<Stream>,
    tracks: Vec<Track>,
    figures: Figures,
    interval: Option<Interval>,
    /// Something else was followed before the stream.
    after_gap: bool,
}

/// The packets of one sender, by position: the sequence number with its wraps counted.
#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// The first position; what a lagging path brings from before is of no use.
    first: u64,
    /// What goes on next.
    next: u64,
    /// One behind the highest position that any path brought.
    end: u64,
    /// When any path brought a packet of it last.
    heard: Instant,
    /// Since when `next` is known to be missing.
    missing_since: Instant,
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// What went on.
    passed_on: Window<{ PASSED_ON as usize / 64 }>,
    /// Something was lost before `next`, and how many packets, where that is known.
    gap: bool,
    missing: u64,
    /// The longest payload so far.
    longest: usize,
}

/// A packet that waits.
#[derive(Debug)]
struct Held {
    payload: Box<[u8]>,
    at: Instant,
    received_micros: u64,
}

/// What one path has brought.
#[derive(Debug)]
struct Track {
    path: PathId,
    last: Instant,
    /// The highest position; `None` where it does not bring packets of the stream.
    highest: Option<u64>,
    /// When it went past what is missing.
    passed: Option<Instant>,
    /// How long to wait behind it.
    wait: Wait,
    /// What it left out on its way, and when.
    skipped: VecDeque<(Range<u64>, Instant)>,
    seen: Window<8>,
    jitter: Jitter,
    candidate: Option<Candidate>,
}

/// The first packet of what may be a sender that began anew: the second one proves it (RFC 3550, A.1).
#[derive(Debug)]
struct Candidate {
    ssrc: u32,
    next: u16,
    /// `None` where it is proved, but other paths still bring what was before.
    first: Option<(u16, Held)>,
}

/// How long a missing packet is waited for: half as long again as the latest one of the last seconds was late, and until
/// as many others have come as one came behind; at first, where nothing is known, [`FIRST_WAIT`], and less each time
/// that was in vain.
#[derive(Clone, Copy, Debug)]
struct Wait {
    guess: Duration,
    latest: Most<Duration>,
    deepest: Most<u64>,
}

/// The most of an interval and of the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Most<T> {
    values: [T; 2],
    since: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    since: Instant,
    expected: u64,
    lost: u64,
}

impl Sequencer {
    /// The sender that is followed.
    pub(crate) fn ssrc(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.ssrc)
    }

    /// The counters.
    pub(crate) fn figures(&self) -> Figures {
        let jitter = self.tracks.iter().max_by_key(|track| track.highest).map_or(0, |track| track.jitter.micros());
        Figures { jitter_micros: jitter, ..self.figures }
    }

    /// Whether a path other than this one brings packets of the stream.
    pub(crate) fn flows_beside(&self, now: Instant, path: PathId) -> bool {
        self.tracks.iter().any(|track| track.path != path && track.follows(now))
    }

    /// Takes a packet.
    ///
    /// # Errors
    /// The reason to drop it. That another path has brought it before is none.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        path: PathId,
        header: &Header<'_>,
        received_micros: u64,
        out: &mut impl FnMut(Delivery<'_>),
    ) -> Result<(), Discard> {
        self.handle_timeout(now, out);
        let index = self.track(now, path);
        let (Some(position), Some(stream)) = (self.position(now, index, header), &mut self.stream) else {
            return self.try_new_sender(now, index, header, received_micros, out);
        };
        let track = &mut self.tracks[index];
        track.last = now;
        track.candidate = None;
        stream.heard = now;
        if !track.seen.insert(position) {
            self.figures.duplicates += 1;
            return Err(Discard::Duplicate);
        }
        let in_order = track.highest.is_none_or(|highest| position > highest);
        if in_order {
            self.figures.recovered += track.advance(now, position, stream);
            track.jitter.add(received_micros, header.timestamp);
            if position > stream.next && track.passed.is_none() {
                track.passed = Some(now);
            }
        } else {
            track.is_reordered(now, position);
        }
        self.figures.received += 1;
        if position < stream.next {
            return self.behind(position);
        }
        if stream.held.contains_key(&position) {
            return Ok(());
        }
        if position < stream.end {
            // In a hole: another path lost it, or this one was late with it.
            let counter = if in_order { &mut self.figures.recovered } else { &mut self.figures.reordered };
            *counter += 1;
        }
        stream.end = stream.end.max(position + 1);
        if position == stream.next {
            stream.pass_on(header.payload, received_micros, out);
            self.figures.expected += 1;
            if !stream.held.is_empty() {
                self.drain(out);
            }
        } else {
            if stream.held.is_empty() {
                stream.missing_since = now;
                let next = stream.next;
                self.tracks.iter_mut().for_each(|track| track.look_for(next, now));
            }
            stream.hold(position, Held::new(now, header.payload, received_micros));
            while self.is_full() {
                self.give_up(out);
            }
        }
        self.count_interval(now);
        Ok(())
    }

    /// Gives up what was waited for long enough.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(Delivery<'_>)) {
        while self.poll_timeout().is_some_and(|due| due <= now) {
            self.tracks.iter_mut().filter(|track| track.passed.is_some()).for_each(|track| track.wait.in_vain());
            self.give_up(out);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let stream = self.stream.as_ref().filter(|stream| !stream.held.is_empty())?;
        let limit = stream.missing_since + MAX_SKEW;
        let due = self.tracks.iter().filter(|track| track.highest.is_some()).map(|track| match track.passed {
            Some(passed) => passed + track.wait.time(track.highest.unwrap_or_default().saturating_sub(stream.next)),
            // It lags behind, or is gone.
            None => track.last + MAX_SKEW,
        });
        Some(due.max().map_or(stream.missing_since, |due| due.min(limit)))
    }

    /// Nothing more comes by this path.
    pub(crate) fn path_gone(&mut self, path: PathId) {
        self.tracks.retain(|track| track.path != path);
    }

    /// Ends the stream: what waits goes on.
    pub(crate) fn end(&mut self, out: &mut impl FnMut(Delivery<'_>)) {
        while self.stream.as_ref().is_some_and(|stream| !stream.held.is_empty()) {
            self.give_up(out);
        }
        self.stream = None;
        self.tracks.clear();
    }

    /// The stream that begins next follows on something else.
    pub(crate) fn begin_with_gap(&mut self) {
        self.after_gap = true;
    }

    fn track(&mut self, now: Instant, path: PathId) -> usize {
        if let Some(index) = self.tracks.iter().position(|track| track.path == path) {
            return index;
        }
        self.tracks.push(Track::new(path, now));
        self.tracks.len() - 1
    }

    /// Where in the stream a packet belongs; `None` where it cannot be one of it.
    fn position(&self, now: Instant, index: usize, header: &Header<'_>) -> Option<u64> {
        let track = &self.tracks[index];
        let stream = self.stream.as_ref().filter(|stream| stream.ssrc == header.ssrc)?;
        let stream_end = stream.end - 1;
        let from = |from: u64| {
            let distance = i64::from(header.sequence.wrapping_sub(from as u16) as i16);
            (from.wrapping_add_signed(distance), distance)
        };
        let (near_others, from_others) = from(stream_end);
        let alone = !self.flows_beside(now, track.path);
        let (position, sound) = match track.highest {
            Some(own) => {
                let (near_own, step) = from(own);
                // A path that paused is still near the others.
                let with_others = !alone && from_others.abs() <= MAX_DROPOUT && near_others > own;
                let sound = (-MAX_MISORDER < step && step <= MAX_DROPOUT) || with_others;
                (if alone { near_own } else { near_others }, sound)
            }
            None => (near_others, from_others.abs() <= MAX_DISTANCE && !track.has_left(header)),
        };
        // Nothing is as late as that.
        let silent = now.saturating_duration_since(stream.heard) >= MAX_SKEW;
        (sound && (!silent || position > stream_end)).then_some(position)
    }

    /// A packet whose position has gone on, or was given up.
    fn behind(&mut self, position: u64) -> Result<(), Discard> {
        let useless = |stream: &Stream| position < stream.first || stream.passed_on.contains(position);
        if self.stream.as_ref().is_none_or(useless) {
            return Ok(());
        }
        self.figures.late += 1;
        Err(Discard::Late)
    }

    /// A packet that is not of the stream: the first of all, or of a sender that began anew.
    fn try_new_sender(
        &mut self,
        now: Instant,
        index: usize,
        header: &Header<'_>,
        received_micros: u64,
        out: &mut impl FnMut(Delivery<'_>),
    ) -> Result<(), Discard> {
        let alone = !self.flows_beside(now, self.tracks[index].path);
        let begun = self.stream.is_some();
        let track = &mut self.tracks[index];
        let before = track.candidate.take().filter(|candidate| candidate.ssrc == header.ssrc);
        let proved = before.as_ref().is_some_and(|candidate| candidate.goes_on_with(header.sequence));
        if begun && !(proved && alone) {
            let ours = Held::new(now, header.payload, received_micros);
            if proved {
                // It has left the stream; the others still follow it, and decide by leaving it too.
                track.highest = None;
                track.last = now;
            }
            let first = (!proved).then_some((header.sequence, ours));
            track.candidate = Some(Candidate { ssrc: header.ssrc, next: header.sequence.wrapping_add(1), first });
            return if proved { Err(Discard::OtherSender) } else { Ok(()) };
        }
        while self.stream.as_ref().is_some_and(|stream| !stream.held.is_empty()) {
            self.give_up(out);
        }
        for track in &mut self.tracks {
            track.restart();
        }
        let kept = before.and_then(|candidate| candidate.first);
        let sequence = kept.as_ref().map_or(header.sequence, |(sequence, _)| *sequence);
        let mut stream = Stream::new(now, header.ssrc, sequence);
        stream.gap = begun || std::mem::take(&mut self.after_gap);
        if let Some((_, first)) = kept {
            stream.pass_on(&first.payload, first.received_micros, out);
            self.figures.expected += 1;
            self.figures.received += 1;
        }
        self.stream = Some(stream);
        self.push(now, self.tracks[index].path, header, received_micros, out)
    }

    fn is_full(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.held.len() > MAX_HELD || stream.held_bytes > MAX_HELD_BYTES)
    }

    /// Goes on behind what is missing.
    fn give_up(&mut self, out: &mut impl FnMut(Delivery<'_>)) {
        let Some(stream) = &mut self.stream else { return };
        let Some((&position, _)) = stream.held.first_key_value() else { return };
        self.figures.expected += position - stream.next;
        self.figures.lost += position - stream.next;
        // What a sender that began anew has left out is not known.
        if !stream.gap || stream.missing > 0 {
            stream.missing += position - stream.next;
        }
        stream.gap = true;
        stream.next = position;
        self.drain(out);
    }

    /// Passes on what is held up to the next hole.
    fn drain(&mut self, out: &mut impl FnMut(Delivery<'_>)) {
        let Some(stream) = &mut self.stream else { return };
        while let Some(held) = stream.held.remove(&stream.next) {
            stream.held_bytes -= held.payload.len();
            stream.pass_on(&held.payload, held.received_micros, out);
            self.figures.expected += 1;
        }
        let since = stream.held.first_key_value().map(|(_, first)| first.at);
        stream.missing_since = since.unwrap_or(stream.missing_since);
        let next = stream.next;
        let since = since.unwrap_or(stream.missing_since);
        self.tracks.iter_mut().for_each(|track| track.look_for(next, since));
    }

    fn count_interval(&mut self, now: Instant) {
        let Figures { expected, lost, .. } = self.figures;
        let interval = self.interval.get_or_insert(Interval { since: now, expected, lost });
        if now.saturating_duration_since(interval.since) >= INTERVAL {
            let (expected_now, lost_now) = (expected - interval.expected, lost - interval.lost);
            self.figures.fraction_lost = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8;
            *interval = Interval { since: now, expected, lost };
        }
    }
}

impl Stream {
    fn new(now: Instant, ssrc: u32, sequence: u16) -> Self {
        // One wrap ahead, so that what came before has a position too.
        let first = 1 << 32 | u64::from(sequence);
        Self {
            ssrc,
            first,
            next: first,
            end: first,
            heard: now,
            missing_since: now,
            held: BTreeMap::new(),
            held_bytes: 0,
            passed_on: Window::new(),
            gap: false,
            missing: 0,
            longest: 0,
        }
    }

    fn pass_on(&mut self, ts: &[u8], received_micros: u64, out: &mut impl FnMut(Delivery<'_>)) {
        self.passed_on.insert(self.next);
        self.next += 1;
        self.end = self.end.max(self.next);
        // A packet of padding alone counts, but has nothing to hand on.
        if !ts.is_empty() {
            self.longest = self.longest.max(ts.len());
            let packets = std::mem::take(&mut self.missing).saturating_mul(self.longest.div_ceil(PACKET_LEN) as u64);
            let missing = u16::try_from(packets).unwrap_or(u16::MAX);
            out(Delivery { ts, received_micros, gap: std::mem::take(&mut self.gap), missing });
        }
    }

    fn has(&self, position: u64) -> bool {
        self.passed_on.contains(position) || self.held.contains_key(&position)
    }

    fn hold(&mut self, position: u64, held: Held) {
        self.held_bytes += held.payload.len();
        self.held.insert(position, held);
    }
}

impl Held {
    fn new(at: Instant, payload: &[u8], received_micros: u64) -> Self {
        Self { payload: payload.into(), at, received_micros }
    }
}

impl Track {
    fn new(path: PathId, now: Instant) -> Self {
        Self {
            path,
            last: now,
            highest: None,
            passed: None,
            wait: Wait::default(),
            skipped: VecDeque::new(),
            seen: Window::new(),
            jitter: Jitter::default(),
            candidate: None,
        }
    }

    /// Goes on to a position. How many of those it leaves out another path has brought.
    fn advance(&mut self, now: Instant, position: u64, stream: &Stream) -> u64 {
        let Some(before) = self.highest.replace(position).filter(|before| before + 1 < position) else { return 0 };
        if self.skipped.len() == MAX_SKIPPED {
            self.skipped.pop_front();
        }
        self.skipped.push_back((before + 1..position, now));
        // Of more than that nothing is known; a path may have been away for days.
        (before.max(position.saturating_sub(PASSED_ON)) + 1..position).filter(|skipped| stream.has(*skipped)).count()
            as u64
    }

    /// From now on this position is missing, `since` at the latest.
    fn look_for(&mut self, missing: u64, since: Instant) {
        let left_out = self.skipped.iter().rev().find(|(skipped, _)| skipped.contains(&missing)).map(|(_, at)| *at);
        self.passed = self.highest.filter(|highest| *highest > missing).map(|_| left_out.unwrap_or(since));
    }

    /// It brings what it left out.
    fn is_reordered(&mut self, now: Instant, position: u64) {
        if let Some((_, at)) = self.skipped.iter().rev().find(|(skipped, _)| skipped.contains(&position)) {
            let behind = self.highest.unwrap_or_default().saturating_sub(position);
            self.wait.late_by(now, now.saturating_duration_since(*at), behind);
        }
    }

    /// Whether a packet goes on with what the path has left the stream for.
    fn has_left(&self, header: &Header<'_>) -> bool {
        let left = self.candidate.as_ref().filter(|candidate| candidate.first.is_none());
        left.is_some_and(|candidate| candidate.ssrc == header.ssrc && candidate.goes_on_with(header.sequence))
    }

    fn restart(&mut self) {
        *self = Self::new(self.path, self.last);
    }

    fn follows(&self, now: Instant) -> bool {
        self.highest.is_some() && now.saturating_duration_since(self.last) < MAX_SKEW
    }
}

impl Candidate {
    /// Where it is proved already, some may be lost or out of order.
    fn goes_on_with(&self, sequence: u16) -> bool {
        let step = i64::from(sequence.wrapping_sub(self.next) as i16);
        if self.first.is_some() { step == 0 } else { step.abs() < MAX_MISORDER }
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self { guess: FIRST_WAIT, latest: Most::default(), deepest: Most::default() }
    }
}

impl Wait {
    /// With so many later packets there.
    fn time(&self, later: u64) -> Duration {
        if later < self.deepest.get() {
            return LONGEST_WAIT;
        }
        (self.latest.get() * 3 / 2).max(self.guess).min(LONGEST_WAIT)
    }

    /// A packet came this long after a later one, and behind so many.
    fn late_by(&mut self, now: Instant, late: Duration, behind: u64) {
        self.latest.note(now, late, LATENESS_MEMORY);
        self.deepest.note(now, behind, DEPTH_MEMORY);
    }

    /// A packet did not come at all.
    fn in_vain(&mut self) {
        self.guess = (self.guess * 3 / 4).max(SHORTEST_WAIT);
    }
}

impl<T: Ord + Copy + Default> Most<T> {
    fn get(&self) -> T {
        self.values[0].max(self.values[1])
    }

    fn note(&mut self, now: Instant, value: T, memory: Duration) {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= memory) {
            self.since = Some(now);
            self.values = [T::default(), self.values[0]];
        }
        self.values[0] = self.values[0].max(value);
    }
}
