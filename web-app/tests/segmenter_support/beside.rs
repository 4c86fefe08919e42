//! Puts streams of data beside the picture and the sound of a fixture.

use amt_shared::clock::{WRAP, write_pes_timestamp};
use amt_web_app::segmenter::{Cue, Media, Options, Output, Segmenter, Track};

use super::{AUDIO, Muxer, PMT, VIDEO, packets, pid, section_crc};

/// A stream of data as a PMT describes it: `stream_type`, PID, descriptors.
pub type Described<'a> = (u8, u16, &'a [u8]);

pub const SCTE35: u16 = 500;
pub const SCTE35_TYPE: u8 = 0x86;

/// A fixture whose PMT names more streams, and what is put between its packets.
pub struct Beside {
    muxer: Muxer,
    /// Packets of the fixture.
    packets: Vec<[u8; 188]>,
    at: usize,
    pmt: Vec<u8>,
}

impl Beside {
    pub fn new(ts: &[u8], streams: &[Described<'_>]) -> Self {
        let mut body = vec![0xE1, 0, 0xF0, 0];
        let tracks: [Described<'_>; 2] = [(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])];
        for (kind, pid, descriptors) in tracks.iter().chain(streams) {
            body.push(*kind);
            body.extend((0xE000 | pid).to_be_bytes());
            body.extend((0xF000 | descriptors.len() as u16).to_be_bytes());
            body.extend_from_slice(descriptors);
        }
        let mut pmt = vec![2];
        pmt.extend((0xB000 | (body.len() + 9) as u16).to_be_bytes());
        pmt.extend([0, 1, 0xC1 | 9 << 1, 0, 0]);
        pmt.extend(body);
        pmt.extend(section_crc(&pmt).to_be_bytes());
        Self { muxer: Muxer::default(), packets: packets(ts), at: 0, pmt }
    }

    /// Lets the fixture go on up to its packet `index`.
    pub fn up_to(&mut self, index: usize) -> &mut Self {
        while self.at < index.min(self.packets.len()) {
            let packet = self.packets[self.at];
            self.at += 1;
            if pid(&packet) == PMT {
                let pmt = self.pmt.clone();
                self.section(PMT, &pmt);
            } else {
                self.muxer.ts.extend(packet);
            }
        }
        self
    }

    /// One packet.
    pub fn packet(&mut self, pid: u16, start: bool, payload: &[u8]) -> &mut Self {
        self.muxer.packet(pid, start, &[], payload);
        self
    }

    /// A section over as many packets as it needs.
    pub fn section(&mut self, pid: u16, section: &[u8]) -> &mut Self {
        let mut bytes = [&[0], section].concat();
        bytes.resize(bytes.len().next_multiple_of(184), 0xFF);
        for (index, piece) in bytes.chunks(184).enumerate() {
            self.muxer.packet(pid, index == 0, &[], piece);
        }
        self
    }

    /// A PES packet of private_stream_1 with its length declared.
    pub fn pes(&mut self, pid: u16, pts: i64, data: &[u8]) -> &mut Self {
        let mut bytes = vec![0, 0, 1, 0xBD];
        bytes.extend((8 + data.len() as u16).to_be_bytes());
        bytes.extend([0x84, 0x80, 5]);
        bytes.extend(write_pes_timestamp(2, pts.rem_euclid(WRAP) as u64));
        bytes.extend_from_slice(data);
        for (index, piece) in bytes.chunks(184).enumerate() {
            self.muxer.packet(pid, index == 0, &[], piece);
        }
        self
    }

    /// The whole stream.
    pub fn finish(&mut self) -> Vec<u8> {
        self.up_to(usize::MAX);
        core::mem::take(&mut self.muxer.ts)
    }
}

/// A splice information section around a command and its descriptors.
pub fn splice_section(adjustment: u64, command: u8, body: &[u8], descriptors: &[u8]) -> Vec<u8> {
    let length = 17 + body.len() + descriptors.len();
    let mut bytes = vec![0xFC];
    bytes.extend((0x3000 | length as u16).to_be_bytes());
    bytes.extend([0, (adjustment >> 32) as u8 & 1]);
    bytes.extend((adjustment as u32).to_be_bytes());
    bytes.extend([0, 0xFF, 0xF0 | (body.len() >> 8) as u8, body.len() as u8, command]);
    bytes.extend_from_slice(body);
    bytes.extend((descriptors.len() as u16).to_be_bytes());
    bytes.extend_from_slice(descriptors);
    bytes.extend(section_crc(&bytes).to_be_bytes());
    bytes
}

/// `splice_time()`, or any other value of 33 bits behind six reserved ones and a flag.
pub fn splice_time(time: i64) -> [u8; 5] {
    let [.., a, b, c, d, e] = (time.rem_euclid(WRAP) as u64 | 0xFE << 32).to_be_bytes();
    [a, b, c, d, e]
}

/// `time_signal()` at a time of the stream, which the section tells with this adjustment.
pub fn time_signal(time: i64, adjustment: i64, descriptors: &[u8]) -> Vec<u8> {
    splice_section(adjustment.rem_euclid(WRAP) as u64, 6, &splice_time(time - adjustment), descriptors)
}

/// What comes out of a stream besides faults, in pieces of this size.
pub fn cues(ts: &[u8], chunk: usize) -> (Vec<Cue>, Vec<Media>) {
    let mut segmenter = Segmenter::new(Options::default());
    let (mut cues, mut sound) = (Vec::new(), Vec::new());
    let mut take = |segmenter: &mut Segmenter| {
        while let Some(output) = segmenter.poll() {
            match output {
                Output::Cue(cue) => cues.push(cue),
                Output::Media(media) if media.track == Track::Audio => sound.push(media),
                _ => {}
            }
        }
    };
    for piece in ts.chunks(chunk) {
        segmenter.push(piece, 0);
        take(&mut segmenter);
    }
    segmenter.finish();
    take(&mut segmenter);
    (cues, sound)
}
