//! What waits to be sent to one page: bounded, and never a reason for anybody else to wait.
//!
//! Messages come out before frames. A page that takes frames more slowly than they come loses all that
//! waits, and what follows up to the next frame that decoding can start at.

use super::frame::{Entry, Frame};
use amt_shared::wire::FromHelper;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Bytes of frames that may wait for one page: more than two seconds at 25 Mbit/s.
const FRAME_BYTES: usize = 8 << 20;
/// Messages that may wait for one page.
const MESSAGES: usize = 64;
/// How long a page waits for a random access point in a stream that has never shown one.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same in a stream that has shown some.
const LONG_PATIENCE: Duration = Duration::from_secs(15);

/// The next thing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// A [`FromHelper`] as JSON.
    Message(String),
    /// A frame header and TS.
    Frame(Bytes),
}

#[derive(Default)]
struct Contents {
    messages: VecDeque<String>,
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Since when frames are left out.
    behind: Option<Instant>,
}

/// One page's mail. Many may put into it, one takes out.
#[derive(Default)]
pub struct Mailbox {
    contents: Mutex<Contents>,
    filled: Notify,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in a message. Where too many wait, the oldest goes: the newest says how things are.
    pub fn send(&self, message: &FromHelper) {
        let Ok(json) = serde_json::to_string(message) else { return };
        let mut contents = self.lock();
        if contents.messages.len() == MESSAGES {
            contents.messages.pop_front();
        }
        contents.messages.push_back(json);
        drop(contents);
        self.filled.notify_one();
    }

    /// Throws away the frames that wait: another channel's are to come.
    pub fn start_over(&self) {
        let mut contents = self.lock();
        contents.frames.clear();
        contents.bytes = 0;
        contents.behind = None;
    }

    /// Puts in a frame, or leaves it out. Returns how many frames were lost for that.
    pub(super) fn deliver(&self, frame: &Frame, now: Instant, has_random_access: bool) -> u64 {
        let mut contents = self.lock();
        let mut lost = 0;
        if let Some(since) = contents.behind {
            let patience = if has_random_access { LONG_PATIENCE } else { PATIENCE };
            let may_enter = match frame.entry {
                Entry::RandomAccess => true,
                Entry::UnitStart => now.saturating_duration_since(since) >= patience,
                Entry::None => false,
            };
            if !may_enter {
                return 1;
            }
            contents.behind = None;
        }
        if contents.bytes + frame.bytes.len() > FRAME_BYTES {
            lost = contents.frames.len() as u64;
            contents.frames.clear();
            contents.bytes = 0;
            if frame.entry != Entry::RandomAccess {
                contents.behind = Some(now);
                return lost + 1;
            }
        }
        contents.bytes += frame.bytes.len();
        contents.frames.push_back(frame.bytes.clone());
        drop(contents);
        self.filled.notify_one();
        lost
    }

    /// Takes out what is to be sent next, if anything waits.
    pub fn take(&self) -> Option<Mail> {
        let mut contents = self.lock();
        if let Some(message) = contents.messages.pop_front() {
            return Some(Mail::Message(message));
        }
        let frame = contents.frames.pop_front()?;
        contents.bytes -= frame.len();
        Some(Mail::Frame(frame))
    }

    /// Waits for something to send. Cancelling it loses nothing.
    pub async fn next(&self) -> Mail {
        loop {
            if let Some(mail) = self.take() {
                return mail;
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 1 << 20;

    fn frame(entry: Entry, number: u8) -> Frame {
        Frame { bytes: Bytes::from(vec![number; CHUNK]), entry, tables: None }
    }

    fn numbers(mailbox: &Mailbox) -> Vec<u8> {
        std::iter::from_fn(|| mailbox.take())
            .map(|mail| match mail {
                Mail::Frame(frame) => frame[0],
                Mail::Message(message) => panic!("{message}"),
            })
            .collect()
    }

    #[test]
    fn who_cannot_keep_up_goes_on_at_the_next_random_access_point() {
        let (mailbox, now) = (Mailbox::default(), Instant::now());
        let lost: u64 = (0..12).map(|n| mailbox.deliver(&frame(Entry::UnitStart, n), now, true)).sum();
        assert_eq!(lost, 12);
        assert_eq!(mailbox.deliver(&frame(Entry::RandomAccess, 12), now, true), 0);
        assert_eq!(mailbox.deliver(&frame(Entry::None, 13), now, true), 0);
        assert_eq!(numbers(&mailbox), [12, 13]);
    }

    #[test]
    fn a_random_access_point_that_finds_no_room_replaces_what_waits() {
        let (mailbox, now) = (Mailbox::default(), Instant::now());
        for n in 0..8 {
            assert_eq!(mailbox.deliver(&frame(Entry::None, n), now, true), 0);
        }
        assert_eq!(mailbox.deliver(&frame(Entry::RandomAccess, 8), now, true), 8);
        assert_eq!(numbers(&mailbox), [8]);
    }

    #[test]
    fn a_stream_without_random_access_points_goes_on_at_a_unit_start_after_a_while() {
        let (mailbox, now) = (Mailbox::default(), Instant::now());
        for n in 0..9 {
            mailbox.deliver(&frame(Entry::UnitStart, n), now, false);
        }
        assert_eq!(mailbox.deliver(&frame(Entry::UnitStart, 9), now + PATIENCE / 2, false), 1);
        assert_eq!(mailbox.deliver(&frame(Entry::None, 10), now + PATIENCE, false), 1);
        assert_eq!(mailbox.deliver(&frame(Entry::UnitStart, 11), now + PATIENCE, false), 0);
        assert_eq!(numbers(&mailbox), [11]);
    }

    #[test]
    fn messages_are_bounded_and_overtake_frames() {
        let mailbox = Mailbox::default();
        mailbox.deliver(&frame(Entry::None, 0), Instant::now(), false);
        for frames in 0..100 {
            mailbox.send(&FromHelper::CatchUp { age_micros: 0, frames });
        }
        let first = mailbox.take();
        assert_eq!(first, Some(Mail::Message(r#"{"type":"catch_up","age_micros":0,"frames":36}"#.into())));
        assert_eq!(std::iter::from_fn(|| mailbox.take()).count(), MESSAGES);
    }
}
