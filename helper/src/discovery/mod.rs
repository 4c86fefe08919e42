//! Finding a relay: RFC 8777, RFC 7450 7.1, and the order in which relays are tried.
//!
//! Pure: [`record`] reads AMTRELAY records, [`candidate`] puts relays in their order, [`race`] tries them, and
//! [`hold_down`] remembers which of them brought nothing. In go records, candidates and the time; out come the
//! relays to open, to join and to leave.

pub mod candidate;
pub mod hold_down;
pub mod race;
pub mod record;

pub use candidate::{Candidate, Origin};
pub use hold_down::HoldDowns;
pub use race::{Race, Step, Why};
