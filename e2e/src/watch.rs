//! What a viewer notices of a picture: whether it moves, for how long it stood, whether it went back.

use crate::{Browser, within};
use anyhow::{Result, bail};
use serde::Deserialize;
use std::time::Duration;

/// What was noticed since [`Browser::watch`] or [`Browser::watch_anew`].
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Watched {
    /// Pictures that went to the screen.
    pub pictures: u64,
    /// The longest time between two of them, up to now, in milliseconds.
    pub longest: f64,
    /// Steps back in media time within one MediaSource.
    pub back: u64,
    /// How many MediaSources the page has used since it was opened.
    pub sources: u64,
}

impl Browser {
    /// From now on watches the picture.
    ///
    /// # Errors
    /// Where there is no video element.
    pub async fn watch(&self) -> Result<()> {
        self.run(include_str!("watch.js")).await.map(drop)
    }

    /// Forgets what was noticed so far.
    ///
    /// # Errors
    /// Where nobody watches.
    pub async fn watch_anew(&self) -> Result<()> {
        self.run("window.watchAnew()").await.map(drop)
    }

    /// What was noticed.
    ///
    /// # Errors
    /// Where nobody watches.
    pub async fn watched(&self) -> Result<Watched> {
        Ok(serde_json::from_value(self.value("window.watched()").await?)?)
    }

    /// Waits until so many pictures were shown since the last [`Browser::watch_anew`].
    ///
    /// # Errors
    /// Where they do not come within `limit`.
    pub async fn pictures(&self, count: u64, limit: Duration) -> Result<Watched> {
        within(limit, &format!("{count} pictures are shown"), async || {
            let watched = self.watched().await?;
            if watched.pictures < count {
                bail!("{watched:?}; {:?}", self.figures().await?);
            }
            Ok(Some(watched))
        })
        .await
    }
}
