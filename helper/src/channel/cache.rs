//! What a new viewer is given at once: the tables, and everything since a random access point.
//!
//! That point is the last one, unless it is only a moment old: a browser wants a quarter of a second of sound and
//! pictures before it plays, and who is given less waits for the rest of it. So the one before it is kept until
//! the last is [`LEAST`] old.

use super::frame::{Entry, Frame};
use amt_shared::wire::FrameHeader;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes kept at most; a random access point further back cannot be started from.
const MAX_BYTES: usize = 6 << 20;
/// What a viewer is given at least, once there is so much.
const LEAST: Duration = Duration::from_millis(500);

/// Frames from a random access point to the next.
struct Run {
    /// The tables as they were when it began, so that their counters fit.
    tables: Bytes,
    frames: Vec<Frame>,
    bytes: usize,
    start_micros: u64,
}

/// The last runs, within bounds.
pub(super) struct Cache {
    /// Time kept at most, in microseconds; with 0 only the tables are kept.
    max_age: u64,
    tables: Bytes,
    runs: VecDeque<Run>,
    /// The run at work has grown beyond the bounds.
    overrun: bool,
    /// Whether the stream has ever shown a random access point.
    has_random_access: bool,
}

/// What a new viewer is given.
pub(super) struct CatchUp {
    pub(super) frames: Vec<Frame>,
    pub(super) age_micros: u64,
}

impl Cache {
    /// An empty one, that keeps so much at most.
    pub(super) fn new(max_age: Duration) -> Self {
        Self {
            max_age: micros(max_age),
            tables: Bytes::new(),
            runs: VecDeque::new(),
            overrun: true,
            has_random_access: false,
        }
    }

    pub(super) fn has_random_access(&self) -> bool {
        self.has_random_access
    }

    /// Takes the frame that has just been sent to everybody.
    pub(super) fn push(&mut self, frame: &Frame) {
        let Ok((header, _)) = FrameHeader::decode(&frame.bytes) else { return };
        let now = header.received_micros;
        if frame.entry == Entry::RandomAccess {
            self.has_random_access = true;
            self.overrun = self.max_age == 0;
            if !self.overrun {
                let tables = self.tables.clone();
                self.runs.push_back(Run { tables, frames: Vec::new(), bytes: 0, start_micros: now });
            }
        }
        if let Some(run) = self.runs.back_mut().filter(|_| !self.overrun) {
            run.bytes += frame.bytes.len();
            run.frames.push(frame.clone());
        }
        self.trim(now);
        if let Some(tables) = &frame.tables {
            self.tables = tables.clone();
        }
    }

    /// Lets go of what is not needed or too much.
    fn trim(&mut self, now: u64) {
        let age = |run: &Run| now.saturating_sub(run.start_micros);
        while self.runs.get(1).is_some_and(|next| age(next) >= micros(LEAST)) {
            self.runs.pop_front();
        }
        while let Some(first) = self.runs.front()
            && (age(first) > self.max_age || self.runs.iter().map(|run| run.bytes).sum::<usize>() > MAX_BYTES)
        {
            self.runs.pop_front();
            self.overrun |= self.runs.is_empty();
        }
    }

    /// The frames with which a viewer that joins at `now_micros` begins; just the tables where the last random
    /// access point lies too far back.
    pub(super) fn catch_up(&self, now_micros: u64) -> CatchUp {
        let first = self.runs.front().and_then(|run| {
            let (header, _) = FrameHeader::decode(&run.frames.first()?.bytes).ok()?;
            Some((&run.tables, header))
        });
        let (tables, start) = first.map_or((&self.tables, None), |(tables, header)| (tables, Some(header)));
        let received_micros = start.map_or(now_micros, |header| header.received_micros);
        let mut frames = Vec::new();
        if !tables.is_empty() {
            // One before the first: to the page the frames follow each other.
            let sequence = start.map_or(0, |header| header.sequence).wrapping_sub(1);
            let header = FrameHeader { gap: false, missing: 0, sequence, received_micros };
            frames.push(Frame::new(header, tables, Entry::UnitStart));
        }
        frames.extend(self.runs.iter().flat_map(|run| &run.frames).cloned());
        CatchUp { frames, age_micros: now_micros.saturating_sub(received_micros) }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::frame::Framer;
    use super::super::test_packets::{pat, pmt, random_access, video};
    use super::*;
    use amt_shared::ts::PACKET_LEN;

    const MAX_AGE: Duration = Duration::from_secs(12);
    const LEAST_MICROS: u64 = 500_000;

    fn feed(cache: &mut Cache, framer: &mut Framer, ts: &[u8], micros: u64) {
        framer.push(ts, micros, |frame| cache.push(&frame));
        if let Some(frame) = framer.finish() {
            cache.push(&frame);
        }
    }

    fn ts(catch_up: &CatchUp) -> Vec<u8> {
        let ts = |frame: &Frame| FrameHeader::decode(&frame.bytes).unwrap().1.to_vec();
        catch_up.frames.iter().flat_map(ts).collect()
    }

    #[test]
    fn a_new_viewer_gets_the_tables_and_all_since_the_random_access_point() {
        let (mut cache, mut framer) = (Cache::new(MAX_AGE), Framer::default());
        feed(&mut cache, &mut framer, &[video(0), pat(0, 0x100), pmt(0, 0x100)].concat(), 1000);
        feed(&mut cache, &mut framer, &[video(1), random_access(2)].concat(), 2000);
        feed(&mut cache, &mut framer, &[pmt(1, 0x100), video(3)].concat(), 3000);
        let catch_up = cache.catch_up(5000);
        let expected = [pat(0, 0x100), pmt(0, 0x100), random_access(2), pmt(1, 0x100), video(3)].concat();
        assert_eq!(ts(&catch_up), expected);
        assert_eq!(catch_up.age_micros, 3000);
        let sequences: Vec<u32> =
            catch_up.frames.iter().map(|frame| FrameHeader::decode(&frame.bytes).unwrap().0.sequence).collect();
        assert_eq!(sequences, [1, 2, 3]);
    }

    #[test]
    fn the_random_access_point_before_the_last_is_kept_until_the_last_is_old_enough_to_start_from() {
        let (mut cache, mut framer) = (Cache::new(MAX_AGE), Framer::default());
        feed(&mut cache, &mut framer, &random_access(0), 0);
        feed(&mut cache, &mut framer, &random_access(1), 2_000_000);
        feed(&mut cache, &mut framer, &video(2), 2_000_000 + LEAST_MICROS - 1);
        assert_eq!(ts(&cache.catch_up(0)), [random_access(0), random_access(1), video(2)].concat());
        feed(&mut cache, &mut framer, &video(3), 2_000_000 + LEAST_MICROS);
        assert_eq!(ts(&cache.catch_up(0)), [random_access(1), video(2), video(3)].concat());
    }

    #[test]
    fn where_every_picture_can_be_started_from_no_more_is_kept_than_is_needed() {
        let (mut cache, mut framer) = (Cache::new(MAX_AGE), Framer::default());
        for picture in 0..100 {
            feed(&mut cache, &mut framer, &random_access(picture), u64::from(picture) * 40_000);
        }
        assert_eq!(ts(&cache.catch_up(0)).len() / PACKET_LEN, 14);
    }

    #[test]
    fn without_seconds_to_keep_only_the_tables_are_kept() {
        let (mut cache, mut framer) = (Cache::new(Duration::ZERO), Framer::default());
        feed(&mut cache, &mut framer, &pat(0, 0x100), 0);
        feed(&mut cache, &mut framer, &random_access(0), 0);
        feed(&mut cache, &mut framer, &video(1), 0);
        assert_eq!(ts(&cache.catch_up(0)), pat(0, 0x100));
        assert!(cache.has_random_access());
    }

    #[test]
    fn the_cache_ends_where_it_would_grow_too_old_or_too_large() {
        let (mut cache, mut framer) = (Cache::new(MAX_AGE), Framer::default());
        feed(&mut cache, &mut framer, &pat(0, 0x100), 0);
        feed(&mut cache, &mut framer, &random_access(0), 0);
        feed(&mut cache, &mut framer, &video(1), 12_000_001);
        assert_eq!(ts(&cache.catch_up(12_000_001)), pat(0, 0x100));
        feed(&mut cache, &mut framer, &random_access(2), 0);
        let megabyte = video(3).repeat((1 << 20) / PACKET_LEN);
        for _ in 0..10 {
            feed(&mut cache, &mut framer, &megabyte, 0);
            assert!(cache.runs.iter().map(|run| run.bytes).sum::<usize>() <= MAX_BYTES);
        }
        assert_eq!(ts(&cache.catch_up(0)), pat(0, 0x100));
        assert!(cache.has_random_access());
    }
}
