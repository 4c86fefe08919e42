//! `cargo xtask demo`: from a fresh clone to a picture.

use crate::{Purpose, exec, setup, steps::Steps};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the helper listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:8081";

/// Builds everything and becomes the helper in its demo mode.
///
/// # Errors
/// Where a tool is missing or a build fails.
pub(crate) fn run(open: bool, helper: &[String]) -> Result<()> {
    setup::run(Purpose::Demo)?;
    build(&mut Steps::new())?;
    let address = listen_address(helper);
    if open {
        let this = std::env::current_exe().context("cannot find this program")?;
        exec::program(this).args(["open-when-served", &address]).spawn().context("cannot wait for the page")?;
    }
    println!("\n   Open http://{address}/ in a browser. Press Ctrl-C to stop the demo.\n");
    // In our place rather than as our child: Ctrl-C and every other signal are the helper's own then.
    let mut command = exec::program(helper_binary());
    Err(command.arg("demo").args(helper).exec()).with_context(|| format!("cannot start {}", exec::shown(&command)))
}

/// The page, then the helper with the page in it, both in release mode.
///
/// # Errors
/// With the name of the step that failed.
pub(crate) fn build(steps: &mut Steps) -> Result<()> {
    // trunk may be told to stay offline: what cargo needs is fetched before.
    steps.program("crates", &mut exec::line("cargo fetch --locked"))?;
    let staged = exec::target().join("page");
    steps.program("page", exec::line("trunk build --release --dist").arg(&staged))?;
    steps.step("page to dist/", || {
        let changed = mirror(&staged, &exec::root().join("dist"))?;
        println!("   {changed} files changed");
        Ok(())
    })?;
    steps.program("helper", &mut exec::line("cargo build --locked --release -p amt-helper"))
}

fn helper_binary() -> std::path::PathBuf {
    exec::target().join("release/amt-helper")
}

/// Makes `to` like `from` and leaves alone what is the same already: the helper takes `dist/` in, and is
/// compiled again when a file there is newer. Says how many files it wrote or removed.
fn mirror(from: &Path, to: &Path) -> Result<usize> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let mut changed = 0;
    let wanted = names(from)?;
    for name in names(to)?.difference(&wanted) {
        let path = to.join(name);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
            .with_context(|| format!("cannot remove {}", path.display()))?;
        changed += 1;
    }
    for name in wanted {
        let (source, copy) = (from.join(&name), to.join(&name));
        if source.is_dir() {
            changed += mirror(&source, &copy)?;
        } else if fs::read(&source)? != fs::read(&copy).unwrap_or_default() || !copy.exists() {
            fs::copy(&source, &copy).with_context(|| format!("cannot write {}", copy.display()))?;
            changed += 1;
        }
    }
    Ok(changed)
}

fn names(dir: &Path) -> Result<BTreeSet<OsString>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    Ok(entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>()?)
}

/// The address among the helper's arguments, or its default. Like the helper, takes a port alone.
fn listen_address(arguments: &[String]) -> String {
    let mut arguments = arguments.iter();
    let mut listen = None;
    while let Some(argument) = arguments.next() {
        match argument.split_once('=') {
            Some(("--listen", address)) => listen = Some(address),
            _ if argument == "--listen" => listen = arguments.next().map(String::as_str),
            _ => {}
        }
    }
    match listen {
        None => LISTEN.to_owned(),
        Some(port) if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
        Some(address) => address.to_owned(),
    }
}

/// Opens the page once something listens at the address.
///
/// # Errors
/// Where nothing listens within a minute, or no browser can be opened.
pub(crate) fn open_when_served(address: &str) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > Duration::from_secs(60) {
            bail!("nothing listens at {address}, so no browser was opened");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    exec::run(exec::program(opener).arg(format!("http://{address}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_copies_what_changed_removes_what_is_gone_and_leaves_the_rest_alone() {
        let dir = std::env::temp_dir().join(format!("xtask-mirror-{}", std::process::id()));
        let (from, to) = (dir.join("from"), dir.join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(from.join("deep/a"), "a").unwrap();
        fs::write(from.join("b"), "b").unwrap();
        fs::write(to.join("gone"), "x").unwrap();
        assert_eq!(mirror(&from, &to).unwrap(), 3);
        let before = fs::metadata(to.join("b")).unwrap().modified().unwrap();
        assert_eq!(mirror(&from, &to).unwrap(), 0);
        assert_eq!(fs::metadata(to.join("b")).unwrap().modified().unwrap(), before);
        fs::write(from.join("b"), "c").unwrap();
        assert_eq!(mirror(&from, &to).unwrap(), 1);
        assert_eq!(fs::read_to_string(to.join("deep/a")).unwrap(), "a");
        assert!(!to.join("gone").exists());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_address_to_open_is_the_one_the_helper_was_given() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(listen_address(&[]), LISTEN);
        assert_eq!(listen_address(&words("--log x --listen 127.0.0.1:9")), "127.0.0.1:9");
        assert_eq!(listen_address(&words("--listen=[::1]:9")), "[::1]:9");
        assert_eq!(listen_address(&words("--listen 9")), "127.0.0.1:9");
    }
}
