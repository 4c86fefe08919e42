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
    assert!(objects.iter().any(|object| object["target"].is_string()), "the log is there as well");
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
