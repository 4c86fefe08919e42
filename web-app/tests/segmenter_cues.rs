//! What stands beside the picture, through whole streams: splices, ID3, teletext, subtitles, with their times.
#![cfg(not(target_arch = "wasm32"))]

#[path = "segmenter_support/mod.rs"]
mod segmenter_support;

use amt_shared::clock::WRAP;
use amt_web_app::segmenter::{Cue, CueContent, Media, SpliceCommand};
use proptest::prelude::*;
use segmenter_support::beside::*;
use segmenter_support::*;

/// Source and output time of the clip's picture `index`.
fn picture(ts: &[u8], index: usize) -> (i64, i64) {
    let sample = run(ts).video[index].0;
    (sample.source_pts, sample.pts)
}

fn times(cues: &[Cue]) -> Vec<Option<i64>> {
    cues.iter().map(|cue| cue.pts).collect()
}

/// Where segments of sound begin, 90 kHz.
fn begins(sound: &[Media]) -> Vec<i64> {
    sound.iter().map(|media| media.samples[0].dts as i64 * 90_000 / 48_000).collect()
}

fn with_splices(ts: &[u8]) -> Beside {
    Beside::new(ts, &[(SCTE35_TYPE, SCTE35, &[])])
}

#[test]
fn a_splice_stands_where_its_picture_does() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 60);
    for adjustment in [0, 1, 900_000, -1, WRAP - 5, source, source + 1] {
        let mut stream = with_splices(&ts);
        stream.up_to(100).section(SCTE35, &time_signal(source, adjustment, &[]));
        let (cues, _) = cues(&stream.finish(), 1316);
        assert_eq!(times(&cues), [Some(output)], "{adjustment}");
        assert_eq!(cues[0].source_pts, Some(source));
    }
}

#[test]
fn a_splice_behind_the_wrap_stands_where_its_picture_does() {
    let clip = fixture("clip");
    let (first, _) = picture(&clip, 0);
    for before_wrap in [1_000, 90_000, 200_000] {
        let ts = shift_times(&clip, WRAP - first - before_wrap);
        let (source, output) = picture(&ts, 60);
        for adjustment in [0, 12_345, -12_345] {
            let mut stream = with_splices(&ts);
            stream.up_to(30).section(SCTE35, &time_signal(source, adjustment, &[]));
            stream.up_to(250).section(SCTE35, &time_signal(source, adjustment, &[]));
            let (cues, _) = cues(&stream.finish(), 1316);
            assert_eq!(times(&cues), [Some(output); 2], "{before_wrap} {adjustment}");
        }
    }
}

#[test]
fn a_splice_that_comes_before_the_output_begins_is_told_when_it_does() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 40);
    let first = of_pid(&packets(&ts), VIDEO)[0];
    for at in [first, first + 1] {
        let mut stream = with_splices(&ts);
        stream.up_to(at).section(SCTE35, &time_signal(source, 0, &[]));
        let (cues, _) = cues(&stream.finish(), 188);
        assert_eq!(times(&cues), [Some(output)], "{at}");
    }
}

#[test]
fn commands_come_over_packets_from_several_pids_and_a_wrong_crc_costs_one() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 60);
    let long = time_signal(source, 0, &[&[0xF0, 250][..], &[7; 250]].concat().repeat(2));
    let mut wrong = long.clone();
    wrong[300] ^= 1;
    let mut stream = Beside::new(&ts, &[(SCTE35_TYPE, SCTE35, &[]), (SCTE35_TYPE, 501, &[0x8A, 1, 1])]);
    stream.up_to(100).section(SCTE35, &long).up_to(120).section(SCTE35, &wrong);
    stream.section(501, &splice_section(0, 0, &[], &[])).section(501, &time_signal(source + 9, 0, &[]));
    let ts = stream.finish();
    let (told, _) = cues(&ts, 1316);
    assert_eq!(times(&told), [Some(output), None, Some(output + 9)]);
    assert_eq!(told.iter().map(|cue| cue.pid).collect::<Vec<_>>(), [SCTE35, 501, 501]);
    let CueContent::Splice(splice) = &told[0].content else { panic!("{:?}", told[0]) };
    assert_eq!((splice.descriptors.len(), &splice.section), (2, &long));
    assert_eq!(run(&ts).faults, [("crc", 1)].into());
    for chunk in [1, 188, 7777, ts.len()] {
        assert_eq!(cues(&ts, chunk).0, told, "{chunk}");
    }
}

#[test]
fn a_lost_packet_costs_the_command_that_it_was_of() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 60);
    let long = time_signal(source, 0, &[&[0xF0, 250][..], &[7; 250]].concat().repeat(2));
    let mut stream = with_splices(&ts);
    stream.up_to(100).section(SCTE35, &long).section(SCTE35, &time_signal(source + 5, 0, &[]));
    let ts = stream.finish();
    let lost = of_pid(&packets(&ts), SCTE35)[1];
    let damaged = without(&ts, |index| index == lost);
    assert_eq!(times(&cues(&damaged, 1316).0), [Some(output + 5)]);
    assert_eq!(run(&damaged).faults, [("continuity", 1)].into());
}

#[test]
fn each_component_has_its_time_and_an_encrypted_command_is_named() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 60);
    let body = [
        &[0, 0, 0, 9, 0x7F, 0xAF, 3, 1][..],
        &splice_time(source + 900),
        &[2],
        &splice_time(source),
        &[3, 0x7F],
        &splice_time(90_000),
        &[0, 7, 1, 2],
    ];
    let mut encrypted = splice_section(0, 6, &[0; 9], &[]);
    encrypted[4] |= 0x82;
    let end = encrypted.len() - 4;
    let crc = section_crc(&encrypted[..end]).to_be_bytes();
    encrypted[end..].copy_from_slice(&crc);
    let mut stream = with_splices(&ts);
    stream.up_to(100).section(SCTE35, &splice_section(0, 5, &body.concat(), &[])).section(SCTE35, &encrypted);
    let (cues, _) = cues(&stream.finish(), 1316);
    assert_eq!(times(&cues), [Some(output), None]);
    let CueContent::Splice(splice) = &cues[0].content else { panic!() };
    let SpliceCommand::Insert(insert) = &splice.command else { panic!() };
    let components: Vec<_> = insert.components.iter().map(|part| (part.tag, part.pts)).collect();
    assert_eq!(components, [(1, Some(output + 900)), (2, Some(output)), (3, None)]);
    let CueContent::Splice(splice) = &cues[1].content else { panic!() };
    assert_eq!(splice.command, SpliceCommand::Encrypted { algorithm: 1, key: 0 });
}

#[test]
fn sound_is_cut_at_the_frame_nearest_to_a_splice_and_at_the_return_from_it() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 30);
    let insert = [&[0, 0, 0, 9, 0x7F, 0xEF][..], &splice_time(source), &splice_time(90_000), &[0, 7, 0, 0]].concat();
    let (_, whole) = cues(&ts, ts.len());
    assert_eq!(whole.len(), 1);
    let frames: Vec<i64> = whole[0].samples.iter().map(|sample| sample.dts as i64 * 90_000 / 48_000).collect();
    let nearest = |time: i64| *frames.iter().min_by_key(|begin| (*begin - time).abs()).unwrap();
    for at in [20, 120] {
        let mut stream = with_splices(&ts);
        stream.up_to(at).section(SCTE35, &splice_section(0, 5, &insert, &[]));
        let ts = stream.finish();
        let (_, sound) = cues(&ts, ts.len());
        assert_eq!(begins(&sound), [frames[0], nearest(output), nearest(output + 90_000)], "{at}");
        assert_eq!(sound.iter().map(|media| media.samples.len()).sum::<usize>(), whole[0].samples.len());
        assert_eq!(run(&ts).audio, run(&fixture("clip")).audio);
    }
}

#[test]
fn a_splice_that_is_past_cuts_nothing_and_an_immediate_one_cuts_at_once() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 5);
    let mut stream = with_splices(&ts);
    stream.up_to(200).section(SCTE35, &time_signal(source, 0, &[]));
    let late = stream.finish();
    let (told, sound) = cues(&late, late.len());
    assert_eq!((times(&told), sound.len()), (vec![Some(output)], 1));

    let mut stream = with_splices(&ts);
    let at_once = [0, 0, 0, 9, 0x7F, 0xDF, 0, 7, 0, 0];
    stream.up_to(200).section(SCTE35, &splice_section(0, 5, &at_once, &[]));
    let ts = stream.finish();
    let (told, sound) = cues(&ts, ts.len());
    assert_eq!((times(&told), sound.len()), (vec![None], 2));
    // As many frames as had come by then.
    let before = run(&ts[..200 * 188]).audio.len();
    assert!((before - 2..=before).contains(&sound[0].samples.len()), "{before}");
}

#[test]
fn tags_and_text_come_whole_with_their_times() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 20);
    let streams: [Described<'_>; 3] = [
        (0x15, 600, &[0x26, 13, 0xFF, 0xFF, b'I', b'D', b'3', b' ', 0xFF, b'I', b'D', b'3', b' ', 0, 0x0F]),
        (0x06, 601, &[0x56, 5, b'e', b'n', b'g', 0x10, 0x88]),
        (0x06, 602, &[0x59, 8, b'e', b'n', b'g', 0x10, 0, 1, 0, 1]),
    ];
    let mut tag = b"ID3\x04\0\0\0\0\x03\x10TXXX".to_vec();
    tag.resize(10 + 3 * 128 + 16, b'x');
    let text: Vec<u8> = [&[0x10][..], &[2; 46].repeat(4)].concat();
    let subtitles = [0x20, 0, 0x0F, 0x80, 0, 1, 0, 0, 0xFF];
    let mut stream = Beside::new(&ts, &streams);
    stream.up_to(60).pes(600, source, &tag).pes(601, source + 1, &text).pes(602, source + 2, &subtitles);
    let ts = stream.finish();
    let (told, _) = cues(&ts, 1316);
    assert_eq!(times(&told), [Some(output), Some(output + 1), Some(output + 2)]);
    let contents: Vec<CueContent> = told.iter().map(|cue| cue.content.clone()).collect();
    let subtitles = CueContent::Subtitles(subtitles.to_vec());
    assert_eq!(contents, [CueContent::Id3(tag), CueContent::Teletext(text), subtitles]);
    let lost = of_pid(&packets(&ts), 600)[1];
    let damaged = without(&ts, |index| index == lost);
    assert_eq!(times(&cues(&damaged, 1316).0), [Some(output + 1), Some(output + 2)]);
    assert_eq!(run(&damaged).faults, [("continuity", 1), ("damaged_data", 1)].into());
}

#[test]
fn a_tag_is_read_whatever_its_pes_packet_says_for_a_stream_id() {
    let ts = fixture("clip");
    let (source, output) = picture(&ts, 20);
    let descriptors = [0x26, 13, 0xFF, 0xFF, b'I', b'D', b'3', b' ', 0xFF, b'I', b'D', b'3', b' ', 0, 0x0F];
    let mut tag = b"ID3\x04\0\0\0\0\0\x10TXXX".to_vec();
    tag.resize(10 + 16, b'x');
    for stream_id in [0x0D, 0x00, 0xBD, 0xC0, 0xFC] {
        let mut stream = Beside::new(&ts, &[(0x15, 600, &descriptors)]);
        let mut all = packets(&stream.up_to(60).pes(600, source, &tag).finish());
        let packet = all.iter_mut().find(|packet| pid(packet) == 600).unwrap();
        let at = packet.windows(4).position(|bytes| bytes == [0, 0, 1, 0xBD]).unwrap();
        packet[at + 3] = stream_id;
        let (told, _) = cues(&all.concat(), 1316);
        assert_eq!(times(&told), [Some(output)], "{stream_id:x}");
    }
}

#[test]
fn text_on_either_side_of_a_jump_of_the_clock_stands_beside_its_picture() {
    let clip = fixture("clip");
    for jump in [-270_000_i64, 90_000_000, -5_000_000, 4_000_000_000] {
        let second = shift_times(&clip, jump);
        let ts = renumber(&[&clip[..], &second].concat());
        let run = run(&ts);
        let middle = clip.len() / 188;
        let last = run.video[70].0;
        let first = run.video[80].0;
        let text = [0x10, 1, 2, 3];
        // Text of the old clock comes late, that of the new one early.
        for at in [middle - 10, middle + 2, middle + 12] {
            let mut stream = Beside::new(&ts, &[(0x06, 601, &[0x56, 5, b'e', b'n', b'g', 0x10, 0x88])]);
            stream.up_to(at).pes(601, last.source_pts, &text).pes(601, first.source_pts, &text);
            let (cues, _) = cues(&stream.finish(), 1316);
            let mut told: Vec<_> = times(&cues);
            told.sort();
            assert_eq!(told, [Some(last.pts), Some(first.pts)], "{jump} {at}");
        }
    }
}

#[test]
fn text_whose_time_has_nothing_to_do_with_the_clock_is_told_without_a_place() {
    let ts = fixture("clip");
    let (source, _) = picture(&ts, 20);
    let mut stream = Beside::new(&ts, &[(0x06, 601, &[0x56, 5, b'e', b'n', b'g', 0x10, 0x88])]);
    stream.up_to(60).pes(601, source + 50_000_000, &[0x10, 1, 2]);
    let (cues, _) = cues(&stream.finish(), 1316);
    assert_eq!((times(&cues), cues[0].source_pts), (vec![None], Some(source + 50_000_000)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_comes_as_data_leaves_picture_and_sound_alone_however_it_is_cut(
        junk in proptest::collection::vec(
            (0usize..300, 600u16..604, any::<bool>(), proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xFC), any::<u8>()], 0..184)),
            0..40,
        ),
        chunk in 1usize..5000,
    ) {
        let clip = fixture("clip");
        let streams: [Described<'_>; 4] = [
            (SCTE35_TYPE, 600, &[]),
            (0x15, 601, &[0x05, 4, b'I', b'D', b'3', b' ']),
            (0x06, 602, &[0x56, 5, b'e', b'n', b'g', 0x10, 0x88]),
            (0x06, 603, &[0x59, 8, b'e', b'n', b'g', 0x10, 0, 1, 0, 1]),
        ];
        let mut stream = Beside::new(&clip, &streams);
        let mut junk = junk;
        junk.sort_by_key(|(at, ..)| *at);
        for (at, pid, start, bytes) in &junk {
            stream.up_to(*at).packet(*pid, *start, bytes);
        }
        let ts = stream.finish();
        let (all, clean) = (run(&ts), run(&clip));
        prop_assert_eq!(&all.video, &clean.video);
        prop_assert_eq!(&all.audio, &clean.audio);
        prop_assert_eq!(cues(&ts, chunk).0, cues(&ts, ts.len()).0);
    }
}
