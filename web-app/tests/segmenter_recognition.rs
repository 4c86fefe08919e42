//! Streams whose tables are not there, or lie: they are recognised by their content.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_shared::ts::PACKET_LEN;
use amt_web_app::segmenter::{Sample, StreamKind};
use segmenter_support::*;

/// The clip muxed anew behind a PMT with these streams; the picture and the sound keep their PIDs.
fn announced_as(streams: &[(u8, u16)]) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, streams);
    for pes in pes_packets(&fixture("clip")) {
        muxer.pes(&pes, Length::Declared);
    }
    muxer.ts
}

fn is_table(packet: &[u8; PACKET_LEN]) -> bool {
    matches!(pid(packet), 0 | PMT | 17)
}

/// A fixture three times in a row, so that there is more than the second that tables are waited for.
fn long(name: &str) -> Vec<u8> {
    let ts = fixture(name);
    let all: Vec<u8> = (0..3).flat_map(|round| shift_times(&ts, round * 270_000)).collect();
    renumber(&all)
}

fn without_tables(ts: &[u8]) -> Vec<u8> {
    packets(ts).into_iter().filter(|packet| !is_table(packet)).flatten().collect()
}

fn crcs(samples: &[(Sample, u32)]) -> Vec<u32> {
    samples.iter().map(|(_, crc)| *crc).collect()
}

#[test]
fn a_picture_that_is_announced_as_something_else_is_played_as_what_it_is_and_nothing_of_it_is_lost() {
    let clean = run(&fixture("clip"));
    for stream_type in [0x02, 0x24, 0x06, 0x0F, 0x10, 0x81, 0x80] {
        let run = run(&announced_as(&[(stream_type, VIDEO), (0x0F, AUDIO)]));
        run.check(1);
        assert_eq!(crcs(&run.video), crcs(&clean.video), "{stream_type:x}");
        assert_eq!(crcs(&run.audio), crcs(&clean.audio), "{stream_type:x}");
        let picture = &run.programs.last().unwrap().streams[0];
        assert!(picture.selected && picture.note.is_none(), "{stream_type:x}: {picture:?}");
        assert_eq!((picture.kind, picture.stream_type), (StreamKind::Video, stream_type));
    }
}

#[test]
fn sound_that_is_announced_as_something_else_is_played_as_what_it_is() {
    let clean = run(&fixture("clip"));
    for stream_type in [0x06, 0x11, 0x03, 0x81, 0x02, 0x80, 0x33] {
        let run = run(&announced_as(&[(0x1B, VIDEO), (stream_type, AUDIO)]));
        run.check(1);
        assert_eq!(crcs(&run.video), crcs(&clean.video), "{stream_type:x}");
        assert_eq!(crcs(&run.audio), crcs(&clean.audio), "{stream_type:x}");
        assert!(run.programs.last().unwrap().streams[1].selected, "{stream_type:x}");
    }
}

/// Frames of DTS-UHD between which stands what could be frames of MPEG audio, layer I.
fn dts_uhd(index: usize) -> Vec<u8> {
    let frame = |sync: [u8; 4]| [&sync[..], &[&[0xFF, 0xFF, 0x10, 0x00][..], &[0; 28]].concat().repeat(18)].concat();
    [frame([0x40, 0x41, 0x1B, 0xF2]), frame([0x71, 0xC4, 0x42, 0xE8])].concat()[index % 2..].to_vec()
}

#[test]
fn dts_uhd_is_no_sound_of_another_kind_whether_a_descriptor_tells_or_not() {
    for descriptors in [&[0x7F, 2, 0x21, 0x00][..], b"\x05\x04DTSH", &[]] {
        let mut muxer = Muxer::default();
        muxer.pat(&[(1, PMT)]);
        muxer.described_pmt(PMT, 1, 0, &[(0x1B, VIDEO, &[]), (0x06, 300, descriptors), (0x0F, AUDIO, &[])]);
        for (index, pes) in pes_packets(&fixture("clip")).into_iter().enumerate() {
            if pes.pid == VIDEO {
                muxer.pes(&Pes { pid: 300, payload: dts_uhd(index), dts: None, ..pes.clone() }, Length::Declared);
            }
            muxer.pes(&pes, Length::Declared);
        }
        let run = run(&muxer.ts);
        let streams = &run.programs.last().unwrap().streams;
        assert_eq!(streams[1].note.as_deref(), Some("DTS sound cannot be played in browsers."), "{descriptors:x?}");
        assert!(streams[2].selected && !streams[1].selected && run.audio.len() > 100);
    }
}

#[test]
fn hevc_that_is_announced_as_another_picture_is_played() {
    let ts = fixture("hevc");
    let clean = run(&ts);
    let mut all = packets(&ts);
    for packet in all.iter_mut().filter(|packet| pid(packet) == PMT) {
        let at = packet.windows(3).position(|bytes| bytes == [0x24, 0xE1, 0x00]).unwrap();
        packet[at] = 0x1B;
        let length = usize::from(packet[7]) + 8;
        let crc = section_crc(&packet[5..length - 4]).to_be_bytes();
        packet[length - 4..length].copy_from_slice(&crc);
    }
    let run = run(&all.concat());
    assert!(clean.video.len() > 70);
    assert_eq!(crcs(&run.video), crcs(&clean.video));
}

#[test]
fn a_stream_without_tables_plays_after_a_second() {
    for name in ["clip", "open_gop", "hevc", "sliced"] {
        let (ts, clean) = (long(name), run(&long(name)));
        // Without PAT and PMT; with a PAT whose PMT never comes; with tables whose CRC is always wrong.
        let lost_pmt: Vec<u8> = packets(&ts).into_iter().filter(|packet| pid(packet) != PMT).flatten().collect();
        let mut wrong = packets(&ts);
        for packet in wrong.iter_mut().filter(|packet| is_table(packet)) {
            packet[12] ^= 0x10;
        }
        for ts in [without_tables(&ts), lost_pmt, wrong.concat()] {
            let run = run(&ts);
            // Where the rounds meet, the sound of two of them overlaps.
            run.check(4000);
            let program = run.programs.last().unwrap();
            assert_eq!((program.number, program.streams.len()), (0, 2), "{name}");
            assert!(program.streams.iter().all(|stream| stream.selected), "{name}");
            // A second to wait, and at most one to the next random access point.
            let (got, whole) = (run.video.len(), clean.video.len());
            assert!(got + 60 >= whole && run.video[0].0.key, "{name}: {got} of {whole}");
            // The frame that decoding begins with may be written otherwise than in the middle of a stream.
            assert_eq!(crcs(&run.video)[25..], crcs(&clean.video)[whole - got + 25..], "{name}");
        }
    }
}

#[test]
fn tables_that_come_late_take_over_and_what_plays_is_not_disturbed() {
    let ts = long("clip");
    let alone = run(&without_tables(&ts));
    let half = packets(&ts).len() / 2;
    let late: Vec<u8> = packets(&ts)
        .into_iter()
        .enumerate()
        .filter(|(index, packet)| *index > half || !is_table(packet))
        .flat_map(|(_, packet)| packet)
        .collect();
    let run = run(&late);
    assert_eq!((&run.video, &run.audio, &run.inits), (&alone.video, &alone.audio, &alone.inits));
    let numbers: Vec<u16> = run.programs.iter().map(|program| program.number).collect();
    assert_eq!(numbers, [0, 1]);
}

#[test]
fn tables_that_come_within_a_second_are_waited_for() {
    let ts = fixture("clip");
    let clean = run(&ts);
    // 0.8 s without tables, then as usual.
    let count = packets(&ts).len() * 8 / 30;
    let late: Vec<u8> = packets(&ts)
        .into_iter()
        .enumerate()
        .filter(|(index, packet)| *index > count || !is_table(packet))
        .flat_map(|(_, packet)| packet)
        .collect();
    let run = run(&late);
    assert!(run.programs.iter().all(|program| program.number == 1));
    assert!(run.video.len() >= 50 && clean.video.ends_with(&run.video[run.video.len()..]), "{}", run.video.len());
}

#[test]
fn what_is_no_stream_is_not_made_one() {
    let mut muxer = Muxer::default();
    for index in 0..60_000u32 {
        let body: Vec<u8> =
            (0..184u32).map(|at| (index.wrapping_mul(2_654_435_761).wrapping_add(at * at * 7) >> 5) as u8).collect();
        muxer.packet(300, index % 20 == 0, &[], &body);
    }
    let run = run(&muxer.ts);
    assert!(run.programs.is_empty() && run.inits.is_empty());
}
