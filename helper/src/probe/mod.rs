//! `amt-helper probe`: one look at a channel, for the person on call.

pub mod stream;
