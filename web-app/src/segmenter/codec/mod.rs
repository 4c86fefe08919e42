//! What stands in elementary streams, codec by codec.

pub(super) mod aac;
pub(super) mod h264;
