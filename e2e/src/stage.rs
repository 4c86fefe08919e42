//! Where a test happens: a directory of its own and ports that nobody uses.

use anyhow::{Context, Result, bail};
use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A temporary directory; removed at the end, kept and named where the test panics.
pub struct Stage {
    dir: Option<TempDir>,
}

/// Runs a test on a stage of its own.
///
/// # Panics
/// Where it fails, with what every process of it printed.
pub async fn on_stage(test: impl AsyncFnOnce(&Stage) -> Result<()>) {
    let stage = Stage::new().expect("a temporary directory");
    if let Err(error) = test(&stage).await {
        panic!("{error:#}");
    }
}

impl Stage {
    /// An empty stage.
    ///
    /// # Errors
    /// Where the system has no temporary directory.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("amt-e2e-").tempdir().context("no temporary directory")?;
        Ok(Self { dir: Some(dir) })
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().map_or(Path::new("."), TempDir::path)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Some(dir) = self.dir.take().map(TempDir::keep) else { return };
        for log in fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if log.extension().is_some_and(|extension| extension == "log") {
                let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
                let lines: Vec<_> = text.lines().collect();
                let end = &lines[lines.len().saturating_sub(60)..];
                eprintln!("---- the end of {} ----\n{}", log.display(), end.join("\n"));
            }
        }
        eprintln!("---- what this test wrote is kept in {} ----", dir.display());
    }
}

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The helper as `cargo build --release -p amt-helper` made it, or the one that `AMT_E2E_HELPER` names.
///
/// # Errors
/// Where it is not built.
pub fn helper_binary() -> Result<PathBuf> {
    if let Some(named) = env::var_os("AMT_E2E_HELPER") {
        return Ok(named.into());
    }
    // …/target/debug/deps/test-hash: two or three up is the target directory, wherever it lies.
    let this = env::current_exe()?;
    let found = this.ancestors().map(|dir| dir.join("release/amt-helper")).find(|path| path.is_file());
    let Some(found) = found else {
        bail!(
            "the helper is not built: run `cargo xtask test`, or `trunk build --release` and then `cargo build --release -p amt-helper`"
        );
    };
    Ok(found)
}

/// The demo's clip, for senders of our own.
#[must_use]
pub fn clip() -> PathBuf {
    root().join("helper/src/demo/clip.ts")
}

/// A TCP port that is free now.
///
/// # Errors
/// Where the system has none.
pub fn free_tcp_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A UDP port that is free now.
///
/// # Errors
/// Where the system has none.
pub fn free_udp_port() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
