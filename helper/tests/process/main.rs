//! The helper as a process, over real sockets on loopback, with our own relay at the other end.

mod attacks;
mod common;
mod discovery;
mod load;
mod logs;
mod packaging;
mod privileges;
mod probe;
mod receive;
mod server;
mod starting;
mod tls;
mod tunnels;
mod viewers;
