//! The player: begins a session when its tracks are there, holds the live edge, and finds a way back from
//! whatever the media element throws.

use super::capture::Capture;
use super::lineup::{Lineup, Tracks};
use super::live_edge::{LiveEdge, Sight};
use super::recent::Recent;
use super::session::{InitSegment, Session, Told};
use crate::browser::{self, FrameWatch, Listener, ShownFrame};
use crate::segmenter::Track;
use crate::worker::message::{FromWorker, Init, Media};
use js_sys::ArrayBuffer;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;
use web_sys::HtmlVideoElement;

/// A start behind a cache begins this close to its end.
const START_BEHIND: f64 = 0.3;
/// With more than this ahead of the first position, it is worth a jump to the end.
const START_JUMP: f64 = 0.6;
/// A position that does not move for so long, with so much to play, needs a push, then a new session.
const STUCK_HOLE: f64 = 0.12;
const STUCK_PUSH: f64 = 2.0;
const STUCK_RECOVER: f64 = 5.0;
const STUCK_AHEAD: f64 = 0.5;
/// Ahead of a pause this much is kept; then media is left out until it plays again.
const PAUSED_AHEAD: f64 = 20.0;
/// The first recovery comes at once, each further one within this time later than the one before.
const RECOVERY_MEMORY: f64 = 15.0;
const RECOVERY_PAUSE: f64 = 0.25;
const RECOVERY_PAUSE_MAX: f64 = 4.0;
/// Waiting that the browser tells right after a jump is no stall.
const JUMP_SETTLES: f64 = 1.0;

/// How it stands, for the status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing to play yet, or no longer.
    Waiting,
    /// The picture moves.
    Playing,
    /// The viewer has paused it, with the keyboard's media keys or the browser's own controls.
    Paused,
    /// The browser will not play before the viewer presses something.
    Blocked,
}

/// The player's figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// From the helper's receiving to the screen, in milliseconds.
    pub delay_ms: Option<f64>,
    /// What is buffered ahead of the position, in milliseconds.
    pub buffered_ms: f64,
    /// The distance to the live edge that is aimed at, in milliseconds.
    pub target_ms: Option<f64>,
    /// `playbackRate`.
    pub rate: f64,
    /// Width of the picture in pixels, 0 without one.
    pub width: u32,
    /// Height of the picture in pixels, 0 without one.
    pub height: u32,
    /// Codec string of the picture that plays.
    pub video_codec: Option<String>,
    /// Codec string of the sound that plays.
    pub audio_codec: Option<String>,
    /// How often playing ran dry.
    pub stalls: u32,
    /// How often a new MediaSource was needed after an error.
    pub recoveries: u32,
    /// Frames decoded for the screen since this channel began.
    pub frames: u32,
    /// Frames of these that came too late for the screen.
    pub dropped_frames: u32,
    /// How often a bound was met.
    pub overflows: u64,
    /// Codec strings that this browser cannot play.
    pub refused: Vec<String>,
    /// Why the last recovery was needed.
    pub last_error: Option<String>,
}

/// Plays what the worker makes on a video element.
#[derive(Clone)]
pub struct Player(Rc<Shared>);

struct Shared {
    video: HtmlVideoElement,
    state: RefCell<State>,
    listeners: RefCell<Vec<Listener>>,
    frames: RefCell<Option<FrameWatch>>,
}

struct State {
    itself: Weak<Shared>,
    video: HtmlVideoElement,
    lineup: Lineup,
    inits: [Option<(Init, InitSegment)>; 2],
    recent: Recent<ArrayBuffer>,
    session: Option<Session>,
    generation: u32,
    /// The session before a restart of the timeline: its last picture stands until the next one begins.
    standing: Option<Session>,
    positioned: bool,
    begun: f64,
    edge: LiveEdge,
    capture: Capture,
    shown: Option<ShownFrame>,
    /// Media that is live, not cached, has come.
    live: bool,
    paused: bool,
    dormant: bool,
    blocked: bool,
    position: f64,
    moved: f64,
    pushed: f64,
    jumped: f64,
    not_before: f64,
    troubles: Vec<f64>,
    refused: [Option<String>; 2],
    figures: Figures,
    frames_before: (u32, u32),
    overflows_before: u64,
}

fn now() -> f64 {
    browser::monotonic_ms() / 1000.0
}

impl Player {
    /// A player on this element.
    #[must_use]
    pub fn new(video: HtmlVideoElement) -> Self {
        let shared = Rc::new_cyclic(|itself: &Weak<Shared>| Shared {
            video: video.clone(),
            state: RefCell::new(State::new(itself.clone(), video)),
            listeners: RefCell::default(),
            frames: RefCell::default(),
        });
        let listen = |event, heard: fn(&mut State)| {
            let weak = Rc::downgrade(&shared);
            Listener::new(&shared.video, event, move |_| {
                if let Some(shared) = weak.upgrade() {
                    heard(&mut shared.state.borrow_mut());
                }
            })
        };
        *shared.listeners.borrow_mut() = vec![
            listen("waiting", State::ran_dry),
            listen("error", State::element_failed),
            listen("pause", State::was_paused),
            listen("play", State::was_resumed),
        ];
        let weak = Rc::downgrade(&shared);
        *shared.frames.borrow_mut() = FrameWatch::new(&shared.video, move |frame| {
            if let Some(shared) = weak.upgrade() {
                shared.state.borrow_mut().shown = Some(frame);
            }
        });
        Self(shared)
    }

    /// Takes an event of the worker, with its buffer where it has one.
    pub fn handle(&self, event: &FromWorker, buffer: Option<ArrayBuffer>) {
        let mut state = self.0.state.borrow_mut();
        match (event, buffer) {
            (FromWorker::Restart, _) => state.restart(),
            (FromWorker::Program { streams }, _) => {
                let names = |kind: &str| streams.iter().any(|stream| stream.selected && stream.kind == kind);
                state.lineup.program(Tracks { video: names("video"), audio: names("audio") });
            }
            (FromWorker::Init(init), Some(data)) => state.init(init, data),
            (FromWorker::Media(media), Some(data)) => state.media(media, data),
            _ => {}
        }
    }

    /// Looks after everything that needs the time; to be called about ten times a second.
    pub fn tick(&self) {
        self.0.state.borrow_mut().tick();
    }

    /// Ends it: no picture, no buffers.
    pub fn stop(&self) {
        self.0.state.borrow_mut().stop();
    }

    /// The page is seen again after it was hidden.
    pub fn returned(&self) {
        self.0.state.borrow_mut().returned();
    }

    /// The viewer has pressed something: the browser lets it play now.
    pub fn resume(&self) {
        let mut state = self.0.state.borrow_mut();
        state.blocked = false;
        state.play();
    }

    /// How it stands.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let state = self.0.state.borrow();
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
        let state = self.0.state.borrow();
        (state.session.is_some() && state.positioned && state.has_shown()) || state.standing.is_some()
    }

    /// The figures as they are now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.0.state.borrow().figures()
    }
}

impl State {
    fn new(itself: Weak<Shared>, video: HtmlVideoElement) -> Self {
        Self {
            itself,
            video,
            lineup: Lineup::default(),
            inits: [None, None],
            recent: Recent::default(),
            session: None,
            generation: 0,
            standing: None,
            positioned: false,
            begun: 0.0,
            edge: LiveEdge::new(true),
            capture: Capture::default(),
            shown: None,
            live: false,
            paused: false,
            dormant: false,
            blocked: false,
            position: 0.0,
            moved: 0.0,
            pushed: 0.0,
            jumped: 0.0,
            not_before: 0.0,
            troubles: Vec::new(),
            refused: [None, None],
            figures: Figures { rate: 1.0, ..Figures::default() },
            frames_before: (0, 0),
            overflows_before: 0,
        }
    }

    fn restart(&mut self) {
        if let Some(session) = self.leave_session() {
            self.standing = Some(session);
        }
        self.lineup = Lineup::default();
        self.inits = [None, None];
        self.recent = Recent::default();
        self.capture.clear();
        self.refused = [None, None];
        self.live = false;
        self.not_before = 0.0;
    }

    fn stop(&mut self) {
        self.restart();
        self.standing = None;
        self.paused = false;
        self.blocked = false;
        self.figures = Figures { rate: 1.0, ..Figures::default() };
        self.frames_before = (0, 0);
        self.overflows_before = 0;
        self.troubles.clear();
        // Without its source the element lets go of its decoders.
        let _ = self.video.remove_attribute("src");
        self.video.load();
    }

    fn init(&mut self, init: &Init, data: ArrayBuffer) {
        let track = init.track;
        let playable = browser::is_type_supported(&init.mime);
        self.lineup.init(track, playable);
        self.refused[track as usize] = (!playable).then(|| init.codec.clone());
        if !playable {
            self.inits[track as usize] = None;
            return;
        }
        let segment = InitSegment { mime: init.mime.clone(), data };
        self.inits[track as usize] = Some((init.clone(), segment.clone()));
        self.recent.forget(track);
        if let Some(session) = &mut self.session
            && session.tracks().has(track)
            && let Err(reason) = session.push_init(track, segment)
        {
            self.recover(reason);
        }
    }

    fn media(&mut self, media: &Media, data: ArrayBuffer) {
        let (now, track) = (now(), media.track);
        self.lineup.media(track, now);
        if track == Track::Video || self.inits[Track::Video as usize].is_none() {
            self.capture.push(media.start, media.received_ms);
        }
        if !media.cached {
            self.live = true;
            self.edge.arrived(now, track, media.start);
        }
        if self.inits[track as usize].is_none() {
            return;
        }
        self.recent.push(*media, data.clone());
        if let Some(session) = &mut self.session
            && !self.dormant
            && let Err(reason) = session.push_media(track, data, media.key)
        {
            return self.recover(reason);
        }
        self.conduct(now);
    }

    /// Begins a session when its tracks are there, and another one when they change.
    fn conduct(&mut self, now: f64) {
        let playing = self.session.as_ref().map(Session::tracks).unwrap_or_default();
        let Some(tracks) = self.lineup.choose(playing, now) else { return };
        if self.session.is_some() && (tracks == playing || self.dormant) {
            return;
        }
        if self.session.is_none() && now < self.not_before {
            return;
        }
        for track in Tracks::BOTH {
            if playing.has(track) && !tracks.has(track) {
                self.lineup.left_behind(track);
            }
        }
        self.begin(tracks, now);
    }

    fn begin(&mut self, tracks: Tracks, now: f64) {
        drop(self.leave_session());
        self.generation += 1;
        let (weak, generation) = (self.itself.clone(), self.generation);
        let tell = Rc::new(move |told: Told| {
            if let Some(shared) = weak.upgrade() {
                shared.state.borrow_mut().told(generation, told);
            }
        });
        let inits = Tracks::BOTH.map(|track| {
            let init = self.inits[track as usize].as_ref().filter(|_| tracks.has(track));
            init.map(|(_, segment)| segment.clone())
        });
        let mut session = match Session::new(&self.video, inits, tell) {
            Ok(session) => session,
            Err(error) => return self.recover(browser::thrown(&error).1),
        };
        self.standing = None;
        for (media, data) in self.recent.iter() {
            // Nothing is appended before the MediaSource opens, so nothing can fail here.
            let _ = session.push_media(media.track, data.clone(), media.key);
        }
        self.session = Some(session);
        self.positioned = false;
        self.dormant = false;
        self.begun = now;
        self.moved = now;
        self.shown = None;
        self.edge = LiveEdge::new(tracks.audio);
        // With it the browser stretches time in blocks, which costs 50 ms; a few per cent are not heard.
        browser::set_preserves_pitch(&self.video, false);
        if !self.paused {
            self.play();
        }
    }

    fn leave_session(&mut self) -> Option<Session> {
        let session = self.session.take()?;
        let quality = self.video.get_video_playback_quality();
        self.frames_before.0 += quality.total_video_frames();
        self.frames_before.1 += quality.dropped_video_frames();
        self.overflows_before += session.overflows();
        Some(session)
    }

    fn told(&mut self, generation: u32, told: Told) {
        let Some(session) = self.session.as_mut().filter(|_| generation == self.generation) else { return };
        let result = match told {
            Told::Open => session.open(),
            Told::Done(track) => session.pump(track),
            Told::Broken(reason) => Err(reason),
        };
        match result {
            Err(reason) => self.recover(reason),
            Ok(()) => self.place(now()),
        }
    }

    /// A new MediaSource, at the next random access point.
    fn recover(&mut self, reason: String) {
        let now = now();
        self.figures.recoveries += 1;
        self.figures.last_error = Some(reason);
        self.troubles.retain(|trouble| now - trouble < RECOVERY_MEMORY);
        let pause = match self.troubles.len() {
            0 => 0.0,
            again => (RECOVERY_PAUSE * f64::from(1 << again.min(8))).min(RECOVERY_PAUSE_MAX),
        };
        self.troubles.push(now);
        self.not_before = now + pause;
        // What was given lately may be what broke it.
        self.recent = Recent::default();
        if let Some(session) = self.leave_session() {
            self.standing = Some(session);
        }
    }

    fn tick(&mut self) {
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
        self.hold_edge(now, position, position + ahead);
    }

    fn hold_edge(&mut self, now: f64, position: f64, buffered_end: f64) {
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
    fn place(&mut self, now: f64) {
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

    fn jump(&mut self, position: f64, now: f64) {
        self.jumped = now;
        self.moved = now;
        self.video.set_current_time(position);
    }

    fn play(&self) {
        let Ok(promise) = self.video.play() else { return };
        let weak = self.itself.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let outcome = wasm_bindgen_futures::JsFuture::from(promise).await;
            if let (Err(error), Some(shared)) = (outcome, weak.upgrade()) {
                shared.state.borrow_mut().not_played(&error);
            }
        });
    }

    /// Sound needs a gesture of the viewer first; a muted picture mostly does not.
    fn not_played(&mut self, error: &JsValue) {
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

    fn returned(&mut self) {
        if self.paused || self.session.is_none() {
            return;
        }
        if self.dormant {
            return self.begin_again();
        }
        self.play();
        self.jump_to_live();
    }

    fn jump_to_live(&mut self) {
        let now = now();
        self.edge.forget();
        let Some(session) = self.session.as_ref().filter(|_| self.positioned) else { return };
        if let Some((start, end)) = session.buffered().last()
            && end - self.video.current_time() > START_JUMP
        {
            self.jump((end - START_BEHIND).max(start), now);
        }
    }

    fn begin_again(&mut self) {
        let tracks = self.session.as_ref().map(Session::tracks).unwrap_or_default();
        self.begin(tracks, now());
    }

    fn ran_dry(&mut self) {
        let now = now();
        let settled = now - self.jumped > JUMP_SETTLES && now - self.begun > JUMP_SETTLES;
        if self.positioned && settled && !self.video.seeking() && !self.video.paused() && !is_hidden() {
            self.figures.stalls += 1;
            self.edge.stalled(now);
        }
    }

    fn element_failed(&mut self) {
        if self.session.is_none() {
            return;
        }
        if let Some(error) = self.video.error() {
            self.recover(format!("media error {}: {}", error.code(), error.message()));
        }
    }

    fn was_paused(&mut self) {
        // A hidden tab is paused by the browser, not by the viewer.
        if self.session.is_some() && self.video.paused() && !is_hidden() && !self.video.ended() {
            self.paused = true;
        }
    }

    fn was_resumed(&mut self) {
        self.blocked = false;
        if !std::mem::take(&mut self.paused) {
            return;
        }
        if self.dormant { self.begin_again() } else { self.jump_to_live() }
    }

    fn has_shown(&self) -> bool {
        const HAVE_CURRENT_DATA: u16 = 2;
        self.video.ready_state() >= HAVE_CURRENT_DATA
    }

    fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        let codec = |track: Track| {
            let plays = self.session.as_ref().is_some_and(|session| session.tracks().has(track));
            self.inits[track as usize].as_ref().filter(|_| plays).map(|(init, _)| init.codec.clone())
        };
        figures.video_codec = codec(Track::Video);
        figures.audio_codec = codec(Track::Audio);
        figures.refused = self.refused.iter().flatten().cloned().collect();
        figures.overflows = self.overflows_before;
        figures.frames = self.frames_before.0;
        figures.dropped_frames = self.frames_before.1;
        let Some(session) = &self.session else { return figures };
        figures.overflows += session.overflows();
        figures.width = self.video.video_width();
        figures.height = self.video.video_height();
        let quality = self.video.get_video_playback_quality();
        figures.frames += quality.total_video_frames();
        figures.dropped_frames += quality.dropped_video_frames();
        figures.target_ms = self.edge.target_delay().map(|target| target * 1000.0);
        figures.delay_ms = self.delay_ms();
        figures
    }

    /// By the frame that was shown last, where the browser tells; by the element's position otherwise.
    fn delay_ms(&self) -> Option<f64> {
        let (media_time, at) = match self.shown {
            Some(shown) if now() - shown.display_ms / 1000.0 < 1.0 => (shown.media_time, shown.display_ms),
            _ => (self.video.current_time(), browser::monotonic_ms()),
        };
        let wall_ms = js_sys::Date::now() - browser::monotonic_ms() + at;
        Some(wall_ms - self.capture.received_ms(media_time).filter(|_| self.positioned)?)
    }
}

fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}
