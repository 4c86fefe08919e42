//! Where to play: the first position, the live edge, holes, standing still, pauses and hidden tabs.

use super::lineup::Tracks;
use super::live_edge::Sight;
use super::playback::{State, now};
use crate::browser;
use wasm_bindgen::JsValue;

/// A start behind a cache begins this close to its end.
const START_BEHIND: f64 = 0.25;
/// With more than this ahead of the first position, it is worth a jump to the end.
const START_JUMP: f64 = 0.4;
/// A position that does not move for so long, with so much to play, needs a push, then a new session.
const STUCK_HOLE: f64 = 0.12;
const STUCK_PUSH: f64 = 2.0;
const STUCK_RECOVER: f64 = 5.0;
const STUCK_AHEAD: f64 = 0.5;
/// Ahead of a pause this much is kept; then media is left out until it plays again.
const PAUSED_AHEAD: f64 = 20.0;
/// A browser that has told of no frame for so long cannot, or plays sound alone: then the position has to do.
const FRAMES_UNTOLD: f64 = 1.0;
/// Waiting that the browser tells right after a jump is no stall.
const JUMP_SETTLES: f64 = 1.0;

impl State {
    pub(super) fn tick(&mut self) {
        let now = now();
        self.conduct(now);
        self.place(now);
        let Some(session) = &mut self.session else { return };
        let (position, buffered) = (self.video.current_time(), session.buffered());
        let ahead = buffered.ahead(position);
        self.figures.buffered_ms = ahead * 1000.0;
        session.trim(position);
        if let Err(reason) = Tracks::BOTH.into_iter().try_for_each(|track| session.pump(track)) {
            return self.recover(reason);
        }
        if !self.positioned {
            return;
        }
        if position != self.position {
            self.position = position;
            self.moved = now;
        }
        if self.video.paused() {
            self.moved = now;
            self.dormant |= ahead > PAUSED_AHEAD;
            if !self.paused && !self.blocked && !is_hidden() {
                self.play();
            }
            return;
        }
        let stuck = now - self.moved;
        if stuck > STUCK_HOLE
            && !self.video.seeking()
            && ahead < 0.1
            && let Some(next) = buffered.next_start(position)
        {
            return self.jump(next + 0.001, now);
        }
        if stuck > STUCK_RECOVER && ahead > STUCK_AHEAD {
            return self.recover("the picture stood still though there was more to play".into());
        }
        if stuck > STUCK_PUSH && ahead > STUCK_AHEAD && now - self.pushed > STUCK_PUSH {
            self.pushed = now;
            return self.jump(position + 0.1, now);
        }
        if now - self.frame_told > FRAMES_UNTOLD {
            self.note_delay(position, now * 1000.0);
        }
        self.hold_edge(now, position, position + ahead);
    }

    pub(super) fn hold_edge(&mut self, now: f64, position: f64, buffered_end: f64) {
        const HAVE_FUTURE_DATA: u16 = 3;
        let moving = !self.video.seeking() && self.video.ready_state() >= HAVE_FUTURE_DATA && self.has_shown();
        let decision = self.edge.decide(&Sight { now, current_time: position, buffered_end, moving });
        if (decision.rate - self.figures.rate).abs() > 0.001 {
            self.video.set_playback_rate(decision.rate);
            self.figures.rate = decision.rate;
        }
        if let Some(seek) = decision.seek {
            self.jump(seek, now);
        }
    }

    /// Finds the first position of a session: the start, or near the end of what came out of a cache.
    pub(super) fn place(&mut self, now: f64) {
        let Some(session) = self.session.as_ref().filter(|_| !self.positioned) else { return };
        if !self.live && now - self.begun < 1.0 {
            return;
        }
        let Some((start, end)) = session.buffered().last() else { return };
        let position = if end - start > START_JUMP { end - START_BEHIND } else { start };
        self.positioned = true;
        self.position = position;
        self.jump(position, now);
        self.video.set_playback_rate(1.0);
        self.figures.rate = 1.0;
    }

    pub(super) fn jump(&mut self, position: f64, now: f64) {
        self.jumped = now;
        self.moved = now;
        self.delay_ms = None;
        self.video.set_current_time(position);
    }

    pub(super) fn play(&self) {
        let Ok(promise) = self.video.play() else { return };
        let weak = self.itself.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let outcome = wasm_bindgen_futures::JsFuture::from(promise).await;
            if let (Err(error), Some(shared)) = (outcome, weak.upgrade()) {
                shared.borrow_mut().not_played(&error);
            }
        });
    }

    /// Sound needs a gesture of the viewer first; a muted picture mostly does not.
    pub(super) fn not_played(&mut self, error: &JsValue) {
        if browser::thrown(error).0 != "NotAllowedError" {
            return;
        }
        if self.video.muted() {
            self.blocked = true;
        } else {
            self.video.set_muted(true);
            self.play();
        }
    }

    pub(super) fn returned(&mut self) {
        if self.paused || self.session.is_none() {
            return;
        }
        if self.dormant {
            return self.begin_again();
        }
        self.play();
        self.jump_to_live();
    }

    pub(super) fn jump_to_live(&mut self) {
        let now = now();
        self.edge.forget();
        let Some(session) = self.session.as_ref().filter(|_| self.positioned) else { return };
        if let Some((start, end)) = session.buffered().last()
            && end - self.video.current_time() > START_JUMP
        {
            self.jump((end - START_BEHIND).max(start), now);
        }
    }

    pub(super) fn ran_dry(&mut self) {
        let now = now();
        let settled = now - self.jumped > JUMP_SETTLES && now - self.begun > JUMP_SETTLES;
        if self.positioned && settled && !self.video.seeking() && !self.video.paused() && !is_hidden() {
            self.figures.stalls += 1;
            self.edge.stalled(now);
        }
    }

    pub(super) fn was_paused(&mut self) {
        // A hidden tab is paused by the browser, not by the viewer.
        if self.session.is_some() && self.video.paused() && !is_hidden() && !self.video.ended() {
            self.paused = true;
        }
    }

    pub(super) fn was_resumed(&mut self) {
        self.blocked = false;
        if !std::mem::take(&mut self.paused) {
            return;
        }
        if self.dormant { self.begin_again() } else { self.jump_to_live() }
    }

    pub(super) fn has_shown(&self) -> bool {
        const HAVE_CURRENT_DATA: u16 = 2;
        self.video.ready_state() >= HAVE_CURRENT_DATA
    }
}

fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}
