//! The command line as a whole.

use super::*;

fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
    Options::from_arguments(std::iter::once(&"amt-helper").chain(arguments))
}

#[test]
fn the_command_line_is_consistent() {
    Options::command().debug_assert();
}

#[test]
fn a_url_alone_is_served() {
    let options = parse(&["amt://192.0.2.1@232.0.2.1", "--relay", "192.0.2.9,relay.example:2269"]).unwrap();
    assert!(options.command.is_none());
    assert_eq!(options.serve.url().unwrap().unwrap().to_string(), "amt://192.0.2.1@232.0.2.1:1234");
    assert_eq!(options.serve.tunnel.relay.unwrap().0.len(), 2);
    assert_eq!(options.serve.listen.listen, "127.0.0.1:8081".parse().unwrap());
}

#[test]
fn what_is_not_said_has_its_default() {
    let Options { general, serve: Serve { tunnel, distribution, listen, .. }, .. } = parse(&[]).unwrap();
    assert_eq!((general.log_format, general.log_level, general.config), (LogFormat::Text, LogLevel::Off, None));
    assert_eq!((tunnel.path, tunnel.refresh), (PathChoice::Auto, Duration::from_secs(30)));
    assert_eq!(Ok(tunnel.discovery), "all".parse());
    assert_eq!((tunnel.ecn, tunnel.interface, tunnel.dns_server), (false, None, None));
    assert_eq!(distribution.cache_seconds, Duration::from_secs(12));
    assert_eq!((distribution.reinject, distribution.reinject_only_when_asked), (None, false));
    assert_eq!((listen.tls_cert, listen.tls_key), (None, None));
}

#[test]
fn the_way_to_a_channel_is_told_to_each_command_that_receives_one() {
    let way = ["--path", "native", "--discovery", "dns,anycast", "--refresh", "60", "--ecn", "--interface", "eth1"];
    let check = |tunnel: Tunnel| {
        assert_eq!((tunnel.path, tunnel.refresh, tunnel.ecn), (PathChoice::Native, Duration::from_secs(60), true));
        assert_eq!(Ok(tunnel.discovery), "dns,anycast".parse());
        assert_eq!(tunnel.interface.as_deref(), Some("eth1"));
    };
    check(parse(&way).unwrap().serve.tunnel);
    let receive = ["receive", "amt://232.0.2.1", "--output", "-"];
    let Some(Command::Receive(receive)) = parse(&[&receive[..], &way].concat()).unwrap().command else {
        panic!("receive")
    };
    check(receive.tunnel);
    let probe = ["probe", "amt://232.0.2.1", "--json", "--seconds", "2.5"];
    let Some(Command::Probe(probe)) = parse(&[&probe[..], &way].concat()).unwrap().command else { panic!("probe") };
    assert!(probe.json);
    assert_eq!(probe.seconds, Duration::from_millis(2500));
    check(probe.tunnel);
}

#[test]
fn a_mistyped_command_is_no_address() {
    for (word, meant) in [("prob", "probe"), ("recieve", "receive"), ("Demo", "demo")] {
        let error = parse(&[word]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(&format!("“{word}”. Did you mean “{meant}”?")), "{error}");
    }
    assert!(parse(&["news.example"]).is_ok(), "what is wrong with an address is told where it is read");
}

#[test]
fn the_help_has_its_options_under_headings() {
    let help = Options::command().render_long_help().to_string();
    let headings = [
        "Serving the page:",
        "Caching and re-injection:",
        "Reaching the channel:",
        "Sockets and privileges:",
        "Logging and configuration:",
    ];
    let places = headings.map(|heading| help.find(heading).unwrap_or_else(|| panic!("{heading}\n{help}")));
    assert!(places.is_sorted(), "{help}");
    let under = |heading: usize, option: &str| {
        let at = help.find(&format!("      {option}")).unwrap_or_else(|| panic!("{option}\n{help}"));
        places[heading] < at && places.get(heading + 1).is_none_or(|next| at < *next)
    };
    assert!(under(0, "--token") && under(1, "--reinject") && under(2, "--discovery") && under(3, "--user"), "{help}");
    assert!(under(4, "--log-format"), "{help}");
}

#[test]
fn options_of_every_command_stand_before_or_behind_its_name() {
    for arguments in [&["--log-format", "json", "demo"][..], &["demo", "--log-format", "json"]] {
        let options = parse(arguments).unwrap();
        assert_eq!(options.general.log_format, LogFormat::Json, "{arguments:?}");
        assert!(matches!(options.command, Some(Command::Demo(_))));
    }
}

#[test]
fn options_that_would_go_unheard_are_refused() {
    for arguments in [&["--listen", "0", "demo"][..], &["amt://232.0.2.1", "demo"], &["--ecn", "demo"]] {
        let error = parse(arguments).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{arguments:?}");
        assert!(error.to_string().contains("write its options after it"), "{error}");
    }
}

#[test]
fn options_that_need_another_say_which() {
    for (arguments, other) in [
        (&["--tls-cert", "c.pem"][..], "--tls-key"),
        (&["--tls-key", "k.pem"], "--tls-cert"),
        (&["demo", "--tls-key", "k.pem"], "--tls-cert"),
        (&["--reinject-only-when-asked"], "--reinject."),
        (&["demo", "--reinject-only-when-asked"], "--reinject."),
    ] {
        let error = parse(arguments).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(other), "{arguments:?} {error}");
    }
    assert!(parse(&["--tls-cert", "c.pem", "--tls-key", "k.pem", "--reinject", "eth1"]).is_ok());
}

#[test]
fn the_demo_takes_no_way_but_its_own_relays() {
    for option in ["--path=native", "--interface=eth0", "--discovery=anycast", "--relay=192.0.2.1"] {
        assert_eq!(parse(&["demo", option]).unwrap_err().kind(), ErrorKind::UnknownArgument, "{option}");
    }
}

#[test]
fn addresses_take_their_default_ports() {
    assert_eq!(parse_relay_address("10.0.0.1"), Ok("10.0.0.1:2268".parse().unwrap()));
    assert_eq!(parse_relay_address("[::1]:2269"), Ok("[::1]:2269".parse().unwrap()));
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for arguments in [
        &["receive", "amt://232.0.2.1"][..],
        &["receive", "http://232.0.2.1", "--output", "-"],
        &["receive", "amt://232.0.2.1", "--output", "-", "--duration", "-1"],
        &["receive", "amt://232.0.2.1", "--output", "-", "--duration", "1e19"],
        &["probe", "amt://232.0.2.1", "--seconds", "1e19"],
        &["probe"],
        &["probe", "amt://232.0.2.1", "--seconds", "0"],
        &["completions", "command.com"],
        &["--allow-origin", "*"],
        &["--token", "short"],
        &["--transport", "carrier-pigeon"],
        &["--path", "both"],
        &["--discovery", "all,dns"],
        &["--refresh", "4"],
        &["--dns-server", "dns.example"],
        &["--cache-seconds", "61"],
        &["--reinject", "../eth0"],
        &["--log-level", "loud"],
    ] {
        assert_eq!(parse(arguments).unwrap_err().exit_code(), 2, "{arguments:?}");
    }
}
