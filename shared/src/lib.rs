//! What the helper and the page both must read in the same way, and what crosses between them.
//!
//! Only `core`, `alloc`, `serde` and a measure of how words differ: no socket, no clock, no browser. Neither side is imported here.
#![no_std]

extern crate alloc;

pub mod amt_url;
pub mod clock;
pub mod nearest;
pub mod section;
pub mod stats;
pub mod ts;
pub mod wire;

pub use amt_url::AmtUrl;
