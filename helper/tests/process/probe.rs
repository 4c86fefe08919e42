//! `amt-helper probe`: what a person and a script see of a channel, with the demo's relay at the other end.

use crate::common::relay::TestRelay;
use crate::common::{Helper, PATIENCE, eventually, is_root};
use serde_json::Value;
use std::net::UdpSocket;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The demo's relay with its clip, and the address of its channel.
fn demo() -> (Helper, String) {
    let mut command = Helper::command();
    command.args(["demo", "--relay-only", "--relay-address", "127.0.0.1:0", "--transport", "udp"]);
    let relay = Helper::start(&mut command);
    let line = relay.lines.wait_for("Its channel: ");
    let url = line.split("Its channel: ").nth(1).unwrap().trim().to_owned();
    (relay, url)
}

/// Looks at a channel that is in order. On a machine that stands still for half a second it is not: tables come late
/// then, which is what a probe has to tell.
fn probe_until_fine(url: &str, more: &[&str]) -> Output {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = probe(url, more);
        if output.status.code() == Some(0) || Instant::now() > deadline {
            return output;
        }
    }
}

/// Looks at a channel to the end.
fn probe(url: &str, more: &[&str]) -> Output {
    let mut command = Helper::command();
    command.args(["probe", url, "--path", "amt", "--transport", "udp"]).args(more);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_person_sees_the_way_the_stream_and_the_verdict() {
    let (_relay, url) = demo();
    let output = probe_until_fine(&url, &["--seconds", "2"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}");
    let line = |begin: &str| report.lines().find(|line| line.trim_start().starts_with(begin)).unwrap_or_default();
    for (begin, part) in [
        ("discovery", "the relay is 127.0.0.1:"),
        ("request", "refresh interval "),
        ("update", "joined at 127.0.0.1:"),
        ("first packet", "after the update"),
        ("first key frame", "after the first packet"),
        ("Chosen: AMT through 127.0.0.1:", "delivered first)."),
        ("size", "1316 bytes (7 × 188)"),
        ("programme 1", "“amt:// test card” (amt-helper demo)"),
        ("256", "H.264"),
        ("257", "AAC"),
        ("1.4", "ok"),
        ("OK: ", " with H.264 and AAC, no errors in "),
    ] {
        assert!(line(begin).contains(part), "“{begin} … {part}” is missing in:\n{report}");
    }
    assert!(report.lines().last().unwrap().starts_with("OK: "), "{report}");
}

#[test]
fn a_script_gets_one_json_object_and_people_the_other_output() {
    let (_relay, url) = demo();
    let output = probe_until_fine(&url, &["--seconds", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout).expect("standard output is JSON and nothing else");
    assert_eq!(report["verdict"]["status"], "fine");
    assert_eq!(report["way"]["path"], "amt");
    let steps: Vec<_> = report["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
    assert_eq!(steps, ["discovery", "request", "update", "first_packet", "first_key_frame"]);
    let rate = report["stream"]["arrivals"]["mean_bps"].as_u64().unwrap();
    assert!((300_000..3_000_000).contains(&rate), "{rate}");
    assert_eq!(report["stream"]["programs"][0]["streams"][0]["codec"], "H.264");
    assert!(text(&output.stderr).contains("Probing amt://"));
}

#[test]
fn who_wants_the_verdict_alone_gets_nothing_else() {
    let (_relay, url) = demo();
    let output = probe_until_fine(&url, &["--seconds", "2", "--quiet"]);
    let verdict = text(&output.stdout);
    assert!(verdict.starts_with("OK: ") && verdict.lines().count() == 1, "{verdict}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_dead_relay_fails_at_the_discovery() {
    // Taken, so that nobody else answers there, and never read.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("amt://192.0.2.1@232.9.9.9?relay={}", silent.local_addr().unwrap());
    let output = probe(&url, &["--seconds", "1.5", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sentence = report["verdict"]["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("Not receivable: the discovery failed at 127.0.0.1:"), "{sentence}");
    assert_eq!(report["steps"][0]["outcome"], "unanswered");
    assert_eq!(report["stream"], Value::Null);
    drop(silent);
    // Now ICMP says so.
    let output = probe(&url, &["--seconds", "1.5"]);
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(report.lines().last().unwrap().contains("unreachable (ICMP)"), "{report}");
}

#[test]
fn what_is_wrong_with_the_data_shows_in_the_exit_status() {
    let relay = TestRelay::start();
    let mut command = Helper::command();
    command.args(["probe", &relay.url(), "--path", "amt", "--transport", "udp", "--seconds", "1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    relay.wait_for_join(crate::common::relay::GROUP);
    // No tables, and a counter that misses one packet.
    for counter in (0..16u8).chain(1..16) {
        let packet: Vec<u8> = [&[0x47, 1, 0, 0x10 | counter][..], &[0; 184]].concat();
        relay.send(&packet);
    }
    let output = child.wait_with_output().unwrap();
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{report}");
    let verdict = report.lines().last().unwrap();
    assert!(verdict.starts_with("Received with errors"), "{report}");
    assert!(verdict.contains("lost 1 transport packet;") && verdict.contains("no PAT for"), "{verdict}");
}

#[test]
fn ctrl_c_ends_the_look_and_not_the_report() {
    let (_relay, url) = demo();
    let mut command = Helper::command();
    command.args(["probe", &url, "--path", "amt", "--transport", "udp", "--seconds", "3600"]);
    let mut helper = Helper::start(&mut command);
    helper.lines.wait_for("Receiving ");
    std::thread::sleep(Duration::from_millis(300));
    helper.signal("-INT");
    let code = helper.wait().code();
    eventually("the report is printed", || helper.lines.all().contains("ETSI TR 101 290"));
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
}

#[test]
fn a_machine_without_a_network_is_no_silent_relay() {
    if !is_root() {
        return;
    }
    let mut command = Command::new("unshare");
    let url = "amt://192.0.2.1@232.9.9.9?relay=198.51.100.1";
    command.args(["-n", env!("CARGO_BIN_EXE_amt-helper"), "probe", url, "--path", "amt", "--transport", "udp"]);
    let output = command.args(["--seconds", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(report.lines().last().unwrap().contains("Network is unreachable"), "{report}");
}
