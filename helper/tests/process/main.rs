//! The helper as a process, over real sockets on loopback, with our own relay at the other end.

mod common;
mod privileges;
mod receive;
mod server;
mod viewers;
