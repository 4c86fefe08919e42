//! At most ten DNS queries in any 100 ms (RFC 8777, 3.2.2), whichever channels want them.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

const QUERIES: usize = 10;
const PERIOD: Duration = Duration::from_millis(100);

/// When the last queries went out. Waiting ones go in their order.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<VecDeque<Instant>>);

impl Pace {
    /// Returns when `queries` may go out at once.
    pub(super) async fn wait(&self, queries: usize) {
        let queries = queries.min(QUERIES);
        let mut sent = self.0.lock().await;
        while sent.len() + queries > QUERIES
            && let Some(first) = sent.pop_front()
        {
            sleep_until(first + PERIOD).await;
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
}
