//! Lines for people.
//!
//! They go to standard output, or to standard error where standard output carries data. A terminal that was
//! closed is no reason to stop receiving, so nothing here fails.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

static TO_STDERR: AtomicBool = AtomicBool::new(false);

/// From now on standard output belongs to data, and people read standard error.
pub fn keep_stdout_for_data() {
    TO_STDERR.store(true, Ordering::Relaxed);
}

/// Prints one line.
pub fn say(line: impl Display) {
    let _ = if TO_STDERR.load(Ordering::Relaxed) {
        writeln!(std::io::stderr().lock(), "{line}")
    } else {
        writeln!(std::io::stdout().lock(), "{line}")
    };
}
