//! What one look at a channel brought, with names that stay: scripts read it as JSON.

use super::steps::{Candidate, Name, Outcome, Step, Steps, Way};
use super::stream::{Figures, Kind, rounded};
use amt_shared::stats::ChannelStats;
use amt_shared::wire::{Phase, Status};
use serde::Serialize;

/// A pause in the data that is told by itself: tables may not stay away longer.
const PAUSE_MS: f64 = 500.0;
/// The end of the data before the end of the look that is no pause between two datagrams.
const STOPPED_MS: u64 = 1000;
/// Causes that the verdict names; the rest stands in the list of checks.
const MAX_CAUSES: usize = 4;

/// One look at a channel.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The channel's address.
    pub channel: String,
    /// Seconds from the first packet, or from the beginning where none came, to the end.
    pub seconds: f64,
    /// What to think of it.
    pub verdict: Verdict,
    /// What else is worth knowing, and is no error.
    pub remarks: Vec<String>,
    /// The way the data came.
    pub way: Option<Way>,
    /// The relays that were found.
    pub candidates: Vec<Candidate>,
    /// The steps on the way.
    pub steps: Vec<Step>,
    /// The counters of the reception, RTP's among them.
    pub counters: ChannelStats,
    /// The stream itself; nothing where no data came.
    pub stream: Option<Figures>,
}

/// What to think of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// In one word.
    pub status: Judgement,
    /// The exit status.
    pub exit: u8,
    /// In one sentence.
    pub sentence: String,
}

/// The verdict in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Nothing is wrong.
    Fine,
    /// Nothing came.
    NotReceivable,
    /// Something came, and not all is right with it.
    Errors,
}

impl Judgement {
    /// The exit status; 2 is a wrong command line.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::NotReceivable => 1,
            Self::Errors => 3,
        }
    }
}

impl Report {
    /// Puts together what was seen. `status` is the last word of the reception.
    #[must_use]
    pub fn new(
        channel: String,
        seconds: f64,
        steps: &Steps,
        counters: ChannelStats,
        stream: Option<Figures>,
        status: Option<&Status>,
    ) -> Self {
        let list = steps.list();
        let way = steps.chosen();
        let (status, sentence) = match &stream {
            None => (Judgement::NotReceivable, not_receivable(seconds, &list, status)),
            Some(stream) => received(stream, &counters, way.as_ref(), seconds),
        };
        Self {
            channel,
            seconds: rounded(seconds),
            verdict: Verdict { status, exit: status.exit(), sentence },
            remarks: stream.as_ref().map(|stream| remarks(stream, seconds)).unwrap_or_default(),
            way,
            candidates: steps.candidates().to_vec(),
            steps: list,
            counters,
            stream,
        }
    }
}

/// Which step failed: the one that came furthest.
fn not_receivable(seconds: f64, steps: &[Step], status: Option<&Status>) -> String {
    let times = |step: &Step| if step.attempts == 1 { "once".to_owned() } else { format!("{} times", step.attempts) };
    let furthest = |name| steps.iter().filter(move |step| step.name == name);
    let tunnels: Vec<_> = steps.iter().filter_map(|step| step.relay).collect();
    let others = tunnels.iter().filter(|relay| Some(**relay) != tunnels.first().copied()).count();
    // The reception may know better than that nothing came: another port, a machine without a network.
    let known = status.filter(|status| status.phase == Phase::Failed).map(sentence);
    let asked = |step: &Step, what| match known.as_ref() {
        Some(known) => format!("the {what} failed: {known}"),
        None => format!("the {what} failed at {} (sent {})", step.detail, times(step)),
    };
    let looked_up = furthest(Name::LookUp).find(|step| step.outcome == Outcome::Failed);
    let joined = furthest(Name::Update).next();
    let why = if let Some(step) = joined {
        known.unwrap_or_else(|| {
            format!(
                "{}, but no data arrived in {seconds:.1} s; check the source, group and port, and the sender",
                step.detail
            )
        })
    } else if let Some(step) = furthest(Name::Request).next() {
        asked(step, "request")
    } else if let Some(step) = furthest(Name::Discovery).next() {
        // What was asked then may only have taken the place of a relay whose name is wrong.
        let instead = looked_up.map(|step| format!("{}; ", beginning_small(&step.detail))).unwrap_or_default();
        format!("{instead}{}", asked(step, "discovery"))
    } else if let Some(step) = looked_up {
        format!("the look-up failed: {}", known.unwrap_or_else(|| beginning_small(&step.detail)))
    } else if let Some(status) = status {
        sentence(status)
    } else {
        format!("nothing arrived in {seconds:.1} s")
    };
    let others = if others > 0 && joined.is_none() { "; no other relay worked either" } else { "" };
    format!("Not receivable: {why}{others}.")
}

/// A status as part of a sentence.
fn sentence(status: &Status) -> String {
    beginning_small(&status.sentence)
}

fn beginning_small(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

fn received(stream: &Figures, counters: &ChannelStats, way: Option<&Way>, seconds: f64) -> (Judgement, String) {
    let causes = causes(stream, counters);
    let rate = stream.arrivals.mean_bps.map(|rate| format!("{} ", super::words::rate(rate))).unwrap_or_default();
    let way = match way {
        Some(Way { path: "native", .. }) => "as native multicast".to_owned(),
        Some(Way { relay: Some(relay), .. }) => format!("through the relay {relay}"),
        _ => "through a relay".to_owned(),
    };
    if causes.is_empty() {
        let what: Vec<_> = codecs(stream).collect();
        let what = if what.is_empty() { String::new() } else { format!(" with {}", what.join(" and ")) };
        return (Judgement::Fine, format!("OK: {rate}{way}{what}, no errors in {seconds:.1} s."));
    }
    let more = causes.len().saturating_sub(MAX_CAUSES);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let causes = causes[..causes.len().min(MAX_CAUSES)].join("; ");
    (Judgement::Errors, format!("Received with errors ({rate}{way}, {seconds:.1} s): {causes}{more}."))
}

/// Picture and sound by their names, each once.
fn codecs(stream: &Figures) -> impl Iterator<Item = &'static str> {
    let streams = stream.programs.iter().flat_map(|program| &program.streams);
    let played = streams.filter(|stream| matches!(stream.kind, Kind::Video | Kind::Audio));
    let mut names: Vec<_> = played.map(|stream| stream.codec).collect();
    let mut seen = Vec::new();
    names.retain(|name| {
        let new = !seen.contains(name);
        seen.push(*name);
        new
    });
    names.into_iter()
}

/// What is wrong, what caused it before what follows from it.
fn causes(stream: &Figures, counters: &ChannelStats) -> Vec<String> {
    if !stream.is_ts {
        return vec!["the data is not an MPEG transport stream; check the group and port".to_owned()];
    }
    let arrivals = &stream.arrivals;
    let mut causes = Vec::new();
    if arrivals.silent_at_end_ms >= STOPPED_MS {
        causes.push(format!("the data stopped {:.1} s before the end", arrivals.silent_at_end_ms as f64 / 1e3));
    }
    if let (Some(gap), Some(at)) = (arrivals.longest_gap_ms, arrivals.longest_gap_at_ms)
        && gap > PAUSE_MS
    {
        causes.push(format!("no data for {:.2} s, {:.1} s after the first packet", gap / 1e3, at as f64 / 1e3));
    }
    if counters.socket_dropped > 0 {
        causes.push(format!("{} dropped by this machine's socket", several(counters.socket_dropped, "datagram")));
    }
    if counters.rtp_lost > 0 {
        causes.push(format!("lost {}", several(counters.rtp_lost, "RTP packet")));
    }
    if stream.packets_lost > 0 {
        causes.push(format!("lost {}", several(stream.packets_lost, "transport packet")));
    }
    let failed = || stream.checks.iter().filter_map(|check| Some((check, check.errors.filter(|errors| *errors > 0)?)));
    // PAT_error_2 says what PAT_error says.
    let pat_2 = failed().any(|(check, _)| check.number == "1.3.a");
    for (check, errors) in failed() {
        if check.number == "1.4" || check.number == "1.3" && pat_2 {
            continue;
        }
        let first = check.first.as_ref().map(|first| format!(" ({})", first.what)).unwrap_or_default();
        let times = if errors == 1 { String::new() } else { format!(" {errors} times") };
        causes.push(format!("{}{times}{first}", check.name));
    }
    if causes.is_empty() && failed().next().is_some() {
        causes.push("packets arrived out of order, or more than twice".to_owned());
    }
    causes
}

fn remarks(stream: &Figures, seconds: f64) -> Vec<String> {
    let mut remarks = Vec::new();
    if !stream.is_ts {
        return remarks;
    }
    if stream.programs.is_empty() {
        remarks.push("No programme was announced during the probe.".to_owned());
    }
    if stream.scrambled_packets > 0 {
        let share = 100.0 * stream.scrambled_packets as f64 / stream.packets.max(1) as f64;
        remarks.push(format!("{share:.0} % of the packets are scrambled and cannot be played here."));
    }
    if stream.malformed_packets > 0 {
        let packets = several(stream.malformed_packets, "packet");
        remarks.push(format!("Found {packets} with an inconsistent header."));
    }
    for program in &stream.programs {
        for video in program.streams.iter().filter(|stream| stream.kind == Kind::Video) {
            let pid = video.packets.pid;
            if video.packets.packets > 0 && video.packets.scrambled_packets == 0 && video.key_frames == 0 {
                remarks.push(format!(
                    "No key frame arrived on PID {pid} in {seconds:.1} s; a page that joins has to wait for one."
                ));
            } else if video.key_frames > 0 && video.random_access_points == 0 {
                remarks.push(format!(
                    "The key frames on PID {pid} are not marked (random_access_indicator): joining may take longer."
                ));
            }
        }
        for stream in &program.streams {
            let (pid, pts) = (stream.packets.pid, stream.pts.as_ref());
            if let Some(least) = pts.and_then(|pts| pts.least_ahead_ms).filter(|least| *least < 0.0) {
                remarks
                    .push(format!("Frames on PID {pid} arrive up to {:.0} ms after their presentation time.", -least));
            }
            if let Some(jumps) = pts.map(|pts| pts.jumps).filter(|jumps| *jumps > 0) {
                remarks.push(format!("The timestamps on PID {pid} jump in {}.", several(jumps, "place")));
            }
        }
        if let Some(pcr) = program.pcr.as_ref().filter(|pcr| pcr.intervals_over_40_ms > 0) {
            let (number, intervals) = (program.number, several(pcr.intervals_over_40_ms, "PCR interval"));
            remarks.push(format!("Programme {number} has {intervals} above the 40 ms that DVB recommends."));
        }
        if program.pmt_changes > 0 {
            let changes = several(program.pmt_changes, "change");
            remarks.push(format!("The PMT of programme {} had {changes}.", program.number));
        }
    }
    remarks
}

fn several(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
