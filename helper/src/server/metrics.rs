//! `/metrics`: what the helper does, for Prometheus.
//!
//! In: the same report as `/api/status` shows. Out: OpenMetrics 1.0, or Prometheus' own text format 0.0.4, whichever
//! is asked for. Counters begin anew with a channel; scrapers know that from counters everywhere.

use super::Report;
use super::negotiation::quality;
use amt_shared::AmtUrl;
use amt_shared::stats::ChannelStats;
use amt_shared::wire::Phase;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;

const PREFIX: &str = "amt_helper";
/// Every phase is a series of its own that is 1 or 0, as OpenMetrics has states (1.0, StateSet).
const PHASES: [(Phase, &str); 8] = [
    (Phase::Idle, "idle"),
    (Phase::Resolving, "resolving"),
    (Phase::Discovering, "discovering"),
    (Phase::Requesting, "requesting"),
    (Phase::Joined, "joined"),
    (Phase::Receiving, "receiving"),
    (Phase::Silent, "silent"),
    (Phase::Failed, "failed"),
];

/// The two forms of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' text format 0.0.4, which every scraper reads.
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// What suits an `Accept` header best (RFC 9110, 12.5.1). Who asks for neither gets the older one: a text is
    /// better than a refusal.
    pub(super) fn negotiate(accept: &str) -> Self {
        let open = quality(accept, "application/openmetrics-text");
        if open > 0.0 && open >= quality(accept, "text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The report as text.
pub(super) fn text(report: Report, format: Format) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(report));
    let mut text = String::new();
    // Writing into memory does not fail.
    let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
    match format {
        Format::OpenMetrics => text,
        Format::Prometheus => older(&text),
    }
}

/// The older format names a counter with its `_total` in `HELP` and `TYPE` too, and knows neither `UNIT` nor `EOF`.
fn older(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let counters: Vec<&str> =
        lines.iter().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let kept = lines.iter().filter(|line| !line.starts_with("# UNIT ") && **line != "# EOF");
    kept.map(|line| {
        let described = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        match described.and_then(|described| described.split_once(' ')) {
            Some((name, rest)) if counters.contains(&name) => format!("{}{name}_total {rest}\n", &line[..7]),
            _ => format!("{line}\n"),
        }
    })
    .collect()
}

/// Names of labels and their values.
type Labels = Vec<(&'static str, String)>;

/// Metrics as they are written down, one series after the other. A single one without labels stands without braces.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counter(&mut self, name: &str, unit: Option<&Unit>, help: &str, series: &[(Labels, u64)]) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        if let [(labels, value)] = series
            && labels.is_empty()
        {
            return ConstCounter::new(*value).encode(metric);
        }
        for (labels, value) in series {
            ConstCounter::new(*value).encode(metric.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, unit: Option<&Unit>, help: &str, series: &[(Labels, f64)]) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        if let [(labels, value)] = series
            && labels.is_empty()
        {
            return ConstGauge::new(*value).encode(metric);
        }
        for (labels, value) in series {
            ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Report {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.process(&mut page)?;
        self.channels(&mut page)
    }
}

impl Report {
    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let one = |value: f64| vec![(Labels::new(), value)];
        let about = vec![("version", self.version.to_owned()), ("transport", self.transport.to_owned())];
        page.gauge("build_info", None, "Version and transport in use", &[(about, 1.0)])?;
        page.gauge("uptime", Some(&Unit::Seconds), "Time since the helper started", &one(self.uptime_seconds as f64))?;
        page.gauge("pages", None, "Pages connected", &one(self.pages as f64))?;
        page.gauge("channels", None, "Channels tuned in", &one(self.channels.len() as f64))?;
        let counted = |value: u64| vec![(Labels::new(), value)];
        let connections = &self.connections;
        page.counter("connections_accepted", None, "Connections accepted", &counted(connections.accepted))?;
        let help = "Connections refused because too many were open";
        page.counter("connections_refused", None, help, &counted(connections.refused))?;
        let help = "Idle connections closed to make room for others";
        page.counter("connections_given_up", None, help, &counted(connections.given_up))?;
        let help = "Failed TLS handshakes";
        page.counter("tls_handshakes_failed", None, help, &counted(connections.tls_handshakes_failed))?;
        let help = "Requests with a wrong token";
        page.counter("tokens_refused", None, help, &counted(connections.tokens_refused))
    }

    fn channels(&self, page: &mut Page<'_>) -> fmt::Result {
        // Two with one name would be one series twice, which makes a scraper refuse all of them.
        let channels: BTreeMap<String, _> =
            self.channels.iter().map(|channel| (label(&channel.url), channel)).collect();
        let labels = |name: &str| vec![("channel", name.to_owned())];

        for (name, unit, help, value) in COUNTERS {
            let series: Vec<_> = channels.iter().map(|(name, channel)| (labels(name), value(&channel.stats))).collect();
            page.counter(name, unit.as_ref(), help, &series)?;
        }
        let discarded = channels.iter().flat_map(|(name, channel)| {
            let by_reason = channel.stats.discarded.iter();
            by_reason.map(|(reason, count)| ([labels(name), vec![("reason", reason.clone())]].concat(), *count))
        });
        let help = "Datagrams discarded, by reason";
        page.counter("channel_discarded_datagrams", None, help, &discarded.collect::<Vec<_>>())?;

        for (name, unit, help, value) in GAUGES {
            let known = channels.iter().filter_map(|(name, channel)| Some((labels(name), value(&channel.stats)?)));
            page.gauge(name, unit.as_ref(), help, &known.collect::<Vec<_>>())?;
        }
        let phases = channels.iter().flat_map(|(name, channel)| {
            let now = channel.status.as_ref().map_or(Phase::Idle, |status| status.phase);
            PHASES.map(|(phase, word)| {
                ([labels(name), vec![("phase", word.to_owned())]].concat(), f64::from(u8::from(phase == now)))
            })
        });
        page.gauge("channel_phase", None, "1 for the channel's current phase, otherwise 0", &phases.collect::<Vec<_>>())
    }
}

type Counter = (&'static str, Option<Unit>, &'static str, fn(&ChannelStats) -> u64);

/// The counters of a channel.
const COUNTERS: [Counter; 15] = [
    ("channel_datagrams", None, "Inner datagrams of the channel", |stats| stats.datagrams),
    ("channel", Some(Unit::Bytes), "Bytes of transport stream", |stats| stats.bytes),
    ("channel_ts_packets", None, "Transport packets", |stats| stats.ts_packets),
    ("channel_continuity_lost_packets", None, "Transport packets lost (continuity counter)", |stats| {
        stats.continuity_lost
    }),
    ("channel_rtp_lost_packets", None, "RTP packets lost (sequence number)", |stats| stats.rtp_lost),
    ("channel_rtp_duplicate_packets", None, "Duplicate RTP packets", |stats| stats.rtp_duplicates),
    ("channel_rtp_reordered_packets", None, "RTP packets put back in order", |stats| stats.rtp_reordered),
    ("channel_rtp_late_packets", None, "RTP packets that arrived too late to be put in order", |stats| stats.rtp_late),
    ("channel_rtp_recovered_packets", None, "RTP packets lost on one path and recovered from another", |stats| {
        stats.rtp_recovered
    }),
    ("channel_handovers", None, "Path changes of plain TS", |stats| stats.handovers),
    ("channel_misplaced_handovers", None, "Path changes that caused a gap", |stats| stats.misplaced),
    ("channel_reassembled_packets", None, "Inner packets reassembled from fragments", |stats| stats.reassembled),
    ("channel_reassembly_failed_packets", None, "Inner packets with missing fragments", |stats| {
        stats.reassembly_failed
    }),
    (
        "channel_socket_dropped_datagrams",
        None,
        "Datagrams dropped by the socket because its buffer was full",
        |stats| stats.socket_dropped,
    ),
    ("channel_viewer_dropped_frames", None, "Frames dropped for viewers that could not keep up", |stats| {
        stats.viewer_dropped
    }),
];

type Gauge = (&'static str, Option<Unit>, &'static str, fn(&ChannelStats) -> Option<f64>);

/// What goes up and down; a value that is not known has no series.
const GAUGES: [Gauge; 5] = [
    ("channel_viewers", None, "Pages watching", |stats| Some(f64::from(stats.viewers))),
    ("channel_bits_per_second", None, "Bit rate of the transport stream, averaged over the last seconds", |stats| {
        Some(stats.bits_per_second as f64)
    }),
    ("channel_join", Some(Unit::Seconds), "Time from tuning in to the first datagram", |stats| {
        stats.join_ms.map(|millis| millis as f64 / 1e3)
    }),
    ("channel_silent", Some(Unit::Seconds), "Time since the last datagram", |stats| {
        stats.silent_ms.map(|millis| millis as f64 / 1e3)
    }),
    ("channel_rtp_jitter", Some(Unit::Seconds), "Interarrival jitter of RTP (RFC 3550, 6.4.1)", |stats| {
        stats.rtp.then_some(stats.rtp_jitter_micros as f64 / 1e6)
    }),
];

/// A channel's name that stays the same whatever its relays are.
fn label(url: &str) -> String {
    url.parse::<AmtUrl>().map_or_else(|_| url.to_owned(), |url| url.channel().to_string())
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
