//! Sound made, encoded and decoded by ffmpeg, and a comparison of two decoders' samples.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use amt_web_app::segmenter::SoundDecoder;

/// A file: one that was made for a test is gone with it.
pub(crate) struct Stream(PathBuf, Kept);

#[derive(PartialEq)]
enum Kept {
    Yes,
    No,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.1 == Kept::No {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

/// A stream of `fixtures/sound`.
pub(crate) fn kept(name: &str) -> Stream {
    Stream(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sound")).join(name), Kept::Yes)
}

/// Music of a kind: sweeps, a beat, hiss below them, different in each channel; `layout` as ffmpeg names it.
pub(crate) fn encoded(layout: &str, sample_rate: u32, seconds: u32, arguments: &str) -> Stream {
    encoded_by(layout, sample_rate, seconds, 0.03, arguments)
}

/// The same, with hiss of this amplitude.
pub(crate) fn encoded_by(layout: &str, sample_rate: u32, seconds: u32, hiss: f32, arguments: &str) -> Stream {
    let format = arguments.rsplit(' ').next().unwrap();
    let name: String = format!("{layout}{sample_rate}{seconds}{arguments}").replace([' ', '/'], "");
    let path = std::env::temp_dir().join(format!("sound-{}-{name}.{format}", std::process::id()));
    let noise = format!("{hiss}*(random(1)-0.5)");
    let (sweep, beat) = ("0.25*sin(2*PI*(200+300*t)*t)", "0.15*sin(2*PI*3000*t)*gt(mod(t,0.5),0.42)");
    let channels = [
        format!("{sweep}+{beat}+{noise}"),
        format!("0.2*sin(2*PI*(400+100*t)*t)+{beat}+{noise}"),
        format!("0.25*sin(2*PI*440*t)*(0.5+0.5*sin(2*PI*3*t))+{noise}"),
        "0.3*sin(2*PI*50*t)".to_owned(),
        format!("0.2*sin(2*PI*1000*t)*gt(mod(t,0.7),0.6)+{noise}"),
        format!("0.1*sin(2*PI*(5000-200*t)*t)+{noise}"),
    ];
    let count = match layout {
        "mono" => 1,
        "stereo" => 2,
        "3.0" => 3,
        "4.0" | "quad" => 4,
        "5.0" => 5,
        _ => 6,
    };
    let source = format!("aevalsrc='{}':c={layout}:s={sample_rate}:d={seconds}", channels[..count].join("|"));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &source]);
    command.args(arguments.rsplit_once(' ').unwrap().0.split(' ')).arg(&path);
    assert!(command.status().expect("ffmpeg").success(), "{arguments}");
    Stream(path, Kept::No)
}

impl Stream {
    /// Its frames, as ffprobe finds them.
    pub(crate) fn frames(&self) -> Vec<Vec<u8>> {
        let lines = output(Command::new("ffprobe").args(["-v", "error", "-show_entries", "packet=pos,size"]).args([
            "-of",
            "csv=p=0",
            self.0.to_str().unwrap(),
        ]));
        let bytes = std::fs::read(&self.0).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let numbers = lines.lines().map(|line| {
            let mut numbers = line.split(',').map(|number| number.trim().parse::<usize>().unwrap());
            (numbers.next().unwrap(), numbers.next().unwrap())
        });
        numbers.map(|(size, position)| bytes[position..position + size].to_vec()).collect()
    }

    /// What ffmpeg decodes, interleaved.
    pub(crate) fn decoded_by_ffmpeg(&self, options: &[&str]) -> Vec<f32> {
        let path = self.0.to_str().unwrap();
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error"]).args(options).args(["-i", path, "-f", "f32le", "-"]);
        floats(&output(&mut command))
    }
}

/// What a decoder hears, interleaved, by way of its FLAC, which ffmpeg decodes; and the samples of each frame.
pub(crate) fn heard(decoder: &mut dyn SoundDecoder, frames: &[Vec<u8>]) -> (Vec<f32>, Vec<u32>) {
    let mut flac = Vec::new();
    let mut lengths = Vec::new();
    for frame in frames {
        let frame = decoder.decode(frame).unwrap();
        if flac.is_empty() {
            flac.extend(b"fLaC\x80\0\0\x22\0\x10\xff\xff\0\0\0\0\0\0");
            let form = u64::from(frame.sample_rate) << 44 | u64::from(frame.channels - 1) << 41 | 15 << 36;
            flac.extend(form.to_be_bytes());
            flac.extend([0; 16]);
        }
        lengths.push(frame.samples);
        flac.extend(frame.data);
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning", "-xerror", "-f", "flac", "-i", "-", "-f", "f32le", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&flac).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (floats(&output.stdout), lengths)
}

/// The difference of two signals of the same length against the second, in dB.
pub(crate) fn difference_db(heard: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(heard.len(), expected.len(), "samples");
    let power = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let signal = power(&mut expected.iter().map(|value| f64::from(*value)));
    let error = power(&mut heard.iter().zip(expected).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (error / signal).log10()
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
