//! Giving up root, and what is left of it: capabilities.
//!
//! Rights are needed to open raw sockets (CAP_NET_RAW), to enlarge receive buffers past the system's limit
//! (CAP_NET_ADMIN) and to listen on low ports: all of that is done before [`give_up`], and everything that reads
//! a byte from the network after it. The process may have them as root, or without being root, by file
//! capabilities or ambient ones. `main` calls it before there is a second thread: the kernel keeps capabilities
//! for each thread by itself.

use anyhow::{Context, bail};
use caps::{CapSet, Capability};
use nix::unistd::{geteuid, getuid};
use std::env;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// The user for root that did not come through sudo.
const NOBODY: &str = "nobody";
const BY_OPTION: &str = "chosen with --user";

/// Whether the process has root's rights.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// The user that called sudo: its numbers as sudo left them. Root calling sudo is nobody to drop to.
fn caller() -> Option<(OsString, OsString)> {
    let uid = env::var_os("SUDO_UID").filter(|uid| uid != "0" && !uid.is_empty())?;
    let gid = env::var_os("SUDO_GID").filter(|gid| !gid.is_empty())?;
    Some((uid, gid))
}

/// Gives up every right beyond those of an ordinary user, for good. Root becomes `user`, or the user that called
/// sudo, or `nobody`, with that user's group alone; capabilities go in any case, and no program that is started
/// from here can bring them back (no_new_privs). Returns a sentence that says what changed, where something did.
///
/// # Errors
/// Where there is no such user, or rights could be had again afterwards.
pub fn give_up(user: Option<&str>) -> anyhow::Result<Option<String>> {
    let root = is_root().then(|| drop_root(user)).transpose()?;
    let had = give_up_capabilities()?;
    nix::sys::prctl::set_no_new_privs().context("Privileges cannot be dropped for good")?;
    Ok(root.or_else(|| {
        let names: Vec<_> = had.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| format!("Dropped capabilities that are no longer needed: {}.", names.join(", ")))
    }))
}

/// Gives up the capabilities of the calling thread; tells which it had, in their order.
///
/// # Errors
/// Where some are left.
pub(crate) fn give_up_capabilities() -> anyhow::Result<Vec<Capability>> {
    const REFUSED: &str = "Capabilities could not be dropped";
    let mut had: Vec<_> = caps::read(None, CapSet::Permitted).context(REFUSED)?.into_iter().collect();
    had.sort_by_key(Capability::index);
    // Ambient first, which kernels before 4.3 do not have; it cannot outlive the others anyhow.
    let _ = caps::clear(None, CapSet::Ambient);
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set).context(REFUSED)?;
        if !caps::read(None, set).context(REFUSED)?.is_empty() {
            bail!("{REFUSED}.");
        }
    }
    Ok(had)
}

fn drop_root(user: Option<&str>) -> anyhow::Result<String> {
    let drop = privdrop::PrivDrop::default().fallback_to_ids_if_names_are_numeric();
    let (drop, name, reason) = match (user, caller()) {
        // A number has no entry to take the group from: without one of its own it would keep root's.
        (Some(user), _) if user.parse::<u32>().is_ok() => (drop.user(user).group(user), user.to_owned(), BY_OPTION),
        (Some(user), _) => (drop.user(user), user.to_owned(), BY_OPTION),
        (None, Some((uid, gid))) => {
            let name = env::var("SUDO_USER").unwrap_or_else(|_| format!("user {}", uid.display()));
            (drop.user(uid).group(gid), name, "the user who ran sudo")
        }
        (None, None) => {
            (drop.user(NOBODY), NOBODY.to_owned(), "because sudo was not used; choose another user with --user NAME")
        }
    };
    drop.apply()
        .with_context(|| format!("Could not drop root privileges to run as “{name}”. Name a user with --user NAME"))?;
    if is_root() || getuid().is_root() {
        bail!("“{name}” is root: name an ordinary user with --user NAME.");
    }
    Ok(format!("Dropped root privileges: the helper now runs as {name} ({reason})."))
}

/// Creates a file for output while root may still be there: where root may write, so may the helper that
/// root started. A file made by it belongs to the user that called sudo, as if the user had made it.
///
/// # Errors
/// The file system's.
pub fn create_output(path: &Path) -> io::Result<File> {
    let existed = path.exists();
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let numbers = caller().map(|(uid, gid)| (uid.to_string_lossy().parse(), gid.to_string_lossy().parse()));
    if let Some((Ok(uid), Ok(gid))) = numbers
        && is_root()
        && !existed
        && file.metadata()?.uid() == 0
    {
        fchown(&file, Some(uid), Some(gid))?;
    }
    Ok(file)
}
