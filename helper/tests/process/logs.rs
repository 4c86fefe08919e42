//! Lines for programs that read logs.

use crate::common::relay::{GROUP, TestRelay};
use crate::common::stream::Stream;
use crate::common::{Helper, eventually};
use serde_json::Value;

fn objects(helper: &Helper) -> Vec<Value> {
    let all = helper.lines.all();
    all.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[test]
fn every_line_is_an_object_that_says_when_what_and_about_which_channel() {
    let relay = TestRelay::start();
    let mut helper = Helper::serve(&["--log-format", "json", "--log-level", "debug", &relay.url()]);
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    relay.send(&stream.datagram());
    helper.lines.wait_for("Receiving 192.0.2.1@232.9.9.9:1234");
    helper.signal("-TERM");
    assert_eq!(helper.wait().code(), Some(0));
    helper.lines.wait_for("Stopping");
    let objects = objects(&helper);
    for object in &objects {
        assert!(object["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{object}");
        assert!(object["level"].is_string() && object["message"].is_string(), "{object}");
    }
    let about = |object: &&Value| object["message"].as_str().is_some_and(|text| text.starts_with("Receiving "));
    let receiving = objects.iter().find(about).expect("a line about the channel");
    assert!(receiving["channel"].as_str().is_some_and(|channel| channel.contains("232.9.9.9")), "{receiving}");
    assert_eq!(receiving["relay"], relay.address.to_string());
    assert_eq!(receiving["phase"], "receiving");
    assert!(objects.iter().any(|object| object["target"].is_string()), "the log is there as well");
}

#[test]
fn lines_carry_the_time_where_nobody_else_notes_it() {
    let first = |journal: Option<&str>| {
        let mut command = Helper::command();
        command.args(["--listen", "0", "--transport", "udp"]).env_remove("JOURNAL_STREAM");
        command.envs(journal.map(|stream| ("JOURNAL_STREAM", stream)));
        Helper::start(&mut command).lines.wait_for("Open http")
    };
    let timed = first(None);
    let (time, rest) = timed.split_once(' ').unwrap();
    assert!(time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{timed}");
    assert!(rest.starts_with("Open http"), "{timed}");
    let untimed = first(Some("8:12345"));
    assert!(untimed.starts_with("Open http"), "{untimed}");
}

/// A relay that is sent to for two seconds, and what a `receive` started by this command line prints meanwhile.
fn printed_by(command: &mut std::process::Command) -> String {
    let relay = TestRelay::start();
    let url = relay.url();
    command.env("CHANNEL", &url).env("HELPER", env!("CARGO_BIN_EXE_amt-helper")).env_remove("JOURNAL_STREAM");
    let mut helper = Helper::start(command);
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    for _ in 0..250 {
        relay.send(&stream.datagram());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    helper.lines.wait_for("Received ");
    assert_eq!(helper.wait().code(), Some(0));
    helper.lines.all()
}

#[test]
fn how_it_goes_on_is_shown_in_place_on_a_terminal_and_never_fills_a_log() {
    let receive = "exec \"$HELPER\" receive \"$CHANNEL\" --transport udp --path amt --output /dev/null --duration 2";
    let logged = printed_by(std::process::Command::new("sh").args(["-c", receive]));
    assert!(!logged.contains("Mbit/s"), "{logged}");
    let seen = printed_by(std::process::Command::new("script").args(["-qefc", receive, "/dev/null"]));
    let places = seen.split("\r\x1b[K").filter(|part| part.contains("Mbit/s")).count();
    assert!(places > 0, "{seen:?}");
    assert!(seen.lines().all(|line| !line.trim_end().ends_with("lost.")), "none is left behind: {seen:?}");
}

#[test]
fn what_ends_the_helper_is_an_object_too_and_rust_log_has_the_last_word() {
    let mut command = Helper::command();
    command.args(["--log-format", "json", "--log-level", "trace", "--listen", "0.0.0.0:0"]).env("RUST_LOG", "off");
    let mut helper = Helper::start(&mut command);
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("--token");
    eventually("it is the only line", || objects(&helper).len() == 1);
    assert_eq!(objects(&helper)[0]["level"], "ERROR");
}
