//! Watches the position: where it begins, when it does not move, and what helps. Pure: what is seen comes in, what to do
//! goes out; times and positions in seconds.

/// A start behind a cache begins this close to its end.
const START_BEHIND: f64 = 0.25;
/// With more than this ahead of the first position, it is worth a jump to the end.
const START_JUMP: f64 = 0.4;
/// What is live is waited for so long, where only a cache has come.
const LIVE_AWAITED: f64 = 1.0;
/// A position that does not move for so long, with so much to play, needs a push, then a new session.
const STUCK_HOLE: f64 = 0.12;
const STUCK_PUSH: f64 = 2.0;
const STUCK_RECOVER: f64 = 5.0;
const STUCK_AHEAD: f64 = 0.5;
const PUSH: f64 = 0.1;
const SAME: f64 = 0.001;
const HOLE_AHEAD: f64 = 0.1;
/// Ahead of a pause so much is kept, in seconds and in bytes; then media is left out until it plays again.
const PAUSED_AHEAD: f64 = 20.0;
const PAUSED_BYTES: usize = 16 << 20;
/// A position that stands for so long shows a picture that stands.
const STANDS: f64 = 0.25;
/// Waiting that the browser tells right after a jump or a beginning is no stall.
const SETTLES: f64 = 1.0;

/// What is seen of the media element and its buffers at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Now, of any steady clock.
    pub now: f64,
    /// The element's position.
    pub position: f64,
    /// What can be played from there without a hole.
    pub ahead: f64,
    /// Where the next range of what is buffered begins.
    pub next_start: Option<f64>,
    /// Whether the element is on its way to a new position.
    pub seeking: bool,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Nothing: it plays, or waits for data.
    Go,
    /// A new position, which is noted as such.
    Jump(f64),
    /// A new session: the element does not play what it has.
    Recover,
}

/// The position of one session.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    begun: f64,
    placed: bool,
    position: f64,
    moved: f64,
    pushed: f64,
    jumped: f64,
    paused_bytes: usize,
}

impl Watch {
    /// A session that begins now.
    #[must_use]
    pub const fn new(now: f64) -> Self {
        Self { begun: now, placed: false, position: 0.0, moved: now, pushed: 0.0, jumped: now, paused_bytes: 0 }
    }

    /// Whether the first position has been found.
    #[must_use]
    pub const fn is_placed(&self) -> bool {
        self.placed
    }

    /// Finds the first position in the last range of what is buffered: its start, or near the end of what came out of a
    /// cache. `live` is whether anything but a cache has come.
    pub fn place(&mut self, now: f64, last: Option<(f64, f64)>, live: bool) -> Option<f64> {
        if self.placed || (!live && now - self.begun < LIVE_AWAITED) {
            return None;
        }
        let (start, end) = last?;
        self.placed = true;
        self.position = if end - start > START_JUMP { end - START_BEHIND } else { start };
        self.jumped(now);
        Some(self.position)
    }

    /// The position nearest to live in the last range of what is buffered, where it is worth a jump from here.
    #[must_use]
    pub fn live(position: f64, last: Option<(f64, f64)>) -> Option<f64> {
        let (start, end) = last.filter(|(_, end)| end - position > START_JUMP)?;
        Some((end - START_BEHIND).max(start))
    }

    /// The position was set.
    pub const fn jumped(&mut self, now: f64) {
        self.jumped = now;
        self.moved = now;
    }

    /// Looks at an element that should be playing; to be asked about ten times a second.
    pub fn look(&mut self, seen: &Seen) -> Step {
        let Seen { now, position, ahead, .. } = *seen;
        self.paused_bytes = 0;
        // Where it was pushed to is told in the browser's own precision.
        if (position - self.position).abs() > SAME {
            self.position = position;
            self.moved = now;
        }
        let stuck = now - self.moved;
        if stuck > STUCK_HOLE
            && !seen.seeking
            && ahead < HOLE_AHEAD
            && let Some(next) = seen.next_start
        {
            self.jumped(now);
            return Step::Jump(next + 0.001);
        }
        if stuck > STUCK_RECOVER && ahead > STUCK_AHEAD {
            return Step::Recover;
        }
        if stuck > STUCK_PUSH && ahead > STUCK_AHEAD && now - self.pushed > STUCK_PUSH {
            self.pushed = now;
            self.jumped = now;
            // Being pushed is no moving.
            self.position = position + PUSH;
            return Step::Jump(self.position);
        }
        Step::Go
    }

    /// Looks at an element that is paused, which was given so many bytes since the last time; whether it has enough.
    pub fn look_at_pause(&mut self, now: f64, position: f64, ahead: f64) -> bool {
        self.position = position;
        self.moved = now;
        ahead > PAUSED_AHEAD || self.paused_bytes > PAUSED_BYTES
    }

    /// So many bytes were given to the element.
    pub const fn given(&mut self, bytes: usize) {
        self.paused_bytes = self.paused_bytes.saturating_add(bytes);
    }

    /// Whether the picture stands.
    #[must_use]
    pub fn stands(&self, now: f64) -> bool {
        now - self.moved > STANDS
    }

    /// Whether it has been moving for a while: whatever it shows is new.
    #[must_use]
    pub fn plays_on(&self, now: f64) -> bool {
        self.has_run_dry(now) && !self.stands(now)
    }

    /// For how many seconds it has not moved.
    #[must_use]
    pub fn still(&self, now: f64) -> f64 {
        now - self.moved
    }

    /// Whether an element that tells now that it waits for data has run dry, and not only been put somewhere else.
    #[must_use]
    pub fn has_run_dry(&self, now: f64) -> bool {
        self.placed && now - self.jumped > SETTLES && now - self.begun > SETTLES
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
