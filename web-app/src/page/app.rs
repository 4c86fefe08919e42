//! Ties the document, the worker and the player together.

use super::controls::{Actions, Controls};
use super::document::{Elements, set_data, set_text};
use super::status::{self, Facts, Helper, Picture, Playing, Program};
use super::thread::Thread;
use super::{figures, recent, store};
use crate::browser::{self, Listener, Timer};
use crate::player::Player;
use crate::player::figures::Condition;
use crate::worker::message::{FromWorker, Stream, ToWorker};
use amt_shared::stats::ChannelStats;
use amt_shared::wire::{FromHelper, PROTOCOL, Status};
use amt_shared::{AmtUrl, amt_url::UrlError};
use js_sys::ArrayBuffer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use web_sys::{Event, HtmlElement};

/// The player looks around this often; the line and the figures follow.
const TICK_MS: f64 = 100.0;
/// A worker that breaks again and again is started with a growing pause.
const WORKER_PAUSE_MS: f64 = 500.0;
const WORKER_PAUSE_MAX_MS: f64 = 8000.0;
/// Bytes that are told to be taken at once and not at the next tick, which a hidden tab has rarely.
const TAKEN_AT_ONCE: u32 = 1 << 20;
/// The title of a page that plays nothing.
const TITLE: &str = "Multicast television";

pub(super) struct App {
    itself: Weak<RefCell<App>>,
    elements: Elements,
    player: Player,
    worker: Option<Thread>,
    worker_restart: Option<Timer>,
    worker_losses: u32,
    helper: Helper,
    /// The address as it was given, while a channel is wanted.
    tuned: Option<String>,
    /// The viewer has chosen: the helper's own address is not played by itself any more.
    chosen: bool,
    status: Option<Status>,
    pub(super) stats: ChannelStats,
    phase_since: f64,
    not_ts: bool,
    program: Option<Vec<Stream>>,
    pub(super) faults: BTreeMap<String, u64>,
    recoveries_seen: u32,
    has_played: bool,
    step: &'static str,
    taken: u32,
    last_tick: f64,
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
        set_text(&told.sentence, "This page broke down.");
        told.set_advice("Reload it to go on.");
        set_text(&told.now, "");
    }));
    let player = Player::new(&elements.video);
    let shared = Rc::new_cyclic(|itself| {
        RefCell::new(App {
            itself: itself.clone(),
            elements,
            player,
            worker: None,
            worker_restart: None,
            worker_losses: 0,
            helper: Helper::Connecting,
            tuned: None,
            chosen: false,
            status: None,
            stats: ChannelStats::default(),
            phase_since: 0.0,
            not_ts: false,
            program: None,
            faults: BTreeMap::new(),
            recoveries_seen: 0,
            has_played: false,
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
        app.start_worker();
        app.show_recent();
        app.show_last_played();
        app.follow_hash();
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
            on(&self.elements.url, "input", Self::check_address),
            on(&self.elements.stop, "click", Self::stop),
            on(&self.elements.window, "hashchange", Self::follow_hash),
            on(&self.elements.document, "visibilitychange", |app| {
                if !app.elements.document.hidden() {
                    app.player.returned();
                }
            }),
            Listener::new(&self.elements.history_list, "click", move |event| {
                let button =
                    event.target().and_then(|target| wasm_bindgen::JsCast::dyn_into::<HtmlElement>(target).ok());
                let address = button.and_then(|button| button.get_attribute("data-address"));
                if let (Some(address), Some(shared)) = (address, list.upgrade()) {
                    let mut app = shared.borrow_mut();
                    app.elements.url.set_value(&address);
                    app.submitted();
                }
            }),
        ];
        let actions = Actions {
            toggle: Rc::new(with(&self.itself, |app| if app.tuned.is_some() { app.stop() } else { app.submitted() })),
            touched: Rc::new(with(&self.itself, |app| {
                app.player.resume();
                app.show();
            })),
        };
        self._controls = Some(Controls::new(&self.elements, &actions));
        let tick = with(&self.itself, Self::tick);
        self._tick = Some(Timer::every(TICK_MS, tick));
    }

    fn start_worker(&mut self) {
        self.worker_restart = None;
        let (heard, broke) = (self.itself.clone(), self.itself.clone());
        let heard = move |events: Vec<FromWorker>, buffers: Vec<ArrayBuffer>| {
            if let Some(shared) = heard.upgrade() {
                shared.borrow_mut().heard(events, buffers);
            }
        };
        let broke = move || {
            if let Some(shared) = broke.upgrade() {
                shared.borrow_mut().worker_broke();
            }
        };
        // The document is written by every build, so its date tells builds apart. The page's own query goes along:
        // it may hold the helper's token.
        let version = js_sys::Date::parse(&self.elements.document.last_modified());
        let search = self.elements.window.location().search().unwrap_or_default();
        match Thread::start(&format!("?v={version}&{}", search.trim_start_matches('?')), heard, broke) {
            Ok(worker) => self.worker = Some(worker),
            Err(_) => self.worker_broke(),
        }
    }

    fn worker_broke(&mut self) {
        self.worker = None;
        self.helper = Helper::WorkerLost;
        let pause = (WORKER_PAUSE_MS * f64::from(1 << self.worker_losses.min(8))).min(WORKER_PAUSE_MAX_MS);
        self.worker_losses += 1;
        let weak = self.itself.clone();
        self.worker_restart = Some(Timer::once(pause, move || {
            if let Some(shared) = weak.upgrade() {
                shared.borrow_mut().start_worker();
            }
        }));
        self.show();
    }

    fn ask(&self, message: &ToWorker) {
        // Without a worker the next one is asked when it is ready.
        if let Some(worker) = &self.worker {
            worker.ask(message);
        }
    }

    fn heard(&mut self, events: Vec<FromWorker>, buffers: Vec<ArrayBuffer>) {
        self.taken += buffers.iter().map(ArrayBuffer::byte_length).sum::<u32>();
        let mut buffers = buffers.into_iter();
        for event in events {
            let buffer = match event {
                FromWorker::Init(_) | FromWorker::Media(_) => buffers.next(),
                _ => None,
            };
            self.player.handle(&event, buffer);
            self.note(event);
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
                if let Some(url) = self.tuned.clone() {
                    self.ask(&ToWorker::Tune { url });
                }
            }
            FromWorker::Unreachable { .. } => {
                self.helper = Helper::Unreachable;
                self.status = None;
            }
            FromWorker::Helper { message } => self.helper_says(message),
            FromWorker::Restart => {
                self.not_ts = false;
                self.program = None;
            }
            FromWorker::NotTs => self.not_ts = true,
            FromWorker::Program { streams } => {
                self.program = Some(streams);
                self.not_ts = false;
            }
            FromWorker::Fault { reason, count } => *self.faults.entry(reason).or_default() += count,
            FromWorker::Discontinuity { track, reason } => {
                *self.faults.entry(format!("{track}_{reason}")).or_default() += 1;
            }
            FromWorker::Overflow => *self.faults.entry("page_overflow".into()).or_default() += 1,
            FromWorker::Init(_) | FromWorker::Media(_) => return,
        }
        self.show();
    }

    fn helper_says(&mut self, message: FromHelper) {
        match message {
            FromHelper::Hello { protocol, url, .. } => {
                self.helper = if protocol == PROTOCOL { Helper::There } else { Helper::OtherVersion };
                self.worker_losses = 0;
                if let Some(url) = url.filter(|_| self.tuned.is_none() && !self.chosen) {
                    self.play(&url);
                }
            }
            FromHelper::Status(status) => {
                if self.status.as_ref().is_none_or(|before| before.phase != status.phase) {
                    self.phase_since = browser::monotonic_ms();
                }
                self.status = Some(status);
            }
            FromHelper::Stats(stats) => self.stats = stats,
            FromHelper::CatchUp { .. } => {}
        }
    }

    /// What stands in the field is to be played.
    fn submitted(&mut self) {
        let address = self.elements.url.value().trim().to_owned();
        self.chosen = true;
        match address.parse::<AmtUrl>() {
            Ok(_) => {
                let _ = self.elements.url.blur();
                self.set_hash(&address);
                self.play(&address);
            }
            Err(error) => {
                self.show_address_error(Some(&error));
                let _ = self.elements.url.focus();
            }
        }
    }

    fn play(&mut self, address: &str) {
        self.leave();
        self.elements.url.set_value(address);
        self.show_address_error(None);
        self.tuned = Some(address.to_owned());
        let list = recent::with(recent::parse(&store::get("recent").unwrap_or_default()), address);
        store::set("recent", &recent::print(&list));
        self.show_recent();
        self.player.resume();
        self.ask(&ToWorker::Tune { url: address.to_owned() });
        self.show();
    }

    fn stop(&mut self) {
        self.chosen = true;
        self.leave();
        self.ask(&ToWorker::Stop);
        self.set_hash("");
        self.show();
    }

    /// Forgets the channel that was played.
    fn leave(&mut self) {
        self.tuned = None;
        self.status = None;
        self.stats = ChannelStats::default();
        self.not_ts = false;
        self.program = None;
        self.faults.clear();
        self.recoveries_seen = 0;
        self.has_played = false;
        self.player.stop();
    }

    /// Plays the address behind `#`, if it is another one than what plays.
    fn follow_hash(&mut self) {
        let hash = self.hash();
        if hash.is_empty() || self.tuned.as_deref() == Some(&hash) {
            return;
        }
        self.elements.url.set_value(&hash);
        self.submitted();
    }

    fn hash(&self) -> String {
        let hash = self.elements.window.location().hash().unwrap_or_default();
        let hash = hash.strip_prefix('#').unwrap_or(&hash).to_owned();
        js_sys::decode_uri_component(&hash).map_or(hash, String::from)
    }

    fn set_hash(&self, address: &str) {
        if self.hash() != address {
            // It throws only in documents without an address of their own.
            let _ = self.elements.window.location().set_hash(address);
        }
    }

    /// Checks the form of the address while it is typed.
    fn check_address(&mut self) {
        let text = self.elements.url.value();
        let text = text.trim();
        let begun = "amt://".starts_with(&text.to_ascii_lowercase());
        match text.parse::<AmtUrl>() {
            Err(error) if !begun => self.show_address_error(Some(&error)),
            Ok(url) if url.lacks_required_source() => {
                self.show_address_error(None);
                set_text(
                    &self.elements.url_hint,
                    "This group is for joins with a source: write amt://SOURCE@GROUP:PORT.",
                );
            }
            _ => self.show_address_error(None),
        }
    }

    fn show_address_error(&self, error: Option<&UrlError>) {
        let (invalid, text) = error.map_or(("false", String::new()), |error| ("true", error.to_string()));
        let _ = self.elements.url.set_attribute("aria-invalid", invalid);
        set_text(&self.elements.url_hint, &text);
    }

    fn show_last_played(&self) {
        let list = recent::parse(&store::get("recent").unwrap_or_default());
        if let Some(address) = list.first() {
            self.elements.url.set_value(address);
        }
    }

    fn show_recent(&self) {
        let list = recent::parse(&store::get("recent").unwrap_or_default());
        self.elements.datalist.set_text_content(None);
        self.elements.history_list.set_text_content(None);
        self.elements.history.set_hidden(list.is_empty());
        for address in &list {
            if let Some(option) = self.elements.append(&self.elements.datalist, "option", "") {
                let _ = option.set_attribute("value", address);
            }
            if let Some(item) = self.elements.append(&self.elements.history_list, "li", "")
                && let Some(button) = self.elements.append(&item, "button", address)
            {
                let _ = button.set_attribute("type", "button");
                let _ = button.set_attribute("data-address", address);
                let _ = button.set_attribute("aria-label", &format!("Play {address}"));
            }
        }
    }

    fn tick(&mut self) {
        self.last_tick = browser::monotonic_ms();
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

    /// Brings the document up to what is known.
    fn show(&mut self) {
        let figures = self.player.figures();
        let condition = self.player.condition();
        let picture = match condition {
            Condition::Waiting => Picture::None,
            Condition::Playing => Picture::Moving,
            Condition::Paused => Picture::Paused,
            Condition::Blocked => Picture::Blocked,
        };
        if picture == Picture::Moving {
            self.recoveries_seen = figures.recoveries;
            self.has_played = true;
        }
        let line = status::line(&Facts {
            can_play: browser::has_media_source(),
            helper: self.helper,
            tuned: self.tuned.is_some(),
            status: self.status.clone(),
            picture,
            has_played: self.has_played,
            phase_seconds: (browser::monotonic_ms() - self.phase_since) / 1000.0,
            not_ts: self.not_ts,
            program: self.program.as_deref().map(program),
            refused: figures.refused.clone(),
            recovering: figures.recoveries > self.recoveries_seen,
            playing: Playing {
                size: (figures.width, figures.height),
                codecs: [&figures.video_codec, &figures.audio_codec].into_iter().flatten().cloned().collect(),
                bits_per_second: self.stats.bits_per_second,
                delay_ms: figures.delay_ms,
            },
        });
        let elements = &self.elements;
        set_data(&elements.status, "phase", line.phase);
        set_text(&elements.sentence, &line.sentence);
        elements.set_advice(&line.advice);
        set_text(&elements.now, &line.now);

        let busy = ["resolving", "discovering", "requesting", "joined", "receiving", "silent"].contains(&line.phase);
        set_data(&elements.stage, "busy", if busy { "true" } else { "false" });
        let has_picture = self.tuned.is_some() && self.player.has_picture();
        set_data(&elements.stage, "picture", if has_picture { "true" } else { "false" });
        let blocked = picture == Picture::Blocked;
        let silent = picture == Picture::Moving && figures.audio_codec.is_some() && elements.video.muted();
        // A viewer who has muted it does not need to be asked.
        let asks = blocked || (silent && store::get("sound").as_deref() != Some("off"));
        elements.unmute.set_hidden(!asks);
        set_text(&elements.unmute_label, if blocked { "Start the picture" } else { "Turn sound on" });
        elements.stop.set_disabled(self.tuned.is_none());
        let title = self.tuned.as_ref().map_or_else(|| TITLE.to_owned(), |address| format!("{address} – {TITLE}"));
        if elements.document.title() != title {
            elements.document.set_title(&title);
        }
        self.show_steps(line.phase);
        figures::show(&self.elements, &figures, &self.stats, self.status.as_ref(), &self.faults);
    }

    fn show_steps(&mut self, phase: &'static str) {
        const STEPS: [&str; 6] = ["resolving", "discovering", "requesting", "joined", "receiving", "playing"];
        let stopped = !STEPS.contains(&phase);
        if !stopped {
            self.step = phase;
        } else if phase != "failed" && phase != "silent" {
            self.step = "";
        }
        let reached = STEPS.iter().position(|step| *step == self.step);
        let items = self.elements.steps.children();
        for (index, item) in (0..items.length()).filter_map(|index| Some((index as usize, items.item(index)?))) {
            let state = match reached {
                Some(reached) if index < reached => "done",
                Some(reached) if index == reached && stopped => "stopped",
                Some(reached) if index == reached => "now",
                _ => "",
            };
            if let Ok(item) = wasm_bindgen::JsCast::dyn_into::<HtmlElement>(item) {
                set_data(&item, "state", state);
            }
        }
    }
}

/// What the sentence needs to know of the programme.
fn program(streams: &[Stream]) -> Program {
    let others = streams.iter().filter(|stream| !stream.selected && stream.kind != "other");
    let name = |stream: &Stream| {
        let codec = stream.codec.as_deref().map(status::codec_name);
        codec.map_or_else(|| format!("{} of stream type {:#04x}", stream.kind, stream.stream_type), str::to_owned)
    };
    Program { playable: streams.iter().any(|stream| stream.selected), others: others.map(name).collect() }
}
