//! One line: a sentence for people, or a JSON object for programs that read logs.

use amt_shared::stats::ChannelStats;
use amt_shared::wire::Phase;
use serde::Serialize;
use std::fmt::Display;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// How much a line matters, by tracing's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// What happens.
    #[default]
    Info,
    /// What may not go on.
    Warn,
    /// What does not go on without the user.
    Error,
}

/// A line and what it is about.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<Phase>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    counters: Option<Box<ChannelStats>>,
}

impl Line {
    /// A line with this sentence.
    #[must_use]
    pub fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), ..Self::default() }
    }

    /// The channel it is about; people see it before the sentence.
    #[must_use]
    pub fn channel(self, channel: &str) -> Self {
        Self { channel: Some(channel.to_owned()), ..self }
    }

    /// The relay it is about; people see it where the sentence names it.
    #[must_use]
    pub fn relay(self, relay: Option<&str>) -> Self {
        Self { relay: relay.map(str::to_owned), ..self }
    }

    /// How the channel stands; in the sentence for people.
    #[must_use]
    pub fn phase(self, phase: Option<Phase>) -> Self {
        Self { phase, ..self }
    }

    /// What has been counted of the channel so far; for programs alone.
    #[must_use]
    pub fn counters(self, counters: Option<&ChannelStats>) -> Self {
        Self { counters: counters.cloned().map(Box::new), ..self }
    }

    /// How much it matters.
    #[must_use]
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// As people read it.
    pub(super) fn text(&self) -> String {
        self.channel.as_ref().map(|channel| format!("[{channel}] ")).unwrap_or_default() + &self.message
    }

    /// As people read it later: with the time, which a terminal and the journal have by themselves.
    pub(super) fn timed(&self) -> String {
        format!("{} {}", now(), self.text())
    }

    /// As programs read it, in the keys of tracing's own JSON.
    pub(super) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Timed<'a> {
            timestamp: String,
            #[serde(flatten)]
            line: &'a Line,
        }
        serde_json::to_string(&Timed { timestamp: now(), line: self }).unwrap_or_else(|_| self.text())
    }
}

/// The time as RFC 3339 writes it.
fn now() -> String {
    let mut time = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_sentence_for_people_and_an_object_for_programs() {
        let line = Line::new("“Quotes” \" and\nlines").channel("S@G").relay(Some("192.0.2.9:2268")).level(Level::Warn);
        assert_eq!(line.text(), "[S@G] “Quotes” \" and\nlines");
        let json = line.json();
        assert!(!json.contains('\n'), "one object a line: {json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["level"], "WARN");
        assert_eq!(value["channel"], "S@G");
        assert_eq!(value["relay"], "192.0.2.9:2268");
        assert_eq!(value["message"], "“Quotes” \" and\nlines");
        assert!(line.timed().ends_with("Z [S@G] “Quotes” \" and\nlines"), "{}", line.timed());
        let time = value["timestamp"].as_str().unwrap();
        assert!(time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{time}");
    }

    #[test]
    fn programs_get_what_is_counted_and_how_the_channel_stands() {
        let counters = ChannelStats { datagrams: 7, continuity_lost: 2, ..ChannelStats::default() };
        let line = Line::new("No data.").phase(Some(Phase::Silent)).counters(Some(&counters));
        let value: serde_json::Value = serde_json::from_str(&line.json()).unwrap();
        assert_eq!((&value["phase"], &value["counters"]["continuity_lost"]), (&"silent".into(), &2.into()));
        assert_eq!(line.text(), "No data.");
    }

    #[test]
    fn what_is_not_known_is_not_there() {
        let value: serde_json::Value = serde_json::from_str(&Line::new("Ready.").json()).unwrap();
        assert!(value.get("channel").is_none() && value.get("relay").is_none());
        assert!(value.get("phase").is_none() && value.get("counters").is_none());
        assert_eq!(value["level"], "INFO");
    }
}
