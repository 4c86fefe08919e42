//! What the browser really showed, read from the picture: the demo clip carries each frame's number in a strip
//! of black and white cells along its top.

use crate::Browser;
use crate::{until, within};
use anyhow::{Result, bail};
use serde::Deserialize;
use std::time::Duration;

/// Frames in the clip; the number after the last one is 0.
pub const CLIP_FRAMES: u32 = 512;

/// All that was shown since [`Browser::record_strip`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StripRecord {
    /// Frames in the order in which they were shown.
    pub frames: Vec<ShownFrame>,
    /// Frames whose strip could not be read.
    pub unread: u32,
    /// Frames that the browser told of so late that the next one was read in their place.
    pub late: u32,
    /// Each time the video element ran out of data after the first frame: how many frames were shown by then.
    pub stalls: Vec<usize>,
}

/// A frame that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct ShownFrame {
    /// Its number in the clip.
    pub number: u32,
    /// When the browser told of it, in milliseconds since the Unix epoch.
    pub called: f64,
    /// When the browser expected it on screen, in milliseconds since the Unix epoch.
    pub displayed: f64,
    /// How many frames the element had handed to the screen by then, this one included.
    pub presented: u64,
}

impl StripRecord {
    /// Frames shown since the video element last ran out of data.
    #[must_use]
    pub fn since_stall(&self) -> usize {
        self.frames.len() - self.stalls.last().copied().unwrap_or(0)
    }

    /// Steps against the order of the clip; its end is followed by its beginning.
    #[must_use]
    pub fn backward_steps(&self) -> Vec<(u32, u32)> {
        let pairs = self.frames.windows(2).map(|pair| (pair[0].number, pair[1].number));
        pairs.filter(|&(before, after)| !(1..=CLIP_FRAMES / 2).contains(&distance(before, after))).collect()
    }
}

/// How many frames `after` comes after `before`, in a clip that goes round.
#[must_use]
pub fn distance(before: u32, after: u32) -> u32 {
    (after + CLIP_FRAMES - before % CLIP_FRAMES) % CLIP_FRAMES
}

impl Browser {
    /// From now on reads the strip of every frame shown.
    ///
    /// # Errors
    /// Where there is no video element.
    pub async fn record_strip(&self) -> Result<()> {
        self.run(include_str!("strip.js")).await.map(drop)
    }

    /// Waits until so many frames were shown in a row without the element running out of data, and hands back
    /// all that was shown.
    ///
    /// # Errors
    /// Where they do not come within their own time and 90 seconds.
    pub async fn frames_without_stall(&self, frames: usize) -> Result<StripRecord> {
        let limit = Duration::from_secs(90 + frames as u64 / 25);
        within(limit, &format!("{frames} frames are shown without a stall"), async || {
            let record = self.strip_record().await?;
            if record.since_stall() < frames {
                bail!("{} shown, {} unread, stalls after {:?}", record.frames.len(), record.unread, record.stalls);
            }
            Ok(Some(record))
        })
        .await
    }

    /// Waits until fifty more pictures are shown.
    ///
    /// # Errors
    /// Where they do not come.
    pub async fn moves_on(&self) -> Result<()> {
        let before = self.strip_record().await?.frames.len();
        until("the picture moves", async || Ok((self.strip_record().await?.frames.len() > before + 50).then_some(())))
            .await
    }

    /// What was recorded so far.
    ///
    /// # Errors
    /// Where nothing was.
    pub async fn strip_record(&self) -> Result<StripRecord> {
        Ok(serde_json::from_value(self.value("window.stripRecord").await?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(numbers: &[u32]) -> StripRecord {
        let frame = |&number| ShownFrame { number, called: 0.0, displayed: 0.0, presented: 0 };
        StripRecord { frames: numbers.iter().map(frame).collect(), ..Default::default() }
    }

    #[test]
    fn a_skipped_frame_and_the_clips_end_are_forward_and_a_repeat_is_not() {
        assert_eq!(shown(&[509, 511, 0, 1, 4]).backward_steps(), []);
        assert_eq!(shown(&[7, 8, 8, 7]).backward_steps(), [(8, 8), (8, 7)]);
    }
}
