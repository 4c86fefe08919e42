use super::*;
use alloc::format;
use core::net::Ipv4Addr;
use proptest::prelude::*;

fn parse(text: &str) -> AmtUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> UrlError {
    text.parse::<AmtUrl>().expect_err(text)
}

#[test]
fn vlcs_form_is_read() {
    let url = parse("amt://162.250.138.201@232.162.250.139");
    assert_eq!(url.source, Some("162.250.138.201".parse().unwrap()));
    assert_eq!(url.group.to_string(), "232.162.250.139");
    assert_eq!(url.port, 1234);
    assert!(url.relays.is_empty());
    assert_eq!(parse("amt://S.example.org@239.1.2.3:5000").source, Some(Host::Name("s.example.org".into())));
    assert_eq!(parse("amt://239.1.2.3").source, None);
}

#[test]
fn the_predecessors_form_is_read() {
    let url =
        parse("amt://232.162.250.140:4321?relay=162.250.137.254,amt-relay.example&timeout=2&source=162.250.138.201");
    assert_eq!(url.port, 4321);
    assert_eq!(url.source.unwrap().to_string(), "162.250.138.201");
    assert_eq!(
        url.relays.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["162.250.137.254", "amt-relay.example"]
    );
    assert_eq!(url.timeout_seconds, Some(2));
    let url = parse("amt://?multicast=232.1.1.1:99&source=10.0.0.1");
    assert_eq!((url.group.to_string().as_str(), url.port), ("232.1.1.1", 99));
}

#[test]
fn the_forms_mix_where_they_agree() {
    assert_eq!(parse("amt://10.0.0.1@232.1.1.1?source=10.0.0.1"), parse("amt://10.0.0.1@232.1.1.1:1234"));
    assert_eq!(refusal("amt://10.0.0.1@232.1.1.1?source=10.0.0.2"), UrlError::Contradiction("source"));
    assert_eq!(refusal("amt://232.1.1.1?multicast=232.1.1.2"), UrlError::Contradiction("group"));
}

#[test]
fn ipv6_stands_in_brackets() {
    let url = parse("amt://[2001:db8::1]@[ff3e::8000:1]:5004?relay=[2001:db8::2],[2001:db8::3]:2269");
    assert_eq!(url.group.to_string(), "[ff3e::8000:1]");
    assert_eq!((url.port, url.relays[1].port), (5004, Some(2269)));
    assert_eq!(parse("amt://[ff3e::1]?relay=2001:db8::2").relays[0].to_string(), "[2001:db8::2]");
    assert!(matches!(refusal("amt://ff3e::1"), UrlError::Host(_)));
}

#[test]
fn pasted_addresses_are_forgiven_their_edges() {
    assert_eq!(parse("  AMT://239.1.2.3/ \n"), parse("amt://239.1.2.3"));
    assert_eq!(parse("amt://239.1.2.3?relay=a.example%2Cb.example&").relays.len(), 2);
    assert_eq!(parse("amt://239.1.2.3?"), parse("amt://239.1.2.3"));
}

#[test]
fn a_parameter_that_would_go_unheard_is_refused() {
    let nearest = |text: &str| match refusal(&format!("amt://239.1.2.3?{text}")) {
        UrlError::UnknownParameter { nearest, .. } => nearest,
        other => panic!("{text}: {other}"),
    };
    assert_eq!(nearest("rely=192.0.2.1"), Some("relay"));
    assert_eq!(nearest("Relays=192.0.2.1"), Some("relay"));
    assert_eq!(nearest("timeout=2&soruce=10.0.0.1"), Some("source"));
    assert_eq!(nearest("name=news"), None);
    assert_eq!(
        refusal("amt://239.1.2.3?rely=192.0.2.1").to_string(),
        "“rely” is not a parameter of an AMT address. Did you mean “relay”?"
    );
    assert_eq!(
        refusal("amt://239.1.2.3?name=news").to_string(),
        "“name” is not a parameter of an AMT address. The parameters are relay, timeout, source, multicast, second."
    );
    let shown = refusal(&format!("amt://239.1.2.3?{}=1", "x".repeat(500))).to_string();
    assert!(shown.chars().count() < 200, "{shown}");
    for (twice, name) in [
        ("relay=192.0.2.1&relay=192.0.2.2", "relay"),
        ("timeout=1&timeout=1", "timeout"),
        ("source=10.0.0.1&SOURCE=10.0.0.1", "source"),
    ] {
        assert_eq!(refusal(&format!("amt://239.1.2.3?{twice}")), UrlError::RepeatedParameter(name));
    }
    for name in ["relay", "timeout", "source", "multicast", "second"] {
        assert_eq!(refusal(&format!("amt://239.1.2.3?{name}=")), UrlError::EmptyParameter(name));
        assert_eq!(refusal(&format!("amt://239.1.2.3?{name}")), UrlError::EmptyParameter(name));
    }
    for list in [",,", "192.0.2.1,", "192.0.2.1,,192.0.2.2"] {
        assert_eq!(parse_relays(list), Err(UrlError::EmptyRelay(list.to_owned())));
        assert!(matches!(refusal(&format!("amt://239.1.2.3?relay={list}")), UrlError::EmptyRelay(_)));
    }
    assert_eq!(parse_relays(" "), Ok(Vec::new()));
}

#[test]
fn what_other_players_and_people_write_for_a_group_is_taken() {
    let channel = parse("amt://232.7.7.1:5000");
    for text in [
        "232.7.7.1:5000",
        "udp://@232.7.7.1:5000",
        "udp://232.7.7.1:5000?pkt_size=1316&localaddr=10.0.0.9",
        "RTP://@232.7.7.1:5000",
    ] {
        assert_eq!(parse(text), channel, "{text}");
    }
    let with_source = parse("amt://10.0.0.1@232.7.7.1:5000?relay=192.0.2.1");
    for text in [
        "10.0.0.1@232.7.7.1:5000?relay=192.0.2.1",
        "rtp://10.0.0.1@232.7.7.1:5000?relay=192.0.2.1",
        "udp://232.7.7.1:5000?sources=10.0.0.1&relay=192.0.2.1",
    ] {
        assert_eq!(parse(text), with_source, "{text}");
    }
    assert_eq!(parse("[ff3e::1]:5"), parse("amt://[ff3e::1]:5"));
    assert!(matches!(refusal("232.7.7.1:70000"), UrlError::Port(_)));
    assert!(matches!(refusal("udp://127.0.0.1:3000"), UrlError::NotMulticast(_)));
    assert!(matches!(refusal("232.7.7.1?rely=1"), UrlError::UnknownParameter { .. }));
    for text in ["news", "prob", "3sat.example", "http://232.7.7.1/", "srt://232.7.7.1:5000", "10.0.0.1@"] {
        assert_eq!(refusal(text), UrlError::Scheme, "{text}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    assert_eq!(refusal(" "), UrlError::Empty);
    assert_eq!(refusal("http://239.1.2.3:1234"), UrlError::Scheme);
    assert_eq!(refusal("amt://"), UrlError::NoGroup);
    assert_eq!(refusal("amt://10.0.0.1@"), UrlError::NoGroup);
    assert!(matches!(refusal("amt://10.0.0.1"), UrlError::NotMulticast(_)));
    assert!(matches!(refusal("amt://224.0.0.22"), UrlError::LinkLocal(_)));
    assert!(matches!(refusal("amt://[ff02::16]"), UrlError::LinkLocal(_)));
    assert!(matches!(refusal("amt://232.1.1.2@232.1.1.1"), UrlError::SourceNotUnicast(_)));
    assert!(matches!(refusal("amt://[2001:db8::1]@232.1.1.1"), UrlError::Families { .. }));
    for port in ["0", "65536", "abc", "", "+80"] {
        assert!(matches!(refusal(&format!("amt://239.1.1.1:{port}")), UrlError::Port(_)), "{port}");
    }
    for timeout in ["0", "-1", "2.5", "soon", "3601"] {
        assert!(matches!(refusal(&format!("amt://239.1.1.1?timeout={timeout}")), UrlError::Timeout(_)));
    }
    for host in ["239.1.1", "239.1.1.1.1", "256.1.1.1", "a b", "-x.example", "a..b", "[239.1.1.1]"] {
        assert!(matches!(refusal(&format!("amt://{host}")), UrlError::Host(_)), "{host}");
    }
    assert!(matches!(refusal("amt://239.1.1.1?relay=255.255.255.255"), UrlError::Relay(_)));
}

#[test]
fn a_source_specific_group_without_a_source_is_told() {
    assert!(parse("amt://232.1.1.1").lacks_required_source());
    assert!(parse("amt://[ff3e::1]").lacks_required_source());
    assert!(parse("amt://10.0.0.1@232.1.1.1?second=232.1.1.2").lacks_required_source());
    assert!(!parse("amt://10.0.0.1@232.1.1.1").lacks_required_source());
    assert!(!parse("amt://10.0.0.1@232.1.1.1?second=10.0.0.1@232.1.1.2").lacks_required_source());
    assert!(!parse("amt://239.1.1.1").lacks_required_source());
}

#[test]
fn the_second_copy_is_read_and_is_part_of_the_channel() {
    let url = parse("amt://10.0.0.1@232.1.1.1:5000?second=10.0.1.1@232.1.1.2&relay=r.example");
    let second = url.second.clone().unwrap();
    assert_eq!(second.to_string(), "10.0.1.1@232.1.1.2:5000");
    assert_eq!(url.to_string(), "amt://10.0.0.1@232.1.1.1:5000?second=10.0.1.1@232.1.1.2:5000&relay=r.example");
    assert_eq!(url.channel().to_string(), "amt://10.0.0.1@232.1.1.1:5000?second=10.0.1.1@232.1.1.2:5000");
    assert_ne!(url.channel(), parse("amt://10.0.0.1@232.1.1.1:5000").channel());
    // The same group from another source, another port, and IPv6 as a pasted address has it.
    assert!(parse("amt://10.0.0.1@232.1.1.1?second=10.0.0.2@232.1.1.1").second.is_some());
    assert_eq!(parse("amt://239.1.1.1?second=239.1.1.1:1235").second.unwrap().port, 1235);
    let url = parse("amt://[2001:db8::1]@[ff3e::1]?second=%5B2001:db8::2%5D%40[ff3e::2]:6");
    assert_eq!(url.second.unwrap().to_string(), "[2001:db8::2]@[ff3e::2]:6");
}

#[test]
fn a_second_copy_that_cannot_be_is_refused_with_its_reason() {
    let first = "amt://10.0.0.1@232.1.1.1";
    let refused = |second: &str| refusal(&format!("{first}?second={second}"));
    assert_eq!(refused("10.0.0.1@232.1.1.1"), UrlError::SecondIsFirst);
    assert_eq!(refused("232.1.1.1:1234"), UrlError::SecondIsFirst);
    assert!(matches!(refused("[2001:db8::1]@[ff3e::1]"), UrlError::SecondFamily { .. }));
    assert!(matches!(refused("[2001:db8::1]@232.1.1.2"), UrlError::Families { .. }));
    assert!(matches!(refused("10.0.0.1"), UrlError::NotMulticast(_)));
    assert!(matches!(refused("10.0.0.1@224.0.0.9"), UrlError::LinkLocal(_)));
    assert!(matches!(refused("232.1.1.9@232.1.1.2"), UrlError::SourceNotUnicast(_)));
    assert_eq!(refused("10.0.0.1@"), UrlError::NoSecondGroup);
    assert!(matches!(refused("10.0.0.1@232.1.1.2:0"), UrlError::Port(_)));
    let twice = "10.0.0.2@232.1.1.2&second=10.0.0.3@232.1.1.2";
    assert_eq!(refused(twice), UrlError::RepeatedParameter("second"));
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let first = (1u8..=223).prop_filter("what a machine sends to itself is no channel", |first| *first != 127);
    (first, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d))
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<[u16; 7]>().prop_map(|[b, c, d, e, f, g, h]| Ipv6Addr::new(0x2001, b, c, d, e, f, g, h))
}

fn relay() -> impl Strategy<Value = RelayAddress> {
    let host = prop_oneof![
        v4().prop_map(|a| Host::Address(a.into())),
        v6().prop_map(|a| Host::Address(a.into())),
        "[a-z][a-z0-9-]{0,20}\\.example".prop_map(Host::Name),
    ];
    (host, proptest::option::of(1u16..)).prop_map(|(host, port)| RelayAddress { host, port })
}

/// The second copy differs by its port at least.
fn with_second() -> impl Strategy<Value = (Option<Host>, Host, u16, Option<SecondCopy>)> {
    let copies = prop_oneof![(v4_channel(), v4_channel()), (v6_channel(), v6_channel())];
    (copies, 1u16..32768, proptest::option::of(32768u16..)).prop_map(|(((source, group), other), port, second)| {
        let second = second.map(|port| SecondCopy { source: other.0, group: other.1, port });
        (source, group, port, second)
    })
}

fn v4_channel() -> impl Strategy<Value = (Option<Host>, Host)> {
    (proptest::option::of(v4()), (225u8..=239, any::<[u8; 3]>())).prop_map(|(s, (a, [b, c, d]))| {
        (s.map(|s| Host::Address(s.into())), Host::Address(Ipv4Addr::new(a, b, c, d).into()))
    })
}

fn v6_channel() -> impl Strategy<Value = (Option<Host>, Host)> {
    (proptest::option::of(v6()), any::<u16>()).prop_map(|(s, low)| {
        (s.map(|s| Host::Address(s.into())), Host::Address(Ipv6Addr::new(0xFF3E, 0, 0, 0, 0, 0, 0x8000, low).into()))
    })
}

proptest! {
    #[test]
    fn printing_and_parsing_are_inverse(
        (source, group, port, second) in with_second(),
        relays in proptest::collection::vec(relay(), 0..4),
        timeout_seconds in proptest::option::of(1..=MAX_TIMEOUT_SECONDS),
    ) {
        let url = AmtUrl { source, group, port, second, relays, timeout_seconds };
        prop_assert_eq!(url.to_string().parse::<AmtUrl>(), Ok(url.clone()));
        let json = serde_json::to_string(&url).unwrap();
        prop_assert_eq!(serde_json::from_str::<AmtUrl>(&json).unwrap(), url);
    }

    #[test]
    fn any_text_is_a_url_or_a_sentence(text in "\\PC*", tail in "([amt:/@.?&=\\[\\]0-9a-f%,]|second=)*") {
        let _ = text.parse::<AmtUrl>();
        if let Ok(url) = format!("amt://{tail}").parse::<AmtUrl>() {
            prop_assert_eq!(url.to_string().parse::<AmtUrl>(), Ok(url));
        }
    }
}

#[test]
fn addresses_that_nobody_can_have_are_refused_with_a_sentence() {
    for relay in ["0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::]", "[ff02::1]", "[fe80::1]"] {
        let refused = refusal(&format!("amt://232.1.1.1?relay={relay}"));
        assert!(matches!(refused, UrlError::Relay(_)), "{relay}: {refused}");
        assert!(refused.to_string().ends_with("must be a unicast address or a name."), "{refused}");
    }
    assert!(matches!(refusal("amt://232.1.1.1?relay=[::ffff:192.0.2.1]"), UrlError::Relay(_)));
    for source in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "240.0.0.1", "255.255.255.255"] {
        assert!(matches!(refusal(&format!("amt://{source}@232.1.1.1")), UrlError::SourceNotUnicast(_)), "{source}");
    }
    for source in ["[::]", "[::1]", "[fe80::1]", "[::ffff:192.0.2.1]"] {
        assert!(matches!(refusal(&format!("amt://{source}@[ff3e::1]")), UrlError::SourceNotUnicast(_)), "{source}");
    }
    for group in ["127.0.0.1", "0.0.0.0", "255.255.255.255", "[::1]"] {
        assert!(matches!(refusal(&format!("amt://{group}")), UrlError::NotMulticast(_)), "{group}");
    }
    // Interface-local (the loopback of groups) and link-local; reserved scope 0 too.
    for group in ["224.0.0.1", "224.0.0.255", "[ff01::1]", "[ff02::1]", "[ff31::1]", "[ff30::1]"] {
        assert!(matches!(refusal(&format!("amt://{group}")), UrlError::LinkLocal(_)), "{group}");
    }
    // A relay on this machine is what the demo has.
    assert_eq!(parse("amt://232.1.1.1?relay=127.0.0.1").relays.len(), 1);
}
