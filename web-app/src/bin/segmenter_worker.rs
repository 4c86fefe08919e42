//! The worker's thread: the WebSocket to the helper, and the segmenter.

#[cfg(target_arch = "wasm32")]
fn main() {
    amt_web_app::worker::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("The worker runs in a browser: build it with `trunk build`, or run `cargo xtask demo`.");
}
