//! For tests: a network of their own, where multicast may be sent.

use std::process::Command;

const INSIDE: &str = "AMT_HELPER_TEST_NETWORK";

/// Runs the test of this name (`module::tests::name`) in a process and a network namespace of its own, with a
/// cable whose ends are the interfaces `one` and `other`, and `setup` done by a shell. Whether this is that
/// process, so that the test goes on. Without root there is no such network, and the test says so and ends.
pub(crate) fn enter(test: &str, setup: &str) -> bool {
    // The kernel notices some time later that the cable is there; until then IPv6 has no way over it.
    const CABLE: &str = "cd /proc/sys/net && \
                         echo 0 | tee ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter \
                             ipv6/conf/all/accept_dad ipv6/conf/default/accept_dad >/dev/null && \
                         echo 1 >ipv4/conf/all/accept_local && \
                         ip link set lo up && ip link add one type veth peer name other && \
                         ip link set one up && ip link set other up && \
                         for end in one other; do for try in $(seq 500); do \
                             ip -6 route show table local | grep -q \"^multicast .*dev $end\" && break; \
                             sleep 0.02; \
                         done; done";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !crate::privilege::is_root() {
        eprintln!("skipped: this test needs root");
        return false;
    }
    let script = format!("{CABLE} && {setup} && exec \"$0\" --exact \"$1\" --nocapture");
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", &script]).arg(std::env::current_exe().unwrap()).arg(test).env(INSIDE, "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Changes that network.
pub(crate) fn ip(arguments: &str) {
    assert!(Command::new("ip").args(arguments.split(' ')).status().unwrap().success(), "{arguments}");
}
