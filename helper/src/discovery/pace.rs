//! At most so many in a time, whichever channels want them: ten DNS queries in any 100 ms (RFC 8777, 3.2.2), unless
//! another bound is given.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

const QUERIES: usize = 10;
const PERIOD: Duration = Duration::from_millis(100);

/// When the last went out. Waiting ones go in their order.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    period: Duration,
    sent: Mutex<VecDeque<Instant>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(QUERIES, PERIOD)
    }
}

impl Pace {
    /// At most `most` in any `period`.
    pub(crate) fn new(most: usize, period: Duration) -> Self {
        Self { most, period, sent: Mutex::default() }
    }

    /// Returns when so many may go out at once. Whoever gives up waiting leaves everything as it was.
    pub(crate) async fn wait(&self, queries: usize) {
        let queries = queries.min(self.most);
        let mut sent = self.sent.lock().await;
        while sent.len() + queries > self.most
            && let Some(first) = sent.front()
        {
            sleep_until(*first + self.period).await;
            sent.pop_front();
        }
        let now = Instant::now();
        sent.extend(std::iter::repeat_n(now, queries));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_ten_in_a_tenth_of_a_second() {
        let pace = Pace::default();
        let mut times = Vec::new();
        for n in 0..60 {
            let queries = 1 + n % 2;
            pace.wait(queries).await;
            times.extend(std::iter::repeat_n(Instant::now(), queries));
        }
        assert!(times.windows(QUERIES + 1).all(|eleven| eleven[QUERIES] - eleven[0] >= PERIOD));
        assert!(times[89] - times[0] < 11 * PERIOD, "and not slower than need be");
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_lets_nobody_go_sooner() {
        let pace = Pace::new(2, Duration::from_secs(10));
        pace.wait(2).await;
        let start = Instant::now();
        for _ in 0..100 {
            assert!(tokio::time::timeout(Duration::from_millis(1), pace.wait(1)).await.is_err());
        }
        pace.wait(1).await;
        assert!(start.elapsed() >= Duration::from_secs(9));
    }
}
