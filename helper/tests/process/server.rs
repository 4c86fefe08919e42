//! What the helper serves, to whom, and how it ends.

use crate::common::page::Page;
use crate::common::relay::{GROUP, TestRelay};
use crate::common::stream::Stream;
use crate::common::{Helper, eventually};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

/// A request as its bytes; the answer's head and body.
fn ask(helper: SocketAddr, path: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(helper).unwrap();
    stream.set_read_timeout(Some(crate::common::PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    (head.to_ascii_lowercase(), body.to_owned())
}

fn get(helper: SocketAddr, path: &str) -> (String, String) {
    ask(helper, path, &format!("Host: {helper}\r\n"))
}

#[test]
fn the_page_comes_with_a_strict_policy() {
    let helper = Helper::serve(&[]);
    let (head, body) = get(helper.address(), "/");
    assert!(head.starts_with("http/1.1 200"));
    assert!(head.contains("content-type: text/html; charset=utf-8"));
    assert!(head.contains("cache-control: no-cache"));
    assert!(head.contains("x-content-type-options: nosniff"));
    assert!(head.contains("script-src 'self' 'wasm-unsafe-eval'"));
    assert!(!head.contains("unsafe-inline"));
    assert!(body.to_ascii_lowercase().contains("<!doctype html>"));
    assert!(get(helper.address(), "/../Cargo.toml").0.starts_with("http/1.1 404"));
    assert!(get(helper.address(), "/nothing").0.starts_with("http/1.1 404"));
}

#[test]
fn requests_under_foreign_names_or_from_foreign_pages_are_refused() {
    let helper = Helper::serve(&["--allow-origin", "http://tv.example:8000"]);
    let address = helper.address();
    for path in ["/", "/api/status", "/ws"] {
        for headers in [
            "Host: evil.example\r\n".to_owned(),
            format!("Host: evil.example:{}\r\n", address.port()),
            "Host: 127.0.0.1:1\r\n".to_owned(),
            format!("Host: {address}\r\nOrigin: http://evil.example\r\n"),
            format!("Host: {address}\r\nOrigin: null\r\n"),
        ] {
            let (head, body) = ask(address, path, &headers);
            assert!(head.starts_with("http/1.1 403"), "{path} {headers} {head}");
            assert!(body.starts_with("Refused: "));
        }
    }
    let allowed = format!("Host: localhost:{}\r\nOrigin: http://tv.example:8000\r\n", address.port());
    assert!(ask(address, "/api/status", &allowed).0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn the_websocket_answers_its_own_page_and_trunks_alone() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let own = format!("http://{address}");
    assert_eq!(Page::knock(address, "/ws", &[("origin", &own)]).await, Ok(()));
    let trunk = "http://localhost:8080";
    for origin in [trunk, "http://127.0.0.1:8080"] {
        // As trunk's proxy names the helper, and no browser does.
        let headers = [("origin", origin), ("host", "127.0.0.1")];
        assert_eq!(Page::knock(address, "/ws", &headers).await, Ok(()), "{origin}");
    }
    for headers in [
        [("origin", trunk), ("host", address.to_string().as_str())],
        [("origin", "http://evil.example"), ("host", address.to_string().as_str())],
        [("origin", "http://evil.example:8080"), ("host", "evil.example:8080")],
        [("origin", own.as_str()), ("host", "evil.example")],
    ] {
        let refused = Page::knock(address, "/ws", &headers).await;
        assert!(matches!(&refused, Err((403, sentence)) if sentence.starts_with("Refused: ")), "{refused:?}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_where_one_is_set() {
    let helper = Helper::serve(&["--token", "correct-horse"]);
    let address = helper.address();
    assert!(matches!(Page::knock(address, "/ws", &[]).await, Err((403, _))));
    assert!(matches!(Page::knock(address, "/ws?token=wrong-horse-1", &[]).await, Err((403, _))));
    assert_eq!(Page::knock(address, "/ws?token=correct-horse", &[]).await, Ok(()));
    assert!(get(address, "/api/status").0.starts_with("http/1.1 403"));
}

#[test]
fn a_token_never_stands_in_what_may_be_kept() {
    // What the tests read is no terminal, and neither is a journal.
    for more in [&["--log-level", "debug"][..], &["--log-format", "json"]] {
        let helper = Helper::serve(&[&["--token", "correct-horse"][..], more].concat());
        let (address, token) = (helper.address(), "correct-horse");
        assert!(get(address, &format!("/api/status?token={token}")).0.starts_with("http/1.1 200"));
        assert!(get(address, "/api/status?token=wrong-horse").0.starts_with("http/1.1 403"));
        let said = helper.lines.all();
        assert!(said.contains("?token=…") && !said.contains("horse"), "{said}");
    }
}

#[test]
fn a_terminal_is_shown_the_token() {
    // script(1) gives the helper a terminal of its own.
    let helper = Helper::command();
    let helper = helper.get_program().to_str().unwrap();
    let command = format!("{helper} --listen 0 --transport udp --token correct-horse");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: this test needs script(1)");
        return;
    }
    Helper::start(&mut script).lines.wait_for("/?token=correct-horse in a browser");
}

#[test]
fn listening_beyond_this_machine_needs_a_token() {
    let mut helper = Helper::start(Helper::command().args(["--listen", "0.0.0.0:0"]));
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("--token");
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut helper = Helper::start(Helper::command().args(["--listen", &port]));
    assert_eq!(helper.wait().code(), Some(1));
    assert!(helper.lines.wait_for("in use").contains("--listen 127.0.0.1:"));
}

#[test]
fn a_wrong_address_on_the_command_line_is_a_usage_error() {
    let mut helper = Helper::start(Helper::command().arg("http://232.0.2.1"));
    assert_eq!(helper.wait().code(), Some(2));
    helper.lines.wait_for("must start with amt://");
}

#[test]
fn the_channel_of_the_command_line_is_tuned_in_without_a_page_and_reported() {
    let relay = TestRelay::start();
    // The environment's relay overrides the URL's, which is not there.
    let mut command = Helper::command();
    command.args([
        "--listen",
        "0",
        "--transport",
        "udp",
        "--path",
        "amt",
        "amt://192.0.2.1@232.9.9.9?relay=127.0.0.1:9",
    ]);
    let helper = Helper::start(command.env("AMT_RELAY", relay.address.to_string()));
    let address = helper.address();
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    relay.send(&stream.datagram());
    helper.lines.wait_for("Receiving 192.0.2.1@232.9.9.9:1234");
    eventually("the status shows it", || {
        let (_, body) = get(address, "/api/status");
        let report: serde_json::Value = serde_json::from_str(&body).unwrap();
        let channel = &report["channels"][0];
        channel["phase"] == "receiving"
            && channel["stats"]["datagrams"] == 1
            && channel["url"] == relay.url()
            && channel["relay"] == relay.address.to_string()
    });
}

#[test]
fn the_metrics_say_what_the_status_says_in_the_form_that_is_asked_for() {
    let relay = TestRelay::start();
    let helper = Helper::serve(&[&relay.url()]);
    let address = helper.address();
    relay.wait_for_join(GROUP);
    let mut stream = Stream::default();
    relay.send(&stream.datagram());
    let series = "amt_helper_channel_datagrams_total{channel=\"amt://192.0.2.1@232.9.9.9:1234\"} 1";
    eventually("the metrics show it", || get(address, "/metrics").1.lines().any(|line| line == series));
    let (head, body) = get(address, "/metrics");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains("vary: accept") && head.contains("cache-control: no-store"), "{head}");
    assert!(body.contains("# TYPE amt_helper_channel_datagrams_total counter"), "{body}");
    let (head, body) =
        ask(address, "/metrics", &format!("Host: {address}\r\nAccept: application/openmetrics-text\r\n"));
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
}

#[test]
fn a_head_has_the_length_but_no_body() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    for path in ["/", "/api/status", "/metrics"] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(crate::common::PATIENCE)).unwrap();
        write!(stream, "HEAD {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-length: "), "{path}: {head}");
        assert_eq!(body, "", "{path}");
    }
}

#[test]
fn a_signal_leaves_the_channel_before_the_helper_ends() {
    for signal in ["-TERM", "-INT"] {
        let relay = TestRelay::start();
        let mut helper = Helper::serve(&[&relay.url()]);
        relay.wait_for_join(GROUP);
        helper.signal(signal);
        assert_eq!(helper.wait().code(), Some(0));
        eventually("the tunnel is torn down", || relay.left(GROUP) == 1);
    }
}
