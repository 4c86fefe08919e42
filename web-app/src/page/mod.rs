//! The document: form, controls, and the line that always says what is happening.
//!
//! Pure, and tested on the host: [`status`] and [`helper`] (from facts to a sentence), [`channel`] (what there is to choose and what
//! is on), [`program`] (what of it plays), [`cues`], [`recent`] (what was last played), [`choices`] (what was chosen in
//! it), [`consent`] (whether a link may open its relays), [`token`] (of the helper, and not in the address bar) and
//! [`restarts`] (when the worker is started anew).
//! Around them, for browsers only: `document` finds the elements, `thread` runs the worker, `app` ties them,
//! `tuning` chooses the channel, `history` lists what has played, `reach` finds out why the helper is not there,
//! `chooser` the programme and the sound in it, `view` and `figures` write what is
//! known, `controls` are sound, keys and full screen.

pub mod channel;
pub mod choices;
pub mod consent;
pub mod cues;
pub mod helper;
pub mod program;
pub mod recent;
pub mod restarts;
pub mod status;
pub mod token;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod asking;
#[cfg(target_arch = "wasm32")]
mod chooser;
#[cfg(target_arch = "wasm32")]
mod controls;
#[cfg(target_arch = "wasm32")]
mod document;
#[cfg(target_arch = "wasm32")]
mod figures;
#[cfg(target_arch = "wasm32")]
mod history;
#[cfg(target_arch = "wasm32")]
mod reach;
#[cfg(target_arch = "wasm32")]
mod store;
#[cfg(target_arch = "wasm32")]
mod thread;
#[cfg(target_arch = "wasm32")]
mod tuning;
#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use app::start;
