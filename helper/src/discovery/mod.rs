//! Finding a relay: RFC 8777, RFC 7450 7.1, and the order in which relays are tried.
//!
//! Pure: [`record`] reads AMTRELAY records, `reverse` and `service` read the answers of name servers,
//! [`candidate`] puts relays in their order, [`race`] tries them, and [`hold_down`] remembers which of them brought
//! nothing. Around it, [`Discovery`] asks: name servers, the local network (mDNS) and the system.

pub mod candidate;
mod failure;
pub(crate) mod fuzzing;
pub mod hold_down;
mod name_server;
mod neighbourhood;
pub(crate) mod pace;
mod parts;
pub mod race;
pub mod record;
mod reverse;
mod service;
mod sources;

pub use candidate::{Candidate, Origin};
pub use failure::{Cause, Failure, Sought};
pub use hold_down::HoldDowns;
pub use parts::Parts;
pub use race::{Race, Step, Why};
pub use sources::{Discovery, Found, Wanted};
