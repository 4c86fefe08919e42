//! `cargo xtask test`: everything that must hold, in the order of what fails fastest.

use crate::{Purpose, bench, demo, exec, first_load, setup, steps::Steps};
use anyhow::Result;

/// Runs every check and stops at the first that fails; with `full`, those too that want what CI has not.
///
/// # Errors
/// With the name of the step that failed.
pub(crate) fn run(full: bool) -> Result<()> {
    let mut steps = Steps::new();
    let result = checks(&mut steps, full);
    steps.print_table();
    result
}

fn checks(steps: &mut Steps, full: bool) -> Result<()> {
    steps.step("tools", || setup::run(if full { Purpose::FullTest } else { Purpose::Test }))?;
    steps.program("formatting", &mut exec::line("cargo fmt --all --check"))?;
    steps.program("crates", &mut exec::line("cargo fetch --locked"))?;
    steps.program("clippy, host", &mut exec::line("cargo clippy --locked --workspace --all-targets -- -D warnings"))?;
    steps.program(
        "clippy, wasm",
        &mut exec::line(
            "cargo clippy --locked -p amt-web-app --target wasm32-unknown-unknown --all-targets -- -D warnings",
        ),
    )?;
    // The end-to-end tests want page and helper built, so they come last.
    steps.tests("tests, host", &mut exec::line("cargo test --locked --workspace --exclude amt-e2e"))?;
    let mut in_browser = exec::line("wasm-pack test --headless --chrome --mode no-install");
    steps.tests("tests, wasm in Chromium", in_browser.current_dir(exec::root().join("web-app")))?;
    demo::build(steps)?;
    // One at a time: each has a browser, a helper and a relay of its own.
    let mut end_to_end = exec::line("cargo test --locked -p amt-e2e -- --test-threads=1 --nocapture");
    steps.tests("tests, end to end", end_to_end.env("RUST_LIB_BACKTRACE", "0"))?;
    if full {
        let line = "cargo test --locked -p amt-e2e --test relays -- --ignored --test-threads=1 --nocapture";
        steps.tests("tests, another relay", exec::line(line).env("RUST_LIB_BACKTRACE", "0"))?;
        let line = "cargo test --locked -p amt-e2e --test codecs --test choice -- firefox --ignored --test-threads=1 --nocapture";
        steps.tests("tests, Firefox", exec::line(line).env("RUST_LIB_BACKTRACE", "0"))?;
        bench::short(steps)?;
    }
    // Last: a page that is too large still works, and what else fails is to be seen.
    steps.step("first load", || first_load::check(&exec::root().join("dist")))
}
