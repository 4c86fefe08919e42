//! The files that tracks are written to.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use amt_web_app::segmenter::{Init, Media, Track};
use anyhow::{Context, Result};

/// See the module.
pub(crate) struct Files {
    directory: PathBuf,
    open: [Option<BufWriter<File>>; 2],
    begun: [u32; 2],
    /// Random access points of the picture up to the one where its file begins, that one included; then 0, and `anew`
    /// up to the next.
    before: u32,
    anew: bool,
}

impl Files {
    pub(crate) fn new(directory: PathBuf, begin_at: u32) -> Result<Self> {
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self { directory, open: [None, None], begun: [0; 2], before: begin_at + 1, anew: false })
    }

    /// Begins the next file of a track.
    pub(crate) fn begin(&mut self, init: &Init) -> Result<()> {
        let track = init.track as usize;
        if let Some(mut before) = self.open[track].take() {
            before.flush()?;
        }
        self.begun[track] += 1;
        // Frames without a container have no initialisation segment.
        let kind = if init.data.is_empty() { "mp3" } else { "mp4" };
        let name = match self.begun[track] {
            1 => format!("{}.{kind}", init.track),
            number => format!("{}-{number}.{kind}", init.track),
        };
        let path = self.directory.join(name);
        let mut file = BufWriter::new(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?);
        file.write_all(&init.data)?;
        self.open[track] = Some(file);
        Ok(())
    }

    pub(crate) fn append(&mut self, media: &Media) -> Result<()> {
        if media.track == Track::Video && media.samples.first().is_some_and(|sample| sample.key) {
            self.anew = self.before == 1;
            self.before = self.before.saturating_sub(1);
        }
        if media.track == Track::Video && self.before > 0 {
            return Ok(());
        }
        if let Some(file) = &mut self.open[media.track as usize] {
            let anew = media.anew.as_ref().filter(|_| self.anew);
            file.write_all(anew.unwrap_or(&media.data))?;
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self) -> Result<()> {
        for file in self.open.iter_mut().flatten() {
            file.flush()?;
        }
        Ok(())
    }
}
