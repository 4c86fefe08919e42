//! The page's thread: the document and the player.

#[cfg(target_arch = "wasm32")]
fn main() {
    amt_web_app::page::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("The page runs in a browser: build it with `trunk build`, or run `cargo xtask demo`.");
}
