//! What is heard: the strongest tone of the video element's sound, by the page's own ears (Web Audio).

use crate::Browser;
use crate::browser::Kind;
use crate::until;
use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A tone as it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Tone {
    /// In hertz.
    pub frequency: f64,
    /// Below full scale, in decibels.
    pub level: f64,
}

impl Browser {
    /// From now on listens to what the video element plays. The browser has to let sound begin by itself.
    ///
    /// # Errors
    /// Where there is no video element.
    pub async fn listen(&self) -> Result<()> {
        let ear = match self.kind {
            Kind::Chromium => include_str!("tone_chromium.js"),
            Kind::Firefox => include_str!("tone_firefox.js"),
        };
        self.run(ear).await.map(drop)
    }

    /// Waits until this tone is the strongest that is heard.
    ///
    /// # Errors
    /// Where it is not; the error says what was heard last.
    pub async fn hears(&self, frequency: f64) -> Result<Tone> {
        until(&format!("{frequency} Hz are heard"), async || {
            let heard = self.value("window.heard()").await?;
            let tone: Tone = serde_json::from_value(heard.clone()).context("nobody listens")?;
            if (tone.frequency - frequency).abs() > 10.0 || tone.level < -60.0 {
                bail!("heard: {heard}");
            }
            Ok(Some(tone))
        })
        .await
    }
}
