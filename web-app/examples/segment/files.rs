//! The files that tracks are written to.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use amt_web_app::segmenter::{Init, Media};
use anyhow::{Context, Result};

/// See the module.
pub(crate) struct Files {
    directory: PathBuf,
    open: [Option<BufWriter<File>>; 2],
    begun: [u32; 2],
}

impl Files {
    pub(crate) fn new(directory: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self { directory, open: [None, None], begun: [0; 2] })
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
        if let Some(file) = &mut self.open[media.track as usize] {
            file.write_all(&media.data)?;
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
