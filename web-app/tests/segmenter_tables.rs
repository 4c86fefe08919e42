//! Tables: what they say is followed, whatever way they come, and what they say wrongly does no harm.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Program, Role, Sample, Takes};
use segmenter_support::*;

const H264: (u8, u16) = (0x1B, VIDEO);
const ADTS: (u8, u16) = (0x0F, AUDIO);

/// The clip's PES packets, with what `before` writes ahead of the one with that number.
fn clip_with(mut before: impl FnMut(usize, &mut Muxer)) -> Vec<u8> {
    let mut muxer = Muxer::default();
    for (index, pes) in pes_packets(&fixture("clip")).into_iter().enumerate() {
        before(index, &mut muxer);
        muxer.pes(&pes, Length::Declared);
    }
    muxer.ts
}

/// As [`clip_with`], behind a PAT with one programme.
fn clip_behind_pat(mut before: impl FnMut(usize, &mut Muxer)) -> Vec<u8> {
    clip_with(|index, muxer| {
        if index == 0 {
            muxer.pat(&[(1, PMT)]);
        }
        before(index, muxer);
    })
}

fn crcs(samples: &[(Sample, u32)]) -> Vec<u32> {
    samples.iter().map(|(_, crc)| *crc).collect()
}

fn assert_whole(run: &Run) {
    let clean = run_clip();
    assert_eq!((crcs(&run.video), crcs(&run.audio)), (crcs(&clean.video), crcs(&clean.audio)));
    run.check(1);
}

fn run_clip() -> Run {
    run(&fixture("clip"))
}

fn notes(program: &Program) -> Vec<Option<&str>> {
    program.streams.iter().map(|stream| stream.note.as_deref()).collect()
}

#[test]
fn tables_that_are_not_current_yet_count_only_once_they_are() {
    let next = |muxer: &mut Muxer, current: u8| {
        let body = pmt_body(&[], &[(0x1B, 700, &[]), (0x0F, 701, &[])]);
        muxer.sections(PMT, &[section(2, 1, [0xC2 | current, 0, 0], &body)]);
        let body = [&1u16.to_be_bytes()[..], &(0xE000 | 900u16).to_be_bytes()].concat();
        muxer.sections(0, &[section(0, 1, [0xC2 | current, 0, 0], &body)]);
    };
    let ts = clip_behind_pat(|index, muxer| match index {
        0 => muxer.pmt(PMT, 1, 0, &[H264, ADTS]),
        20 => next(muxer, 0),
        _ => {}
    });
    let run = run(&ts);
    assert_whole(&run);
    assert_eq!(run.programs.len(), 1);
}

#[test]
fn what_else_comes_on_the_pids_of_tables_is_left_out() {
    let ts = clip_behind_pat(|index, muxer| {
        if index % 10 != 0 {
            return;
        }
        // A private section in the short form, one in the long form, a PMT of a programme that is not here, and
        // then, in the same packet, the right one.
        let private = [&[0xC0, 0x30, 5][..], &[1, 2, 3, 4, 5]].concat();
        let other = section(0x40, 1, [0xC1, 0, 0], &[9; 30]);
        let foreign = section(2, 77, [0xC1, 0, 0], &pmt_body(&[], &[(0x1B, 700, &[])]));
        let second = section(2, 1, [0xC1, 1, 1], &pmt_body(&[], &[(0x1B, 700, &[])]));
        let right = section(2, 1, [0xC1, 0, 0], &pmt_body(&[], &[(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])]));
        muxer.sections(PMT, &[private, other, foreign, second, right]);
    });
    let run = run(&ts);
    assert_whole(&run);
    assert_eq!((run.programs.len(), run.faults.len()), (1, 0), "{:?}", run.faults);
}

#[test]
fn several_programmes_may_share_the_pid_of_their_pmts() {
    let ts = clip_with(|index, muxer| {
        if index == 0 {
            muxer.pat(&[(1, PMT), (2, PMT)]);
            let one = section(2, 1, [0xC1, 0, 0], &pmt_body(&[], &[(0x02, 700, &[])]));
            let two = section(2, 2, [0xC1, 0, 0], &pmt_body(&[], &[(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])]));
            muxer.sections(PMT, &[one, two]);
        }
    });
    let run = run(&ts);
    assert_whole(&run);
    let list: Vec<_> = run.lists.last().unwrap().iter().map(|e| (e.number, e.playable, e.selected)).collect();
    assert_eq!(list, [(1, Some(false), false), (2, Some(true), true)]);
}

#[test]
fn a_pat_of_several_sections_is_one_and_a_new_one_disturbs_nothing_while_it_comes() {
    let pat = |muxer: &mut Muxer, version: u8, number: u8, programs: &[(u16, u16)]| {
        let body: Vec<u8> =
            programs.iter().flat_map(|(n, pid)| [n.to_be_bytes(), (0xE000 | pid).to_be_bytes()].concat()).collect();
        muxer.sections(0, &[section(0, 1, [0xC1 | version << 1, number, 1], &body)]);
    };
    let ts = clip_with(|index, muxer| match index {
        // The second section comes first; the programme of the first one is played.
        0 => {
            pat(muxer, 0, 1, &[(9, 600)]);
            muxer.pmt(600, 9, 0, &[(0x1B, 700)]);
            pat(muxer, 0, 0, &[(0, 16), (1, PMT)]);
            muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
        }
        // The one that is played stands in the other section now.
        40 => pat(muxer, 1, 0, &[(9, 600)]),
        80 => pat(muxer, 1, 1, &[(1, PMT)]),
        _ => {}
    });
    let run = run(&ts);
    assert_whole(&run);
    assert_eq!(run.programs.len(), 1);
    let numbers: Vec<u16> = run.lists.last().unwrap().iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [9, 1]);
}

#[test]
fn a_length_that_runs_over_the_end_costs_no_stream() {
    let ts = clip_behind_pat(|index, muxer| {
        if index == 0 {
            let mut body = pmt_body(&[], &[(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])]);
            body[3] = 0xFF;
            muxer.section(PMT, 2, 1, 0, &body);
        }
    });
    assert_whole(&run(&ts));
}

#[test]
fn a_stream_that_comes_or_goes_disturbs_no_other() {
    let ts = clip_behind_pat(|index, muxer| match index {
        0 => muxer.pmt(PMT, 1, 0, &[H264, ADTS]),
        30 => muxer.pmt(PMT, 1, 1, &[(0x06, 300), H264, (0x86, 301), ADTS, (0x0F, 302)]),
        60 => muxer.pmt(PMT, 1, 2, &[H264, ADTS]),
        _ => {}
    });
    let run = run(&ts);
    assert_whole(&run);
    assert_eq!(run.inits.len(), 2);
    let counts: Vec<usize> = run.programs.iter().map(|program| program.streams.len()).collect();
    assert_eq!(counts, [2, 5, 2]);
}

#[test]
fn the_sound_that_moves_to_another_pid_goes_on_and_the_picture_is_not_disturbed() {
    let moved = 70;
    let mut muxer = Muxer { sound: vec![400], ..Muxer::default() };
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
    for (index, mut pes) in pes_packets(&fixture("clip")).into_iter().enumerate() {
        if index == moved {
            muxer.pmt(PMT, 1, 1, &[H264, (0x0F, 400)]);
        }
        if index >= moved && pes.pid == AUDIO {
            pes.pid = 400;
        }
        muxer.pes(&pes, Length::Declared);
    }
    let (run, clean) = (run(&muxer.ts), run_clip());
    run.check(1000);
    assert_eq!(run.video, clean.video);
    assert_eq!(run.audio.len(), clean.audio.len());
    assert!(run.discontinuities.is_empty() && run.faults.is_empty(), "{:?} {:?}", run.discontinuities, run.faults);
}

#[test]
fn the_picture_that_moves_to_another_pid_begins_there_at_a_random_access_point_and_the_sound_is_not_disturbed() {
    let all = pes_packets(&fixture("clip"));
    let key = all.iter().enumerate().filter(|(_, pes)| pes.pid == VIDEO).nth(50).unwrap().0;
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
    for (index, mut pes) in all.into_iter().enumerate() {
        if index == key {
            muxer.pmt(PMT, 1, 1, &[(0x1B, 400), ADTS]);
        }
        if index >= key && pes.pid == VIDEO {
            pes.pid = 400;
        }
        muxer.pes(&pes, Length::Declared);
    }
    let (run, clean) = (run(&muxer.ts), run_clip());
    run.check(1);
    assert_eq!(run.audio, clean.audio);
    assert_eq!(crcs(&run.video), crcs(&clean.video));
}

#[test]
fn languages_purposes_and_pages_are_told() {
    let ts = clip_behind_pat(|index, muxer| {
        if index == 0 {
            let streams: [(u8, u16, &[u8]); 5] = [
                (0x1B, VIDEO, &[]),
                (0x0F, 700, b"\x0A\x04eng\x03"),
                (0x0F, AUDIO, b"\x0A\x04deu\x00"),
                (0x06, 701, b"\x56\x05deu\x11\x50"),
                (0x06, 702, b"\x59\x08fra\x10\x00\x01\x00\x01"),
            ];
            muxer.pmt_described(PMT, 1, 0, &[], &streams);
        }
    });
    let run = run(&ts);
    // The first that is no commentary is played.
    assert_whole(&run);
    let streams = &run.programs.last().unwrap().streams;
    let told = |index: usize| (streams[index].language.as_deref(), streams[index].role, streams[index].selected);
    assert_eq!(told(1), (Some("eng"), Some(Role::AudioDescription), false));
    assert_eq!(told(2), (Some("deu"), None, true));
    assert_eq!((streams[3].pages[0].page, streams[3].pages[0].kind), (150, 2));
    assert_eq!((streams[4].pages[0].page, streams[4].pages[0].kind), (1, 0x10));
    assert!(streams.iter().all(|stream| stream.note.is_none()), "{streams:?}");
}

#[test]
fn what_does_not_play_is_named_with_a_sentence_and_the_rest_plays() {
    let ts = clip_behind_pat(|index, muxer| {
        if index == 0 {
            let streams: [(u8, u16, &[u8]); 9] = [
                (0x02, 700, &[]),
                (0x1B, VIDEO, &[]),
                (0x06, 702, b"\x05\x04DTS1"),
                (0x0F, AUDIO, &[]),
                (0x33, 703, &[]),
                (0x06, 704, b"\x7F\x02\x15\x00"),
                (0x10, 705, &[]),
                (0x91, 706, &[]),
                (0x24, 707, &[]),
            ];
            muxer.pmt_described(PMT, 1, 0, &[], &streams);
        }
    });
    let takes = Takes { hevc: false, ..Takes::default() };
    let run = run_with(&ts, 1316, Options { takes, ..go_on() });
    assert_whole(&run);
    let program = run.programs.last().unwrap();
    assert_eq!(
        notes(program),
        [
            Some("MPEG-2 video cannot be played in browsers."),
            None,
            Some("DTS sound cannot be played in browsers."),
            None,
            Some("VVC video cannot be played in browsers."),
            Some("AC-4 sound cannot be played in browsers."),
            Some("MPEG-4 part 2 video cannot be played in browsers."),
            Some("The type of this stream is unknown."),
            Some("This browser does not play HEVC video."),
        ]
    );
    assert_eq!(program.streams[0].codec.as_deref(), Some("mpeg2video"));
}

/// The clip with the payloads of the packets chosen scrambled.
fn scrambled(chosen: impl Fn(usize, u16) -> bool) -> Vec<u8> {
    let mut all = packets(&fixture("clip"));
    for (index, packet) in all.iter_mut().enumerate() {
        if chosen(index, pid(packet)) {
            packet[3] |= 0x80;
        }
    }
    all.concat()
}

#[test]
fn an_encrypted_programme_is_called_so_until_it_is_clear_again() {
    let count = packets(&fixture("clip")).len();
    let run = run(&scrambled(|index, pid| matches!(pid, VIDEO | AUDIO) && index < count / 2));
    let encrypted = |program: &&Program| notes(program).contains(&Some("This programme is encrypted."));
    let first = run.programs.iter().find(encrypted).expect("told");
    assert!(first.streams[0].selected);
    assert_eq!(notes(run.programs.last().unwrap()), [None, None]);
    assert!(run.video.len() >= 24 && run.audio.len() >= 45, "{} {}", run.video.len(), run.audio.len());
    assert!(run.faults["scrambled"] > 100);
    assert!(run.lists.iter().any(|list| list[0].scrambled) && !run.lists.last().unwrap()[0].scrambled);
}

#[test]
fn what_is_clear_plays_though_the_other_is_encrypted() {
    let picture = run(&scrambled(|_, pid| pid == VIDEO));
    assert_eq!((picture.video.len(), picture.audio.len()), (0, 142));
    assert_eq!(notes(picture.programs.last().unwrap()), [Some("The picture is encrypted."), None]);
    let sound = run(&scrambled(|_, pid| pid == AUDIO));
    assert_eq!((sound.video.len(), sound.audio.len()), (75, 0));
    assert_eq!(notes(sound.programs.last().unwrap()), [None, Some("The sound is encrypted.")]);
}

#[test]
fn names_and_what_is_on_are_told() {
    let ts = fixture("programmes");
    let run = run(&ts);
    let list: Vec<_> =
        run.lists.last().unwrap().iter().map(|e| (e.number, e.name.clone().unwrap(), e.selected)).collect();
    assert_eq!(list, [(101, "Eins".into(), true), (102, "Zwei".into(), false)]);
    let ts = clip_behind_pat(|index, muxer| {
        if index == 0 {
            muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
        }
        if index % 50 == 0 {
            let event = |id: u16, name: &[u8]| {
                let times = [0xC0, 0x79, 0x12, 0x45, 0x00, 0x01, 0x45, 0x30];
                let short = [&b"deu"[..], &[name.len() as u8], name, &[0]].concat();
                let descriptor = [&[0x4D, short.len() as u8][..], &short].concat();
                [&id.to_be_bytes()[..], &times, &[0x80, descriptor.len() as u8], &descriptor].concat()
            };
            let eit = |service: u16, number: u8, event: &[u8]| {
                section(0x4E, service, [0xC1, number, 1], &[&[0, 1, 0, 1, 1, 0x4E][..], event].concat())
            };
            let (news, film) = (event(7, b"Nachrichten"), event(8, b"F\xC8ur immer"));
            muxer.sections(0x12, &[eit(2, 0, &film), eit(1, 0, &news), eit(1, 1, &film), eit(3, 0, &news)]);
        }
    });
    let run = segmenter_support::run(&ts);
    assert_whole(&run);
    assert_eq!(run.schedules.len(), 1);
    let schedule = run.schedules.last().unwrap();
    let (present, following) = (schedule.present.as_ref().unwrap(), schedule.following.as_ref().unwrap());
    assert_eq!((present.name.as_str(), following.name.as_str()), ("Nachrichten", "Für immer"));
    assert_eq!((schedule.program, present.start, present.duration), (1, Some(750_516_300), Some(6330)));
}

#[test]
fn a_programme_that_is_not_known_is_waited_for_and_what_is_played_goes_on() {
    let ts = clip_with(|index, muxer| match index {
        0 => {
            muxer.pat(&[(1, PMT), (2, 500)]);
            muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
            muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
            muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
        }
        40 => muxer.pmt(500, 2, 0, &[(0x1B, 600)]),
        _ => {}
    });
    for number in [2, 77] {
        let run = run_choosing(&ts, 1316, go_on(), |index, segmenter| {
            if index == 2 {
                segmenter.choose_program(Some(number));
            }
        });
        // Nothing of it ever comes, so it never takes over.
        assert_whole(&run);
    }
}

#[test]
fn a_programme_whose_picture_plays_comes_before_one_that_would_only_sound() {
    let ts = clip_with(|index, muxer| {
        if index == 0 {
            muxer.pat(&[(1, 500), (2, PMT)]);
            muxer.pmt(500, 1, 0, &[(0x02, 700), (0x0F, 701)]);
            muxer.pmt(PMT, 2, 0, &[H264, ADTS]);
        }
    });
    let run = run(&ts);
    assert_whole(&run);
    assert_eq!(run.programs.last().unwrap().number, 2);
}

/// The clip, and behind it HEVC on the same PID; the second PMT says so or is as the first.
fn clip_then_hevc(says_so: bool, rounds: usize) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[H264, ADTS]);
    for pes in pes_packets(&fixture("clip")) {
        muxer.pes(&pes, Length::Declared);
    }
    muxer.pmt(PMT, 1, 1, &[(if says_so { 0x24 } else { 0x1B }, VIDEO), ADTS]);
    for round in 1..=rounds {
        for pes in pes_packets(&shift_times(&fixture("hevc"), round as i64 * 270_000)) {
            muxer.pes(&pes, Length::Declared);
        }
    }
    muxer.ts
}

#[test]
fn a_stream_may_change_its_codec_on_its_pid_with_the_pmt_and_the_sound_is_not_disturbed() {
    let run = run(&clip_then_hevc(true, 1));
    let codecs: Vec<&str> = run.inits.iter().map(|init| &init.codec[..4]).collect();
    assert_eq!(codecs, ["avc1", "mp4a", "hvc1"]);
    let pictures = segmenter_support::run(&fixture("hevc")).video.len();
    assert_eq!(run.video.len(), 75 + pictures);
    run.check(4000);
    let told = run.programs.last().unwrap().streams[0].codec.clone().unwrap();
    assert!(told.starts_with("hvc1"), "{told}");
}

#[test]
fn a_stream_may_change_its_codec_though_the_pmt_does_not_say_so() {
    let run = run(&clip_then_hevc(false, 9));
    let codecs: Vec<&str> = run.inits.iter().map(|init| &init.codec[..4]).collect();
    assert_eq!(codecs, ["avc1", "mp4a", "hvc1"]);
    assert!(run.video.len() > 75 + 150, "{}", run.video.len());
}
