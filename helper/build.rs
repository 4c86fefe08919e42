//! Makes sure that the folder of the built page exists, so that a helper can be built before its page is.

fn main() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist");
    // Where it cannot be made, rust-embed says what is missing.
    let _ = std::fs::create_dir_all(dist);
    println!("cargo::rerun-if-changed={dist}");
}
