//! The worker: the socket to the helper and the segmenter, off the page's thread, so that a hidden tab or a
//! busy page does not starve them.
//!
//! In: the helper's messages and TS frames ([`amt_shared::wire`]). Out: [`message::FromWorker`] to the page.

pub mod message;

#[cfg(target_arch = "wasm32")]
mod feed;
#[cfg(target_arch = "wasm32")]
mod link;
#[cfg(target_arch = "wasm32")]
mod post;
#[cfg(target_arch = "wasm32")]
mod sound;

#[cfg(target_arch = "wasm32")]
pub use link::start;
