//! What the segmenter's tests share: fixtures, faults to put into them, a muxer whose every byte is chosen,
//! and a reading of what comes out.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses its part")]

pub mod beside;
pub mod decode;
pub mod faults;
pub mod fields;
pub mod hours;
pub mod measure;
mod nal;

use std::collections::BTreeMap;

use amt_shared::clock::{WRAP, pes_timestamp, write_pes_timestamp};
use amt_shared::ts::{PACKET_LEN, Packet};
use amt_web_app::segmenter::{
    Clock, Init, Options, Output, Program, ProgramEntry, Sample, Schedule, Segmenter, SoundCodec, Track,
};

pub use nal::{byte_stream, nal_units, without_nal};

pub const VIDEO: u16 = 256;
pub const AUDIO: u16 = 257;
pub const PMT: u16 = 4096;

/// A stream kept in `tests/fixtures`: `clip`, `open_gop` or `sliced`; 75 frames, 3 s, 142 audio frames.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}.ts", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// After a loss, go on with the next whole frame.
pub fn go_on() -> Options {
    Options { wait_for_random_access: false, ..Options::default() }
}

/// What came out of a stream.
#[derive(Debug, Default, PartialEq)]
pub struct Run {
    pub programs: Vec<Program>,
    pub inits: Vec<Init>,
    /// Samples with the checksum of their bytes.
    pub video: Vec<(Sample, u32)>,
    pub audio: Vec<(Sample, u32)>,
    /// The timescale of each sample of sound.
    pub rates: Vec<i64>,
    pub discontinuities: Vec<(Track, &'static str)>,
    pub faults: BTreeMap<&'static str, u64>,
    /// Decoders that were asked for.
    pub wanted: Vec<SoundCodec>,
    pub clocks: Vec<Clock>,
    /// The lists of programmes.
    pub lists: Vec<Vec<ProgramEntry>>,
    pub schedules: Vec<Schedule>,
}

pub fn run(ts: &[u8]) -> Run {
    run_with(ts, 1316, go_on())
}

pub fn run_with(ts: &[u8], chunk: usize, options: Options) -> Run {
    run_choosing(ts, chunk, options, |_, _| {})
}

/// As [`run_with`]; before each piece `choose` is given how many there were before, and the segmenter.
pub fn run_choosing(ts: &[u8], chunk: usize, options: Options, mut choose: impl FnMut(usize, &mut Segmenter)) -> Run {
    let mut segmenter = Segmenter::new(options);
    let mut run = Run::default();
    for (index, piece) in ts.chunks(chunk).enumerate() {
        choose(index, &mut segmenter);
        segmenter.push(piece, 0);
        run.take(&mut segmenter);
    }
    segmenter.finish();
    run.take(&mut segmenter);
    run
}

/// Takes parts between which bytes are missing, as the segmenter is told.
pub fn run_with_gaps<'a>(parts: impl IntoIterator<Item = &'a [u8]>, options: Options) -> Run {
    run_with_gaps_of(parts, 0, options)
}

/// The same where so many packets are missing at most.
pub fn run_with_gaps_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>, packets: u16, options: Options) -> Run {
    let mut segmenter = Segmenter::new(options);
    let mut run = Run::default();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            segmenter.lost(packets);
        }
        for piece in part.chunks(1316) {
            segmenter.push(piece, 0);
            run.take(&mut segmenter);
        }
    }
    segmenter.finish();
    run.take(&mut segmenter);
    run
}

impl Run {
    fn take(&mut self, segmenter: &mut Segmenter) {
        while let Some(output) = segmenter.poll() {
            match output {
                Output::Programs(list) => self.lists.push(list),
                Output::Schedule(schedule) => self.schedules.push(schedule),
                Output::Cue(_) => {}
                Output::DecoderWanted(codec) => self.wanted.push(codec),
                Output::Clock(clock) => self.clocks.push(clock),
                Output::Program(program) => self.programs.push(program),
                Output::Init(init) => self.inits.push(init),
                Output::Media(media) => {
                    for mut sample in media.samples.iter().copied() {
                        let bytes = &media.data[sample.offset as usize..][..sample.size as usize];
                        // How audio frames are grouped into segments is up to the pushes.
                        sample.offset = 0;
                        let sample = (sample, crc32fast::hash(bytes));
                        match media.track {
                            Track::Video => self.video.push(sample),
                            Track::Audio => {
                                let rate =
                                    self.inits.iter().rfind(|init| init.track == Track::Audio).unwrap().timescale;
                                self.rates.push(rate.into());
                                self.audio.push(sample);
                            }
                        }
                    }
                }
                Output::Discontinuity { track, reason } => self.discontinuities.push((track, reason.as_str())),
                Output::Fault { reason, count, .. } => *self.faults.entry(reason.as_str()).or_default() += count,
            }
        }
    }

    pub fn init(&self, track: Track) -> &Init {
        self.inits.iter().find(|init| init.track == track).expect("an initialisation segment")
    }

    /// What must hold of any output whatever went in: decoding times without holes, presentation times that
    /// are the source's, sound and picture together to within `lip_sync` ticks of 90 kHz.
    pub fn check(&self, lip_sync: i64) {
        let video_rates = vec![90_000; self.video.len()];
        for (track, samples, rates) in
            [(Track::Video, &self.video, &video_rates), (Track::Audio, &self.audio, &self.rates)]
        {
            for (pair, rates) in samples.windows(2).zip(rates.windows(2)) {
                let (before, after) = (pair[0].0, pair[1].0);
                let end = before.dts + u64::from(before.duration);
                let (then, now) = (end * 90_000 / rates[0] as u64, after.dts * 90_000 / rates[1] as u64);
                // Where the timescale changes, to the tick of both.
                let same = if rates[0] == rates[1] { after.dts == end } else { then.abs_diff(now) <= 3 };
                assert!(same, "{track}: {before:?} {after:?}");
            }
            for (sample, _) in samples {
                assert!((1..=900_000).contains(&sample.duration), "{track}: {sample:?}");
                assert!(sample.size > 0);
            }
        }
        for (sample, _) in &self.video {
            assert!(
                sample.pts.abs_diff(sample.dts as i64) <= 450_000,
                "shown far from where it is decoded: {sample:?}"
            );
        }
        self.check_sync(lip_sync);
    }

    /// Of [`Self::check`] that sound and picture are together.
    pub fn check_sync(&self, lip_sync: i64) {
        // Where both tracks show the same source time, they must stand at the same output time.
        let offset = |sample: &Sample, rate: i64| sample.pts * 90_000 / rate - sample.source_pts;
        for ((audio, _), rate) in self.audio.iter().zip(&self.rates) {
            // A source that loops shows the same times again: the nearest of them is meant.
            let apart = |v: &Sample| (offset(audio, *rate) - offset(v, 90_000)).abs();
            let beside = self.video.iter().map(|(v, _)| v).filter(|v| (v.source_pts - audio.source_pts).abs() < 9000);
            if let Some(near) = beside.min_by_key(|v| apart(v)) {
                assert!(apart(near) <= lip_sync, "sound and picture {} ticks apart: {audio:?} {near:?}", apart(near));
            }
        }
    }
}

/// The packets of a stream.
pub fn packets(ts: &[u8]) -> Vec<[u8; PACKET_LEN]> {
    ts.as_chunks::<PACKET_LEN>().0.to_vec()
}

pub fn pid(packet: &[u8; PACKET_LEN]) -> u16 {
    amt_shared::ts::pid(packet)
}

/// Indices of the packets of a PID.
pub fn of_pid(packets: &[[u8; PACKET_LEN]], wanted: u16) -> Vec<usize> {
    (0..packets.len()).filter(|index| pid(&packets[*index]) == wanted).collect()
}

/// The stream without the packets at these indices.
pub fn without(ts: &[u8], lost: impl Fn(usize) -> bool) -> Vec<u8> {
    packets(ts).iter().enumerate().filter(|(index, _)| !lost(*index)).flat_map(|(_, packet)| *packet).collect()
}

/// Where the PES header's bytes begin in a packet that starts one.
fn pes_at(packet: &[u8; PACKET_LEN]) -> Option<usize> {
    let view = Packet::parse(packet).ok()?;
    let at = PACKET_LEN - view.payload().len();
    (view.payload_unit_start() && view.payload().starts_with(&[0, 0, 1])).then_some(at)
}

/// Moves all times of a stream, PCR included, round the 33-bit circle.
pub fn shift_times(ts: &[u8], by: i64) -> Vec<u8> {
    let moved = |raw: u64| (raw as i64 + by).rem_euclid(WRAP) as u64;
    let mut all = packets(ts);
    for packet in &mut all {
        if let Some(pcr) = Packet::parse(packet).unwrap().pcr() {
            let base = moved(pcr.base);
            packet[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
            packet[10] = packet[10] & 0x7F | ((base & 1) as u8) << 7;
        }
        if let Some(at) = pes_at(packet) {
            for (flag, offset) in [(0x80, 9), (0x40, 14)] {
                if packet[at + 7] & flag != 0 {
                    let field: &mut [u8; 5] = packet[at + offset..].first_chunk_mut().unwrap();
                    *field = write_pes_timestamp(field[0] >> 4, moved(pes_timestamp(field)));
                }
            }
        }
    }
    all.concat()
}

/// Numbers the continuity counters of all PIDs anew.
pub fn renumber(ts: &[u8]) -> Vec<u8> {
    let mut counters = BTreeMap::<u16, u8>::new();
    let mut all = packets(ts);
    for packet in &mut all {
        let counter = counters.entry(pid(packet)).or_insert(15);
        if packet[3] & 0x10 != 0 {
            *counter = (*counter + 1) & 15;
        }
        packet[3] = packet[3] & 0xF0 | *counter;
    }
    all.concat()
}

/// A PES packet as it was muxed.
#[derive(Clone, Debug)]
pub struct Pes {
    pub pid: u16,
    pub pts: Option<u64>,
    pub dts: Option<u64>,
    pub payload: Vec<u8>,
}

/// The PES packets of both elementary streams, in the order of their starts.
pub fn pes_packets(ts: &[u8]) -> Vec<Pes> {
    let mut found: Vec<Pes> = Vec::new();
    for packet in packets(ts) {
        let view = Packet::parse(&packet).unwrap();
        if !matches!(view.pid(), VIDEO | AUDIO) {
            continue;
        }
        let payload = view.payload();
        if view.payload_unit_start() {
            let time = |flag: u8, at: usize| {
                (payload[7] & flag != 0).then(|| pes_timestamp(payload[at..].first_chunk().unwrap()))
            };
            let body = payload[9 + usize::from(payload[8])..].to_vec();
            found.push(Pes { pid: view.pid(), pts: time(0x80, 9), dts: time(0x40, 14), payload: body });
        } else if let Some(pes) = found.iter_mut().rev().find(|pes| pes.pid == view.pid()) {
            pes.payload.extend_from_slice(payload);
        }
    }
    found
}

/// How a PES packet is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Unbounded,
    Declared,
}

/// Writes a transport stream byte by byte.
#[derive(Default)]
pub struct Muxer {
    pub ts: Vec<u8>,
    /// PIDs of sound besides [`AUDIO`].
    pub sound: Vec<u16>,
    pub counters: BTreeMap<u16, u8>,
}

impl Muxer {
    /// A PAT with these programmes and PMT PIDs.
    pub fn pat(&mut self, programs: &[(u16, u16)]) {
        let body: Vec<u8> =
            programs.iter().flat_map(|(n, pid)| [n.to_be_bytes(), (0xE000 | pid).to_be_bytes()].concat()).collect();
        self.section(0, 0, 1, 0, &body);
    }

    /// A PMT with these stream types and PIDs.
    pub fn pmt(&mut self, pid: u16, program: u16, version: u8, streams: &[(u8, u16)]) {
        let plain: Vec<(u8, u16, &[u8])> = streams.iter().map(|(kind, pid)| (*kind, *pid, &[][..])).collect();
        self.described_pmt(pid, program, version, &plain);
    }

    /// The same with the descriptors of each stream.
    pub fn described_pmt(&mut self, pid: u16, program: u16, version: u8, streams: &[(u8, u16, &[u8])]) {
        let mut body = vec![0xE1, 0, 0xF0, 0];
        for (stream_type, pid, descriptors) in streams {
            body.push(*stream_type);
            body.extend((0xE000 | pid).to_be_bytes());
            body.extend((0xF000 | descriptors.len() as u16).to_be_bytes());
            body.extend_from_slice(descriptors);
        }
        self.section(pid, 2, program, version, &body);
    }

    /// A PMT whose streams have descriptors.
    pub fn pmt_described(&mut self, pid: u16, program: u16, version: u8, info: &[u8], streams: &[(u8, u16, &[u8])]) {
        self.section(pid, 2, program, version, &pmt_body(info, streams));
    }

    /// A section that is current and the only one of its table.
    pub fn section(&mut self, pid: u16, table: u8, extension: u16, version: u8, body: &[u8]) {
        self.sections(pid, &[section(table, extension, [0xC1 | version << 1, 0, 0], body)]);
    }

    /// Sections one behind the other, the first from the start of a packet on.
    pub fn sections(&mut self, pid: u16, sections: &[Vec<u8>]) {
        let mut bytes = [&[0][..], &sections.concat()].concat();
        let padded = bytes.len().next_multiple_of(184);
        bytes.resize(padded, 0xFF);
        for (index, piece) in bytes.chunks(184).enumerate() {
            self.packet(pid, index == 0, &[], piece);
        }
    }

    /// One packet; `field` is the adaptation field behind its length, empty for none.
    pub fn packet(&mut self, pid: u16, start: bool, field: &[u8], payload: &[u8]) {
        let counter = self.counters.entry(pid).or_insert(15);
        *counter = (*counter + 1) & 15;
        let mut header = vec![0x47, u8::from(start) << 6 | (pid >> 8) as u8, pid as u8, 0x10 | *counter];
        if !field.is_empty() || payload.len() < 184 {
            header[3] |= 0x20;
            let room = 183 - payload.len();
            header.push(room as u8);
            let mut field = field.to_vec();
            if field.is_empty() && room > 0 {
                field.push(0);
            }
            field.resize(room, 0xFF);
            header.extend(field);
        }
        self.ts.extend(header);
        self.ts.extend_from_slice(payload);
        assert_eq!(self.ts.len() % PACKET_LEN, 0);
    }

    /// A PES packet over as many packets as it needs, the last filled up with stuffing.
    pub fn pes(&mut self, pes: &Pes, length: Length) {
        let mut bytes = vec![0, 0, 1, if pes.pid == AUDIO || self.sound.contains(&pes.pid) { 0xC0 } else { 0xE0 }];
        let times: Vec<u8> = match (pes.pts, pes.dts) {
            (Some(pts), Some(dts)) => [write_pes_timestamp(3, pts), write_pes_timestamp(1, dts)].concat(),
            (Some(pts), None) => write_pes_timestamp(2, pts).to_vec(),
            _ => vec![],
        };
        let flags = [0, 0x80, 0xC0][times.len() / 5];
        let declared = match length {
            Length::Unbounded => 0,
            Length::Declared => (3 + times.len() + pes.payload.len()) as u16,
        };
        bytes.extend(declared.to_be_bytes());
        bytes.extend([0x80, flags, times.len() as u8]);
        bytes.extend(times);
        bytes.extend_from_slice(&pes.payload);
        for (index, piece) in bytes.chunks(184).enumerate() {
            self.packet(pes.pid, index == 0, &[], piece);
        }
    }
}

/// What a PMT says, from its clock's PID on; streams are type, PID and descriptors.
pub fn pmt_body(info: &[u8], streams: &[(u8, u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![0xE1, 0];
    body.extend((0xF000 | info.len() as u16).to_be_bytes());
    body.extend_from_slice(info);
    for (stream_type, pid, descriptors) in streams {
        body.push(*stream_type);
        body.extend((0xE000 | pid).to_be_bytes());
        body.extend((0xF000 | descriptors.len() as u16).to_be_bytes());
        body.extend_from_slice(descriptors);
    }
    body
}

/// A section with the long header; `header` holds version and current_next_indicator, number and last number.
pub fn section(table: u8, extension: u16, header: [u8; 3], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![table];
    bytes.extend((0xB000 | (body.len() + 9) as u16).to_be_bytes());
    bytes.extend(extension.to_be_bytes());
    bytes.extend(header);
    bytes.extend_from_slice(body);
    bytes.extend(section_crc(&bytes).to_be_bytes());
    bytes
}

/// The CRC of sections, bit by bit.
pub fn section_crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 };
        }
    }
    crc
}
