//! Counts what a tunnel does, and judges whether it is what was asked for.

use super::counters::Counters;
use crate::channel::packets;
use crate::merge::Merge;
use amt_shared::stats::ChannelStats;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Datagrams without a transport packet, one after another, after which the data counts as something else; and
/// with one, after which it counts as TS again. In noise one is found now and then.
const TO_JUDGE: u32 = 20;
/// Datagrams for other ports, with none for ours, after which a mistyped port is more likely than not.
const OTHER_PORT: u32 = 20;

/// How far back the rate looks: over several groups of pictures, or it swings with their sizes.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// What a user should be told about the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is known against it.
    Fine,
    /// It is no transport stream.
    NotTs,
    /// It goes to this port, and none of it to the one asked for.
    OtherPort(u16),
}

pub(super) struct Meter {
    stats: ChannelStats,
    began: Instant,
    last: Option<Instant>,
    counters: Counters,
    /// When the counters were reported, and the bytes by then; the oldest is about [`RATE_WINDOW`] back.
    reported: VecDeque<(Instant, u64)>,
    is_ts: bool,
    /// Datagrams, one after another, that speak for the opposite of `is_ts`.
    doubts: u32,
    other_port: (u16, u32),
    told: Verdict,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            stats: ChannelStats::default(),
            began: now,
            last: None,
            counters: Counters::default(),
            reported: VecDeque::from([(now, 0)]),
            is_ts: true,
            doubts: 0,
            other_port: (0, 0),
            told: Verdict::Fine,
        }
    }

    /// When the last datagram came.
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// From tuning in to the first datagram.
    pub(super) fn join(&self) -> Duration {
        Duration::from_millis(self.stats.join_ms.unwrap_or(0))
    }

    /// Counts a datagram of the channel.
    pub(super) fn count(&mut self, now: Instant, ts: &[u8]) {
        if self.last.is_none() {
            self.stats.join_ms = Some(millis(now.saturating_duration_since(self.began)));
        }
        self.last = Some(now);
        self.stats.datagrams += 1;
        self.stats.bytes += ts.len() as u64;
        let mut found = false;
        for (_, packet) in packets(ts) {
            found = true;
            self.stats.ts_packets += 1;
            self.stats.continuity_lost += self.counters.lost(&packet).unwrap_or(0);
        }
        self.doubts = if found == self.is_ts { 0 } else { self.doubts + 1 };
        if self.doubts == TO_JUDGE {
            self.is_ts = found;
            self.doubts = 0;
        }
    }

    /// How much came and how much was lost, as RTP says or else continuity counters.
    pub(super) fn arrived_and_lost(&self, merge: &Merge) -> (u64, u64) {
        let figures = merge.figures();
        if figures.is_rtp {
            (figures.rtp.expected.saturating_sub(figures.rtp.lost), figures.rtp.lost)
        } else {
            (self.stats.ts_packets, self.stats.continuity_lost)
        }
    }

    /// Counts datagrams that were refused.
    pub(super) fn discard(&mut self, reason: String, count: u64) {
        *self.stats.discarded.entry(reason).or_default() += count;
    }

    /// Notes a datagram of the group that goes to another port than the channel's.
    pub(super) fn other_port(&mut self, port: u16) {
        self.other_port = (port, self.other_port.1.saturating_add(1));
    }

    /// The judgement, where it is another than before.
    pub(super) fn verdict(&mut self) -> Option<Verdict> {
        let verdict = match self.other_port {
            _ if !self.is_ts => Verdict::NotTs,
            (port, OTHER_PORT..) if self.last.is_none() => Verdict::OtherPort(port),
            _ => Verdict::Fine,
        };
        (std::mem::replace(&mut self.told, verdict) != verdict).then_some(verdict)
    }

    /// Counts inner packets of the tunnel that came in fragments.
    pub(super) fn fragments(&mut self, reassembled: u64, failed: u64) {
        self.stats.reassembled += reassembled;
        self.stats.reassembly_failed += failed;
    }

    /// Counts datagrams that found no room in a socket's buffer.
    pub(super) fn socket_dropped(&mut self, dropped: u64) {
        self.stats.socket_dropped += dropped;
    }

    /// The counters as they are now.
    pub(super) fn report(&mut self, now: Instant, merge: &Merge, path: &str) -> &ChannelStats {
        if self.last.is_none() {
            self.reported.clear();
        }
        while self.reported.get(1).is_some_and(|(then, _)| now.saturating_duration_since(*then) >= RATE_WINDOW) {
            self.reported.pop_front();
        }
        if let Some((then, bytes)) = self.reported.front() {
            let seconds = now.saturating_duration_since(*then).as_secs_f64();
            if seconds > 0.0 {
                self.stats.bits_per_second = ((self.stats.bytes - bytes) as f64 * 8.0 / seconds) as u64;
            }
        }
        self.reported.push_back((now, self.stats.bytes));
        self.stats.silent_ms = self.last.map(|last| millis(now.saturating_duration_since(last)));
        merge.report(&mut self.stats);
        path.clone_into(&mut self.stats.path);
        &self.stats
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::test_packets::video;

    #[test]
    fn losses_rate_and_join_time_are_counted() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        meter.count(start + Duration::from_millis(250), &[video(0), video(1)].concat());
        meter.count(start + Duration::from_millis(500), &video(5));
        let stats = meter.report(start + Duration::from_secs(1), &Merge::default(), "amt");
        assert_eq!((stats.datagrams, stats.ts_packets, stats.bytes), (2, 3, 3 * 188));
        assert_eq!((stats.continuity_lost, stats.join_ms, stats.silent_ms), (3, Some(250), Some(500)));
        assert_eq!(stats.bits_per_second, 3 * 188 * 8);
    }

    #[test]
    fn the_rate_is_the_mean_of_the_last_seconds() {
        let second = Duration::from_secs(1);
        let mut now = Instant::now();
        let mut meter = Meter::new(now);
        let mut rate = 0;
        for packets in [0, 0, 0, 20, 0, 20, 0, 20, 0, 20, 0, 20] {
            (0..packets).for_each(|_| meter.count(now, &video(0)));
            now += second;
            rate = meter.report(now, &Merge::default(), "amt").bits_per_second;
        }
        assert!((7 * 188 * 8..=13 * 188 * 8).contains(&rate), "{rate}");
        for _ in 0..6 {
            now += second;
            rate = meter.report(now, &Merge::default(), "amt").bits_per_second;
        }
        assert_eq!(rate, 0);
    }

    #[test]
    fn data_that_is_no_ts_is_told_once_and_so_is_its_becoming_ts() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        (0..TO_JUDGE).for_each(|_| meter.count(start, b"something else altogether"));
        assert_eq!(meter.verdict(), Some(Verdict::NotTs));
        meter.count(start, b"something else altogether");
        assert_eq!(meter.verdict(), None);
        // Noise that looks like a packet once.
        meter.count(start, &video(0));
        meter.count(start, b"something else altogether");
        (1..TO_JUDGE).for_each(|_| meter.count(start, &video(0)));
        assert_eq!(meter.verdict(), None);
        meter.count(start, &video(0));
        assert_eq!(meter.verdict(), Some(Verdict::Fine));
    }

    #[test]
    fn a_mistyped_port_is_told_once() {
        let mut meter = Meter::new(Instant::now());
        (0..OTHER_PORT).for_each(|_| meter.other_port(5000));
        assert_eq!(meter.verdict(), Some(Verdict::OtherPort(5000)));
        assert_eq!(meter.verdict(), None);
    }
}
