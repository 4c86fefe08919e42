//! The page: MPEG-TS to fMP4 ([`segmenter`], pure) and the live player around a video element.
//!
//! `segmenter` and `player::live_edge` know no browser and build on the host as well; all the rest is for
//! wasm. See ARCHITECTURE.md.

pub mod player;
pub mod segmenter;

#[cfg(target_arch = "wasm32")]
pub mod page;
#[cfg(target_arch = "wasm32")]
pub mod worker;
