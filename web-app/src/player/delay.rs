//! How far behind live the picture is, in milliseconds: from the helper's receiving to the screen. Pure.
//!
//! Segments say when the helper received them. What was received then is no measure by itself: a helper that stood still
//! stamps what waited for it with the time at which it went on, and what was held up on the way is late itself. So the
//! usual distance between the two clocks is learnt, and the delay is the distance to it: it grows while the picture
//! stands, whoever is the cause.

/// The usual distance is learnt from so long a time of receiving, in buckets of so long; a hold-up is in one of them.
const WINDOW_MS: f64 = 10_000.0;
const BUCKET_MS: f64 = 500.0;
/// A helper whose clock is set adds no bucket in its order; this many are kept in any case.
const BUCKETS_MAX: usize = 40;
/// The weight of one frame in the average delay.
const WEIGHT: f64 = 0.05;

/// The distance from a track's media times to the times at which the helper received them.
#[derive(Debug, Default)]
pub struct Received {
    buckets: Vec<Bucket>,
    usual: Option<f64>,
    /// What was usual before the media time at which the source's clock jumped.
    before: Option<(f64, f64)>,
    /// It jumps with the next segment.
    jumps: bool,
}

#[derive(Debug)]
struct Bucket {
    since: f64,
    sum: f64,
    count: f64,
}

impl Bucket {
    fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

impl Received {
    /// A segment that begins at `start` seconds was received at `received_ms` since the Unix epoch.
    pub fn push(&mut self, start: f64, received_ms: f64) {
        let distance = received_ms - start * 1000.0;
        if std::mem::take(&mut self.jumps) {
            self.before = self.usual.take().map(|usual| (start, usual));
            self.buckets.clear();
        }
        if let Some(bucket) = self.buckets.last_mut()
            && (0.0..BUCKET_MS).contains(&(received_ms - bucket.since))
        {
            bucket.sum += distance;
            bucket.count += 1.0;
            if self.buckets.len() > 1 {
                return;
            }
        } else {
            let old = |bucket: &Bucket| !(0.0..WINDOW_MS).contains(&(received_ms - bucket.since));
            while self.buckets.len() >= BUCKETS_MAX || self.buckets.first().is_some_and(old) {
                self.buckets.remove(0);
            }
            self.learn();
            self.buckets.push(Bucket { since: received_ms, sum: distance, count: 1.0 });
        }
        if self.buckets.len() == 1 && self.usual.is_none_or(|_| self.buckets[0].count > 1.0) {
            self.learn();
        }
    }

    /// With the next segment the source's clock jumps, and the media times go on without a step: by how long nothing came
    /// before it, the distance is another one.
    pub const fn clock_jumps(&mut self) {
        self.jumps = true;
    }

    /// When what is at this media time was due at the helper, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn due_ms(&self, media_time: f64) -> Option<f64> {
        let before = self.before.filter(|(until, _)| media_time < *until).map(|(_, usual)| usual);
        Some(media_time * 1000.0 + before.or(self.usual)?)
    }

    /// Of all buckets the one at a third: hold-ups are only ever later.
    fn learn(&mut self) {
        let worse = |than: f64| self.buckets.iter().filter(|bucket| bucket.mean() < than).count();
        let third = self.buckets.len() / 3;
        let means = self.buckets.iter().map(Bucket::mean).filter(|mean| worse(*mean) <= third);
        self.usual = means.reduce(f64::max).or(self.usual);
    }
}

/// The average delay of what is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delay {
    average_ms: Option<f64>,
}

impl Delay {
    /// What is shown moves: this was due then and is seen now.
    pub fn moves(&mut self, due_ms: f64, now_ms: f64) {
        let delay = now_ms - due_ms;
        // Pictures do not travel in the order in which they are shown: only the average tells something.
        self.average_ms = Some(self.average_ms.map_or(delay, |average| average + (delay - average) * WEIGHT));
    }

    /// What is shown stands, and this was due then: it is as far behind as that.
    pub fn stands(&mut self, due_ms: f64, now_ms: f64) {
        let delay = now_ms - due_ms;
        self.average_ms = Some(self.average_ms.map_or(delay, |average| average.max(delay)));
    }

    /// In milliseconds, once something is known. Nothing is seen before it came: less than nothing is a usual distance that
    /// is not known yet, or of a stream whose pictures leave the segmenter now early, now late.
    #[must_use]
    pub fn ms(self) -> Option<f64> {
        self.average_ms.map(|average| average.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: f64 = 0.04;

    /// Frames of so many seconds, each received so many milliseconds after its time.
    fn received(seconds: f64, late_ms: impl Fn(f64) -> f64) -> Received {
        let mut received = Received::default();
        for frame in 0..(seconds / FRAME) as u32 {
            let start = f64::from(frame) * FRAME;
            received.push(start, 1e12 + start * 1000.0 + late_ms(start));
        }
        received
    }

    fn usual(received: &Received) -> f64 {
        received.due_ms(0.0).unwrap() - 1e12
    }

    #[test]
    fn the_first_segment_tells_and_the_usual_one_is_the_average_of_reordered_ones() {
        let mut first = Received::default();
        assert_eq!(first.due_ms(1.0), None);
        first.push(1.0, 5000.0);
        assert_eq!(first.due_ms(1.5), Some(5500.0));
        let reordered = received(20.0, |start| if (start / FRAME).round() % 3.0 == 0.0 { -80.0 } else { 40.0 });
        assert!(usual(&reordered).abs() < 25.0, "{}", usual(&reordered));
    }

    #[test]
    fn nothing_is_seen_before_it_came() {
        let mut delay = Delay::default();
        delay.moves(1000.0, 800.0);
        assert_eq!(delay.ms(), Some(0.0));
    }

    #[test]
    fn a_helper_that_stood_still_hides_nothing() {
        // Eight seconds are stamped with the time at which it went on.
        let held = |start: f64| if (20.0..28.0).contains(&start) { (28.0 - start) * 1000.0 } else { 0.0 };
        for until in [28.0, 29.0, 33.0, 45.0] {
            let received = received(until, held);
            assert!(usual(&received).abs() < 20.0, "{} after {until} s", usual(&received));
        }
    }

    #[test]
    fn a_longer_way_is_known_after_some_seconds() {
        let longer = received(30.0, |start| if start > 20.0 { 3000.0 } else { 0.0 });
        assert!((usual(&longer) - 3000.0).abs() < 1.0, "{}", usual(&longer));
    }

    #[test]
    fn a_service_that_comes_after_a_silence_is_as_far_behind_as_the_one_before() {
        let mut received = received(20.0, |_| 0.0);
        // For four seconds nothing came, and the media times go on without a step.
        received.clock_jumps();
        for frame in 0..3 {
            let start = 20.0 + f64::from(frame) * FRAME;
            received.push(start, 1e12 + start * 1000.0 + 4000.0);
            assert_eq!(received.due_ms(start), Some(1e12 + start * 1000.0 + 4000.0));
            assert_eq!(received.due_ms(19.9), Some(1e12 + 19_900.0), "what is shown yet came before");
        }
    }

    #[test]
    fn the_delay_grows_while_the_picture_stands() {
        let mut delay = Delay::default();
        for frame in 0..100 {
            delay.moves(f64::from(frame) * 40.0, f64::from(frame) * 40.0 + 180.0);
        }
        assert!((delay.ms().unwrap() - 180.0).abs() < 1.0);
        for tick in 0..80 {
            delay.stands(4000.0, 4180.0 + f64::from(tick) * 100.0);
        }
        assert!((delay.ms().unwrap() - 8080.0).abs() < 1.0, "{:?}", delay.ms());
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut received = Received::default();
        for step in 0..1000 {
            received.push(0.0, f64::from(step % 7) * -600.0);
            received.push(0.0, f64::from(step) * 600.0);
        }
        assert!(received.buckets.len() <= BUCKETS_MAX);
    }
}
