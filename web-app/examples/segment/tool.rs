//! Turns a transport stream into fMP4 and prints what comes out, one JSON object a line.
//!
//! `cargo run --release -p amt-web-app --example segment -- INPUT.ts [--chunk BYTES] [--output-dir DIR]`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use amt_web_app::segmenter::{Init, Media, Options, Output, Segmenter, Track};
use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::{Value, json};

use crate::programme;

/// Turns a transport stream into fMP4 and prints what comes out, one JSON object a line. Damaged input is no
/// error; a file that cannot be read, or in which no transport stream is found, is.
#[derive(Parser)]
struct Arguments {
    /// The transport stream; `-` for standard input.
    input: PathBuf,
    /// Bytes given to the segmenter at a time.
    #[arg(long, default_value_t = 1316, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    chunk: u32,
    /// Write the tracks to `video.mp4` and `audio.mp4` here; a new initialisation segment begins `video-2.mp4`.
    #[arg(long)]
    output_dir: Option<PathBuf>,
    /// Play this programme (`program_number`) as soon as its PMT has come; otherwise the first that can be played.
    #[arg(long)]
    program: Option<u16>,
    /// Play the sound of this PID; otherwise the first that is no commentary.
    #[arg(long)]
    audio_pid: Option<u16>,
    /// What browsers get, as they do not bear missing references: after a damaged frame, leave out all frames up
    /// to the next random access point, and from there on take mentions of pictures from before out of the slices.
    #[arg(long)]
    wait_for_random_access: bool,
    /// Make pictures up in place of those that are lost or left out: each repeats the one before.
    #[arg(long)]
    make_up_pictures: bool,
}

pub(crate) fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the lines has had enough: no reason to complain.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("segment: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let name = arguments.input.display();
    let mut input: Box<dyn Read> = if arguments.input == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(&arguments.input).with_context(|| format!("cannot open {name}"))?)
    };
    let options = Options {
        wait_for_random_access: arguments.wait_for_random_access,
        make_up_pictures: arguments.make_up_pictures,
        ..Options::default()
    };
    let mut segmenter = Segmenter::new(options);
    if arguments.program.is_some() {
        segmenter.choose_program(arguments.program);
    }
    if arguments.audio_pid.is_some() {
        segmenter.choose_audio(arguments.audio_pid);
    }
    let mut printer = Printer {
        lines: BufWriter::new(io::stdout().lock()),
        files: arguments.output_dir.clone().map(Files::new).transpose()?,
        faults: BTreeMap::new(),
    };
    let mut chunk = vec![0; arguments.chunk as usize];
    loop {
        let length = fill(&mut input, &mut chunk).with_context(|| format!("cannot read {name}"))?;
        segmenter.push(&chunk[..length], 0);
        let ended = length < chunk.len();
        if ended {
            segmenter.finish();
        }
        while let Some(output) = segmenter.poll() {
            if let Output::DecoderWanted(codec) = output {
                segmenter.supply(codec, amt_web_app::sound::decoder(codec));
            }
            printer.output(&output)?;
        }
        if ended {
            break;
        }
    }
    printer.end(segmenter.packets())?;
    if !segmenter.recognised() {
        bail!("no transport stream found in {name}");
    }
    Ok(())
}

/// Reads until `chunk` is full or the input ends, so that the pieces are the same for files and pipes.
fn fill(input: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < chunk.len() {
        match input.read(&mut chunk[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

struct Printer<W: Write> {
    lines: W,
    files: Option<Files>,
    faults: BTreeMap<&'static str, u64>,
}

impl<W: Write> Printer<W> {
    fn line(&mut self, line: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.write_all(b"\n")
    }

    fn output(&mut self, output: &Output) -> Result<()> {
        match output {
            Output::Programs(list) => self.line(&programme::list(list))?,
            Output::Schedule(schedule) => self.line(&programme::schedule(schedule))?,
            Output::Cue(_) | Output::Clock(_) | Output::DecoderWanted(_) => {}
            Output::Program(program) => self.line(&programme::program(program))?,
            Output::Init(init) => {
                self.line(&init_line(init))?;
                if let Some(files) = &mut self.files {
                    files.begin(init)?;
                }
            }
            Output::Media(media) => {
                for line in sample_lines(media) {
                    self.line(&line)?;
                }
                if let Some(files) = &mut self.files {
                    files.append(media)?;
                }
            }
            Output::Discontinuity { track, reason } => {
                self.line(&json!({"type": "discontinuity", "track": track.as_str(), "reason": reason.as_str()}))?;
            }
            Output::Fault { reason, pid, count } => {
                *self.faults.entry(reason.as_str()).or_default() += count;
                self.line(&json!({"type": "fault", "reason": reason.as_str(), "pid": pid, "count": count}))?;
            }
        }
        Ok(())
    }

    fn end(&mut self, packets: u64) -> Result<()> {
        let faults = json!(self.faults);
        self.line(&json!({"type": "end", "packets": packets, "faults": faults}))?;
        self.lines.flush()?;
        if let Some(files) = &mut self.files {
            files.finish()?;
        }
        Ok(())
    }
}

fn init_line(init: &Init) -> Value {
    let mut line = json!({
        "type": "init", "track": init.track.as_str(), "pid": init.pid, "codec": init.codec,
        "timescale": init.timescale, "bytes": init.data.len(), "mime": init.mime(),
    });
    let more = match init.track {
        Track::Video => [("width", init.width), ("height", init.height)],
        Track::Audio => [("sample_rate", init.sample_rate), ("channels", init.channels.into())],
    };
    for (name, value) in more {
        line[name] = json!(value);
    }
    line
}

fn sample_lines(media: &Media) -> impl Iterator<Item = Value> {
    media.samples.iter().map(|sample| {
        let bytes = &media.data[sample.offset as usize..][..sample.size as usize];
        json!({
            "type": "sample", "track": media.track.as_str(), "pid": media.pid, "dts": sample.dts, "pts": sample.pts,
            "duration": sample.duration, "source_pts": sample.source_pts, "key": sample.key, "bytes": sample.size,
            "crc32": format!("{:08x}", crc32fast::hash(bytes)),
        })
    })
}

/// The files that tracks are written to.
struct Files {
    directory: PathBuf,
    open: [Option<BufWriter<File>>; 2],
    begun: [u32; 2],
}

impl Files {
    fn new(directory: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self { directory, open: [None, None], begun: [0; 2] })
    }

    fn begin(&mut self, init: &Init) -> Result<()> {
        let track = init.track as usize;
        if let Some(mut before) = self.open[track].take() {
            before.flush()?;
        }
        self.begun[track] += 1;
        let name = match self.begun[track] {
            1 => format!("{}.mp4", init.track),
            number => format!("{}-{number}.mp4", init.track),
        };
        let path = self.directory.join(name);
        let mut file = BufWriter::new(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?);
        file.write_all(&init.data)?;
        self.open[track] = Some(file);
        Ok(())
    }

    fn append(&mut self, media: &Media) -> Result<()> {
        if let Some(file) = &mut self.open[media.track as usize] {
            file.write_all(&media.data)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        for file in self.open.iter_mut().flatten() {
            file.flush()?;
        }
        Ok(())
    }
}
