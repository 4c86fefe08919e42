//! The connection to the helper: kept up for as long as the worker lives.
//!
//! A proxy answers the upgrade even when no helper is behind it, so only the helper's `Hello` counts as being
//! there. After a loss the worker connects again, with a growing pause, and tunes again.

use super::feed::Feed;
use super::message::{Choice, FromWorker, Heading, ToWorker};
use super::post::Post;
use super::sound::Sound;
use crate::browser::{Listener, Timer};
use crate::segmenter::Takes;
use amt_shared::wire::{FromPage, WEBSOCKET_PATH};
use js_sys::{ArrayBuffer, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, DedicatedWorkerGlobalScope, MessageEvent, WebSocket};

const FIRST_PAUSE_MS: f64 = 250.0;
const LONGEST_PAUSE_MS: f64 = 3000.0;
/// The helper greets at once: this is for a slow machine.
const HELLO_WITHIN_MS: f64 = 3000.0;

struct Worker {
    post: Post,
    address: String,
    url: Option<String>,
    takes: Takes,
    choice: Choice,
    feed: Feed,
    sound: Sound,
    connection: Option<Connection>,
    retry: Option<Timer>,
    attempts: u32,
    /// Asked for another channel, and the helper has not come to it: what still comes is of those before.
    changing: bool,
    /// The message's bytes; kept, so that a frame costs no allocation.
    frame: Vec<u8>,
}

struct Connection {
    socket: WebSocket,
    greeted: bool,
    _listeners: [Listener; 2],
    _hello: Timer,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // It throws only for a close code or reason, and none is given.
        let _ = self.socket.close();
    }
}

type Shared = Rc<RefCell<Worker>>;

/// Takes hold of the worker's global scope and begins to connect.
pub fn start() {
    console_error_panic_hook::set_once();
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return };
    let location = scope.location();
    let scheme = if location.protocol() == "https:" { "wss" } else { "ws" };
    let worker = Rc::new(RefCell::new(Worker {
        post: Post::new(scope.clone()),
        address: format!("{scheme}://{}{WEBSOCKET_PATH}{}", location.host(), token(&location.search())),
        url: None,
        takes: Takes::default(),
        choice: Choice::default(),
        feed: Feed::default(),
        sound: Sound::default(),
        connection: None,
        retry: None,
        attempts: 0,
        changing: false,
        frame: Vec::new(),
    }));
    let page = {
        let worker = worker.clone();
        Listener::typed(&scope, "message", move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(message) = serde_json::from_str(&text) {
                worker.borrow_mut().asked(message);
            }
        })
    };
    // It listens as long as the worker lives.
    std::mem::forget(page);
    {
        let mut worker = worker.borrow_mut();
        worker.post.tell(FromWorker::Ready);
        worker.post.flush();
    }
    connect(&worker);
}

/// A helper that can be reached from other machines wants the token that the page was opened with.
fn token(search: &str) -> String {
    let token = search.trim_start_matches('?').split('&').find(|parameter| parameter.starts_with("token="));
    token.map(|token| format!("?{token}")).unwrap_or_default()
}

fn connect(shared: &Shared) {
    let mut worker = shared.borrow_mut();
    worker.retry = None;
    let Ok(socket) = WebSocket::new(&worker.address) else {
        drop(worker);
        return lost(shared);
    };
    socket.set_binary_type(BinaryType::Arraybuffer);
    let message = {
        let shared = shared.clone();
        Listener::typed(&socket, "message", move |event: MessageEvent| shared.borrow_mut().heard(&event))
    };
    let close = {
        let shared = shared.clone();
        Listener::new(&socket, "close", move |_| lost(&shared))
    };
    let hello = {
        let shared = shared.clone();
        Timer::once(HELLO_WITHIN_MS, move || {
            let greeted = shared.borrow().connection.as_ref().is_some_and(|connection| connection.greeted);
            if !greeted {
                lost(&shared);
            }
        })
    };
    worker.connection = Some(Connection { socket, greeted: false, _listeners: [message, close], _hello: hello });
}

fn lost(shared: &Shared) {
    let mut worker = shared.borrow_mut();
    worker.connection = None;
    let pause = (FIRST_PAUSE_MS * f64::from(1 << worker.attempts.min(8))).min(LONGEST_PAUSE_MS);
    worker.attempts += 1;
    let attempts = worker.attempts;
    worker.post.tell(FromWorker::Unreachable { attempts });
    worker.post.flush();
    let again = shared.clone();
    worker.retry = Some(Timer::once(pause, move || connect(&again)));
}

impl Worker {
    fn asked(&mut self, message: ToWorker) {
        match message {
            ToWorker::Tune { url, takes, choice } => {
                self.url = Some(url);
                self.takes = takes;
                self.choice = choice;
                self.tune();
            }
            ToWorker::ChooseProgram { number } => {
                self.choice = Choice { program: number, audio: None, ..self.choice };
                self.feed.choose_program(number, &mut self.post);
            }
            ToWorker::ChooseAudio { pid } => {
                self.choice.audio = pid;
                self.feed.choose_audio(pid, &mut self.post);
            }
            ToWorker::Stop => {
                self.url = None;
                self.changing = false;
                self.begin();
                self.send(&FromPage::Stop);
            }
            ToWorker::Taken { bytes } => self.post.taken(bytes as usize),
        }
        self.post.flush();
    }

    fn heard(&mut self, event: &MessageEvent) {
        let data = event.data();
        if let Some(buffer) = data.dyn_ref::<ArrayBuffer>() {
            if self.url.is_none() || self.changing {
                return;
            }
            let bytes = Uint8Array::new(buffer);
            self.frame.resize(bytes.length() as usize, 0);
            bytes.copy_to(&mut self.frame);
            self.feed.frame(&self.frame, &self.sound, &mut self.post);
        } else if let Some(text) = data.as_string() {
            self.told(text);
        }
        self.post.flush();
    }

    /// Takes what it needs out of a text of the helper and hands it through: the page alone reads it in full.
    fn told(&mut self, text: String) {
        let Some(heading) = Heading::of(&text) else { return };
        match heading.kind.as_str() {
            "tuned" => self.changing = self.url.is_some() && self.url != heading.url,
            "hello" => {
                self.attempts = 0;
                if let Some(connection) = &mut self.connection {
                    connection.greeted = true;
                }
                self.tune();
            }
            _ if self.changing => return,
            "catch_up" => self.feed.catch_up(heading.frames.unwrap_or_default()),
            _ => {}
        }
        self.post.tell(FromWorker::Helper { text });
    }

    fn tune(&mut self) {
        if let Some(url) = self.url.clone() {
            self.begin();
            self.changing = true;
            self.send(&FromPage::Tune { url });
        }
    }

    fn begin(&mut self) {
        self.feed = Feed::new(self.takes, self.choice);
        self.post.tell(FromWorker::Restart);
    }

    /// Says it now, or leaves it to the `Hello` that makes it tune.
    fn send(&self, message: &FromPage) {
        if let Some(connection) = self.connection.as_ref().filter(|connection| connection.greeted)
            && let Ok(text) = serde_json::to_string(message)
        {
            // It throws only while connecting, and the helper has greeted.
            let _ = connection.socket.send_with_str(&text);
        }
    }
}
