//! The clip on the air: played from the wall clock whether or not anybody looks.

use super::clip::{Clip, ClipError, TEST_CARD};
use super::inner::DataMessage;
use super::looper::{DATAGRAM_LEN, Looper};
use super::{GROUP, PORT, SOURCE};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddrV4;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Deadlines are counted from one start, so that nothing drifts; what is late goes out at once.
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
        let start = *self.start.get_or_insert_with(Instant::now);
        tokio::time::sleep_until(start + self.looper.next_due()).await;
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
