//! Fragmented MP4 (ISO/IEC 14496-12); the sample entries are in `video` and `audio`.
//!
//! An initialisation segment has duration 0 and no `mehd`, so that browsers treat the source as live. A
//! media segment is one `moof` with one track run, and its `mdat`.

mod audio;
mod video;

pub(super) use audio::audio_init;
pub(super) use video::{Colour, HdrMetadata, av1_init, avc_init, hevc_init};

use super::output::Sample;

/// The one track of each file.
const TRACK_ID: u32 = 1;
/// Flags of a sample that others do not depend on / that depends on others (8.8.3.1).
const KEY: u32 = 0x0200_0000;
const NOT_KEY: u32 = 0x0101_0000;
/// Bytes before the first sample of a segment with `samples` samples.
pub(super) const fn header_len(samples: usize) -> usize {
    // moof, mfhd, traf, tfhd, tfdt, trun; mdat's header.
    8 + 16 + 8 + 16 + 20 + 20 + 16 * samples + 8
}

/// Writes boxes; sizes are filled in when a box ends. Initialisation segments are rare, so that it is
/// made to be small, not fast.
#[derive(Debug, Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn boxed(&mut self, name: &[u8; 4], body: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.u32(0).bytes(name);
        body(self);
        self.end(start);
    }

    #[inline(never)]
    fn end(&mut self, start: usize) {
        let size = (self.0.len() - start) as u32;
        self.0[start..start + 4].copy_from_slice(&size.to_be_bytes());
    }

    fn full(&mut self, name: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Self)) {
        self.boxed(name, |w| {
            w.u32(u32::from(version) << 24 | flags);
            body(w);
        });
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    #[inline(never)]
    fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    /// The unity matrix (6.2.2).
    #[inline(never)]
    fn matrix(&mut self) -> &mut Self {
        for value in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] {
            self.u32(value);
        }
        self
    }
}

fn init(timescale: u32, media: &[u8; 4], size: (u32, u32), entry: &mut dyn FnMut(&mut Writer)) -> Vec<u8> {
    let video = media == b"vide";
    let mut w = Writer::default();
    w.boxed(b"ftyp", |w| {
        w.bytes(b"iso6").u32(0).bytes(b"iso6mp41");
    });
    w.boxed(b"moov", |w| {
        w.full(b"mvhd", 0, 0, |w| {
            w.zeros(8).u32(timescale).u32(0).u32(0x1_0000).u16(0x100).zeros(10).matrix().zeros(24).u32(TRACK_ID + 1);
        });
        w.boxed(b"trak", |w| {
            w.full(b"tkhd", 0, 3, |w| {
                w.zeros(8).u32(TRACK_ID).zeros(4).u32(0).zeros(8).zeros(4);
                w.u16(if video { 0 } else { 0x100 }).zeros(2).matrix().u32(size.0 << 16).u32(size.1 << 16);
            });
            w.boxed(b"mdia", |w| {
                // The language is undetermined ("und").
                w.full(b"mdhd", 0, 0, |w| {
                    w.zeros(8).u32(timescale).u32(0).u16(0x55C4).u16(0);
                });
                w.full(b"hdlr", 0, 0, |w| {
                    w.zeros(4).bytes(media).zeros(12).u8(0);
                });
                w.boxed(b"minf", |w| {
                    if video {
                        w.full(b"vmhd", 0, 1, |w| {
                            w.zeros(8);
                        });
                    } else {
                        w.full(b"smhd", 0, 0, |w| {
                            w.zeros(4);
                        });
                    }
                    w.boxed(b"dinf", |w| {
                        w.full(b"dref", 0, 0, |w| {
                            w.u32(1).full(b"url ", 0, 1, |_| {});
                        });
                    });
                    w.boxed(b"stbl", |w| {
                        w.full(b"stsd", 0, 0, |w| {
                            w.u32(1);
                            entry(w);
                        });
                        for (name, zeros) in [(b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4)] {
                            w.full(name, 0, 0, |w| {
                                w.zeros(zeros);
                            });
                        }
                    });
                });
            });
        });
        w.boxed(b"mvex", |w| {
            w.full(b"trex", 0, 0, |w| {
                w.u32(TRACK_ID).u32(1).u32(0).u32(0).u32(0);
            });
        });
    });
    w.0
}

/// Writes the `moof` and the `mdat` header over the first [`header_len`] bytes of `segment`, behind which the
/// samples stand already. The offsets of `samples` are set.
pub(super) fn write_header(segment: &mut [u8], sequence: u32, samples: &mut [Sample]) {
    let header = header_len(samples.len()) as u32;
    let run = 20 + 16 * samples.len() as u32;
    let data = segment.len() as u32 - header;
    let first_dts = samples.first().map_or(0, |sample| sample.dts);
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        segment[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    let mut boxed = |size: u32, name: &[u8; 4], body: &[&[u8]]| {
        put(&size.to_be_bytes());
        put(name);
        body.iter().for_each(|bytes| put(bytes));
    };
    boxed(header - 8, b"moof", &[]);
    boxed(16, b"mfhd", &[&[0; 4], &sequence.to_be_bytes()]);
    boxed(8 + 16 + 20 + run, b"traf", &[]);
    // default-base-is-moof.
    boxed(16, b"tfhd", &[&[0, 2, 0, 0], &TRACK_ID.to_be_bytes()]);
    boxed(20, b"tfdt", &[&[1, 0, 0, 0], &first_dts.to_be_bytes()]);
    // Version 1: signed composition offsets. With data offset; duration, size, flags, offset of each sample.
    boxed(run, b"trun", &[&[1, 0, 0x0F, 0x01], &(samples.len() as u32).to_be_bytes(), &header.to_be_bytes()]);
    let mut offset = header;
    for sample in samples {
        sample.offset = offset;
        offset += sample.size;
        put(&sample.duration.to_be_bytes());
        put(&sample.size.to_be_bytes());
        put(&if sample.key { KEY } else { NOT_KEY }.to_be_bytes());
        put(&((sample.pts - sample.dts as i64) as i32).to_be_bytes());
    }
    put(&(8 + data).to_be_bytes());
    put(b"mdat");
}
