//! A child process that never outlives its test.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A started program whose output goes to a file. Killed on drop.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts it with both outputs in `dir/name.log`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(name: &str, command: &mut Command, dir: &Path) -> Result<Self> {
        let (log, file) = open_log(name, dir)?;
        let child = spawn(command.stdout(file.try_clone()?).stderr(file))?;
        Ok(Self { child, name: name.to_owned(), log })
    }

    /// Starts it, with its standard output for the caller to read and its other one in `dir/name.log`.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_to_read(name: &str, command: &mut Command, dir: &Path) -> Result<(Self, ChildStdout)> {
        let (log, file) = open_log(name, dir)?;
        let mut child = spawn(command.stdout(Stdio::piped()).stderr(file))?;
        let stdout = child.stdout.take().context("no standard output")?;
        Ok((Self { child, name: name.to_owned(), log }, stdout))
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it, and what ran under this name before it, has printed.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends SIGKILL, which gives it no chance to say goodbye, and waits for the end.
    ///
    /// # Errors
    /// Where it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The memory that it has in use, in kilobytes.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn memory_kb(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS line")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Fails, with what it printed, where it has ended.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn check_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended with {status}:\n{}", self.name, self.log()),
            None => Ok(()),
        }
    }

    /// Sends SIGTERM, as a system does that wants it to end, and waits for the end.
    ///
    /// # Errors
    /// Where it does not end within 20 seconds.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        // The standard library sends no signal but SIGKILL; every shell does.
        Command::new("sh").args(["-c", &format!("kill -TERM {} 2>/dev/null", self.id())]).status()?;
        self.wait(Duration::from_secs(20))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Where it does not come within the limit.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > limit {
                bail!("{} did not end within {limit:?}:\n{}", self.name, self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn open_log(name: &str, dir: &Path) -> Result<(PathBuf, File)> {
    let log = dir.join(format!("{name}.log"));
    let file = File::options().create(true).append(true).open(&log)?;
    Ok((log, file))
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start {command:?}"))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
