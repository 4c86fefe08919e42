//! The merge in simulated time: a source, paths with skew and loss, and what comes out.

mod cut_elsewhere;
mod handing_over;
mod outages;
mod profiles;
mod uniting;

use super::*;
use std::time::Duration;

pub(super) const A: PathId = PathId(0);
pub(super) const B: PathId = PathId(1);

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A case takes milliseconds: fewer of them than of others.
pub(super) fn fewer() -> proptest::test_runner::Config {
    let usual = proptest::test_runner::Config::default();
    proptest::test_runner::Config { cases: usual.cases / 8, ..usual }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Out {
    pub(super) at: Duration,
    pub(super) ts: Vec<u8>,
    pub(super) received_micros: u64,
    pub(super) gap: bool,
}

/// A merge, its clock, and what came out of it.
pub(super) struct Bench {
    pub(super) merge: Merge,
    pub(super) start: Instant,
    pub(super) out: Vec<Out>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { merge: Merge::default(), start: Instant::now(), out: Vec::new() }
    }

    /// Does what is due until then.
    pub(super) fn run_until(&mut self, at: Duration) {
        let now = self.start + at;
        let mut turns = 0;
        while let Some(due) = self.merge.poll_timeout().filter(|due| *due <= now) {
            let due = due.max(self.start);
            let (start, out) = (self.start, &mut self.out);
            self.merge.handle_timeout(due, &mut |delivery| out.push(Out::new(due - start, delivery)));
            turns += 1;
            assert!(turns < 10_000, "a timeout that nothing is done about");
        }
    }

    pub(super) fn push(&mut self, at: Duration, path: PathId, payload: &[u8]) -> Result<(), Discard> {
        self.run_until(at);
        let (now, out) = (self.start + at, &mut self.out);
        let micros = at.as_micros() as u64;
        self.merge.push(now, path, payload, micros, &mut |delivery| out.push(Out::new(at, delivery)))
    }
}

impl Out {
    fn new(at: Duration, delivery: Delivery<'_>) -> Self {
        Self { at, ts: delivery.ts.to_vec(), received_micros: delivery.received_micros, gap: delivery.gap }
    }
}

/// A transport packet that carries a number.
pub(super) fn numbered(number: u32) -> Vec<u8> {
    let mut packet = vec![0xAA; amt_shared::ts::PACKET_LEN];
    packet[0] = amt_shared::ts::SYNC_BYTE;
    packet[4..8].copy_from_slice(&number.to_be_bytes());
    packet
}

pub(super) fn number_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[4..8].try_into().unwrap())
}
