//! Giving up root, and what is left of it: capabilities.
//!
//! Rights are needed to open raw sockets (CAP_NET_RAW), to enlarge receive buffers past the system's limit
//! (CAP_NET_ADMIN) and to listen on low ports: all of that is done before [`give_up`], and everything that reads
//! a byte from the network after it. The process may have them as root, or without being root, by file
//! capabilities or ambient ones. `main` calls it before there is a second thread: the kernel keeps capabilities
//! for each thread by itself.

use anyhow::{Context, bail};
use caps::{CapSet, Capability};
use nix::libc;
use nix::unistd::{Gid, Uid, User, getegid, geteuid, getgrouplist, getgroups, getuid, setfsgid, setfsuid, setgroups};
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
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
    empty_bounding_set();
    let root = is_root().then(|| drop_root(user)).transpose()?;
    let had = give_up_capabilities()?;
    nix::sys::prctl::set_no_new_privs().context("Privileges cannot be dropped for good")?;
    Ok(root.or_else(|| {
        let names: Vec<_> = had.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| format!("Dropped capabilities that are no longer needed: {}.", names.join(", ")))
    }))
}

/// No program that is started from here can get a capability. Only who has CAP_SETPCAP, as root has, may say so; for
/// everybody else no_new_privs, set afterwards, says the same.
fn empty_bounding_set() {
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false)
        && let Err(error) = caps::clear(None, CapSet::Bounding)
    {
        tracing::debug!(%error, "the bounding set stays as it is");
    }
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

/// Creates a file for output while root may still be there: as the user that called sudo, with that user's own rights
/// on the file system, so that no file comes to be where that user could make none. Only where root itself started
/// the helper does root open it. In both cases no symbolic link is followed in the last step: what root's helper writes
/// to is what was named, wherever somebody else may have put a link.
///
/// # Errors
/// The file system's; a sentence where the file is a link.
pub fn create_output(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    if !is_root() {
        return options.open(path);
    }
    options.custom_flags(libc::O_NOFOLLOW);
    let _as_caller = caller().map(|(uid, gid)| AsCaller::become_caller(&uid, &gid)).transpose()?;
    options.open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a symbolic link, which the helper does not follow as root"),
        _ => error,
    })
}

/// As long as it lives, this thread has the rights of the user that called sudo on the file system, and keeps all its
/// others.
struct AsCaller {
    groups: Vec<Gid>,
}

impl AsCaller {
    fn become_caller(uid: &OsStr, gid: &OsStr) -> io::Result<Self> {
        let number = |text: &OsStr| text.to_str()?.parse().ok();
        let (Some(uid), Some(gid)) = (number(uid), number(gid)) else {
            return Err(io::Error::other("SUDO_UID and SUDO_GID are not numbers"));
        };
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        // A user without an entry is in no other group.
        let name = User::from_uid(uid).ok().flatten().and_then(|user| CString::new(user.name).ok());
        let groups = name.and_then(|name| getgrouplist(&name, gid).ok()).unwrap_or_else(|| vec![gid]);
        let before = Self { groups: getgroups()? };
        setgroups(&groups)?;
        // These two give the number before, and no error: a second call tells whether the first did it.
        setfsgid(gid);
        setfsuid(uid);
        if setfsuid(uid) != uid || setfsgid(gid) != gid {
            return Err(io::Error::other("the rights of the user who called sudo cannot be taken"));
        }
        Ok(before)
    }
}

impl Drop for AsCaller {
    fn drop(&mut self) {
        setfsuid(geteuid());
        setfsgid(getegid());
        // What is left of them goes with root itself.
        let _ = setgroups(&self.groups);
    }
}
