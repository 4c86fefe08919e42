//! What ffmpeg and ffprobe make of a file: any complaint of theirs fails the test.

use std::path::{Path, PathBuf};
use std::process::Command;

use amt_web_app::segmenter::{Options, Output, Segmenter, Track};

use super::go_on;

/// A directory of its own for each test, gone with it.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("segmenter-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a track as a file; it has one initialisation segment only.
pub fn write_track(ts: &[u8], track: Track, path: &Path) {
    write_track_with(ts, track, path, go_on());
}

pub fn write_track_with(ts: &[u8], track: Track, path: &Path, options: Options) {
    let mut files = tracks(ts, track, options);
    assert_eq!(files.len(), 1, "initialisation segments");
    std::fs::write(path, files.remove(0)).unwrap();
}

/// What comes out as files, one for each initialisation segment.
pub fn tracks(ts: &[u8], track: Track, options: Options) -> Vec<Vec<u8>> {
    let mut segmenter = Segmenter::new(options);
    segmenter.push(ts, 0);
    segmenter.finish();
    let mut files: Vec<Vec<u8>> = Vec::new();
    while let Some(output) = segmenter.poll() {
        match output {
            Output::Init(init) if init.track == track => files.push(init.data),
            Output::Media(media) if media.track == track => files.last_mut().unwrap().extend(media.data),
            _ => {}
        }
    }
    files
}

/// What a program prints.
pub fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Checksums of what ffmpeg decodes.
pub fn checksums(path: &Path, map: &str) -> Vec<String> {
    let path = path.to_str().unwrap();
    // Every picture once, whatever its time.
    output_of("ffmpeg", &["-v", "error", "-vsync", "passthrough", "-i", path, "-map", map, "-f", "framemd5", "-"])
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(',').next().map(|sum| sum.trim().to_owned()))
        .collect()
}

/// What ffmpeg complains of when it bears nothing, as Chromium does not; without the muxer's remarks on times.
pub fn complaints(file: &[u8], name: &str) -> String {
    let path = std::env::temp_dir().join(format!("complaints-{}-{name}.mp4", std::process::id()));
    std::fs::write(&path, file).unwrap();
    let arguments = ["-v", "error", "-err_detect", "explode", "-threads", "1", "-i", path.to_str().unwrap()];
    let output = Command::new("ffmpeg").args(arguments).args(["-f", "null", "-"]).output().expect("ffmpeg");
    std::fs::remove_file(path).unwrap();
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| line.contains("h264") || line.contains("Error"))
        // It says which field it takes then, and goes on.
        .filter(|line| !line.contains("co located POCs unavailable"))
        .collect()
}
