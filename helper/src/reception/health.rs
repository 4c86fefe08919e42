//! What one path loses by itself, while another one brings the same.

use super::counters::Counters;
use crate::channel::packets;
use crate::rtp;

/// Counts of one path, since they were taken last: by RTP's sequence numbers, else by continuity counters.
#[derive(Debug, Default)]
pub(super) struct Health {
    sequence: Option<u16>,
    counters: Counters,
    came: u64,
    lost: u64,
}

impl Health {
    pub(super) fn count(&mut self, payload: &[u8]) {
        match rtp::look(payload, None) {
            Ok(Some(header)) => self.count_rtp(header.sequence),
            Ok(None) => self.count_ts(payload),
            Err(_) => {}
        }
    }

    fn count_rtp(&mut self, sequence: u16) {
        let step = self.sequence.map_or(1, |last| sequence.wrapping_sub(last) as i16);
        match step {
            1.. => {
                self.sequence = Some(sequence);
                self.came += 1;
                self.lost += u64::from(step.unsigned_abs()) - 1;
            }
            0 => {}
            // It was only late.
            _ => {
                self.came += 1;
                self.lost = self.lost.saturating_sub(1);
            }
        }
    }

    fn count_ts(&mut self, payload: &[u8]) {
        for (_, packet) in packets(payload) {
            if let Some(lost) = self.counters.lost(&packet) {
                self.came += 1;
                self.lost += lost;
            }
        }
    }

    /// How much came and was lost; both begin anew.
    pub(super) fn take(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.came), std::mem::take(&mut self.lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::test_packets::video;

    #[test]
    fn what_is_missing_is_counted_and_what_is_late_or_comes_twice_is_not() {
        let packet = |sequence: u16| {
            let ts = video(0);
            [&[0x80, 33][..], &sequence.to_be_bytes(), &[0; 8], &ts].concat()
        };
        let mut health = Health::default();
        [65_534, 65_535, 1, 0, 0, 2, 5].map(packet).iter().for_each(|packet| health.count(packet));
        assert_eq!(health.take(), (7, 2));
        let mut health = Health::default();
        [0, 1, 5, 6].map(video).iter().for_each(|packet| health.count(packet));
        assert_eq!(health.take(), (4, 3));
        assert_eq!(health.take(), (0, 0));
    }
}
