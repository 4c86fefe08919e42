//! Turns a transport stream into fMP4 and prints what comes out, one JSON object a line.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use amt_web_app::segmenter::{Output, Segmenter, SoundCodec};
use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::files::Files;
use crate::lines::{self, Counts};

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
    let mut segmenter = Segmenter::new(arguments.options());
    if arguments.program.is_some() {
        segmenter.choose_program(arguments.program);
    }
    if arguments.audio_pid.is_some() {
        segmenter.choose_audio(arguments.audio_pid);
    }
    // At hand before they are wanted, so that the length of the pieces makes no difference.
    for codec in [SoundCodec::MpegAudio, SoundCodec::Ac3] {
        segmenter.supply(codec, amt_web_app::sound::decoder(codec));
    }
    let mut printer = Printer {
        lines: BufWriter::new(io::stdout().lock()),
        files: arguments.output_dir.clone().map(|dir| Files::new(dir, arguments.begin_at)).transpose()?,
        counts: Counts::default(),
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
    counts: Counts,
}

impl<W: Write> Printer<W> {
    fn line(&mut self, line: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.write_all(b"\n")
    }

    fn output(&mut self, output: &Output) -> Result<()> {
        self.counts.count(output);
        for line in lines::of(output) {
            self.line(&line)?;
        }
        match (output, &mut self.files) {
            (Output::Init(init), Some(files)) => files.begin(init),
            (Output::Media(media), Some(files)) => files.append(media),
            _ => Ok(()),
        }
    }

    fn end(&mut self, packets: u64) -> Result<()> {
        let line = self.counts.end(packets);
        self.line(&line)?;
        self.lines.flush()?;
        self.files.as_mut().map_or(Ok(()), Files::finish)
    }
}
