//! What a start needs, and what it may do with the rights it starts with.

use crate::common::{Helper, PATIENCE, is_root};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

const CALLER: u32 = 1234;
const CALLERS_GROUP: u32 = 1235;
/// Nobody listens there.
const URL: &str = "amt://192.0.2.1@232.9.9.9?relay=127.0.0.1:9";

/// Starts a helper under a shell's limit: `None` where it runs, else how it ended.
fn start_under(limit: &str, arguments: &[&str]) -> Option<Output> {
    let helper = Helper::command();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]).arg(helper.get_program()).args(arguments);
    for (name, value) in helper.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut helper = Helper::start(&mut command);
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "{limit}: it neither runs nor ends:\n{}", helper.lines.all());
        if let Some(status) = helper.child.try_wait().unwrap() {
            // What it said last may still be on its way.
            std::thread::sleep(std::time::Duration::from_millis(20));
            return Some(Output { status, stdout: helper.lines.all().into_bytes(), stderr: Vec::new() });
        }
        if helper.lines.all().contains("Open http") {
            // It starts its runtime before it says so.
            return None;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn too_few_files_are_told_in_a_sentence_however_few_they_are() {
    let mut ran = false;
    for files in (3..64).step_by(3).chain([8, 128]) {
        let Some(ended) = start_under(&format!("ulimit -n {files}"), &["--listen", "0"]) else {
            ran = true;
            continue;
        };
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(!said.contains("panicked"), "{files} files: {said}");
        // With the fewest of all the system's loader does not get as far.
        assert!(matches!(ended.status.code(), Some(1 | 127)), "{files} files: {said}");
        assert!(files < 6 || said.contains("amt-helper: "), "{files} files: {said}");
    }
    assert!(ran, "and where there are enough it runs");
}

/// A folder of its own for a test, with a folder of the caller's in it.
struct Folders {
    roots: PathBuf,
    callers: PathBuf,
}

impl Folders {
    fn new(label: &str) -> Self {
        let roots = std::env::temp_dir().join(format!("amt-helper-test-{}-{label}", std::process::id()));
        let callers = roots.join("callers");
        fs::create_dir_all(&callers).unwrap();
        fs::set_permissions(&roots, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&callers, Some(CALLER), Some(CALLERS_GROUP)).unwrap();
        Self { roots, callers }
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.roots);
    }
}

/// Receives nothing into a file, as under sudo or as root itself; whether the file could be opened.
fn opens(path: &Path, sudo: bool) -> bool {
    let mut command = Helper::command();
    command.args(["receive", URL, "--transport", "udp", "--path", "amt", "--duration", "0.1", "--output"]).arg(path);
    if sudo {
        command.env("SUDO_UID", CALLER.to_string()).env("SUDO_GID", CALLERS_GROUP.to_string());
    }
    let mut helper = Helper::start(&mut command);
    assert_eq!(helper.wait().code(), Some(1), "no data came");
    let said = helper.lines.all();
    assert_ne!(said.contains("cannot be written"), said.contains("No data arrived"), "{said}");
    said.contains("No data arrived")
}

#[test]
fn under_sudo_a_file_is_written_only_where_the_caller_may() {
    if !is_root() {
        return;
    }
    let folders = Folders::new("output");
    let own = folders.callers.join("own.ts");
    assert!(opens(&own, true));
    let made = fs::metadata(&own).unwrap();
    assert_eq!((made.uid(), made.gid()), (CALLER, CALLERS_GROUP));

    let foreign = folders.roots.join("foreign.ts");
    assert!(!opens(&foreign, true) && !foreign.exists(), "no file in root's folder");
    fs::write(&foreign, "root's").unwrap();
    assert!(!opens(&foreign, true));
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "root's");
    assert!(opens(&folders.roots.join("roots-own.ts"), false), "where root itself started it, root may");
}

#[test]
fn root_follows_no_link_to_an_output() {
    if !is_root() {
        return;
    }
    let folders = Folders::new("link");
    for (sudo, target) in [(true, "callers/target.ts"), (true, "target.ts"), (false, "target.ts")] {
        let (target, link) = (folders.roots.join(target), folders.callers.join("link.ts"));
        symlink(&target, &link).unwrap();
        assert!(!opens(&link, sudo) && !target.exists(), "a dangling link");
        fs::remove_file(&link).unwrap();
    }
}
