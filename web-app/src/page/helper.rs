//! The connection to the helper as people are told of it: what keeps the page from it, and what to do about that.

use super::status::Line;

/// The connection to the helper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Helper {
    /// Nothing is known yet.
    #[default]
    Connecting,
    /// It does not answer.
    Unreachable,
    /// Where the page came from something answers, but no helper stands behind it.
    NotBehind,
    /// It wants a token, and the page was opened without one or with another.
    TokenRefused,
    /// It answers, and lets this page not connect.
    NotAdmitted,
    /// It was there and says nothing any more, though nobody has closed the connection.
    Silent,
    /// It has greeted.
    There,
    /// It speaks another version of the protocol.
    OtherVersion,
    /// The worker has ended by a fault of its own.
    WorkerLost {
        /// It begins anew by itself.
        again: bool,
    },
    /// The worker could not be loaded.
    WorkerNotLoaded {
        /// It is tried again by itself.
        again: bool,
    },
}

/// Why the helper cannot be reached, by the status code of its answer to an ordinary request, if there was one.
#[must_use]
pub const fn unreachable(code: Option<u16>) -> Helper {
    match code {
        None => Helper::Unreachable,
        Some(401 | 403) => Helper::TokenRefused,
        Some(200 | 429 | 503) => Helper::NotAdmitted,
        Some(_) => Helper::NotBehind,
    }
}

/// The line while nothing comes from the helper; `None` where it is there.
pub(super) fn without_helper(helper: Helper, host: &str) -> Option<Line> {
    const START: &str = "Start it with `sudo -E amt-helper`; the page will connect automatically.";
    const RELOAD: &str = "Reload the page, or press Play to try again.";
    Some(match helper {
        Helper::There => return None,
        Helper::Connecting => Line::new("idle", "Connecting to the helper.", ""),
        Helper::Unreachable => Line::new(
            "helper_unreachable",
            match host {
                "" => "The helper cannot be reached.".to_owned(),
                host => format!("The helper cannot be reached: nothing answers at {host}."),
            },
            format!("{START} If it listens on another port, open the page on that port."),
        ),
        Helper::NotBehind => Line::new(
            "helper_unreachable",
            format!("{host} answers, but the helper behind it cannot be reached."),
            START,
        ),
        Helper::TokenRefused => Line::new(
            "helper_unreachable",
            format!("The helper at {host} requires a token, but this page has none or the wrong one."),
            "Open the page with `?token=` and the secret that the helper was started with (`--token`).",
        ),
        Helper::NotAdmitted => Line::new(
            "helper_unreachable",
            format!("The helper at {host} answers, but does not accept a connection from this page."),
            "Too many pages may be open: close some. The page will connect automatically.",
        ),
        Helper::Silent => Line::new(
            "helper_unreachable",
            "The helper has stopped responding.",
            "Reconnecting. If this persists, the helper or the network path to it is stuck.",
        ),
        Helper::OtherVersion => Line::new(
            "failed",
            "The helper and this page are different versions.",
            "Reload the page. If that does not help, reinstall the helper.",
        ),
        Helper::WorkerLost { again: true } => {
            Line::new("failed", "The stream reader crashed and is being restarted.", "")
        }
        Helper::WorkerLost { again: false } => Line::new("failed", "The stream reader keeps crashing.", RELOAD),
        Helper::WorkerNotLoaded { again: true } => {
            Line::new("failed", "The stream reader could not be loaded; trying again.", "")
        }
        Helper::WorkerNotLoaded { again: false } => Line::new("failed", "The stream reader cannot be loaded.", RELOAD),
    })
}
