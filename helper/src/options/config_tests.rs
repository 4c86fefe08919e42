use super::super::{Command as Subcommand, LogFormat, Options, Output, PathChoice, Serve, TransportChoice};
use clap::CommandFactory;
use clap::error::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A file that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("amt-helper-{}-{}.toml", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn parse(text: &str, arguments: &[&str]) -> Result<Options, clap::Error> {
    let file = File::new(text);
    let path = file.0.to_str().unwrap();
    Options::from_arguments(["amt-helper"].iter().chain(arguments).chain(&["--config", path]))
}

fn serve(text: &str, arguments: &[&str]) -> Serve {
    parse(text, arguments).unwrap().serve
}

/// What a file with this text gets, without the file's name.
fn complaint(text: &str) -> String {
    let error = parse(text, &[]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    text.split_once(".toml, ").unwrap_or_else(|| panic!("no file in: {text}")).1.to_owned()
}

#[test]
fn a_file_speaks_for_every_option() {
    let text = r#"
        listen = 9000
        allow-origin = ["http://a.example", "http://b.example"]
        relay = ["192.0.2.9", "relay.example:2269"]
        path = "amt"
        ecn = true
        reinject-only-when-asked = false
        refresh = 60
        url = "amt://192.0.2.1@232.0.2.1"
    "#;
    let serve = serve(text, &[]);
    assert_eq!(serve.listen.listen, "127.0.0.1:9000".parse().unwrap());
    assert_eq!(serve.listen.allow_origin, ["http://a.example", "http://b.example"]);
    assert_eq!(serve.tunnel.relay.as_ref().unwrap().0.len(), 2);
    assert_eq!((serve.tunnel.path, serve.tunnel.ecn), (PathChoice::Amt, true));
    assert_eq!(serve.tunnel.refresh, Duration::from_secs(60));
    assert!(!serve.distribution.reinject_only_when_asked);
    assert_eq!(serve.url().unwrap().unwrap().to_string(), "amt://192.0.2.1@232.0.2.1:1234");
}

#[test]
fn the_command_line_goes_before_the_file() {
    let text = "refresh = 60\nallow-origin = [\"http://a.example\"]\npath = \"native\"\nurl = \"amt://232.0.2.1\"";
    let arguments = ["amt://232.0.2.9", "--refresh", "90", "--allow-origin", "http://b.example"];
    let serve = serve(text, &arguments);
    assert_eq!(serve.tunnel.refresh, Duration::from_secs(90));
    assert_eq!(serve.listen.allow_origin, ["http://b.example"]);
    assert_eq!(serve.tunnel.path, PathChoice::Native);
    assert_eq!(serve.url.as_deref(), Some("amt://232.0.2.9"));
}

#[test]
fn a_key_serves_every_command_that_has_it_and_no_other() {
    let text =
        "transport = \"udp\"\nlog-format = \"json\"\npath = \"native\"\noutput = \"-\"\ntoken = \"correct-horse\"";
    let receive = parse(text, &["receive", "amt://232.0.2.1"]).unwrap();
    assert_eq!(receive.general.log_format, LogFormat::Json);
    let Some(Subcommand::Receive(receive)) = receive.command else { panic!("receive") };
    // What the command line must name otherwise.
    assert_eq!(receive.output, Output::Stdout);
    assert_eq!((receive.tunnel.path, receive.tunnel.sockets.transport), (PathChoice::Native, TransportChoice::Udp));
    let Some(Subcommand::Demo(demo)) = parse(text, &["demo"]).unwrap().command else { panic!("demo") };
    assert_eq!(demo.sockets.transport, TransportChoice::Udp);
    assert_eq!(demo.listen.token.as_deref(), Some("correct-horse"));
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_is_allowed() {
    for (text, sentence) in [
        ("\n\nrefesh = 3", "line 3: there is no option “refesh”. Did you mean “refresh”?"),
        ("# one\nrefresh = 3", "line 2: “3” is not valid for refresh: expected whole seconds from 5 to 3600."),
        ("path = \"both\"", "line 1: “both” is not valid for path: expected one of native, amt, auto."),
        ("path = \"amt\"\npath = \"native\"", "line 2: invalid TOML: duplicate key."),
        ("path = amt", "line 1: strings need quotation marks: write path = \"amt\"."),
        ("ecn = true\nrelay = relay.example # ours", "line 2: strings need quotation marks: write relay = \"relay.ex"),
        ("listen = 127.0.0.1:8081", "line 1: strings need quotation marks: write listen = \"127.0.0.1:8081\"."),
        ("path amt", "line 1: invalid TOML: "),
        ("ecn = \"yes\"", "line 1: ecn takes true or false."),
        ("path = [\"amt\"]", "line 1: path takes a string"),
        ("refresh = true", "line 1: refresh takes a string"),
        ("refresh = 0x10", "line 1: refresh takes a string"),
        ("relay = [[\"a\"]]", "line 1: relay takes a list of strings"),
        ("relay = [\"192.0.2.9\", \"255.255.255.255\"]", "line 1: “192.0.2.9,255.255.255.255” is not valid for relay:"),
        ("allow-origin = [\"http://a.example\", \"*\"]", "line 1: “*” is not valid for allow-origin: expected scheme"),
        ("url = \"http://232.0.2.1\"", "line 1: “http://232.0.2.1” is not valid for url: The address must start"),
        ("listen = -1", "line 1: “-1” is not valid for listen: expected an address"),
        ("[tunnel]\nrelay = \"a\"", "line 1: there is no option “tunnel”. The options are: allow-origin, "),
        ("config = \"other.toml\"", "line 1: there is no option “config”."),
    ] {
        let complaint = complaint(text);
        assert!(complaint.starts_with(sentence), "{text}\n{complaint}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_usage_error() {
    let error = Options::from_arguments(["amt-helper", "--config", "/nowhere/at-all.toml"]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("/nowhere/at-all.toml cannot be read: "), "{error}");
}

#[test]
fn options_that_belong_together_may_come_from_both() {
    let serve = serve("tls-cert = \"cert.pem\"", &["--tls-key", "key.pem"]);
    assert!(serve.listen.tls_cert.is_some() && serve.listen.tls_key.is_some());
    let alone = parse("tls-cert = \"cert.pem\"", &[]).unwrap_err();
    assert!(alone.to_string().contains("--tls-key"), "{alone}");
}

#[test]
fn help_does_not_need_the_file() {
    let error = Options::from_arguments(["amt-helper", "--config", "/nowhere/at-all.toml", "--help"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DisplayHelp);
}

/// Line by line: a comment without a space behind its mark is an option that is not in use.
fn in_use(example: &str) -> String {
    let line =
        |line: &str| line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic)).map(str::to_owned);
    example.lines().map(|text| line(text).unwrap_or_else(|| text.to_owned()) + "\n").collect()
}

#[test]
fn the_example_names_every_option_of_the_service_and_all_of_it_can_be_used() {
    let example = include_str!("../../../packaging/amt-helper.toml");
    let as_it_is = serve(example, &[]);
    // Whoever installs it unread opens nothing to others.
    assert!(as_it_is.listen.listen.ip().is_loopback());
    let all = in_use(example);
    let serve = serve(&all, &[]);
    assert!(serve.tunnel.relay.is_some() && serve.listen.tls_key.is_some());
    for argument in Options::command().get_arguments() {
        let Some(name) = super::name(argument) else { continue };
        assert!(all.lines().any(|line| line.starts_with(&format!("{name} = "))), "{name} is not in the example");
    }
}
