use super::super::ConnectionReport;
use super::*;
use crate::channel::ChannelReport;
use amt_shared::wire::Status;

fn report(channels: Vec<ChannelReport>) -> Report {
    Report {
        version: "1.2.3",
        protocol: 1,
        uptime_seconds: 7,
        transport: "udp",
        pages: 3,
        connections: ConnectionReport {
            accepted: 9,
            refused: 1,
            given_up: 3,
            tls_handshakes_failed: 2,
            tokens_refused: 4,
        },
        reinjected: None,
        channels,
    }
}

fn channel(url: &str) -> ChannelReport {
    let stats = ChannelStats {
        datagrams: 10,
        bytes: 13_160,
        handovers: 5,
        misplaced: 1,
        viewers: 2,
        join_ms: Some(250),
        discarded: [("a \"reason\"\\\nof two lines".to_owned(), 4)].into(),
        ..ChannelStats::default()
    };
    let status = Status { phase: Phase::Receiving, sentence: String::new(), advice: None, relay: None };
    ChannelReport { url: url.to_owned(), status: Some(status), stats }
}

#[test]
fn a_scraper_gets_what_it_likes_best() {
    for (accept, format) in [
        ("", Format::Prometheus),
        ("*/*", Format::Prometheus),
        ("text/html", Format::Prometheus),
        ("application/openmetrics-text", Format::OpenMetrics),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        ("application/openmetrics-text; version=1.0.0; q=0.2, text/plain;q=0.3", Format::Prometheus),
        ("application/openmetrics-text;q=0", Format::Prometheus),
        ("application/openmetrics-text;q=much", Format::Prometheus),
    ] {
        assert_eq!(Format::negotiate(accept), format, "{accept}");
    }
}

#[test]
fn names_follow_the_conventions_and_values_are_the_reports() {
    let text = text(report(vec![channel("amt://192.0.2.1@232.0.2.1:1234?relay=192.0.2.9")]), Format::Prometheus);
    let name = "channel=\"amt://192.0.2.1@232.0.2.1:1234\"";
    for line in [
        "# TYPE amt_helper_channel_datagrams_total counter".to_owned(),
        "# HELP amt_helper_channel_bytes_total Bytes of transport stream.".to_owned(),
        "# TYPE amt_helper_uptime_seconds gauge".to_owned(),
        "amt_helper_uptime_seconds 7.0".to_owned(),
        format!("amt_helper_channel_handovers_total{{{name}}} 5"),
        format!("amt_helper_channel_misplaced_handovers_total{{{name}}} 1"),
        "amt_helper_pages 3.0".to_owned(),
        "amt_helper_connections_refused_total 1".to_owned(),
        "amt_helper_connections_given_up_total 3".to_owned(),
        format!("amt_helper_channel_datagrams_total{{{name}}} 10"),
        format!("amt_helper_channel_bytes_total{{{name}}} 13160"),
        format!("amt_helper_channel_join_seconds{{{name}}} 0.25"),
        format!("amt_helper_channel_viewers{{{name}}} 2.0"),
        format!("amt_helper_channel_phase{{{name},phase=\"receiving\"}} 1.0"),
        format!("amt_helper_channel_phase{{{name},phase=\"silent\"}} 0.0"),
    ] {
        let line = line.trim_end_matches('.');
        assert!(text.lines().any(|other| other.trim_end_matches('.') == line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains("192.0.2.9"), "relays come and go, a series stays");
    assert!(!text.contains("channel_silent_seconds{"), "what is not known has no series");
    assert!(!text.contains("EOF") && !text.contains("UNIT"));
}

#[test]
fn a_label_cannot_break_out_of_its_line() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let text = text(report(vec![channel("amt://192.0.2.1@232.0.2.1")]), format);
        assert!(text.contains(r#"reason="a \"reason\"\\\nof two lines"} 4"#), "{text}");
        check_lines(&text);
    }
}

#[test]
fn two_ways_to_one_channel_are_one_series() {
    let twice = vec![channel("amt://192.0.2.1@232.0.2.1?relay=a.example"), channel("amt://192.0.2.1@232.0.2.1")];
    check_lines(&text(report(twice), Format::OpenMetrics));
}

#[test]
fn open_metrics_ends_as_it_must() {
    let text = text(report(Vec::new()), Format::OpenMetrics);
    assert!(text.ends_with("# EOF\n"));
    check_lines(&text);
}

/// The grammar as far as it can go wrong here: comments, or a name with labels and a number; no series twice.
fn check_lines(text: &str) {
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.starts_with("amt_helper_"), "{line}");
        assert!(seen.insert(series.to_owned()), "twice: {line}");
    }
    assert!(!seen.is_empty());
}
