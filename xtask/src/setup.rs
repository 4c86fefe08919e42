//! `cargo xtask setup`: the tools, found by running them, and installed where that is possible.
//!
//! Everything comes from the toolchain's server, crates.io and Debian's archive: nothing is downloaded from
//! anywhere else, so this works behind a proxy that knows only those.

use crate::{Purpose, exec, steps::seconds};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// 0.22 wants a newer Rust than ours.
const TRUNK: &str = "0.21.14";
const WASM_PACK: &str = "0.15.1";
/// Firefox's driver; Debian has it in no package.
const GECKODRIVER: &str = "0.37.1";
/// A relay that nobody here wrote.
const QUICAST: &str = "0.2.0";

/// Makes sure of all tools for the purpose.
///
/// # Errors
/// With every line that has still to be run by hand.
pub(crate) fn run(purpose: Purpose) -> Result<()> {
    let begun = Instant::now();
    let mut to_run_by_hand = Vec::new();
    let mut note = |result: Result<(), ByHand>| to_run_by_hand.extend(result.err());

    note(wasm_target());
    if purpose >= Purpose::Test {
        for component in ["rustfmt", "clippy"] {
            note(rust_component(component));
        }
        note(debian_packages(&DEBIAN));
    }
    if purpose == Purpose::FullTest {
        note(debian_packages(&DEBIAN_FULL));
    }
    let wasm_bindgen = locked_version("wasm-bindgen")?;
    // Without its default features trunk cannot proxy to https or ask for updates, and wasm-bindgen's test
    // runner cannot drive a remote browser over https: TLS is a fifth of the time to build them.
    note(cargo_tool("trunk", "trunk", TRUNK, &["--locked", "--no-default-features"]));
    // Not --locked: one of the dependencies in its own lock file can no longer be had.
    note(cargo_tool("wasm-bindgen", "wasm-bindgen-cli", &wasm_bindgen, &["--no-default-features"]));
    if purpose >= Purpose::Test {
        note(cargo_tool("wasm-pack", "wasm-pack", WASM_PACK, &["--locked"]));
    }
    if purpose == Purpose::FullTest {
        note(other_relay());
        note(cargo_tool("geckodriver", "geckodriver", GECKODRIVER, &["--locked"]));
    }

    if !to_run_by_hand.is_empty() {
        bail!("some tools are missing; please run\n\n    {}\n", to_run_by_hand.join("\n    "));
    }
    println!("   all tools are installed ({})", seconds(begun.elapsed()));
    Ok(())
}

/// The line that a person has to run where we could not.
type ByHand = String;

/// Runs an installation, says so, and hands back the line where it fails.
fn install(what: &str, command: &mut Command) -> Result<(), ByHand> {
    println!("   {what}: missing, installing with: {}", exec::shown(command));
    let begun = Instant::now();
    exec::run(command).map_err(|error| {
        eprintln!("   {what}: {error:#}");
        exec::shown(command)
    })?;
    println!("   {what}: installed in {}", seconds(begun.elapsed()));
    Ok(())
}

fn wasm_target() -> Result<(), ByHand> {
    let what = "target wasm32-unknown-unknown";
    let libraries = exec::output(&mut exec::line("rustc --print target-libdir --target wasm32-unknown-unknown"));
    if libraries.is_some_and(|dir| Path::new(&dir).is_dir()) {
        println!("   {what}: already installed");
        return Ok(());
    }
    install(what, &mut exec::line("rustup target add wasm32-unknown-unknown"))
}

fn rust_component(component: &str) -> Result<(), ByHand> {
    let program = if component == "rustfmt" { "fmt" } else { component };
    if exec::output(&mut exec::line(&format!("cargo {program} --version"))).is_some() {
        println!("   {component}: already installed");
        return Ok(());
    }
    install(component, &mut exec::line(&format!("rustup component add {component}")))
}

/// The version in our `Cargo.lock`.
fn locked_version(package: &str) -> Result<String> {
    let lock = fs::read_to_string(exec::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    version_in(&lock, package).with_context(|| format!("Cargo.lock has no {package}"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    Some(lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

/// A tool from crates.io, in exactly this version.
///
/// Where there is none it goes where cargo puts its tools, so that `trunk serve` works as the README writes
/// it. Another version that is already there is the user's own: ours goes beside it, into `target/tools`.
fn cargo_tool(program: &str, package: &str, version: &str, flags: &[&str]) -> Result<(), ByHand> {
    let what = format!("{program} {version}");
    let found = exec::output(exec::program(program).arg("--version"));
    let found = found.as_deref().and_then(|line| line.split_whitespace().nth(1));
    if found == Some(version) {
        println!("   {what}: already installed");
        return Ok(());
    }
    let mut command = cargo_install(package, version, flags);
    if let Some(found) = found {
        println!("   {what}: keeping {found}; this project's version goes to {}", exec::own_tools().display());
        command.arg("--root").arg(exec::own_tools());
    }
    install(&what, &mut command)
}

/// The relay of the crate `quicast-amt`. Its program is called `amt` and tells no version, so ours always lies in
/// `target/tools`, which cargo keeps a list of.
fn other_relay() -> Result<(), ByHand> {
    let what = format!("quicast-amt {QUICAST}");
    let listed = exec::output(exec::line("cargo install --list --root").arg(exec::own_tools()));
    if listed.is_some_and(|list| list.lines().any(|line| line == format!("quicast-amt v{QUICAST}:"))) {
        println!("   {what}: already installed");
        return Ok(());
    }
    let flags = ["--locked", "--features", "driad,metrics,shared-upstream,pmtu-feedback"];
    install(&what, cargo_install("quicast-amt", QUICAST, &flags).arg("--root").arg(exec::own_tools()))
}

fn cargo_install(package: &str, version: &str, flags: &[&str]) -> Command {
    let mut command = exec::program("cargo");
    command.arg("install").args(flags).arg(format!("{package}@{version}"));
    // They run for seconds and build for minutes: most of a release profile is not worth it here. One target
    // directory for all, for the crates they share.
    command
        .env("CARGO_TARGET_DIR", exec::own_tools().join("build"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "true");
    command
}

/// The program that shows that something is there, how it tells its version, and Debian's package of it.
type Package = (&'static str, &'static [&'static str], &'static str);

/// What the tests want of the system.
const DEBIAN: [Package; 6] = [
    ("chromium", &["--version"], "chromium"),
    ("chromedriver", &["--version"], "chromium-driver"),
    ("ffmpeg", &["-version"], "ffmpeg"),
    ("ip", &["-Version"], "iproute2"),
    ("ethtool", &["--version"], "ethtool"),
    ("python3", &["--version"], "python3"),
];

/// The same for `test --full`.
const DEBIAN_FULL: [Package; 1] = [("firefox-esr", &["--version"], "firefox-esr")];

fn debian_packages(packages: &[Package]) -> Result<(), ByHand> {
    let mut missing = Vec::new();
    for &(program, version, package) in packages {
        // Debian's administrators' programs are not on everybody's PATH.
        let places = [program.to_owned(), format!("/usr/sbin/{program}"), format!("/sbin/{program}")];
        let found = places.iter().find_map(|place| exec::output(exec::program(place).args(version)));
        match found.as_deref().and_then(|text| text.lines().next()) {
            Some(line) => println!("   {program}: there ({})", line.trim()),
            None => missing.push(package),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}");
    let is_root = exec::output(&mut exec::line("id -u")).as_deref() == Some("0");
    let has_apt = exec::output(&mut exec::line("apt-get --version")).is_some();
    if !has_apt {
        return Err(format!("(with your system's package manager) the equivalent of the Debian packages {packages}"));
    }
    if !is_root {
        return Err(by_hand);
    }
    let apt = |arguments: &str| {
        let mut command = exec::line(&format!("apt-get -o DPkg::Lock::Timeout=300 {arguments}"));
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let mut get = apt(&format!("install -y --no-install-recommends {packages}"));
    install(&packages, &mut get).or_else(|_| {
        println!("   the package lists may be missing or outdated: updating them and retrying");
        exec::run(&mut apt("update")).map_err(|_| by_hand.clone())?;
        install(&packages, &mut get).map_err(|_| by_hand)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_exactly_that_package_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-cli\"\nversion = \"0.9.9\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in(lock, "wasm"), None);
    }
}
