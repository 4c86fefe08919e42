//! Lines for people.
//!
//! They go to standard output, or to standard error where standard output carries data. A thread of its own
//! prints them: a terminal that stands still (Ctrl-S) or a pager that reads no further must not hold up a
//! tunnel. A terminal that was closed is no reason to stop receiving, so nothing here fails.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Lines that may wait to be printed.
const WAITING: usize = 1000;
/// How long [`finish`] waits.
const LAST_LINES: Duration = Duration::from_millis(500);

static TO_STDERR: AtomicBool = AtomicBool::new(false);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

enum Job {
    Print(String),
    /// Says so when all before it is printed.
    Tell(SyncSender<()>),
}

/// From now on standard output belongs to data, and people read standard error.
pub fn keep_stdout_for_data() {
    TO_STDERR.store(true, Ordering::Relaxed);
}

/// Prints one line; leaves it out where too many wait.
pub fn say(line: impl Display) {
    if printer().try_send(Job::Print(line.to_string())).is_err() {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until all is printed, but not for a terminal that takes nothing.
pub fn finish() {
    let (tell, told) = sync_channel(1);
    if printer().try_send(Job::Tell(tell)).is_ok() {
        let _ = told.recv_timeout(LAST_LINES);
    }
}

fn printer() -> &'static SyncSender<Job> {
    static PRINTER: OnceLock<SyncSender<Job>> = OnceLock::new();
    PRINTER.get_or_init(|| {
        let (sender, jobs) = sync_channel(WAITING);
        std::thread::spawn(move || print(&jobs));
        sender
    })
}

fn print(jobs: &Receiver<Job>) {
    for job in jobs {
        match job {
            Job::Print(line) => {
                let left_out = LEFT_OUT.swap(0, Ordering::Relaxed);
                if left_out > 0 {
                    write(&format!("({left_out} lines were left out, as nobody took them.)"));
                }
                write(&line);
            }
            Job::Tell(tell) => {
                let _ = tell.try_send(());
            }
        }
    }
}

fn write(line: &str) {
    let _ = if TO_STDERR.load(Ordering::Relaxed) {
        writeln!(stderr().lock(), "{line}")
    } else {
        writeln!(stdout().lock(), "{line}")
    };
}
