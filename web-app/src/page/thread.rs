//! The worker's thread as the page sees it: a value that ends the worker when it is dropped.

use crate::browser::Listener;
use crate::worker::message::{FromWorker, ToWorker};
use js_sys::{Array, ArrayBuffer};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker};

/// A running worker.
pub(super) struct Thread {
    worker: Worker,
    _listeners: [Listener; 2],
}

impl Thread {
    /// Starts one. The query keeps an older build's script out of the cache. `heard` gets each message as its
    /// events and their buffers, `broke` is called when the worker can no longer be trusted.
    pub(super) fn start(
        query: &str,
        mut heard: impl FnMut(Vec<FromWorker>, Vec<ArrayBuffer>) + 'static,
        mut broke: impl FnMut() + 'static,
    ) -> Result<Self, JsValue> {
        let worker = Worker::new(&format!("worker.js{query}"))?;
        let message = Listener::typed(&worker, "message", move |event: MessageEvent| {
            let parts = Array::from(&event.data());
            let text = parts.get(0).as_string().unwrap_or_default();
            let Ok(events) = serde_json::from_str(&text) else { return };
            heard(events, parts.iter().skip(1).filter_map(|part| part.dyn_into().ok()).collect());
        });
        // A panic in wasm is an uncaught exception: what the instance does afterwards is not known.
        let error = Listener::new(&worker, "error", move |_| broke());
        Ok(Self { worker, _listeners: [message, error] })
    }

    /// Asks the worker for something.
    pub(super) fn ask(&self, message: &ToWorker) {
        if let Ok(text) = serde_json::to_string(message) {
            // Text can always be cloned.
            let _ = self.worker.post_message(&text.into());
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}
