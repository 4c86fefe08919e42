//! The media since the last random access point, so that a new session does not have to wait for the next one.

use crate::segmenter::Track;
use crate::worker::message::Media;
use std::collections::VecDeque;

/// A bound for streams whose random access points lie far apart: then a new session waits for the next.
const MAX_BYTES: usize = 16 << 20;
/// Where there is no picture to begin with, so many seconds of sound.
const AUDIO_SECONDS: f64 = 1.0;

/// Segments in the order in which they came. `B` is a buffer of the browser's.
#[derive(Debug)]
pub struct Recent<B> {
    media: VecDeque<(Media, B)>,
    bytes: usize,
}

/// A buffer that knows its length.
pub trait HasLength {
    /// In bytes.
    fn length(&self) -> usize;
}

impl<B> Default for Recent<B> {
    fn default() -> Self {
        Self { media: VecDeque::new(), bytes: 0 }
    }
}

impl<B: HasLength> Recent<B> {
    /// Takes a segment, and lets go of what came before the last random access point. What nothing can begin with is left
    /// out.
    pub fn push(&mut self, media: Media, data: B) {
        if !media.key && !self.has(media.track) {
            return;
        }
        if media.track == Track::Video && media.key {
            self.retain(|old| old.track == Track::Audio && old.end > media.start);
        } else if media.track == Track::Audio && !self.has(Track::Video) {
            self.retain(|old| old.end > media.start - AUDIO_SECONDS);
        }
        self.bytes += data.length();
        self.media.push_back((media, data));
        if self.bytes > MAX_BYTES {
            self.retain(|_| false);
        }
    }

    /// A new initialisation segment has come: what came before it no longer belongs to the track.
    pub fn forget(&mut self, track: Track) {
        self.retain(|old| old.track != track);
    }

    /// Whether decoding of this track could begin with what is here.
    #[must_use]
    pub fn has(&self, track: Track) -> bool {
        self.media.iter().any(|(media, _)| media.track == track)
    }

    /// The segments in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Media, B)> {
        self.media.iter()
    }

    fn retain(&mut self, keep: impl Fn(&Media) -> bool) {
        self.media.retain(|(media, _)| keep(media));
        self.bytes = self.media.iter().map(|(_, data)| data.length()).sum();
    }
}

#[cfg(target_arch = "wasm32")]
impl HasLength for js_sys::ArrayBuffer {
    fn length(&self) -> usize {
        self.byte_length() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HasLength for Vec<u8> {
        fn length(&self) -> usize {
            self.len()
        }
    }

    fn media(track: Track, start: f64, key: bool) -> Media {
        Media { track, key, start, end: start + 0.04, received_ms: 0.0, cached: false, anew: 0, gradual: false }
    }

    fn starts(recent: &Recent<Vec<u8>>) -> Vec<(Track, f64)> {
        recent.iter().map(|(media, _)| (media.track, media.start)).collect()
    }

    #[test]
    fn keeps_what_came_since_the_last_random_access_point_and_the_sound_that_belongs_to_it() {
        let mut recent = Recent::default();
        for (track, start, key) in [
            (Track::Video, 0.0, true),
            (Track::Audio, 0.0, true),
            (Track::Audio, 1.02, true),
            (Track::Video, 1.0, true),
            (Track::Video, 1.04, false),
        ] {
            recent.push(media(track, start, key), vec![0; 10]);
        }
        assert_eq!(starts(&recent), [(Track::Audio, 1.02), (Track::Video, 1.0), (Track::Video, 1.04)]);
        assert_eq!(recent.bytes, 30);
    }

    #[test]
    fn sound_alone_is_kept_for_a_second() {
        let mut recent = Recent::default();
        for tenth in 0..50 {
            recent.push(media(Track::Audio, f64::from(tenth) / 10.0, true), vec![0]);
        }
        assert!((9..=11).contains(&recent.iter().count()));
    }

    #[test]
    fn nothing_is_kept_that_decoding_cannot_begin_with() {
        let mut recent = Recent::default();
        recent.push(media(Track::Video, 0.0, false), vec![0]);
        assert!(!recent.has(Track::Video));
        recent.push(media(Track::Video, 0.04, true), vec![0]);
        recent.push(media(Track::Video, 0.08, false), vec![0]);
        assert_eq!(starts(&recent), [(Track::Video, 0.04), (Track::Video, 0.08)]);
        recent.forget(Track::Video);
        assert!(!recent.has(Track::Video));
    }

    #[test]
    fn it_has_a_bound() {
        let mut recent = Recent::default();
        recent.push(media(Track::Video, 0.0, true), vec![0; MAX_BYTES]);
        recent.push(media(Track::Video, 0.04, false), vec![0; 1]);
        assert_eq!((recent.iter().count(), recent.bytes), (0, 0));
    }
}
