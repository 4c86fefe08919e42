//! The worker: the socket to the helper and the segmenter, off the page's thread, so that a hidden tab or a
//! busy page does not starve them.
//!
//! In: the helper's messages and TS frames ([`amt_shared::wire`]). Out: [`message::FromWorker`] to the page.
//!
//! Pure, and tested on the host: [`tuner`] (which channel, over whatever connection), [`link`] (when to connect and when
//! the helper is lost), [`feed`] (from frames to events), [`decoders`] (of sound: when to load them), [`post`] (what
//! the page has not taken) and [`silence`]. Around them, for browsers only: `start` has the socket and the timer, `sound`
//! the decoders' module.

pub mod decoders;
pub mod feed;
pub mod link;
pub mod message;
pub mod post;
pub mod silence;
pub mod tuner;

#[cfg(target_arch = "wasm32")]
mod sound;
#[cfg(target_arch = "wasm32")]
mod start;

#[cfg(target_arch = "wasm32")]
pub use start::start;
