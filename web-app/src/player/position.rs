//! Moves the element: the first position, the live edge, holes, standing still, pauses and hidden tabs.

use super::delay::Delay;
use super::lineup::Tracks;
use super::live_edge::Sight;
use super::playback::{State, now};
use super::session::Session;
use super::watch::{Seen, Step, Watch};
use crate::browser;
use wasm_bindgen::JsValue;

/// A browser that has told of no frame for so long cannot, or plays sound alone: then the position has to do.
const FRAMES_UNTOLD: f64 = 1.0;

/// Made-up pictures with which decoding begins stand before the first one, for less time.
const JUST_INSIDE: f64 = 0.001;

impl State {
    pub(super) fn tick(&mut self) {
        let now = now();
        self.conduct(now);
        self.place(now);
        let Some(session) = &mut self.session else { return };
        let (position, buffered, last_key) = (self.video.current_time(), session.buffered(), session.last_key());
        let tracks = session.tracks();
        let ahead = buffered.ahead(position);
        self.figures.buffered_ms = ahead * 1000.0;
        session.trim(position);
        if let Err(end) = Tracks::BOTH.into_iter().try_for_each(|track| session.pump(track)) {
            return self.ended(end);
        }
        if !self.watch.is_placed() {
            return;
        }
        self.shown |= self.has_data() && !self.video.seeking();
        if self.video.paused() {
            self.dormant |= self.watch.look_at_pause(now, position, ahead);
            self.note_delay(position, now * 1000.0, Delay::stands);
            if !self.paused && !self.blocked && !is_hidden() {
                self.play();
            }
            return;
        }
        let next_start = buffered.next_start(position);
        match self.watch.look(&Seen { now, position, ahead, next_start, seeking: self.video.seeking() }) {
            Step::Go => {}
            Step::Jump(to) => return self.jump(to),
            Step::Recover => return self.recover("playback stalled although data was buffered".into()),
        }
        let untold = now - self.frame_told > FRAMES_UNTOLD;
        if untold && tracks.video && self.watch.plays_on(now) {
            self.still.clear();
        }
        if self.watch.stands(now) {
            self.note_delay(position, now * 1000.0, Delay::stands);
        } else if untold {
            self.note_delay(position, now * 1000.0, Delay::moves);
        }
        self.hold_edge(now, position, position + ahead, last_key);
    }

    pub(super) fn hold_edge(&mut self, now: f64, position: f64, buffered_end: f64, last_key: Option<f64>) {
        const HAVE_FUTURE_DATA: u16 = 3;
        let moving = !self.video.seeking() && self.video.ready_state() >= HAVE_FUTURE_DATA;
        let decision = self.edge.decide(&Sight { now, current_time: position, buffered_end, last_key, moving });
        self.set_pitch(decision.keep_pitch);
        if (decision.rate - self.figures.rate).abs() > 0.001 {
            self.video.set_playback_rate(decision.rate);
            self.figures.rate = decision.rate;
        }
        if let Some(position) = decision.seek {
            self.watch.jumped(now);
            self.jump(position);
        }
    }

    /// Finds the first position of a session.
    pub(super) fn place(&mut self, now: f64) {
        let Some(session) = self.session.as_ref().filter(|_| !self.watch.is_placed()) else { return };
        let last = session.buffered().last();
        let end = session.goes_on_from().map_or(f64::MAX, |from| from - JUST_INSIDE);
        if let Some(position) = self.watch.place(now, last, self.live) {
            self.seek((position + JUST_INSIDE).min(end));
            self.video.set_playback_rate(1.0);
            self.figures.rate = 1.0;
        }
    }

    /// Goes to a position that is buffered. What is buffered there may not be such that decoding can begin at it, as it
    /// was given to a decoder that went on; then a new session begins with what came since the last random access point.
    fn jump(&mut self, position: f64) {
        match self.session.as_ref().and_then(Session::goes_on_from) {
            Some(from) if position >= from => self.begin_again(),
            _ => self.seek(position),
        }
    }

    /// Sets the position; what was measured before it says nothing after it.
    fn seek(&mut self, position: f64) {
        self.delay = Delay::default();
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
        if !self.paused && self.session.is_some() {
            self.go_live();
        }
    }

    /// Plays on at the live edge, from wherever it has fallen back to.
    pub(super) fn go_live(&mut self) {
        self.paused = false;
        if self.dormant {
            return self.begin_again();
        }
        self.play();
        self.jump_to_live();
    }

    fn jump_to_live(&mut self) {
        let now = now();
        self.edge.placed(now);
        let Some(session) = self.session.as_ref().filter(|_| self.watch.is_placed()) else { return };
        if let Some(position) = Watch::live(self.video.current_time(), session.buffered().last()) {
            self.watch.jumped(now);
            self.jump(position);
        }
    }

    pub(super) fn ran_dry(&mut self) {
        let now = now();
        let plays = self.session.is_some() && !self.video.seeking() && !self.video.paused() && !is_hidden();
        if plays && self.watch.has_run_dry(now) {
            self.figures.stalls += 1;
            self.edge.stalled(now);
        }
    }

    pub(super) fn was_paused(&mut self) {
        // A hidden tab is paused by the browser, not by the viewer, and so is an element that has failed.
        let plays = self.session.is_some() && self.video.error().is_none() && !self.video.ended();
        if plays && self.video.paused() && !is_hidden() {
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

    fn has_data(&self) -> bool {
        const HAVE_CURRENT_DATA: u16 = 2;
        self.video.ready_state() >= HAVE_CURRENT_DATA
    }

    /// Whether there is something of this session to be seen or heard, moving or not.
    pub(super) fn has_shown(&self) -> bool {
        self.session.is_some() && self.watch.is_placed() && self.shown
    }
}

fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}
