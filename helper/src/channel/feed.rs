//! From a tunnel into a channel.

use super::{Channel, lock};
use crate::reception::Consumer;
use crate::terminal::{Level, Line, say_line, show_progress};
use amt_shared::stats::ChannelStats;
use amt_shared::wire::{Phase, Status};
use std::sync::Arc;

/// Makes frames of what a tunnel brings, and lines of what it tells.
pub(super) struct Feed {
    channel: Arc<Channel>,
    label: String,
    last: Option<Status>,
    /// A relay has answered, or data came.
    answered: bool,
    counters: Option<ChannelStats>,
}

impl Feed {
    pub(super) fn new(channel: Arc<Channel>) -> Self {
        let label = channel.plan.borrow().label();
        Self { channel, label, last: None, answered: false, counters: None }
    }
}

impl Feed {
    fn line(&self, sentence: &str, status: Option<&Status>) -> Line {
        let phase = status.map(|status| status.phase);
        let level = match phase {
            Some(Phase::Failed) => Level::Error,
            Some(Phase::Silent) => Level::Warn,
            _ => Level::Info,
        };
        let relay = status.and_then(|status| status.relay.as_deref());
        let line = Line::new(sentence).channel(&self.label).relay(relay).level(level);
        line.phase(phase).counters(self.counters.as_ref())
    }
}

impl Consumer for Feed {
    fn datagram(&mut self, ts: &[u8], received_micros: u64) {
        let publish = |frame| {
            self.channel.publish(&frame);
        };
        lock(&self.channel.outlet).framer.push(ts, received_micros, publish);
    }

    fn lost(&mut self, missing: u16) {
        // What has come is not behind the hole.
        if let Some(frame) = lock(&self.channel.outlet).framer.lost(missing) {
            self.channel.publish(&frame);
        }
    }

    fn flush(&mut self) {
        self.channel.flush();
    }

    fn status(&mut self, status: Status) {
        if self.last.as_ref().is_none_or(|last| last.sentence != status.sentence) {
            say_line(self.line(&with_advice(&status), Some(&status)));
        }
        self.answered |= matches!(status.phase, Phase::Requesting | Phase::Joined | Phase::Receiving | Phase::Silent);
        self.last = Some(status.clone());
        self.channel.tell(status);
    }

    fn step(&mut self, sentence: &str) {
        say_line(self.line(sentence, self.last.as_ref()).level(Level::Info));
    }

    fn stats(&mut self, stats: &ChannelStats) {
        let mut stats = stats.clone();
        if !self.answered {
            // What else came from where a relay was sought is none of a page's business.
            stats.discarded.clear();
        }
        let stats = self.channel.count(&stats);
        if self.last.as_ref().is_some_and(|status| status.phase == Phase::Receiving) {
            let line = format_args!("{}, {} watching.", rate_line(&stats), stats.viewers);
            show_progress(Line::new(line).channel(&self.label));
        }
        self.counters = Some(stats);
    }
}

/// A status as one line.
pub(crate) fn with_advice(status: &Status) -> String {
    match &status.advice {
        Some(advice) => format!("{} {advice}", status.sentence),
        None => status.sentence.clone(),
    }
}

/// How much comes and how much is lost, as a line begins.
pub(crate) fn rate_line(stats: &ChannelStats) -> String {
    let rate = stats.bits_per_second as f64 / 1e6;
    format!("{rate:.2} Mbit/s, {} packets so far, {} lost", stats.ts_packets, stats.continuity_lost)
}
