//! The decoders of sound, in the worker's thread: loaded only where a stream needs one.

#[cfg(target_arch = "wasm32")]
fn main() {
    amt_web_app::sound::module::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("The decoders run in a browser: build them with `trunk build`, or run `cargo xtask demo`.");
}
