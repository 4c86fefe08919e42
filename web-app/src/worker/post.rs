//! The way to the page: one message for what one frame gave, its buffers given away, with a bound on what the
//! page has not taken yet.

use super::message::FromWorker;
use js_sys::{Array, Uint8Array};
use web_sys::DedicatedWorkerGlobalScope;

/// What the page may be behind by before media is left out: a page that is frozen takes nothing.
const MAX_OUTSTANDING_BYTES: usize = 32 << 20;

/// Collects events and posts them together.
#[derive(Debug)]
pub(super) struct Post {
    scope: DedicatedWorkerGlobalScope,
    events: Vec<FromWorker>,
    buffers: Array,
    pending_bytes: usize,
    outstanding: usize,
}

impl Post {
    pub(super) fn new(scope: DedicatedWorkerGlobalScope) -> Self {
        Self { scope, events: Vec::new(), buffers: Array::new(), pending_bytes: 0, outstanding: 0 }
    }

    /// Adds an event without bytes.
    pub(super) fn tell(&mut self, event: FromWorker) {
        self.events.push(event);
    }

    /// Adds an event with its bytes.
    pub(super) fn give(&mut self, event: FromWorker, data: &[u8]) {
        self.events.push(event);
        self.buffers.push(&Uint8Array::from(data).buffer());
        self.pending_bytes += data.len();
    }

    /// Whether the page is so far behind that media has to be left out.
    pub(super) fn is_full(&self) -> bool {
        self.outstanding > MAX_OUTSTANDING_BYTES
    }

    /// The page has taken so many bytes.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.outstanding = self.outstanding.saturating_sub(bytes);
    }

    /// Posts what was collected, if there is anything.
    pub(super) fn flush(&mut self) {
        if self.events.is_empty() {
            return;
        }
        // These types always have a JSON form.
        let text = serde_json::to_string(&self.events).unwrap_or_default();
        self.events.clear();
        let buffers = std::mem::replace(&mut self.buffers, Array::new());
        self.outstanding += std::mem::take(&mut self.pending_bytes);
        let message = Array::of1(&text.into()).concat(&buffers);
        // It throws only for what cannot be transferred, and fresh buffers can.
        let _ = self.scope.post_message_with_transfer(&message, &buffers);
    }
}
