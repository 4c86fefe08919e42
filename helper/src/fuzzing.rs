//! What is tried with any bytes from the network: by libFuzzer (`fuzz/`), and over the kept corpus by an ordinary
//! test (`tests/corpus.rs`), both through the same functions.
//!
//! In goes what came from the network, out comes nothing: each function panics where an invariant does not hold.
//! Where a machine takes many datagrams, the bytes are steps: one byte that says what is done, two for a length, and
//! so many bytes. Nonces, MACs and checksums, which no fuzzer guesses, are put right where a step asks for it.

mod machines;
mod packets;

pub use machines::{gateway, inner, merge, probe, relay};
pub use packets::{amt_message, amt_url, dns_record, membership, ts_packet, websocket};

pub use crate::discovery::fuzzing::dns_answer;
pub use crate::reinject::fuzzing::reinject;

pub(crate) use machines::steps;
pub(crate) use packets::repaired;

/// One of the functions here.
pub type Target = fn(&[u8]);

/// All of them, under the names of their fuzz targets and of their folders in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("amt_message", amt_message),
    ("amt_url", amt_url),
    ("dns_answer", dns_answer),
    ("dns_record", dns_record),
    ("gateway", gateway),
    ("inner", inner),
    ("membership", membership),
    ("merge", merge),
    ("probe", probe),
    ("reinject", reinject),
    ("relay", relay),
    ("ts_packet", ts_packet),
    ("websocket", websocket),
];
