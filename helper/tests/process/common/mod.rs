//! A relay on loopback that tests can look into, the helper as a process, and a page without a browser.

pub(crate) mod page;
pub(crate) mod relay;
pub(crate) mod stream;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything takes on a slow and loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What the helper prints, as it comes.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Lines {
    fn follow(&self, stream: impl Read + Send + 'static) {
        let lines = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.0.0.lock().unwrap().push(line);
                lines.0.1.notify_all();
            }
        });
    }

    /// The first line that contains `text`.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.0.0.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "“{text}” was not printed, but this:\n{}", lines.join("\n"));
            lines = self.0.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub(crate) fn all(&self) -> String {
        self.0.0.lock().unwrap().join("\n")
    }
}

/// The helper as a process of its own.
pub(crate) struct Helper {
    pub(crate) child: Child,
    pub(crate) lines: Lines,
}

impl Helper {
    pub(crate) fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amt-helper"));
        for variable in ["AMT_URL", "AMT_RELAY", "RUST_LOG", "SUDO_UID", "SUDO_GID", "SUDO_USER"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with_stdout(command, Stdio::piped())
    }

    pub(crate) fn start_with_stdout(command: &mut Command, stdout: Stdio) -> Self {
        let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().expect("the helper starts");
        // The command would hold the other end of a pipe as well.
        command.stdout(Stdio::null());
        let lines = Lines::default();
        child.stdout.take().into_iter().for_each(|stdout| lines.follow(stdout));
        lines.follow(child.stderr.take().unwrap());
        Self { child, lines }
    }

    /// A helper that serves the page on a free port, without rights.
    pub(crate) fn serve(arguments: &[&str]) -> Self {
        Self::start(Self::command().args(["--listen", "0", "--transport", "udp", "--path", "amt"]).args(arguments))
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.lines.wait_for("Open http");
        let after = line.split("://").nth(1).unwrap();
        after.split('/').next().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the helper does not end:\n{}", self.lines.all());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "it did not come to be: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the tests run as root; says so where they do not.
pub(crate) fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: this test needs root");
    }
    root
}
