//! `cargo xtask bench segmenter`: the segmenter in wasm beside other players' code, on one stream.
//!
//! What runs in Node lies in `web-app/benches/peers`, which says what is called of each player; here it is put together
//! in `target/bench`, run, and its figures are made a table.

use crate::{Purpose, exec, setup, steps::Steps};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// By the name that the figures stand under.
const PLAYERS: [&str; 6] = ["amt-player", "hls.js", "mpegts.js", "mux.js", "copy in wasm", "copy in JS"];
/// Seven packets; 348 packets, which is next to 64 kB; and from one random access point to the next.
const CHUNKS: [(&str, &str); 3] = [("1316", "1,316 B"), ("65424", "65,424 B"), ("gop", "one GOP")];
/// One minute of noisy moving pictures, so that the encoder uses the rate that it is given.
const STREAM: &str = "-f lavfi -i testsrc2=s=1920x1080:r=30:d=60,noise=alls=16:allf=t \
    -f lavfi -i sine=f=440:r=48000:d=60 -map 0:v -map 1:a -pix_fmt yuv420p -c:v libx264 -preset superfast -g 30 -bf 2 \
    -sc_threshold 0 -b:v 8000k -maxrate 8000k -bufsize 8000k -c:a aac -b:a 128k -ac 2 -f mpegts";

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Number of runs per player and chunk size; the medians are printed.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measure only these, such as `amt-player` or `"copy in wasm"`.
    #[arg(long, value_parser = PLAYERS)]
    only: Vec<String>,
    /// Also measure on the host with criterion, and how soon access units leave the segmenter.
    #[arg(long)]
    native: bool,
}

impl Options {
    /// Each player once.
    pub(crate) const fn short() -> Self {
        Self { runs: 1, only: Vec::new(), native: false }
    }
}

/// Puts everything together, and measures.
///
/// # Errors
/// Where a tool or a package is missing, a build fails, or a player does not take the stream.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::run(Purpose::Demo)?;
    for (program, flag) in [("node", "--version"), ("npm", "--version"), ("ffmpeg", "-version")] {
        if exec::output(exec::program(program).arg(flag)).is_none() {
            bail!("{program} is missing: sudo apt-get install -y nodejs npm ffmpeg");
        }
    }
    let place = exec::target().join("bench/segmenter");
    let stream = exec::target().join("bench/1080p30-8mbit-60s.ts");
    let mut steps = Steps::new();
    wasm(&mut steps, &place)?;
    peers(&mut steps, &place)?;
    make_stream(&mut steps, &stream)?;

    let mut table = Table::default();
    let measured = |player: &&str| options.only.is_empty() || options.only.iter().any(|only| only == player);
    for run in 1..=options.runs {
        println!("── run {run} of {}, load average {}", options.runs, load());
        // One after the other and all over again, so that what else the machine does meets all of them alike.
        for (chunk, _) in CHUNKS {
            for player in PLAYERS.into_iter().filter(measured) {
                let mut node = exec::program("node");
                node.current_dir(&place).args(["run.mjs", player, chunk]).arg(&stream);
                table.add(
                    player,
                    chunk,
                    node.output().with_context(|| format!("cannot start {}", exec::shown(&node)))?,
                )?;
            }
        }
    }
    about(&place, &stream)?;
    table.print();
    if options.native {
        exec::run(&mut exec::line("cargo bench --locked -p amt-web-app --bench segmenter"))?;
    }
    Ok(())
}

/// The segmenter as a module for Node.
fn wasm(steps: &mut Steps, place: &Path) -> Result<()> {
    steps.program(
        "segmenter for Node",
        &mut exec::line(
            "cargo build --locked --profile wasm-release --target wasm32-unknown-unknown -p amt-web-app \
             --example segmenter_in_node",
        ),
    )?;
    let wasm = exec::target().join("wasm32-unknown-unknown/wasm-release/examples/segmenter_in_node.wasm");
    let mut bindgen = exec::line("wasm-bindgen --target nodejs --no-typescript --out-dir");
    steps.program("its bindings", bindgen.arg(place).arg(wasm))
}

/// The other players, in the versions of `package.json`.
fn peers(steps: &mut Steps, place: &Path) -> Result<()> {
    let source = exec::root().join("web-app/benches/peers");
    let wanted = fs::read(source.join("package.json")).context("cannot read the players' package.json")?;
    let there =
        fs::read(place.join("package.json")).unwrap_or_default() == wanted && place.join("node_modules").is_dir();
    for entry in fs::read_dir(&source)? {
        let entry = entry?;
        fs::copy(entry.path(), place.join(entry.file_name()))?;
    }
    if !there {
        let mut npm = exec::line("npm install --no-audit --no-fund --no-package-lock --ignore-scripts");
        if let Err(error) = steps.program("other players", npm.current_dir(place)) {
            // So that the next time asks for them again.
            let _ = fs::remove_file(place.join("package.json"));
            return Err(error);
        }
    }
    // mpegts.js's published bundle is minified and keeps its parts to itself: its sources are bundled again.
    let mut esbuild = exec::line(
        "node node_modules/esbuild/bin/esbuild mpegts.ts --bundle --platform=node --format=cjs --log-level=warning \
         --outfile=mpegts.cjs",
    );
    steps.program("mpegts.js", esbuild.current_dir(place))?;
    steps.step("hls.js", || {
        let published = fs::read_to_string(place.join("node_modules/hls.js/dist/hls.mjs"))?;
        let opened = published + "\nexport { Transmuxer, TransmuxConfig, TransmuxState };\n";
        Ok(fs::write(place.join("hls.mjs"), opened)?)
    })
}

/// The stream, made once.
fn make_stream(steps: &mut Steps, stream: &PathBuf) -> Result<()> {
    if stream.is_file() {
        return Ok(());
    }
    let half = stream.with_extension("part");
    let mut ffmpeg = exec::line("ffmpeg -hide_banner -loglevel error -y");
    steps.program("stream", ffmpeg.args(STREAM.split_whitespace()).arg(&half))?;
    fs::rename(&half, stream).context("cannot name the stream")
}

/// Figures of one player with one size of chunks, run by run.
struct Row {
    player: &'static str,
    chunk: &'static str,
    runs: Vec<[f64; 6]>,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, player: &'static str, chunk: &'static str, output: std::process::Output) -> Result<()> {
        let text = String::from_utf8_lossy(&output.stdout);
        let figures: Option<Vec<f64>> =
            text.lines().last().map(|line| line.split(' ').filter_map(|word| word.parse().ok()).collect());
        let Some(figures) = figures.and_then(|figures| <[f64; 6]>::try_from(figures).ok()) else {
            bail!("{player} with chunks of {chunk}: {}{text}", String::from_utf8_lossy(&output.stderr));
        };
        match self.0.iter_mut().find(|row| (row.player, row.chunk) == (player, chunk)) {
            Some(row) => row.runs.push(figures),
            None => self.0.push(Row { player, chunk, runs: vec![figures] }),
        }
        Ok(())
    }

    fn print(&self) {
        println!("| chunk | | MB/s | longest push | warm, undisturbed | processor, 60 s of stream | peak memory |");
        println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |");
        for (chunk, shown) in CHUNKS {
            for (index, row) in self.0.iter().filter(|row| row.chunk == chunk).enumerate() {
                let [speed, longest, processor, memory, _, own] = row.medians();
                let chunk = if index == 0 { shown } else { "" };
                println!(
                    "| {chunk} | {} | {speed:.0} | {longest:.2} ms | {own:.2} ms | {processor:.0} ms | {memory:.0} MB |",
                    row.player
                );
            }
        }
        for row in self.0.iter().filter(|row| row.player == PLAYERS[0]) {
            let [.., growth, _] = row.medians();
            println!(
                "Wasm memory of amt-player, chunks of {}: {growth:.0} kB more at the end than after 1 s.",
                row.chunk
            );
        }
    }
}

impl Row {
    fn medians(&self) -> [f64; 6] {
        std::array::from_fn(|column| {
            let mut values: Vec<f64> = self.runs.iter().map(|run| run[column]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        })
    }
}

/// What was measured on, and what.
fn about(place: &Path, stream: &Path) -> Result<()> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, name)| name);
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let node = exec::output(&mut exec::line("node --version")).unwrap_or_default();
    let rust = exec::output(&mut exec::line("rustc --version")).unwrap_or_default();
    println!("\n{processors} × {model}, load average {}; Node {node}; {rust}", load());
    for package in ["hls.js", "mpegts.js", "mux.js"] {
        let json = fs::read_to_string(place.join("node_modules").join(package).join("package.json"))?;
        let version = json.split("\"version\":").nth(1).and_then(|rest| rest.split('"').nth(1)).unwrap_or("?");
        print!("{package} {version}; ");
    }
    println!("\n{} bytes of 1080p30 H.264 and AAC, 60 s.\n", fs::metadata(stream)?.len());
    Ok(())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_column_by_column() {
        let runs = vec![[3.0, 1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0, 0.0, 0.0], [2.0, 3.0, 0.0, 0.0, 0.0, 0.0]];
        let row = Row { player: "", chunk: "", runs };
        assert_eq!(row.medians()[..2], [2.0, 2.0]);
    }
}
