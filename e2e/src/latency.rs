//! Delay from the relay to the screen: the relay's log of frames sent against the strips of frames shown.

use crate::strip::ShownFrame;
use anyhow::{Context, Result};

/// A line of the relay's frame log: when the last packet of a frame was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SentFrame {
    /// Number in the clip.
    pub number: u32,
    /// Milliseconds since the Unix epoch.
    pub sent: f64,
}

/// Reads a frame log: `NUMBER UNIX_MICROSECONDS` a line. A last line that is still being written is left out.
///
/// # Errors
/// Where a whole line is something else.
pub fn read_frame_log(log: &str) -> Result<Vec<SentFrame>> {
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let read = |line: &str| {
        let (number, micros) = line.split_once(' ')?;
        Some(SentFrame { number: number.parse().ok()?, sent: micros.trim().parse::<f64>().ok()? / 1000.0 })
    };
    whole.lines().map(|line| read(line).with_context(|| format!("not a frame log's line: {line:?}"))).collect()
}

/// What was found out about the delay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    /// Milliseconds from sent to displayed, ascending.
    pub displayed: Vec<f64>,
    /// Milliseconds from sent to the callback in the page, ascending.
    pub called: Vec<f64>,
    /// Frames sent between the first and the last one shown, and not shown.
    pub lost: usize,
}

/// Sets each frame shown against the last frame of its number sent before it.
#[must_use]
pub fn delays(sent: &[SentFrame], shown: &[ShownFrame]) -> Delays {
    let mut found = Delays::default();
    let mut matched = Vec::new();
    for frame in shown {
        let at = frame.displayed.max(frame.called);
        let candidates = sent.iter().enumerate().rev();
        let Some((index, sent)) =
            candidates.into_iter().find(|(_, sent)| sent.number == frame.number && sent.sent < at)
        else {
            continue;
        };
        matched.push(index);
        found.displayed.push(frame.displayed - sent.sent);
        found.called.push(frame.called - sent.sent);
    }
    matched.sort_unstable();
    matched.dedup();
    if let (Some(first), Some(last)) = (matched.first(), matched.last()) {
        found.lost = last - first + 1 - matched.len();
    }
    found.displayed.sort_by(f64::total_cmp);
    found.called.sort_by(f64::total_cmp);
    found
}

/// The value that a part of all values (0.5: half of them) does not exceed.
#[must_use]
pub fn percentile(ascending: &[f64], part: f64) -> Option<f64> {
    let rank = (part * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: u32, displayed: f64) -> ShownFrame {
        ShownFrame { number, called: displayed - 5.0, displayed, presented: 0 }
    }

    #[test]
    fn a_frame_is_matched_with_the_round_of_the_clip_it_was_sent_in_and_gaps_are_counted() {
        let sent = read_frame_log("511 1000000\n0 1040000\n1 1080000\n511 21480000\n0 2152").unwrap();
        assert_eq!(sent.len(), 4);
        let found = delays(&sent, &[shown(511, 1100.0), shown(1, 1200.0), shown(511, 21_580.0)]);
        assert_eq!(found.displayed, [100.0, 100.0, 120.0]);
        assert_eq!(found.called, [95.0, 95.0, 115.0]);
        assert_eq!(found.lost, 1);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(percentile(&values, 0.5), Some(2.0));
        assert_eq!(percentile(&values, 0.99), Some(4.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
