//! The player as the page has it: a video element, its events, and the playback behind them.

use super::figures::{Condition, Figures};
use super::lineup::Tracks;
use super::playback::{State, now};
use super::still::Still;
use crate::browser::{FrameWatch, Listener};
use crate::segmenter::DiscontinuityReason;
use crate::worker::message::FromWorker;
use js_sys::ArrayBuffer;
use std::cell::RefCell;
use std::rc::Rc;
use web_sys::{HtmlCanvasElement, HtmlVideoElement};

/// Plays what the worker makes on a video element.
pub struct Player {
    state: Rc<RefCell<State>>,
    _listeners: [Listener; 4],
    _frames: Option<FrameWatch>,
}

impl Player {
    /// A player on this element, and on a canvas over it for the last picture.
    #[must_use]
    pub fn new(video: &HtmlVideoElement, still: &HtmlCanvasElement) -> Self {
        let still = Still::new(still.clone());
        let state = Rc::new_cyclic(|itself| RefCell::new(State::new(itself.clone(), video.clone(), still)));
        let listen = |event, heard: fn(&mut State)| {
            let weak = Rc::downgrade(&state);
            Listener::new(video, event, move |_| {
                if let Some(state) = weak.upgrade() {
                    heard(&mut state.borrow_mut());
                }
            })
        };
        let listeners = [
            listen("waiting", State::ran_dry),
            listen("error", State::element_failed),
            listen("pause", State::was_paused),
            listen("play", State::was_resumed),
        ];
        let weak = Rc::downgrade(&state);
        let frames = FrameWatch::new(video, move |frame| {
            if let Some(state) = weak.upgrade() {
                state.borrow_mut().frame_shown(frame);
            }
        });
        Self { state, _listeners: listeners, _frames: frames }
    }

    /// Takes an event of the worker, with its buffer where it has one.
    pub fn handle(&self, event: &FromWorker, buffer: Option<ArrayBuffer>) {
        let mut state = self.state.borrow_mut();
        match (event, buffer) {
            (FromWorker::Restart, _) => state.restart(),
            (FromWorker::Program(program), _) => {
                let names = |kind: &str| program.streams.iter().any(|stream| stream.selected && stream.kind == kind);
                state.lineup.program(Tracks { video: names("video"), audio: names("audio") }, now());
            }
            (FromWorker::Discontinuity { track, reason }, _) if reason == DiscontinuityReason::ClockJump.as_str() => {
                state.received[*track as usize].clock_jumps();
            }
            (FromWorker::Init(init), Some(data)) => state.init(init, data),
            (FromWorker::Media(media), Some(data)) => state.media(media, data),
            _ => {}
        }
    }

    /// Looks after everything that needs the time; to be called about ten times a second.
    pub fn tick(&self) {
        self.state.borrow_mut().tick();
    }

    /// Ends it: no buffers, and no picture but the last one where another channel follows, until that has its own.
    pub fn stop(&self, another_follows: bool) {
        self.state.borrow_mut().stop(another_follows);
    }

    /// Plays on at the live edge, from a pause or from wherever it has fallen back to.
    pub fn go_live(&self) {
        self.state.borrow_mut().go_live();
    }

    /// The page is seen again after it was hidden.
    pub fn returned(&self) {
        self.state.borrow_mut().returned();
    }

    /// The viewer has pressed something: the browser lets it play now.
    pub fn resume(&self) {
        let mut state = self.state.borrow_mut();
        state.blocked = false;
        state.play();
    }

    /// How it stands.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let state = self.state.borrow();
        if state.blocked {
            Condition::Blocked
        } else if state.paused {
            Condition::Paused
        } else if state.has_shown() && state.watch.still(now()) < 1.0 {
            Condition::Playing
        } else {
            Condition::Waiting
        }
    }

    /// Whether a picture, or sound alone, is there to be looked at, moving or not.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        let state = self.state.borrow();
        state.has_shown() || state.standing.is_some()
    }

    /// Whether the last picture of what played before is shown, as there is no new one yet.
    #[must_use]
    pub fn holds_picture(&self) -> bool {
        self.state.borrow().still.holds()
    }

    /// The figures as they are now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.state.borrow().figures()
    }
}
