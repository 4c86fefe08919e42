//! The whole thing, end to end: the built helper with the built page in it, a real Chromium, real sockets.
//!
//! A test makes a [`Stage`] (a temporary directory of its own), starts [`Helper`]s and a [`Browser`] on it on
//! free ports, and waits for conditions, never for times. Whatever it started ends with it, by process id.
//!
//! `cargo xtask test` builds page and helper and then runs these; by hand, build them first
//! (`trunk build --release && cargo build --release -p amt-helper`).

pub mod browser;
pub mod codecs;
pub mod encoder;
pub mod forwarder;
pub mod helper;
pub mod latency;
pub mod load;
pub mod namespace;
pub mod page;
pub mod process;
pub mod reception;
pub mod sender;
pub mod stage;
pub mod station;
pub mod strip;
pub mod tone;
pub mod wait;
pub mod watch;

pub use browser::Browser;
pub use forwarder::Forwarder;
pub use helper::Helper;
pub use namespace::{Namespace, Switch};
pub use process::Process;
pub use reception::Reception;
pub use stage::Stage;
pub use station::Station;
pub use wait::{until, within};
