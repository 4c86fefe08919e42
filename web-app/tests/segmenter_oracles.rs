//! What others say of the same bytes: ffprobe and ffmpeg of what comes out, `mpeg2ts` and `h264-reader` of
//! what went in.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use std::io::Cursor;

use amt_web_app::segmenter::{Options, Track};
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitReader, ByteReader};
use mpeg2ts::ts::{ReadTsPacket, TsPacketReader, TsPayload};
use segmenter_support::decode::{Directory, checksums, output_of, write_track, write_track_with};
use segmenter_support::*;

#[test]
fn ffprobe_agrees_with_every_samples_times_size_and_key_flag() {
    let directory = Directory::new("probe");
    let path = directory.0.join("track.mp4");
    for name in ["clip", "open_gop", "sliced"] {
        let ts = fixture(name);
        let run = run(&ts);
        for (track, samples) in [(Track::Video, &run.video), (Track::Audio, &run.audio)] {
            write_track(&ts, track, &path);
            let lines = output_of(
                "ffprobe",
                &[
                    "-v",
                    "error",
                    "-show_entries",
                    "packet=pts,dts,size,flags",
                    "-of",
                    "csv=p=0",
                    path.to_str().unwrap(),
                ],
            );
            let told: Vec<String> = lines.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
            let ours: Vec<String> = samples
                .iter()
                .map(|(s, _)| format!("{},{},{},{}", s.pts, s.dts, s.size, if s.key { "K_" } else { "__" }))
                .collect();
            assert_eq!(told, ours, "{name} {track}");
        }
    }
}

#[test]
fn ffmpeg_decodes_the_same_pictures_and_sound_as_from_the_source() {
    let directory = Directory::new("decode");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    for name in ["clip", "open_gop", "sliced"] {
        let ts = fixture(name);
        std::fs::write(&source, &ts).unwrap();
        for (track, map) in [(Track::Video, "0:v"), (Track::Audio, "0:a")] {
            write_track(&ts, track, &made);
            let expected = checksums(&source, map);
            assert!(expected.len() >= 75);
            assert_eq!(checksums(&made, map), expected, "{name} {track}");
        }
    }
}

#[test]
fn a_stream_without_idr_pictures_decodes_from_any_join_without_a_complaint() {
    let directory = Directory::new("join");
    let (source, made) = (directory.0.join("source.ts"), directory.0.join("track.mp4"));
    for name in ["open_gop", "open_gop_cavlc"] {
        let ts = fixture(name);
        std::fs::write(&source, &ts).unwrap();
        let all = checksums(&source, "0:v");
        for join in [60, 120, 200, 260] {
            write_track_with(&ts[join * 188..], Track::Video, &made, Options::default());
            let some = checksums(&made, "0:v");
            assert!(some.len() >= 20 && some.len() < 75, "{name} {join}: {} frames", some.len());
            assert!(all.ends_with(&some), "{name} {join}");
        }
    }
}

#[test]
fn ffmpeg_takes_the_inserted_silence_for_aac() {
    let directory = Directory::new("silence");
    let made = directory.0.join("track.mp4");
    let ts = fixture("clip");
    let lost = of_pid(&packets(&ts), AUDIO);
    let damaged = without(&ts, |index| lost[40..60].contains(&index));
    assert!(run(&damaged).discontinuities.contains(&(Track::Audio, "silence_inserted")));
    write_track(&damaged, Track::Audio, &made);
    // Any complaint of the decoder fails this.
    output_of("ffmpeg", &["-v", "warning", "-xerror", "-i", made.to_str().unwrap(), "-f", "null", "-"]);
}

#[test]
fn mpeg2ts_finds_the_same_frames_in_a_clean_stream() {
    let ts = fixture("clip");
    let run = run(&ts);
    let mut reader = TsPacketReader::new(Cursor::new(&ts));
    let mut times = Vec::new();
    while let Some(packet) = reader.read_ts_packet().unwrap() {
        if let Some(TsPayload::PesStart(pes)) = packet.payload
            && packet.header.pid.as_u16() == VIDEO
        {
            times.push(pes.header.pts.unwrap().as_u64() as i64);
        }
    }
    assert_eq!(run.video.iter().map(|(sample, _)| sample.source_pts).collect::<Vec<_>>(), times);
}

#[test]
fn h264_reader_reads_the_same_from_the_parameter_sets() {
    for name in ["clip", "open_gop", "sliced"] {
        let ts = fixture(name);
        let run = run(&ts);
        let init = run.init(Track::Video);
        let first = &pes_packets(&ts)[0].payload;
        let at = first.windows(4).position(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1F == 7).unwrap();
        let unit = &first[at + 3..];
        let end = unit.windows(3).position(|bytes| bytes == [0, 0, 1]).unwrap();
        let unit = unit[..end].strip_suffix(&[0]).unwrap_or(&unit[..end]);
        let sps = SeqParameterSet::from_bits(BitReader::new(ByteReader::skipping_h264_header(unit))).unwrap();
        assert_eq!(sps.pixel_dimensions().unwrap(), (init.width, init.height), "{name}");
        assert_eq!(sps.rfc6381().to_string().to_lowercase(), init.codec, "{name}");
    }
}
