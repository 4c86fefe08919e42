//! The live player: fMP4 in, picture and sound out, through Media Source Extensions.
//!
//! Pure, and tested on the host: [`live_edge`] (how fast to play), [`lineup`] (which tracks), [`append_queue`],
//! [`ranges`] (holes), [`capture`] (the delay to live). Around them, for browsers only, one `session` for each
//! MediaSource, and the `playback` that begins sessions and recovers from whatever ends them.

pub mod append_queue;
pub mod capture;
pub mod lineup;
pub mod live_edge;
#[cfg(target_arch = "wasm32")]
mod playback;
pub mod ranges;
pub mod recent;
#[cfg(target_arch = "wasm32")]
mod session;

#[cfg(target_arch = "wasm32")]
pub use playback::{Condition, Figures, Player};
