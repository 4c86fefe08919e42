//! Running other programs in the repository's root.

use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Cargo's target directory, for what is built besides the workspace.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Where tools go that must not displace another version of the user's own.
pub(crate) fn own_tools() -> PathBuf {
    target().join("tools")
}

/// A program, in the root, that finds our tools first and cargo's after them.
///
/// Cargo's own folder is named because a shell that has not read `~/.cargo/env` does not have it.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut path = vec![own_tools().join("bin")];
    path.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    path.extend(cargo_home.map(|home| home.join("bin")));
    // A new Command looks a bare name up in the PATH that it will hand on.
    let mut command = Command::new(name);
    command.current_dir(root());
    if let Ok(path) = env::join_paths(path) {
        command.env("PATH", path);
    }
    command
}

/// A program and its arguments from one line, split at spaces.
pub(crate) fn line(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = program(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// Runs it to its end with our own input and output.
///
/// # Errors
/// Where it cannot be started or does not succeed; the error holds the line to repeat it by hand.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Like [`run`], and hands every line of its standard output to `look` after printing it.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_watching(command: &mut Command, mut look: impl FnMut(&str)) -> Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    if let Some(stdout) = child.stdout.take() {
        let mut printed = std::io::stdout().lock();
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            printed.write_all(&line)?;
            printed.flush()?;
            look(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// What it prints, trimmed; `None` where it is not there or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
