//! The live player: fMP4 in, picture and sound out, through Media Source Extensions.
//!
//! Pure, and tested on the host: [`live_edge`] (how fast to play), [`lineup`] (which tracks), [`append_queue`],
//! [`ranges`] (holes), [`capabilities`] (what the browser takes), [`capture`] (the delay to live), [`recent`] (where to begin anew). Around them, for
//! browsers only: `session` (one MediaSource), `playback` (begins sessions and recovers from whatever ends
//! them), `position` (where to play) and `element`, which the page has.

pub mod append_queue;
pub mod capabilities;
pub mod capture;
#[cfg(target_arch = "wasm32")]
mod element;
pub mod figures;
pub mod lineup;
pub mod live_edge;
#[cfg(target_arch = "wasm32")]
mod playback;
#[cfg(target_arch = "wasm32")]
mod position;
pub mod ranges;
pub mod recent;
#[cfg(target_arch = "wasm32")]
mod session;

#[cfg(target_arch = "wasm32")]
pub use element::Player;
