//! What waits for one source buffer: initialisation segments and media in order, with a bound.

use std::collections::VecDeque;

/// A bound of some seconds of ultra-high definition. Beyond it the media waiting is let go, and the track
/// goes on at the next random access point.
const MAX_BYTES: usize = 24 << 20;
/// Media that has piled up is appended in pieces of this size, not frame by frame.
const MAX_APPEND_BYTES: usize = 1 << 20;

/// The next thing to do with the source buffer. `B` is a buffer of the browser's.
#[derive(Clone, Debug, PartialEq)]
pub enum Append<B> {
    /// Append this initialisation segment, after `changeType` where the type is not the one before.
    Init {
        /// Its type, for `changeType`.
        mime: String,
        /// The segment.
        data: B,
    },
    /// Append these media segments, in one.
    Media {
        /// The segments.
        segments: Vec<B>,
        /// Where decoding can begin in them, in seconds.
        points: Vec<f64>,
    },
}

/// The queue of one track.
#[derive(Debug)]
pub struct AppendQueue<B> {
    waiting: VecDeque<Waiting<B>>,
    bytes: usize,
    needs_key: bool,
    /// The last random access point is one with which the buffer begins, or begins again after media was left out.
    begins: bool,
    overflows: u64,
}

#[derive(Debug)]
enum Waiting<B> {
    Init { mime: String, data: B },
    Media { data: B, bytes: usize, point: Option<f64> },
}

impl<B> Default for AppendQueue<B> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, needs_key: true, begins: false, overflows: 0 }
    }
}

impl<B> AppendQueue<B> {
    /// Takes an initialisation segment; media that follows begins at a random access point.
    pub fn push_init(&mut self, mime: String, data: B) {
        self.waiting.push_back(Waiting::Init { mime, data });
        self.needs_key = true;
    }

    /// Whether the media segment that comes next is one for a decoder that begins at the last random access point, or at
    /// this one if it is `key`, and has nothing from before it. To be asked once for each, before it is pushed.
    pub fn begins_anew(&mut self, bytes: usize, key: bool) -> bool {
        if key {
            self.begins = self.needs_key || self.bytes + bytes > MAX_BYTES;
        }
        self.begins
    }

    /// Takes a media segment, and where decoding can begin in it, in seconds. It is left out while a random access point is
    /// waited for.
    pub fn push_media(&mut self, data: B, bytes: usize, point: Option<f64>) {
        let key = point.is_some();
        if self.needs_key && !key {
            return;
        }
        if self.bytes + bytes > MAX_BYTES {
            self.overflows += 1;
            self.bytes = 0;
            self.waiting.retain(|waiting| matches!(waiting, Waiting::Init { .. }));
            self.needs_key = !key;
            if !key {
                return;
            }
        }
        self.needs_key = false;
        self.bytes += bytes;
        self.waiting.push_back(Waiting::Media { data, bytes, point });
    }

    /// The next thing to append.
    pub fn take(&mut self) -> Option<Append<B>> {
        if matches!(self.waiting.front()?, Waiting::Init { .. })
            && let Some(Waiting::Init { mime, data }) = self.waiting.pop_front()
        {
            return Some(Append::Init { mime, data });
        }
        let (mut segments, mut points, mut total) = (Vec::new(), Vec::new(), 0);
        while let Some(Waiting::Media { bytes, .. }) = self.waiting.front() {
            total += bytes;
            if !segments.is_empty() && total > MAX_APPEND_BYTES {
                break;
            }
            if let Some(Waiting::Media { data, bytes, point }) = self.waiting.pop_front() {
                self.bytes -= bytes;
                segments.push(data);
                points.extend(point);
            }
        }
        Some(Append::Media { segments, points })
    }

    /// How often the bound was met.
    #[must_use]
    pub const fn overflows(&self) -> u64 {
        self.overflows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn init(name: &'static str) -> Append<&'static str> {
        Append::Init { mime: "m".into(), data: name }
    }

    fn media(segments: &[&'static str], points: &[f64]) -> Append<&'static str> {
        Append::Media { segments: segments.to_vec(), points: points.to_vec() }
    }

    #[test]
    fn media_before_the_first_random_access_point_is_left_out() {
        let mut queue = AppendQueue::default();
        queue.push_init("m".into(), "init");
        queue.push_media("late", 1, None);
        queue.push_media("key", 1, Some(7.0));
        queue.push_media("next", 1, None);
        assert_eq!(queue.take(), Some(init("init")));
        assert_eq!(queue.take(), Some(media(&["key", "next"], &[7.0])));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn what_follows_a_beginning_is_for_a_decoder_that_begins_there_up_to_the_next_random_access_point() {
        let mut queue = AppendQueue::default();
        let mut push = |bytes, key: bool| {
            let anew = queue.begins_anew(bytes, key);
            queue.push_media("x", bytes, key.then_some(0.0));
            anew
        };
        assert_eq!([push(1, true), push(1, false), push(1, true), push(1, false)], [true, true, false, false]);
        // Too much waits: it is let go of, and the buffer goes on from there.
        assert_eq!([push(MAX_BYTES, true), push(1, false), push(MAX_BYTES, false)], [true, true, true]);
        assert_eq!([push(1, true), push(1, true)], [true, false]);
        queue.push_init("m".into(), "init");
        assert!(queue.begins_anew(1, true));
    }

    #[test]
    fn a_new_initialisation_segment_keeps_its_place() {
        let mut queue = AppendQueue::default();
        queue.push_media("a", 1, Some(1.0));
        queue.push_init("m".into(), "init");
        queue.push_media("b", 1, Some(2.0));
        assert_eq!(queue.take(), Some(media(&["a"], &[1.0])));
        assert_eq!(queue.take(), Some(init("init")));
        assert_eq!(queue.take(), Some(media(&["b"], &[2.0])));
    }

    #[test]
    fn what_piles_up_is_appended_in_bounded_pieces() {
        let mut queue = AppendQueue::default();
        for _ in 0..5 {
            queue.push_media("x", MAX_APPEND_BYTES / 2, Some(0.0));
        }
        queue.push_media("large", MAX_APPEND_BYTES * 2, None);
        let sizes: Vec<_> = std::iter::from_fn(|| queue.take())
            .map(|append| if let Append::Media { segments, .. } = append { segments.len() } else { 0 })
            .collect();
        assert_eq!(sizes, [2, 2, 1, 1]);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn beyond_the_bound_it_goes_on_at_the_next_random_access_point() {
        let mut queue = AppendQueue::default();
        queue.push_init("m".into(), "init");
        queue.push_media("old", MAX_BYTES, Some(0.0));
        queue.push_media("too much", 1, None);
        queue.push_media("not decodable", 1, None);
        queue.push_media("key", 1, Some(7.0));
        assert_eq!(queue.overflows(), 1);
        assert_eq!(queue.take(), Some(init("init")), "initialisation segments are never let go");
        assert_eq!(queue.take(), Some(media(&["key"], &[7.0])));
    }
}
