//! `amt-helper receive`, watched from outside: what came out of it, and when.

use crate::{Process, Stage, within};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const PACKET: usize = 188;
/// Shown of a log where something did not come.
const LAST_LINES: usize = 40;

/// A running `receive` that writes to us.
pub struct Reception {
    /// Its process; its log has what it says.
    pub process: Process,
    arrivals: Arc<Mutex<Arrivals>>,
}

/// What one reading brought.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When it was there.
    pub at: Instant,
    /// Transport packets in it.
    pub packets: usize,
    /// How often a continuity counter did not follow.
    pub losses: usize,
    /// How often one came twice.
    pub duplicates: usize,
}

#[derive(Default)]
struct Arrivals {
    all: Vec<Arrival>,
    counters: BTreeMap<u16, u8>,
    /// What is left of a packet whose end has not come yet.
    rest: Vec<u8>,
}

impl Reception {
    /// Starts a command line that ends in the helper, after adding `receive URL --output -` and `arguments`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(stage: &Stage, name: &str, mut helper: Command, url: &str, arguments: &[&str]) -> Result<Self> {
        helper.args(["receive", url, "--output", "-"]).args(arguments);
        helper.env_remove("AMT_URL").env_remove("AMT_RELAY").env_remove("RUST_LOG");
        let (process, mut stdout) = Process::start_to_read(name, &mut helper, stage.dir())?;
        let arrivals = Arc::<Mutex<Arrivals>>::default();
        let shared = Arc::clone(&arrivals);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                lock(&shared).take(Instant::now(), &buffer[..length]);
            }
        });
        Ok(Self { process, arrivals })
    }

    /// Waits for the first data after `since`: how long after it that came.
    ///
    /// # Errors
    /// Where none came within the limit; with what the helper said last.
    pub async fn data_after(&mut self, since: Instant, limit: Duration) -> Result<Duration> {
        let result = within(limit, "data", async || {
            self.process.check_running()?;
            let arrivals = lock(&self.arrivals);
            let first = arrivals.all.partition_point(|arrival| arrival.at <= since);
            Ok(arrivals.all.get(first).map(|arrival| arrival.at - since))
        })
        .await;
        result.with_context(|| self.last_lines())
    }

    /// Waits until nothing has come for so long.
    ///
    /// # Errors
    /// Where data goes on and on.
    pub async fn silence(&mut self, length: Duration) -> Result<()> {
        let begun = Instant::now();
        let result = within(length + Duration::from_secs(60), "silence", async || {
            self.process.check_running()?;
            let last = lock(&self.arrivals).all.last().map_or(begun, |arrival| arrival.at);
            Ok((last.elapsed() >= length).then_some(()))
        })
        .await;
        result.with_context(|| self.last_lines())
    }

    /// Waits until data has come for so long since `since`, with no pause as long as `pause`.
    ///
    /// # Errors
    /// Where it stops, or does not come.
    pub async fn data_for(&mut self, since: Instant, length: Duration, pause: Duration) -> Result<()> {
        self.data_after(since + length, length + pause).await?;
        let gap = self.longest_gap(since, since + length);
        ensure!(gap < pause, "nothing came for {gap:?}\n{}", self.last_lines());
        Ok(())
    }

    /// All that came after `from` and not after `to`.
    #[must_use]
    pub fn arrivals(&self, from: Instant, to: Instant) -> Vec<Arrival> {
        lock(&self.arrivals).all.iter().filter(|arrival| arrival.at > from && arrival.at <= to).copied().collect()
    }

    /// The longest time without data between two moments.
    #[must_use]
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let mut last = from;
        let mut longest = Duration::ZERO;
        for arrival in self.arrivals(from, to) {
            longest = longest.max(arrival.at - last);
            last = arrival.at;
        }
        longest.max(to - last)
    }

    /// Packets, losses by continuity counter and duplicates between two moments.
    #[must_use]
    pub fn count(&self, from: Instant, to: Instant) -> (usize, usize, usize) {
        self.arrivals(from, to).iter().fold((0, 0, 0), |(packets, losses, duplicates), arrival| {
            (packets + arrival.packets, losses + arrival.losses, duplicates + arrival.duplicates)
        })
    }

    /// How many lines the helper has printed.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.process.log().lines().count()
    }

    fn last_lines(&self) -> String {
        let log = self.process.log();
        let lines: Vec<_> = log.lines().collect();
        format!("the helper said last:\n{}", lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"))
    }
}

/// How often a continuity counter does not follow in a whole transport stream, one that comes twice among them.
#[must_use]
pub fn continuity_losses(ts: &[u8]) -> usize {
    let mut arrivals = Arrivals::default();
    arrivals.take(Instant::now(), ts);
    arrivals.all.iter().map(|arrival| arrival.losses + arrival.duplicates).sum()
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arrivals {
    fn take(&mut self, at: Instant, bytes: &[u8]) {
        let mut arrival = Arrival { at, packets: 0, losses: 0, duplicates: 0 };
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let packets = rest.chunks_exact(PACKET);
        self.rest = packets.remainder().to_vec();
        for packet in packets {
            arrival.packets += 1;
            match self.follow(packet) {
                Some(Step::Lost) => arrival.losses += 1,
                Some(Step::Again) => arrival.duplicates += 1,
                None => {}
            }
        }
        self.all.push(arrival);
    }

    /// Whether the continuity counter follows (ISO/IEC 13818-1, 2.4.3.3), by a reading of our own.
    fn follow(&mut self, packet: &[u8]) -> Option<Step> {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let has_payload = packet[3] & 0x10 != 0;
        if pid == 0x1fff || !has_payload {
            return None;
        }
        let counter = packet[3] & 0x0f;
        let before = self.counters.insert(pid, counter)?;
        match counter.wrapping_sub(before) & 0x0f {
            1 => None,
            0 => Some(Step::Again),
            _ => Some(Step::Lost),
        }
    }
}

enum Step {
    Lost,
    Again,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_duplicates_are_seen_in_packets_that_come_in_pieces() {
        let packet = |counter: u8| {
            let mut packet = [0xff; PACKET];
            packet[..4].copy_from_slice(&[0x47, 0x01, 0x00, 0x10 | counter]);
            packet
        };
        let stream = [14, 15, 0, 0, 1, 3].map(packet).concat();
        let mut arrivals = Arrivals::default();
        stream.chunks(100).for_each(|piece| arrivals.take(Instant::now(), piece));
        let sum = |of: fn(&Arrival) -> usize| arrivals.all.iter().map(of).sum::<usize>();
        assert_eq!((sum(|a| a.packets), sum(|a| a.losses), sum(|a| a.duplicates)), (6, 1, 1));
        assert!(arrivals.rest.is_empty());
    }
}
