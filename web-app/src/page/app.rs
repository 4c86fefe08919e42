//! Ties the document, the worker and the player together.

use super::controls::{Actions, Controls};
use super::cues::Cues;
use super::document::{Elements, set_data, set_text};
use super::restarts::{Restarts, Step};
use super::status::Helper;
use super::thread::Thread;
use crate::browser::{self, Listener, Timer};
use crate::player::{Player, capabilities};
use crate::segmenter::Takes;
use crate::worker::message::{
    Choice, Clock, FromWorker, Program, ProgramEntry, Schedule, SoundMissing, ToWorker, from_helper,
};
use amt_shared::stats::ChannelStats;
use amt_shared::wire::{FromHelper, PROTOCOL, Status};
use js_sys::ArrayBuffer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use web_sys::Event;

/// The player looks around this often; the line and the figures follow.
const TICK_MS: f64 = 100.0;
/// Bytes that are told to be taken at once and not at the next tick, which a hidden tab has rarely.
const TAKEN_AT_ONCE: u32 = 1 << 20;

pub(super) struct App {
    pub(super) itself: Weak<RefCell<App>>,
    pub(super) elements: Elements,
    pub(super) player: Player,
    pub(super) worker: Option<Thread>,
    pub(super) restarts: Restarts,
    pub(super) helper: Helper,
    /// Host and port of the helper.
    pub(super) host: String,
    /// The helper's token as a query, or nothing.
    pub(super) token: String,
    /// What the helper plays where the page's address names nothing.
    pub(super) own: Option<String>,
    /// The address as it was given, while a channel is wanted.
    pub(super) tuned: Option<String>,
    /// The address of a link that waits for the viewer's word.
    pub(super) asks: Option<String>,
    /// What stands in the field came by a link, and nobody has touched it since.
    pub(super) from_link: Option<String>,
    /// Whether the viewer named the relays of what is wanted, and not a link alone.
    pub(super) typed: bool,
    /// The viewer has chosen: the helper's own address is not played by itself any more.
    pub(super) chosen: bool,
    pub(super) status: Option<Status>,
    pub(super) stats: ChannelStats,
    pub(super) phase_since: f64,
    pub(super) not_ts: bool,
    /// Why the sound that has to be decoded here is not there.
    pub(super) sound_missing: Option<SoundMissing>,
    /// What the browser takes.
    pub(super) takes: Takes,
    /// What the viewer has chosen in the channel that is wanted.
    pub(super) choice: Choice,
    pub(super) programs: Vec<ProgramEntry>,
    pub(super) program: Option<Program>,
    pub(super) schedule: Option<Schedule>,
    pub(super) clock: Option<Clock>,
    pub(super) cues: Cues<ArrayBuffer>,
    pub(super) faults: BTreeMap<String, u64>,
    pub(super) recoveries_seen: u32,
    pub(super) has_played: bool,
    /// This channel has shown a picture, and not only let its sound be heard.
    pub(super) has_shown: bool,
    /// The name under which this channel stands in the list of what has played.
    pub(super) remembered: Option<String>,
    /// Since when the viewer is asked for sound.
    pub(super) asked_since: Option<f64>,
    pub(super) step: &'static str,
    pub(super) taken: u32,
    pub(super) last_tick: f64,
    _listeners: Vec<Listener>,
    _controls: Option<Controls>,
    _tick: Option<Timer>,
}

/// Takes hold of the document, starts the worker, and plays what the page's address or the helper says.
pub fn start() {
    let Some(elements) = Elements::find() else { return };
    let told = elements.clone();
    std::panic::set_hook(Box::new(move |panic| {
        console_error_panic_hook::hook(panic);
        set_data(&told.status, "phase", "failed");
        set_text(&told.sentence, "This page has crashed.");
        told.set_advice("Reload it to continue.");
        set_text(&told.now, "");
    }));
    let player = Player::new(&elements.video, &elements.still);
    let host = elements.window.location().host().unwrap_or_default();
    let token = super::token::query(&elements.window);
    let shared = Rc::new_cyclic(|itself| {
        RefCell::new(App {
            itself: itself.clone(),
            elements,
            player,
            worker: None,
            restarts: Restarts::default(),
            helper: Helper::Connecting,
            host,
            token,
            own: None,
            asks: None,
            from_link: None,
            typed: false,
            tuned: None,
            chosen: false,
            status: None,
            stats: ChannelStats::default(),
            phase_since: 0.0,
            not_ts: false,
            sound_missing: None,
            takes: capabilities::takes(browser::is_type_supported),
            choice: Choice::default(),
            programs: Vec::new(),
            program: None,
            schedule: None,
            clock: None,
            cues: Cues::default(),
            faults: BTreeMap::new(),
            recoveries_seen: 0,
            has_played: false,
            has_shown: false,
            remembered: None,
            asked_since: None,
            step: "",
            taken: 0,
            last_tick: 0.0,
            _listeners: Vec::new(),
            _controls: None,
            _tick: None,
        })
    });
    {
        let mut app = shared.borrow_mut();
        app.listen();
        // Before anyone listens, the browser would send the form.
        app.elements.play.set_disabled(false);
        app.look_after_worker();
        app.show_recent();
        app.show_last_played();
        app.follow_link();
        app.show();
    }
    // The page lives as long as its document.
    std::mem::forget(shared);
}

impl App {
    fn listen(&mut self) {
        let with = |weak: &Weak<RefCell<Self>>, act: fn(&mut Self)| {
            let weak = weak.clone();
            move || {
                if let Some(shared) = weak.upgrade() {
                    act(&mut shared.borrow_mut());
                }
            }
        };
        let on = |target: &web_sys::EventTarget, event, act: fn(&mut Self)| {
            let act = with(&self.itself, act);
            Listener::new(target, event, move |_| act())
        };
        let submit = with(&self.itself, Self::submitted);
        let list = self.itself.clone();
        self._listeners = vec![
            Listener::new(&self.elements.tune, "submit", move |event: Event| {
                event.prevent_default();
                submit();
            }),
            on(&self.elements.url, "input", |app| {
                app.from_link = None;
                app.check_address();
            }),
            on(&self.elements.consent_play, "click", Self::consented),
            on(&self.elements.consent_refuse, "click", Self::refused),
            on(&self.elements.stop, "click", Self::toggle),
            on(&self.elements.live, "click", Self::go_live),
            on(&self.elements.program, "change", Self::program_chosen),
            on(&self.elements.sound, "change", Self::sound_chosen),
            on(&self.elements.after_loss, "change", Self::after_loss_chosen),
            on(&self.elements.window, "hashchange", Self::follow_hash),
            on(&self.elements.document, "visibilitychange", |app| {
                if !app.elements.document.hidden() {
                    app.player.returned();
                }
            }),
            Listener::new(&self.elements.history_list, "click", move |event| {
                if let (Some(event), Some(shared)) = (event.target(), list.upgrade()) {
                    shared.borrow_mut().history_pressed(event);
                }
            }),
        ];
        let actions = Actions {
            toggle: Rc::new(with(&self.itself, Self::toggle)),
            go_live: Rc::new(with(&self.itself, Self::go_live)),
            touched: Rc::new(with(&self.itself, |app| {
                app.player.resume();
                app.show();
            })),
        };
        self._controls = Some(Controls::new(&self.elements, &actions));
        let tick = with(&self.itself, Self::tick);
        self._tick = Some(Timer::every(TICK_MS, tick));
    }

    /// Starts the worker, or ends it, where that is due.
    pub(super) fn look_after_worker(&mut self) {
        match self.restarts.tick(browser::monotonic_ms()) {
            Some(Step::Start) => self.start_worker(),
            Some(Step::End) => self.worker = None,
            None => {}
        }
    }

    fn go_live(&mut self) {
        if self.tuned.is_some() {
            self.player.go_live();
            self.show();
        }
    }

    fn start_worker(&mut self) {
        let (heard, broke) = (self.itself.clone(), self.itself.clone());
        let heard = move |events: Vec<FromWorker>, buffers: Vec<ArrayBuffer>| {
            if let Some(shared) = heard.upgrade() {
                shared.borrow_mut().heard(events, buffers);
            }
        };
        let broke = move || {
            if let Some(shared) = broke.upgrade() {
                let mut app = shared.borrow_mut();
                app.worker_broke();
                app.show();
            }
        };
        // The document is written by every build, so its date tells builds apart. The helper's token goes along.
        let version = js_sys::Date::parse(&self.elements.document.last_modified());
        match Thread::start(&format!("?v={version}&{}", self.token.trim_start_matches('?')), heard, broke) {
            Ok(worker) => self.worker = Some(worker),
            Err(_) => self.worker_broke(),
        }
    }

    fn worker_broke(&mut self) {
        self.worker = None;
        self.restarts.broke();
    }

    pub(super) fn ask(&self, message: &ToWorker) {
        // Without a worker the next one is asked when it is ready.
        if let Some(worker) = &self.worker {
            worker.ask(message);
        }
    }

    fn heard(&mut self, events: Vec<FromWorker>, buffers: Vec<ArrayBuffer>) {
        self.restarts.heard();
        self.taken += buffers.iter().map(ArrayBuffer::byte_length).sum::<u32>();
        let mut buffers = buffers.into_iter();
        for event in events {
            let buffer = match event {
                FromWorker::Init(_) | FromWorker::Media(_) | FromWorker::Cue(_) => buffers.next(),
                _ => None,
            };
            match (event, buffer) {
                (FromWorker::Cue(cue), Some(data)) => {
                    let bytes = data.byte_length() as usize;
                    self.cues.push(cue, data, bytes);
                }
                (event, buffer) => {
                    self.player.handle(&event, buffer);
                    self.note(event);
                }
            }
        }
        if self.taken > TAKEN_AT_ONCE {
            self.acknowledge();
        }
        // Timers are held back in a hidden tab; messages are not.
        if browser::monotonic_ms() - self.last_tick > 3.0 * TICK_MS {
            self.tick();
        }
    }

    fn note(&mut self, event: FromWorker) {
        match event {
            FromWorker::Ready => {
                self.helper = Helper::Connecting;
                if let Some(url) = self.tuned.clone() {
                    self.tune(url);
                }
            }
            FromWorker::Unreachable { silent, .. } => {
                // What is known of the reason stands until it is known otherwise.
                if silent || matches!(self.helper, Helper::Connecting | Helper::There | Helper::Silent) {
                    self.helper = if silent { Helper::Silent } else { Helper::Unreachable };
                }
                self.status = None;
                self.ask_why(silent);
            }
            FromWorker::Helper { text } => {
                let Some(message) = from_helper(&text) else { return };
                self.helper_says(message);
            }
            FromWorker::Restart => {
                self.not_ts = false;
                self.sound_missing = None;
                self.forget_stream();
            }
            FromWorker::TransportStream { found } => self.not_ts = !found,
            FromWorker::Sound { missing } => self.sound_missing = missing,
            FromWorker::Programs { programs } => self.programs = programs,
            FromWorker::Program(program) => {
                // What another programme has shown says nothing of this one.
                self.has_shown &= self.program.as_ref().is_none_or(|before| before.number == program.number);
                self.program = Some(program);
            }
            FromWorker::Schedule(schedule) => self.schedule = Some(schedule),
            FromWorker::Clock(clock) => self.clock = Some(clock),
            FromWorker::Fault { reason, count } => *self.faults.entry(reason).or_default() += count,
            FromWorker::Discontinuity { track, reason } => {
                *self.faults.entry(format!("{track}_{reason}")).or_default() += 1;
            }
            FromWorker::Overflow => *self.faults.entry("page_overflow".into()).or_default() += 1,
            FromWorker::Alive | FromWorker::Init(_) | FromWorker::Media(_) | FromWorker::Cue(_) => return,
        }
        self.show();
    }

    /// Forgets what the stream has told: another one begins, or the same anew.
    pub(super) fn forget_stream(&mut self) {
        self.programs.clear();
        self.program = None;
        self.schedule = None;
        self.clock = None;
    }

    fn helper_says(&mut self, message: FromHelper) {
        match message {
            FromHelper::Hello { protocol, url, .. } => {
                self.helper = if protocol == PROTOCOL { Helper::There } else { Helper::OtherVersion };
                self.own = url;
                self.look_again();
                if self.tuned.is_none() && !self.chosen {
                    match self.own.clone() {
                        Some(url) => self.play(&url, true),
                        None => self.invite(),
                    }
                }
            }
            FromHelper::Status(status) => {
                if self.status.as_ref().is_none_or(|before| before.phase != status.phase) {
                    self.phase_since = browser::monotonic_ms();
                }
                self.status = Some(status);
            }
            FromHelper::Stats(stats) => self.stats = stats,
            FromHelper::Alive | FromHelper::CatchUp { .. } | FromHelper::Tuned { .. } => {}
        }
    }

    fn tick(&mut self) {
        self.last_tick = browser::monotonic_ms();
        self.look_after_worker();
        if self.tuned.is_some() {
            self.player.tick();
        }
        self.acknowledge();
        self.show();
    }

    fn acknowledge(&mut self) {
        let bytes = std::mem::take(&mut self.taken);
        if bytes > 0 {
            self.ask(&ToWorker::Taken { bytes });
        }
    }
}
