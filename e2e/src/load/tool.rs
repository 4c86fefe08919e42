//! Starting the program `load`, on this host or another, and reading what it says: a line when it has begun, and
//! its result as JSON at the end.

use crate::Namespace;
use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// What it prints when it has begun.
pub const BEGAN: &str = "began";

/// The program, running. Killed on drop.
pub struct Tool {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tool {
    /// Starts it with a subcommand and its options, as one line that is split at spaces.
    ///
    /// # Errors
    /// Where it does not lie beside the running program.
    pub fn start(host: Option<&Namespace>, line: &str) -> Result<Self> {
        let program = Self::path()?;
        Self::run(host.map_or_else(|| Command::new(&program), |host| host.program(&program)), line)
    }

    /// Where the program lies: beside the running one.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn path() -> Result<PathBuf> {
        Ok(env::current_exe()?.with_file_name("load"))
    }

    /// Starts a command line that ends in the program, after adding its subcommand and options.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run(mut command: Command, line: &str) -> Result<Self> {
        command.args(line.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().context("it has no output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has begun.
    ///
    /// # Errors
    /// Where it ends instead.
    pub fn began(&mut self) -> Result<()> {
        let line = self.line()?;
        ensure!(line == BEGAN, "unexpected: {line}");
        Ok(())
    }

    /// Waits for its result.
    ///
    /// # Errors
    /// Where it ends without one.
    pub fn result<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("no result: {line}"))
    }

    fn line(&mut self) -> Result<String> {
        self.lines.next().context("it ended before its time")?.context("its output broke")
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
