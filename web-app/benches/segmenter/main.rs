//! The segmenter on the host: `cargo bench -p amt-web-app --bench segmenter`. In wasm, beside other players:
//! `cargo xtask bench segmenter`.

#[cfg(not(target_arch = "wasm32"))]
mod delay;
#[cfg(not(target_arch = "wasm32"))]
#[path = "../../tests/segmenter_support/mod.rs"]
mod segmenter_support;
#[cfg(not(target_arch = "wasm32"))]
mod throughput;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    delay::print();
    throughput::measure();
}

#[cfg(target_arch = "wasm32")]
fn main() {}
