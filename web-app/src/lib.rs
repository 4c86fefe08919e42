//! The page: MPEG-TS to fMP4 ([`segmenter`], pure) and the live player around a video element.
//!
//! `segmenter`, the decisions in `player`, the sentences of `page` and the messages between the threads know no browser and build on
//! the host as well; all the rest is for wasm. See ARCHITECTURE.md.

#[cfg(not(target_arch = "wasm32"))]
pub mod fuzzing;
pub mod page;
mod pause;
pub mod player;
pub mod segmenter;
pub mod sound;
pub mod worker;

#[cfg(target_arch = "wasm32")]
pub mod browser;
