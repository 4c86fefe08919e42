//! The interarrival jitter of RTP (RFC 3550, 6.4.1 and A.8).

/// What the spacing of arrivals differs from the spacing of timestamps, smoothed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Jitter {
    transit: Option<u32>,
    /// In sixteenths of a 90 kHz tick, so that integers do.
    scaled: u64,
}

impl Jitter {
    /// Takes a packet's arrival in microseconds and its timestamp in 90 kHz ticks; both may wrap.
    pub(crate) fn add(&mut self, received_micros: u64, timestamp: u32) {
        // 90 ticks a millisecond; only differences are used, so that the wrap does no harm.
        let arrival = (u128::from(received_micros) * 9 / 100) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let step = u64::from((transit.wrapping_sub(before) as i32).unsigned_abs());
            self.scaled = self.scaled + step - ((self.scaled + 8) >> 4);
        }
    }

    /// The jitter in microseconds.
    pub(crate) fn micros(self) -> u64 {
        (self.scaled >> 4) * 100 / 9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_at_the_pace_of_their_timestamps_have_none() {
        let mut jitter = Jitter::default();
        for number in 0..1000_u32 {
            // Across the wrap of the timestamp.
            jitter.add(1_700_000_000_000_000 + u64::from(number) * 1000, (number * 90).wrapping_sub(9000));
        }
        assert_eq!(jitter.micros(), 0);
    }

    #[test]
    fn it_comes_near_the_mean_deviation_and_forgets() {
        let mut jitter = Jitter::default();
        for number in 0..200_u32 {
            jitter.add(u64::from(number) * 1000 + u64::from(number % 2) * 2000, number * 90);
        }
        assert!((1900..=2000).contains(&jitter.micros()), "{}", jitter.micros());
        for number in 200..400_u32 {
            jitter.add(u64::from(number) * 1000, number * 90);
        }
        assert!(jitter.micros() < 100, "{}", jitter.micros());
    }
}
