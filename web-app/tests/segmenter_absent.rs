//! Tables that promise what does not come: what does come is played in its place, until the other comes again.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Output, Program, Segmenter, Track};
use segmenter_support::*;

/// Another programme's PMT.
const OTHER: u16 = 500;
const H264: (u8, u16) = (0x1B, VIDEO);
const ADTS: (u8, u16) = (0x0F, AUDIO);
const NO_PICTURE: &str = "A picture is announced, but none arrives.";
const NO_SOUND: &str = "Sound is announced, but none arrives.";
const OTHER_SOUND: &str = "The first announced sound track is missing; another one is playing.";

/// The clip over and over for so many seconds, with a clock. Each tenth of a second `tables` is given its number;
/// `pids` tells on which PIDs a PES packet comes then.
fn stream(seconds: u64, mut tables: impl FnMut(&mut Muxer, u64), pids: impl Fn(u16, u64) -> Vec<u16>) -> Vec<u8> {
    let clip = fixture("clip");
    let mut muxer = Muxer { sound: vec![AUDIO, 301, 401], ..Muxer::default() };
    let (mut begin, mut told) = (None, None);
    for round in 0..seconds / 3 {
        for pes in pes_packets(&shift_times(&clip, round as i64 * 270_000)) {
            let time = pes.dts.or(pes.pts).unwrap();
            let tenth = time.saturating_sub(*begin.get_or_insert(time)) / 9000;
            if pes.pid == VIDEO {
                let [.., a, b, c, d] = ((time - 30_000) >> 1).to_be_bytes();
                muxer.packet(0x1F0, false, &[0x10, a, b, c, d, (time as u8 & 1) << 7 | 0x7E, 0], &[0xFF; 100]);
            }
            if told != Some(tenth) {
                told = Some(tenth);
                tables(&mut muxer, tenth);
            }
            for pid in pids(pes.pid, tenth) {
                muxer.pes(&Pes { pid, ..pes.clone() }, Length::Declared);
            }
        }
    }
    muxer.ts
}

/// As [`stream`], with one programme of these streams.
fn programme(seconds: u64, streams: &[(u8, u16)], pids: impl Fn(u16, u64) -> Vec<u16>) -> Vec<u8> {
    let tables = |muxer: &mut Muxer, _| {
        muxer.pat(&[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, streams);
    };
    stream(seconds, tables, pids)
}

/// As the page runs it, whichever way losses are treated; how the bytes are cut changes nothing.
fn play(ts: &[u8]) -> Run {
    let options = Options { make_up_pictures: true, ..Options::default() };
    let run = run_with(ts, 1316, options);
    assert!(run == run_with(ts, 188 * 50, options), "the same however the bytes are cut");
    let going_on = run_with(ts, 1316, Options { wait_for_random_access: false, ..options });
    assert_eq!((going_on.video.len(), going_on.audio.len()), (run.video.len(), run.audio.len()));
    run
}

fn sounds(run: &Run) -> Vec<u16> {
    run.inits.iter().filter(|init| init.track == Track::Audio).map(|init| init.pid).collect()
}

fn notes(program: &Program) -> Vec<Option<&str>> {
    program.streams.iter().map(|stream| stream.note.as_deref()).collect()
}

/// Where a track begins and ends, seconds of the output.
fn span(run: &Run, track: Track) -> (f64, f64) {
    let (samples, rate) = match track {
        Track::Video => (&run.video, 90_000.0),
        Track::Audio => (&run.audio, run.rates[0] as f64),
    };
    (samples[0].0.dts as f64 / rate, samples.last().unwrap().0.dts as f64 / rate)
}

/// Whether both tracks are there when the output begins, so that the browser needs no second start.
fn begins_with_both(ts: &[u8]) -> bool {
    let mut segmenter = Segmenter::new(go_on());
    let mut inits = 0;
    for piece in ts.chunks(1316) {
        segmenter.push(piece, 0);
        while let Some(output) = segmenter.poll() {
            match output {
                Output::Init(_) => inits += 1,
                // The second may come behind the first samples, but with them.
                Output::Media(_) if inits == 2 => return true,
                _ => {}
            }
        }
        if inits > 0 {
            return inits == 2;
        }
    }
    false
}

#[test]
fn the_first_sound_that_never_comes_is_passed_over_and_played_when_it_comes() {
    for comes_at in [u64::MAX, 60] {
        let ts = programme(12, &[H264, (0x0F, 301), ADTS, (0x03, 302)], |pid, tenth| match pid {
            AUDIO if tenth >= comes_at => vec![301, AUDIO],
            pid => vec![pid],
        });
        let run = play(&ts);
        run.check(4000);
        assert!(begins_with_both(&ts));
        let passed_over = run.programs.iter().find(|program| program.streams[1].absent).expect("told");
        assert_eq!(notes(passed_over), [None, Some(OTHER_SOUND), None, None]);
        if comes_at == u64::MAX {
            assert_eq!(sounds(&run), [AUDIO]);
        } else {
            assert_eq!(sounds(&run), [AUDIO, 301]);
            // Where the rounds of the clip meet, their sound overlaps.
            let holes = run.discontinuities.iter().filter(|(_, reason)| *reason != "audio_dropped");
            assert_eq!(holes.count(), 0, "{:?}", run.discontinuities);
            assert_eq!(notes(run.programs.last().unwrap()), [None; 4]);
        }
        assert!(span(&run, Track::Audio).1 > 10.0 && run.video.len() > 290);
    }
}

#[test]
fn another_sound_stands_in_for_one_that_ends_and_that_one_is_gone_back_to() {
    let ts = programme(15, &[H264, ADTS, (0x0F, 301)], |pid, tenth| match pid {
        AUDIO if (30..80).contains(&tenth) => vec![301],
        AUDIO => vec![AUDIO, 301],
        pid => vec![pid],
    });
    let run = play(&ts);
    assert_eq!(sounds(&run), [AUDIO, 301, AUDIO]);
    run.check(4000);
    let mut said: Vec<_> = run.programs.iter().map(|program| program.streams[1].note.as_deref()).collect();
    said.dedup();
    assert_eq!(said, [None, Some("The first announced sound track has ended; another one is playing."), None]);
    assert_eq!(notes(run.programs.last().unwrap()), [None; 3]);
    assert!(span(&run, Track::Audio).1 > 14.0);
}

#[test]
fn a_short_pause_of_a_sound_track_changes_nothing() {
    let ts = programme(9, &[H264, ADTS, (0x0F, 301)], |pid, tenth| match pid {
        AUDIO if (30..45).contains(&tenth) => vec![301],
        AUDIO => vec![AUDIO, 301],
        pid => vec![pid],
    });
    let run = play(&ts);
    assert_eq!((sounds(&run), run.programs.last().unwrap().streams[1].absent), (vec![AUDIO], false));
}

#[test]
fn sound_or_picture_that_nothing_stands_in_for_is_told() {
    let run = play(&programme(6, &[H264, (0x0F, 301)], |pid, _| if pid == VIDEO { vec![VIDEO] } else { vec![] }));
    assert_eq!(notes(run.programs.last().unwrap()), [None, Some(NO_SOUND)]);
    assert!(run.video.len() > 140);
    let run = play(&programme(6, &[H264, ADTS], |pid, _| if pid == AUDIO { vec![AUDIO] } else { vec![] }));
    assert_eq!(notes(run.programs.last().unwrap()), [Some(NO_PICTURE), None]);
    assert!(run.audio.len() > 250);
    // And of what has come and ended.
    let ends = |ending| {
        programme(24, &[H264, ADTS], move |pid, tenth| if pid == ending && tenth > 60 { vec![] } else { vec![pid] })
    };
    let run = play(&ends(AUDIO));
    assert_eq!(notes(run.programs.last().unwrap()), [None, Some("The sound is announced, but arrives no longer.")]);
    let run = play(&ends(VIDEO));
    assert_eq!(notes(run.programs.last().unwrap()), [Some("The picture is announced, but arrives no longer."), None]);
}

#[test]
fn the_picture_that_comes_is_shown_where_the_first_one_does_not() {
    let ts = programme(9, &[(0x1B, 300), H264, ADTS], |pid, _| vec![pid]);
    let run = play(&ts);
    assert_eq!((run.init(Track::Video).pid, sounds(&run)), (VIDEO, vec![AUDIO]));
    assert!(run.programs.last().unwrap().streams[0].absent && run.video.len() >= 175, "{}", run.video.len());
    run.check(4000);
}

#[test]
fn a_picture_that_comes_seldom_is_not_said_not_to_come() {
    for every in [10, 50] {
        let ts = programme(15, &[H264, ADTS], |pid, tenth| match pid {
            VIDEO if tenth % every != 7 => vec![],
            pid => vec![pid],
        });
        let run = play(&ts);
        let said = run.programs.iter().find(|program| program.streams[0].note.is_some());
        assert_eq!(said, None, "{every}");
    }
}

/// Two programmes with the same pictures; `on` tells of programme 1 in which tenths it is on air.
fn two_programmes(seconds: u64, on: impl Fn(u64) -> bool) -> Vec<u8> {
    let tables = |muxer: &mut Muxer, _| {
        muxer.pat(&[(1, OTHER), (2, PMT)]);
        muxer.pmt(OTHER, 1, 0, &[(0x1B, 400), (0x0F, 401)]);
        muxer.pmt(PMT, 2, 0, &[H264, ADTS]);
    };
    stream(seconds, tables, |pid, tenth| if on(tenth) { vec![pid, pid + 144] } else { vec![pid] })
}

fn played(run: &Run) -> Vec<u16> {
    let mut numbers: Vec<u16> = run.programs.iter().map(|program| program.number).collect();
    numbers.dedup();
    numbers
}

#[test]
fn the_first_programme_that_is_off_air_is_passed_over_until_it_comes() {
    let run = play(&two_programmes(9, |_| false));
    assert_eq!(played(&run), [2]);
    assert!(run.video.len() >= 175 && run.audio.len() > 300, "{}", run.video.len());
    let list: Vec<_> = run.lists.last().unwrap().iter().map(|entry| (entry.playable, entry.selected)).collect();
    assert_eq!(list, [(Some(false), false), (Some(true), true)]);
    let run = play(&two_programmes(15, |tenth| tenth >= 60));
    assert_eq!(played(&run), [2, 1]);
    assert_eq!(run.lists.last().unwrap()[0].playable, Some(true));
    assert!(span(&run, Track::Video).1 > 12.0);
}

#[test]
fn a_programme_that_goes_off_air_is_left_for_one_that_comes() {
    let run = play(&two_programmes(18, |tenth| !(40..120).contains(&tenth)));
    assert_eq!(played(&run), [1, 2, 1]);
    assert!(run.video.len() > 300, "{}", run.video.len());
}

#[test]
fn what_the_viewer_chose_is_not_left_and_told_to_be_off_air() {
    let ts = two_programmes(12, |_| false);
    let run = run_choosing(&ts, 1316, go_on(), |index, segmenter| {
        if index == 0 {
            segmenter.choose_program(Some(1));
        }
    });
    assert_eq!(played(&run), [1]);
    assert_eq!(notes(run.programs.last().unwrap()), [Some(NO_PICTURE), Some(NO_SOUND)]);
}

#[test]
fn streams_that_no_pmt_names_are_played_where_those_that_it_names_do_not_come() {
    for streams in [&[(0x1B, 700), (0x0F, 701)][..], &[], &[(0x05, 700)], &[(0x1B, 700)]] {
        let run = play(&programme(9, streams, |pid, _| vec![pid]));
        run.check(4000);
        assert_eq!((run.init(Track::Video).pid, sounds(&run)), (VIDEO, vec![AUDIO]), "{streams:?}");
        assert!(run.video.len() >= 125 && run.audio.len() >= 250, "{streams:?}: {}", run.video.len());
        let program = run.programs.last().unwrap();
        assert_eq!((program.number, program.streams.len()), (1, streams.len() + 2));
    }
    // The sound alone is another one; the picture is not disturbed.
    let run = play(&programme(9, &[H264, (0x0F, 701)], |pid, _| vec![pid]));
    run.check(4000);
    assert_eq!((run.video.len(), sounds(&run)), (225, vec![AUDIO]));
    assert!(run.audio.len() > 250);
}

#[test]
fn what_is_named_later_is_taken_for_no_stream_of_another_programme() {
    // The PMT of programme 2, whose streams these are, comes after 5 s.
    let tables = |muxer: &mut Muxer, tenth| {
        muxer.pat(&[(1, OTHER), (2, PMT)]);
        muxer.pmt(OTHER, 1, 0, &[(0x1B, 400), (0x0F, 701)]);
        if tenth >= 50 {
            muxer.pmt(PMT, 2, 0, &[H264, ADTS]);
        }
    };
    let ts = stream(9, tables, |pid, _| if pid == VIDEO { vec![VIDEO, 400] } else { vec![pid] });
    let run = play(&ts);
    assert_eq!((played(&run), sounds(&run)), (vec![1], vec![]));
}

#[test]
fn television_is_waited_for_before_radio_is_played_and_taken_when_it_comes_late() {
    for (late, expected) in [(20, &[2][..]), (60, &[1, 2])] {
        let tables = |muxer: &mut Muxer, tenth| {
            muxer.pat(&[(1, OTHER), (2, PMT)]);
            muxer.pmt(OTHER, 1, 0, &[(0x0F, 401)]);
            if tenth >= late && tenth % 10 == 0 {
                muxer.pmt(PMT, 2, 0, &[H264, ADTS]);
            }
        };
        let ts = stream(12, tables, |pid, _| if pid == AUDIO { vec![AUDIO, 401] } else { vec![pid] });
        let run = play(&ts);
        assert_eq!(played(&run), expected, "{:?}", run.lists);
        assert!(run.video.len() > 100);
    }
}

#[test]
fn television_is_played_before_radio_wherever_it_stands_in_the_pat() {
    let tables = |muxer: &mut Muxer, _| {
        muxer.pat(&[(1, OTHER), (2, PMT)]);
        muxer.pmt(OTHER, 1, 0, &[(0x0F, 401)]);
        muxer.pmt(PMT, 2, 0, &[H264, ADTS]);
    };
    let ts = stream(3, tables, |pid, _| if pid == AUDIO { vec![AUDIO, 401] } else { vec![pid] });
    assert_eq!(played(&play(&ts)), [2]);
}
