//! The live player: fMP4 in, picture and sound out, through Media Source Extensions.
//!
//! Pure, and tested on the host in simulated time: [`live_edge`] (how fast to play), [`lineup`] (which tracks),
//! [`append_queue`], [`shelf`] (what may be removed), [`ranges`] (holes), [`watch`] (a position that does not move),
//! [`recovery`] (when to begin again), [`capabilities`] (what the browser takes), [`delay`] (how far behind live),
//! [`recent`] (where to begin anew). Around them, for browsers only: `session` (one MediaSource), `playback` (begins
//! sessions and recovers from whatever ends them), `position` (where to play), `still` (the last picture, between two
//! sessions) and `element`, which the page has.

pub mod append_queue;
pub mod capabilities;
pub mod delay;
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
pub mod recovery;
#[cfg(target_arch = "wasm32")]
mod session;
pub mod shelf;
#[cfg(target_arch = "wasm32")]
mod still;
mod transit;
pub mod watch;

#[cfg(target_arch = "wasm32")]
pub use element::Player;
