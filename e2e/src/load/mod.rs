//! Load for the benches: a relay that sends as fast as it is asked, pages that only count, and a bare receive loop
//! as the measure of what the system can do. Each is a process of its own (`load`), so that its cost is its own.

pub mod bare;
pub mod histogram;
pub mod sender;
pub mod stream;
pub mod tool;
pub mod usage;
pub mod watcher;
