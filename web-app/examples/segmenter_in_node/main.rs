//! The segmenter for Node, for `cargo xtask bench segmenter`: wasm-bindgen makes a module of it that lays
//! `amtSegmenter` and `amtCopier` on the global scope.
//!
//! Exported functions would need `unsafe`, which this workspace forbids; closures do not.

#[cfg(target_arch = "wasm32")]
mod node;

#[cfg(target_arch = "wasm32")]
fn main() {
    node::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This runs in Node: see `cargo xtask bench segmenter`.");
}
