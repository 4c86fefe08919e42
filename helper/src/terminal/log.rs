//! The log behind `tracing`: on standard error, through the same thread and the same bounds as the lines for people.

use super::{Job, printer};
use crate::options::{General, LogFormat};
use std::io::{self, IsTerminal, Write};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Sets the log up, once for the process. `RUST_LOG` says how much, else `--log-level`.
pub(super) fn start(options: &General) {
    let level = options.log_level.directives();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Log);
    match options.log_format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// What panics is logged as an error, within the same bounds: a thousand a second must not fill a disk. In the main thread it
/// ends the process, which waits for nothing.
pub(super) fn log_panics() {
    let by_itself = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if thread.name() == Some("main") {
            return by_itself(panic);
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or_default();
        tracing::error!(place, "internal error: part of the helper panicked: {message}");
    }));
}

struct Log;

/// Collects what one event prints.
struct Event {
    bytes: Vec<u8>,
    asked_for: bool,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Event;

    fn make_writer(&'a self) -> Event {
        Event { bytes: Vec::new(), asked_for: false }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Event {
        // Nobody gets these who did not ask for them.
        Event { bytes: Vec::new(), asked_for: *about.level() >= Level::DEBUG }
    }
}

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.bytes).trim_end().to_owned();
        if !text.is_empty() {
            printer().job(Job::Log { text, asked_for: self.asked_for });
        }
    }
}

/// A logged line without its time, which makes every line another one.
pub(super) fn timeless(text: &str) -> &str {
    let after = text.strip_prefix(r#"{"timestamp":"#).and_then(|rest| rest.split_once(','));
    after.or_else(|| text.split_once(' ')).map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_their_time_alone_are_the_same() {
        let text = |time| format!("{time}  WARN amt_helper::server: cannot accept connections");
        assert_eq!(timeless(&text("2026-11-24T14:00:00.1Z")), timeless(&text("2026-11-24T14:00:00.2Z")));
        let json = |time| format!(r#"{{"timestamp":"{time}","level":"WARN","message":"no, connection"}}"#);
        assert_eq!(timeless(&json("2026-11-24T14:00:00.1Z")), timeless(&json("2026-11-24T14:00:00.2Z")));
        assert!(timeless(&json("2026-11-24T14:00:00.1Z")).contains("no, connection"));
        assert_eq!(timeless("word"), "word");
    }
}
