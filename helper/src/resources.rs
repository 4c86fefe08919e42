//! What the system must have to spare before the helper starts: open files and threads.
//!
//! The runtime panics where it gets none, and so does whatever starts a thread. So they are tried out first, and who
//! starts the helper is told in a sentence what is missing and how to raise it.

use anyhow::bail;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use std::io;
use std::os::fd::AsFd;
use std::thread::{self, JoinHandle};

/// Open files that the runtime, one page and one channel take, and some more.
const FILES: usize = 32;
/// Threads besides the runtime's own: the one that prints, one that writes, and calls that block.
const THREADS: usize = 4;
/// As many files as the helper can ever use: connections, pages, and sockets to relays.
const MOST_FILES: rlim_t = 4096;

/// Takes as many open files as the process may have by itself: many systems give a process fewer than they let it ask
/// for, since some programs cannot count past 1024.
pub fn ask_for_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard.min(MOST_FILES)
    {
        // Where it is refused the limit stays as it is, and `check` looks whether it is enough.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST_FILES), hard);
    }
}

/// How many sockets may be made in advance: `many` where as many files may be open as the helper can use, else `few`; and
/// never so many that most files are not left for what comes.
#[must_use]
pub(crate) fn sockets_in_advance(many: usize, few: usize) -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(rlim_t::MAX, |(soft, _)| soft);
    let wanted = if limit >= MOST_FILES { many } else { few };
    wanted.min(usize::try_from(limit / 4).unwrap_or(wanted))
}

/// Tries out whether there is enough to start. To be called when all that is kept is open, right before the runtime
/// starts.
///
/// # Errors
/// A sentence with what is missing, and how to raise it.
pub fn check() -> anyhow::Result<()> {
    let standard = io::stderr();
    let tried = (0..FILES).map(|_| standard.as_fd().try_clone_to_owned());
    if let Err(error) = tried.collect::<io::Result<Vec<_>>>() {
        bail!(
            "The helper needs {FILES} open files more than it may have ({error}). Raise the limit with “ulimit -n 1024”, or \
             LimitNOFILE= in a unit."
        );
    }
    let wanted = thread::available_parallelism().map_or(1, usize::from) + THREADS;
    let started: Vec<io::Result<JoinHandle<()>>> =
        (0..wanted).map(|_| thread::Builder::new().spawn(thread::park)).collect();
    let failed = started.iter().find_map(|thread| thread.as_ref().err().map(ToString::to_string));
    for thread in started.into_iter().flatten() {
        thread.thread().unpark();
        let _ = thread.join();
    }
    match failed {
        None => Ok(()),
        Some(error) => bail!(
            "The helper needs {wanted} threads and does not get them ({error}). Raise the limit with “ulimit -u”, or \
             TasksMax= in a unit."
        ),
    }
}
