//! The page as a person uses it: the form, the buttons, the line that says what is happening.

use crate::browser::{Browser, LogEntry};
use crate::until;
use anyhow::{Result, bail};
use fantoccini::Locator;
use fantoccini::key::Key;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The status line.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StatusLine {
    /// `data-phase`, for scripts.
    pub phase: String,
    /// What it says to people.
    pub text: String,
    /// The part of it that says what to do, where something can be done.
    pub advice: String,
}

/// What the video element says about itself.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Playback {
    /// Frames that came out of the decoder.
    pub frames: u64,
    /// Of these, frames that came too late to be shown.
    pub dropped: u64,
    /// Bytes of sound that were decoded (Chromium's own counter; 0 in Firefox).
    pub audio_bytes: u64,
    /// Whether the sound is off.
    pub muted: bool,
    /// Whether it is paused.
    pub paused: bool,
}

impl Browser {
    /// Opens an address and waits for the page's code to run. Where it is a link to a channel, the viewer lets it play.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn open(&self, address: &str) -> Result<()> {
        self.follow(address).await?;
        if !address.contains("#amt://") {
            return Ok(());
        }
        until("the page asks whether the link may be followed, or follows it", async || {
            let phase = self.status_line().await?.phase;
            if phase == "asking" {
                self.client.find(Locator::Css("#consent-play")).await?.click().await?;
            }
            Ok((!["idle", "asking", ""].contains(&phase.as_str())).then_some(()))
        })
        .await
    }

    /// Opens an address as [`open`](Self::open) does, and answers no question.
    ///
    /// # Errors
    /// As there.
    pub async fn follow(&self, address: &str) -> Result<()> {
        // A new fragment alone loads nothing: what is meant here is a visit.
        self.client.goto("about:blank").await?;
        self.client.goto(address).await?;
        until("the page's code runs", async || {
            Ok((self.run("return document.querySelector('#status')?.dataset.phase ?? ''").await? != "").then_some(()))
        })
        .await
    }

    /// Replaces what is in the address field by typing.
    ///
    /// # Errors
    /// Where there is no such field.
    pub async fn type_address(&self, address: &str) -> Result<()> {
        let field = self.client.find(Locator::Css("form#tune input#url")).await?;
        field.click().await?;
        self.run("document.querySelector('#url').select()").await?;
        field.send_keys(&Key::Delete.to_string()).await?;
        Ok(field.send_keys(address).await?)
    }

    /// Types an address and presses play.
    ///
    /// # Errors
    /// Where the form is not there.
    pub async fn play(&self, address: &str) -> Result<()> {
        self.type_address(address).await?;
        Ok(self.client.find(Locator::Css("#play")).await?.click().await?)
    }

    /// The status line.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn status_line(&self) -> Result<StatusLine> {
        let script = "const line = document.querySelector('#status');
            return { phase: line.dataset.phase ?? '', text: line.innerText.trim(),
                     advice: line.querySelector('#advice').innerText.trim() }";
        Ok(serde_json::from_value(self.run(script).await?)?)
    }

    /// Waits for a phase of the status line and hands back the line.
    ///
    /// # Errors
    /// Where it does not come; the error holds what the page said last.
    pub async fn phase(&self, wanted: &str) -> Result<StatusLine> {
        self.status_where(wanted, |line| line.phase == wanted).await
    }

    /// Waits until the status line is as wanted.
    ///
    /// # Errors
    /// As [`Browser::phase`].
    pub async fn status_where(&self, what: &str, wanted: impl Fn(&StatusLine) -> bool) -> Result<StatusLine> {
        let result = until(&format!("the page says: {what}"), async || {
            let line = self.status_line().await?;
            if !wanted(&line) {
                bail!("it says: {line:?}");
            }
            Ok(Some(line))
        })
        .await;
        match result {
            Ok(line) => Ok(line),
            Err(error) => {
                let (console, figures) = (self.console().await?, self.figures().await?);
                Err(error.context(format!("console: {console:#?}\nfigures: {figures:?}")))
            }
        }
    }

    /// The video element's counters.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn playback(&self) -> Result<Playback> {
        let script = "const video = document.querySelector('video#video'), quality = video.getVideoPlaybackQuality();
            return { frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames, muted: video.muted,
                     paused: video.paused, audio_bytes: video.webkitAudioDecodedByteCount ?? 0 }";
        Ok(serde_json::from_value(self.run(script).await?)?)
    }

    /// The figures that the page publishes for scripts: `data-*` of its root element and of `#figures`.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn figures(&self) -> Result<BTreeMap<String, String>> {
        let script = "return { ...document.documentElement.dataset, ...document.querySelector('#figures')?.dataset }";
        Ok(serde_json::from_value(self.run(script).await?)?)
    }

    /// Errors and refusals by policy in the console since the last call.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn complaints(&self) -> Result<Vec<LogEntry>> {
        let policy = |entry: &LogEntry| entry.source == "security" || entry.message.contains("Content Security Policy");
        let console = self.console().await?;
        Ok(console.into_iter().filter(|entry| entry.level == "SEVERE" || policy(entry)).collect())
    }

    /// Evaluates an expression in the page.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn value(&self, expression: &str) -> Result<Value> {
        self.run(&format!("return ({expression})")).await
    }
}
