//! The worker in its browser: the socket, the timer, the messages, and in the middle the [`Tuner`].

use super::message::FromWorker;
use super::sound::Imported;
use super::tuner::{Act, Tuner};
use crate::browser::{self, Listener, Timer};
use amt_shared::wire::WEBSOCKET_PATH;
use js_sys::{Array, ArrayBuffer, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, DedicatedWorkerGlobalScope, MessageEvent, WebSocket};

const TICK_MS: f64 = 250.0;

struct Worker {
    scope: DedicatedWorkerGlobalScope,
    address: String,
    tuner: Tuner,
    socket: Option<Socket>,
    /// The message's bytes; kept, so that a frame costs no allocation.
    frame: Vec<u8>,
}

struct Socket {
    socket: WebSocket,
    _listeners: [Listener; 2],
}

type Shared = Rc<RefCell<Worker>>;

/// Takes hold of the worker's global scope and begins to connect.
pub fn start() {
    console_error_panic_hook::set_once();
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return };
    let location = scope.location();
    let scheme = if location.protocol() == "https:" { "wss" } else { "ws" };
    let shared = Rc::new(RefCell::new(Worker {
        scope: scope.clone(),
        address: format!("{scheme}://{}{WEBSOCKET_PATH}{}", location.host(), token(&location.search())),
        tuner: Tuner::new(Box::new(Imported::default())),
        socket: None,
        frame: Vec::new(),
    }));
    let page = {
        let shared = shared.clone();
        Listener::typed(&scope, "message", move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(message) = serde_json::from_str(&text) {
                attend(&shared, |worker| worker.tuner.asked(message));
            }
        })
    };
    let tick = {
        let shared = shared.clone();
        Timer::every(TICK_MS, move || attend(&shared, Worker::tick))
    };
    attend(&shared, Worker::tick);
    // They go on as long as the worker lives.
    std::mem::forget((page, tick));
}

/// A helper that can be reached from other machines wants the token that the page was opened with.
fn token(search: &str) -> String {
    let token = search.trim_start_matches('?').split('&').find(|parameter| parameter.starts_with("token="));
    token.map(|token| format!("?{token}")).unwrap_or_default()
}

/// Lets something happen, and does what follows from it.
fn attend(shared: &Shared, happens: impl FnOnce(&mut Worker)) {
    let mut worker = shared.borrow_mut();
    happens(&mut worker);
    while let Some(act) = worker.tuner.poll() {
        match act {
            Act::Connect => match Socket::open(&worker.address, shared) {
                Ok(socket) => worker.socket = Some(socket),
                Err(_) => worker.tuner.closed(),
            },
            Act::Disconnect => worker.socket = None,
            Act::Send(text) => {
                if let Some(socket) = &worker.socket {
                    // It throws only while connecting, and the helper has greeted.
                    let _ = socket.socket.send_with_str(&text);
                }
            }
        }
    }
    let Worker { tuner, scope, .. } = &mut *worker;
    tuner.post.flush(|events, buffers| post(scope, events, buffers));
}

fn post(scope: &DedicatedWorkerGlobalScope, events: &[FromWorker], buffers: &[Vec<u8>]) {
    // These types always have a JSON form.
    let text = serde_json::to_string(events).unwrap_or_default();
    let buffers: Array = buffers.iter().map(|bytes| Uint8Array::from(&bytes[..]).buffer()).collect();
    let message = Array::of1(&text.into()).concat(&buffers);
    // It throws only for what cannot be transferred, and fresh buffers can.
    let _ = scope.post_message_with_transfer(&message, &buffers);
}

impl Worker {
    fn tick(&mut self) {
        self.tuner.tick(browser::monotonic_ms());
    }

    fn heard(&mut self, event: &MessageEvent) {
        let data = event.data();
        if let Some(buffer) = data.dyn_ref::<ArrayBuffer>() {
            let bytes = Uint8Array::new(buffer);
            self.frame.resize(bytes.length() as usize, 0);
            bytes.copy_to(&mut self.frame);
            self.tuner.frame(&self.frame);
        } else if let Some(text) = data.as_string() {
            self.tuner.text(text);
        }
    }
}

impl Socket {
    fn open(address: &str, shared: &Shared) -> Result<Self, JsValue> {
        let socket = WebSocket::new(address)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let message = {
            let shared = shared.clone();
            Listener::typed(&socket, "message", move |event: MessageEvent| {
                attend(&shared, |worker| worker.heard(&event));
            })
        };
        let close = {
            let shared = shared.clone();
            Listener::new(&socket, "close", move |_| attend(&shared, |worker| worker.tuner.closed()))
        };
        Ok(Self { socket, _listeners: [message, close] })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It throws only for a close code or reason, and none is given.
        let _ = self.socket.close();
    }
}
