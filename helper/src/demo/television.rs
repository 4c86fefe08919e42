//! The clip on the air: played from the wall clock whether or not anybody looks.

use super::clip::{Clip, ClipError, TEST_CARD};
use super::inner::DataMessage;
use super::looper::{DATAGRAM_LEN, Looper};
use super::{GROUP, PORT, SOURCE};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddrV4;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Up to here what is late goes out at once. After more (the process was stopped) the programme goes on from
/// where it stood, rather than in a flood.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// Deadlines are counted from one start, so that nothing drifts.
pub(super) struct Television {
    looper: Looper<'static>,
    message: DataMessage,
    /// The video frames that end with the message last made.
    frames: Vec<u32>,
    frame_log: Option<File>,
    start: Option<Instant>,
}

impl Television {
    pub(super) fn new(frame_log: Option<File>) -> Result<Self, ClipError> {
        Ok(Self {
            looper: Looper::new(Clip::parse(TEST_CARD)?),
            message: DataMessage::new(SocketAddrV4::new(SOURCE, PORT), SocketAddrV4::new(GROUP, PORT)),
            frames: Vec::new(),
            frame_log,
            start: None,
        })
    }

    /// The next Multicast Data message, when it is due. Nothing is lost where it is cancelled.
    pub(super) async fn next(&mut self) -> &[u8] {
        let start = self.start.get_or_insert_with(Instant::now);
        let due = *start + self.looper.next_due();
        if due.elapsed() > LONGEST_DELAY {
            *start += due.elapsed();
        }
        tokio::time::sleep_until(due).await;
        self.frames.clear();
        let (looper, frames) = (&mut self.looper, &mut self.frames);
        self.message.fill(DATAGRAM_LEN, |out| looper.next_datagram(out, frames))
    }

    /// The message was sent: the frames that end with it go into the log.
    pub(super) fn sent(&mut self) -> std::io::Result<()> {
        let Some(log) = &mut self.frame_log else { return Ok(()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        self.frames.iter().try_for_each(|frame| writeln!(log, "{frame} {now}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays for a while of simulated time; says how many messages that were.
    async fn play(television: &mut Television, time: Duration) -> usize {
        let (end, mut count) = (Instant::now() + time, 0);
        while tokio::time::timeout_at(end, television.next()).await.is_ok() {
            count += 1;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn it_keeps_to_the_clock_and_takes_up_after_a_stop() {
        let mut television = Television::new(None).unwrap();
        let round = Duration::from_millis(20_480);
        let datagrams = TEST_CARD.len() as f64 / DATAGRAM_LEN as f64;
        assert!((play(&mut television, 10 * round).await as f64 - 10.0 * datagrams).abs() <= 1.0);
        // A short delay is made up for.
        tokio::time::advance(Duration::from_millis(800)).await;
        let caught_up = play(&mut television, round - Duration::from_millis(800)).await;
        assert!((caught_up as f64 - datagrams).abs() <= 1.0);
        // An hour is not.
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!((play(&mut television, round).await as f64 - datagrams).abs() <= 2.0);
    }
}
