//! With root and without: what works, and who reads packets.

use crate::common::relay::{GROUP, TestRelay};
use crate::common::stream::Stream;
use crate::common::{Helper, eventually, is_root};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;

const NOBODY: u32 = 65534;

fn proc_status(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap()
}

fn field(status: &str, name: &str) -> Vec<String> {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().skip(1).map(str::to_owned).collect()
}

/// The kernel keeps capabilities for each thread by itself.
fn no_thread_has_rights(pid: u32) {
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        // It may be gone by now.
        let Ok(status) = std::fs::read_to_string(thread.unwrap().path().join("status")) else { continue };
        for set in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
            assert_eq!(field(&status, set), ["0000000000000000"], "{set}\n{status}");
        }
        assert_eq!(field(&status, "NoNewPrivs:"), ["1"], "{status}");
    }
}

/// The helper in a place where another user may run it.
struct Copied(PathBuf);

impl Copied {
    fn new(label: &str) -> Self {
        let place = std::env::temp_dir().join(format!("amt-helper-test-{}-{label}", std::process::id()));
        std::fs::copy(env!("CARGO_BIN_EXE_amt-helper"), &place).unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(place)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Starts the helper, lets it receive, and gives what the system said about it when its first message had
/// come to the relay and had not been answered.
fn at_the_first_message(command: &mut Command) -> String {
    let relay = TestRelay::start();
    let (reached, at_relay) = mpsc::channel();
    let (seen, go_on) = mpsc::channel::<()>();
    relay.at_first_message(move || {
        reached.send(()).unwrap();
        let _ = go_on.recv_timeout(crate::common::PATIENCE);
    });
    let helper = Helper::start(command.args(["--listen", "0", &relay.url()]));
    at_relay.recv_timeout(crate::common::PATIENCE).expect("the helper asks the relay");
    let status = proc_status(helper.child.id());
    no_thread_has_rights(helper.child.id());
    seen.send(()).unwrap();
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    for _ in 0..10 {
        relay.send(&stream.datagram());
    }
    helper.lines.wait_for("Receiving ");
    status
}

#[test]
fn raw_packets_work_and_root_is_gone_before_one_is_read() {
    if !is_root() {
        return;
    }
    let mut command = Helper::command();
    command.args(["--transport", "raw"]).env("SUDO_UID", "1234").env("SUDO_GID", "1235");
    let status = at_the_first_message(&mut command);
    assert_eq!(field(&status, "Uid:"), ["1234"; 4]);
    assert_eq!(field(&status, "Gid:"), ["1235"; 4]);
    assert_eq!(field(&status, "Groups:"), ["1235"]);
    assert_eq!(field(&status, "CapEff:"), ["0000000000000000"]);
    assert_eq!(field(&status, "CapPrm:"), ["0000000000000000"]);
}

#[test]
fn root_that_nobody_called_sudo_for_becomes_nobody() {
    if !is_root() {
        return;
    }
    let status = at_the_first_message(Helper::command().args(["--transport", "udp", "--path", "amt"]));
    assert_eq!(field(&status, "Uid:"), [NOBODY.to_string().as_str(); 4]);
    assert_eq!(field(&status, "CapEff:"), ["0000000000000000"]);
    assert_eq!(field(&status, "CapBnd:"), ["0000000000000000"], "no program could get one back");
}

#[test]
fn raw_is_taken_by_itself_where_it_may_be_and_several_tunnels_do_not_mix() {
    if !is_root() {
        return;
    }
    let relay = TestRelay::start();
    let helper = Helper::start(Helper::command().args(["--listen", "0", &relay.url()]));
    helper.lines.wait_for("Transport: raw");
    relay.wait_for_join(GROUP);
    let mut receive =
        Helper::start(Helper::command().args(["receive", &relay.url(), "--path", "amt", "--output", "/dev/null"]));
    eventually("both are joined", || relay.subscribers(GROUP) == 2);
    let mut stream = Stream::default();
    for _ in 0..50 {
        relay.send(&stream.datagram());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    receive.lines.wait_for("Receiving ");
    helper.lines.wait_for("Receiving ");
    receive.signal("-INT");
    assert_eq!(receive.wait().code(), Some(0));
    receive.lines.wait_for("Received 350 packets in 50 datagrams");
}

#[test]
fn without_root_everything_but_raw_works() {
    // As another user where the tests run as root.
    let helper = Copied::new("as-nobody");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&helper.0);
        command.args(arguments).current_dir("/").env_clear();
        if nix::unistd::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    at_the_first_message(&mut command(&[]));
    let mut raw = Helper::start(&mut command(&["--listen", "0", "--transport", "raw"]));
    assert_eq!(raw.wait().code(), Some(1));
    raw.lines.wait_for("The raw transport needs root");
}

#[test]
fn two_capabilities_are_enough_for_raw_packets_and_are_gone_before_one_is_read() {
    if !is_root() {
        return;
    }
    let helper = Copied::new("ambient");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.args(["--inh-caps", "+net_raw,+net_admin", "--ambient-caps", "+net_raw,+net_admin"]);
    command.arg(&helper.0).args(["--transport", "raw"]).current_dir("/").env_clear();
    let status = at_the_first_message(&mut command);
    assert_eq!(field(&status, "Uid:"), [NOBODY.to_string().as_str(); 4]);
}

#[test]
fn capabilities_of_the_file_are_enough_as_well() {
    let helper = Copied::new("file");
    let set = Command::new("setcap").arg("cap_net_raw,cap_net_admin+ep").arg(&helper.0).status();
    if !is_root() || !set.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this test needs setcap, and a file system that keeps capabilities");
        return;
    }
    let mut command = Command::new(&helper.0);
    command.args(["--transport", "raw"]).uid(NOBODY).gid(NOBODY).current_dir("/").env_clear();
    at_the_first_message(&mut command);
}
