//! The player as the page has it: a video element, its events, and the playback behind them.

use super::figures::{Condition, Figures};
use super::lineup::Tracks;
use super::playback::{State, now};
use crate::browser::{FrameWatch, Listener};
use crate::worker::message::FromWorker;
use js_sys::ArrayBuffer;
use std::cell::RefCell;
use std::rc::Rc;
use web_sys::HtmlVideoElement;

/// Plays what the worker makes on a video element.
pub struct Player {
    state: Rc<RefCell<State>>,
    _listeners: [Listener; 4],
    _frames: Option<FrameWatch>,
}

impl Player {
    /// A player on this element.
    #[must_use]
    pub fn new(video: &HtmlVideoElement) -> Self {
        let state = Rc::new_cyclic(|itself| RefCell::new(State::new(itself.clone(), video.clone())));
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
                state.lineup.program(Tracks { video: names("video"), audio: names("audio") });
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

    /// Ends it: no picture, no buffers.
    pub fn stop(&self) {
        self.state.borrow_mut().stop();
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
        } else if state.session.is_some() && state.positioned && now() - state.moved < 1.0 && state.has_shown() {
            Condition::Playing
        } else {
            Condition::Waiting
        }
    }

    /// Whether a picture, or sound alone, is there to be looked at, moving or not.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        let state = self.state.borrow();
        (state.session.is_some() && state.positioned && state.has_shown()) || state.standing.is_some()
    }

    /// The figures as they are now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.state.borrow().figures()
    }
}
