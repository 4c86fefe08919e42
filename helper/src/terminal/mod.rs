//! Lines for people, and the log.
//!
//! Lines go to standard output, or to standard error where standard output carries data; the log goes to standard
//! error. With `--log-format json` both are JSON objects. A thread of its own prints them: a terminal that stands
//! still (Ctrl-S) or a pager that reads no further must not hold up a tunnel. A terminal that was closed is no reason
//! to stop receiving, so nothing here fails. Floods are cut down (`limiter`).

mod limiter;
mod line;
mod log;

pub use line::{Level, Line};

use crate::options::{General, LogFormat};
use crate::privilege::{give_up_capabilities, is_root};
use limiter::{Limiter, Summary};
use log::timeless;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Lines that may wait to be printed.
const WAITING: usize = 1000;
/// What a terminal knows (ECMA-48): back to the beginning of an empty line; and lines that end at the edge, and do not.
const CLEAR_LINE: &str = "\r\x1b[K";
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
/// How long [`finish`] waits.
const LAST_LINES: Duration = Duration::from_millis(500);

static TO_STDERR: AtomicBool = AtomicBool::new(false);
static JSON: AtomicBool = AtomicBool::new(false);
/// Whether somebody looks on, so that lines need no time and can be overwritten.
static ON_A_TERMINAL: AtomicBool = AtomicBool::new(true);
/// Whether whoever reads the lines notes their time.
static TIMED_ELSEWHERE: AtomicBool = AtomicBool::new(false);
static QUIET: AtomicBool = AtomicBool::new(false);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

enum Job {
    Print(Line),
    /// Takes the place of the last of its kind; for a terminal alone.
    Progress(Line),
    Log {
        text: String,
        /// A person wants to see all of its kind.
        asked_for: bool,
    },
    /// Says so when all before it is printed.
    Tell(SyncSender<()>),
}

/// How lines are printed from now on, and how much is logged. To be called once, before anything is printed.
pub fn start(options: &General) {
    JSON.store(options.log_format == LogFormat::Json, Ordering::Relaxed);
    ON_A_TERMINAL.store(stdout().is_terminal(), Ordering::Relaxed);
    // systemd sets it for what goes to its journal (systemd.exec(5)).
    TIMED_ELSEWHERE.store(std::env::var_os("JOURNAL_STREAM").is_some(), Ordering::Relaxed);
    log::start(options);
    log::log_panics();
}

/// From now on standard output belongs to data, and people read standard error.
pub fn keep_stdout_for_data() {
    TO_STDERR.store(true, Ordering::Relaxed);
    ON_A_TERMINAL.store(stderr().is_terminal(), Ordering::Relaxed);
}

/// From now on only what ends the program and the log are printed.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether lines go to a terminal and nowhere else, so that what is secret may stand in them.
#[must_use]
pub fn is_watched() -> bool {
    ON_A_TERMINAL.load(Ordering::Relaxed) && !JSON.load(Ordering::Relaxed)
}

/// Prints one line; leaves it out where too many wait.
pub fn say(line: impl Display) {
    say_line(Line::new(line));
}

/// Prints one line with what it is about.
pub fn say_line(line: Line) {
    if !QUIET.load(Ordering::Relaxed) {
        printer().job(Job::Print(line));
    }
}

/// Shows how it goes on, in one place, where somebody looks on; a log does not grow by it.
pub fn show_progress(line: Line) {
    if is_watched() && !QUIET.load(Ordering::Relaxed) {
        printer().job(Job::Progress(line));
    }
}

/// Says why the program ends, on standard error, at once.
pub fn complain(error: &anyhow::Error) {
    let line = Line::new(format_args!("{error:#}")).level(Level::Error);
    let text = if JSON.load(Ordering::Relaxed) { line.json() } else { format!("amt-helper: {}", line.text()) };
    // A terminal that was closed does not change the exit status.
    let _ = writeln!(stderr(), "{text}");
}

/// Waits until all is printed, but not for a terminal that takes nothing.
pub fn finish() {
    let (tell, told) = sync_channel(1);
    if printer().0.as_ref().is_some_and(|jobs| jobs.try_send(Job::Tell(tell)).is_ok()) {
        let _ = told.recv_timeout(LAST_LINES);
    }
}

/// Without a thread, where the system has none to give, lines are printed by whoever says them.
struct Printer(Option<SyncSender<Job>>);

impl Printer {
    fn job(&self, job: Job) {
        match (&self.0, job) {
            (Some(jobs), job) => {
                if jobs.try_send(job).is_err() {
                    LEFT_OUT.fetch_add(1, Ordering::Relaxed);
                }
            }
            (None, Job::Print(line)) => write(&line),
            (None, Job::Log { text, .. }) => write_log(&text),
            (None, Job::Progress(_) | Job::Tell(_)) => {}
        }
    }
}

fn printer() -> &'static Printer {
    static PRINTER: OnceLock<Printer> = OnceLock::new();
    PRINTER.get_or_init(|| {
        let (sender, jobs) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("printer".into()).spawn(move || {
            // The first line may come before the process gives its rights up, which each thread has by itself.
            // Root's go in every thread at once, and that aborts where one thread has fewer than the others.
            if !is_root() {
                let _ = give_up_capabilities();
            }
            print(&jobs);
        });
        Printer(thread.is_ok().then_some(sender))
    })
}

fn print(jobs: &Receiver<Job>) {
    let mut limiter = Limiter::default();
    // Whether the last line of the terminal is to be overwritten.
    let mut in_place = false;
    loop {
        let job = match limiter.poll_timeout() {
            Some(due) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let ends = matches!(job, Ok(Job::Tell(_)));
        let over = limiter.handle_timeout(Instant::now(), ends);
        let goes_on = over.is_empty() && matches!(job, Ok(Job::Progress(_)) | Err(_));
        if !goes_on && std::mem::take(&mut in_place) {
            put(CLEAR_LINE);
        }
        over.iter().for_each(tell);
        match job {
            Ok(Job::Print(line)) => {
                let left_out = LEFT_OUT.swap(0, Ordering::Relaxed);
                if left_out > 0 {
                    write(&Line::new(format_args!("({left_out} lines were dropped because nothing read them.)")));
                }
                if limiter.admit(Instant::now(), &line.text(), false) {
                    write(&line);
                }
            }
            Ok(Job::Progress(line)) => {
                in_place = true;
                put(&format!("{CLEAR_LINE}{NO_WRAP}{}{WRAP}", line.text()));
            }
            Ok(Job::Log { text, asked_for }) => {
                if limiter.admit(Instant::now(), timeless(&text), asked_for) {
                    write_log(&text);
                }
            }
            Ok(Job::Tell(tell)) => {
                let _ = tell.try_send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn tell(summary: &Summary) {
    write(&Line::new(match summary {
        Summary::Again(line, times) => format!("({times} more times within a second: {line})"),
        Summary::LeftOut(lines) => format!("({lines} other lines within a second were omitted.)"),
    }));
}

fn write_log(text: &str) {
    let _ = writeln!(stderr().lock(), "{text}");
}

fn write(line: &Line) {
    let text = if JSON.load(Ordering::Relaxed) {
        line.json()
    } else if ON_A_TERMINAL.load(Ordering::Relaxed) || TIMED_ELSEWHERE.load(Ordering::Relaxed) {
        line.text()
    } else {
        line.timed()
    };
    put(&(text + "\n"));
}

fn put(text: &str) {
    if TO_STDERR.load(Ordering::Relaxed) {
        put_to(&mut stderr().lock(), text);
    } else {
        put_to(&mut stdout().lock(), text);
    }
}

fn put_to(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
    let _ = to.flush();
}
