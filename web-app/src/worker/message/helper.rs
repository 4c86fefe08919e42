//! The helper's texts, read in two steps: which one it is, then what it holds.
//!
//! serde by itself reads an enum whose name stands within it into a tree of values first, and the code for that is a
//! tenth of what the page has to load.

use amt_shared::wire::FromHelper;
use serde::Deserialize;

/// Which message of the helper it is, and the fields of those that are short.
#[derive(Debug, Deserialize)]
pub struct Heading {
    /// The name of the message.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of `hello` and `tuned`.
    pub url: Option<String>,
    /// Of `tuned`.
    pub request: Option<u32>,
    /// Of `catch_up`.
    pub frames: Option<u32>,
    /// Of `hello`.
    pub alive_ms: Option<u32>,
    age_micros: Option<u64>,
    protocol: Option<u32>,
    version: Option<String>,
}

impl Heading {
    /// The heading of a text; `None` where it is no message.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// A message of the helper; `None` for what no helper of this version says.
#[must_use]
pub fn from_helper(text: &str) -> Option<FromHelper> {
    let heading = Heading::of(text)?;
    Some(match heading.kind.as_str() {
        "hello" => FromHelper::Hello {
            protocol: heading.protocol?,
            version: heading.version?,
            url: heading.url,
            alive_ms: heading.alive_ms,
        },
        "alive" => FromHelper::Alive,
        "tuned" => FromHelper::Tuned { url: heading.url?, request: heading.request },
        "status" => FromHelper::Status(serde_json::from_str(text).ok()?),
        "catch_up" => FromHelper::CatchUp { age_micros: heading.age_micros?, frames: heading.frames? },
        "stats" => FromHelper::Stats(serde_json::from_str(text).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use amt_shared::stats::ChannelStats;
    use amt_shared::wire::{Phase, Status};

    #[test]
    fn every_message_of_the_helper_is_read_as_it_was_written() {
        let url = String::from("amt://232.0.0.1:1");
        let status =
            Status { phase: Phase::Joined, sentence: "Joined.".into(), advice: None, relay: Some("::1".into()) };
        let stats = ChannelStats { bytes: 1 << 40, discarded: [("late".into(), 2)].into(), ..Default::default() };
        for message in [
            FromHelper::Hello { protocol: 1, version: "0.1.0".into(), url: None, alive_ms: None },
            FromHelper::Hello { protocol: 2, version: "0.2.0".into(), url: Some(url.clone()), alive_ms: Some(1500) },
            FromHelper::Alive,
            FromHelper::Tuned { url: url.clone(), request: None },
            FromHelper::Tuned { url, request: Some(u32::MAX) },
            FromHelper::Status(status),
            FromHelper::CatchUp { age_micros: 1 << 33, frames: 7 },
            FromHelper::Stats(stats),
        ] {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(from_helper(&text).as_ref(), Some(&message), "{text}");
            // Whoever adds a message adds it above and in `from_helper`.
            match message {
                FromHelper::Hello { .. }
                | FromHelper::Alive
                | FromHelper::Tuned { .. }
                | FromHelper::Status(_)
                | FromHelper::CatchUp { .. }
                | FromHelper::Stats(_) => {}
            }
        }
    }

    #[test]
    fn what_is_no_message_is_left_alone() {
        for text in
            ["", "[]", "{}", r#"{"type":"later"}"#, r#"{"type":"tuned"}"#, r#"{"type":"status","phase":"later"}"#]
        {
            assert_eq!(from_helper(text), None, "{text}");
        }
    }

    #[test]
    fn fields_of_a_later_helper_are_passed_over() {
        let text = r#"{"type":"tuned","url":"amt://232.0.0.1:1","later":{"deep":[1.5,null]}}"#;
        assert_eq!(from_helper(text), Some(FromHelper::Tuned { url: "amt://232.0.0.1:1".into(), request: None }));
    }
}
