//! Two mono sounds in one stream of AAC, as broadcasters in Japan send them: the first plays, and either can be chosen.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, SECOND_SOUND, Track};
use segmenter_support::measure::{crcs, orderly};
use segmenter_support::*;

/// Blocks of mono sound without their ends, as bits, from an ADTS fixture.
fn blocks(name: &str) -> Vec<Vec<bool>> {
    let bytes = std::fs::read(format!("{}/tests/fixtures/{name}.adts", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (mut rest, mut all) = (&bytes[..], Vec::new());
    while let Some(header) = rest.first_chunk::<7>() {
        let len = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
        let (frame, after) = rest.split_at(len);
        let mut bits: Vec<bool> =
            frame[7..].iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
        // One that begins with the encoder's name is left out.
        if bits[..3] == [false; 3] {
            bits.truncate(bits.iter().rposition(|bit| *bit).unwrap() - 2);
            all.push(bits);
        }
        rest = after;
    }
    all
}

fn bytes(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|bits| bits.iter().enumerate().map(|(at, bit)| u8::from(*bit) << (7 - at)).sum()).collect()
}

/// What comes out of a block: it and ID_END.
fn alone(block: &[bool]) -> u32 {
    crc32fast::hash(&bytes(&[block, &[true; 3]].concat()))
}

/// ADTS of LC, 48 kHz, with a channel configuration.
fn adts(configuration: u8, block: &[u8]) -> Vec<u8> {
    let len = block.len() + 7;
    let mut frame = vec![0xFF, 0xF9, 1 << 6 | 3 << 2, configuration << 6 | (len >> 11) as u8, (len >> 3) as u8];
    frame.extend([(len << 5) as u8 | 0x1F, 0xFC]);
    frame.extend_from_slice(block);
    frame
}

/// The blocks of both sounds; the second with tag 1, as it stands in a stream of two.
fn both() -> [Vec<Vec<bool>>; 2] {
    let [first, mut second] = ["mono_first", "mono_second"].map(blocks);
    for block in &mut second {
        block[6] = true;
    }
    [first, second]
}

/// The clip's pictures, and beside them both sounds; `telling` stands in front of each block.
fn stream(telling: &[bool]) -> Vec<u8> {
    let [first, second] = both();
    let clip = pes_packets(&fixture("clip"));
    let begin = clip.iter().find(|pes| pes.pid == AUDIO).and_then(|pes| pes.pts).unwrap();
    let mut all: Vec<Pes> = clip.into_iter().filter(|pes| pes.pid == VIDEO).collect();
    for (index, (first, second)) in first.iter().zip(&second).enumerate() {
        let payload = adts(0, &bytes(&[telling, first, second, &[true; 3]].concat()));
        all.push(Pes { pid: AUDIO, pts: Some(begin + index as u64 * 1920), dts: None, payload });
    }
    all.sort_by_key(|pes| pes.dts.or(pes.pts));
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.described_pmt(PMT, 1, 0, &[(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[10, 4, b'j', b'p', b'n', 0])]);
    all.iter().for_each(|pes| muxer.pes(pes, Length::Declared));
    muxer.ts
}

/// A program_config_element: two mono sounds in front.
fn told() -> Vec<bool> {
    let mut bits = Vec::new();
    for (value, count) in
        [(5, 3), (0, 4), (1, 2), (3, 4), (2, 4), (0, 4), (0, 4), (0, 2), (0, 3), (0, 4), (0, 3), (0, 5), (1, 5)]
    {
        bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }
    bits.resize(bits.len().next_multiple_of(8) + 8, false);
    bits
}

/// PID and whether it is selected, of all sounds of the last programme.
fn offered(run: &Run) -> Vec<(u16, bool)> {
    let streams = &run.programs.last().unwrap().streams;
    streams.iter().filter(|stream| stream.pid != VIDEO).map(|stream| (stream.pid, stream.selected)).collect()
}

#[test]
fn the_first_of_two_mono_sounds_plays_and_both_are_offered() {
    let [first, _] = both();
    for ts in [stream(&[]), stream(&told())] {
        for options in [go_on(), Options { make_up_pictures: true, ..Options::default() }] {
            let run = run_with(&ts, 1316, options);
            run.check(2);
            let init = run.init(Track::Audio);
            assert_eq!((&*init.codec, init.sample_rate, init.channels), ("mp4a.40.2", 48_000, 1));
            assert!(run.faults.is_empty() && run.discontinuities.is_empty(), "{:?}", run.faults);
            let expected: Vec<u32> = first.iter().map(|block| alone(block)).collect();
            let heard = crcs(&run.audio);
            assert!(expected.ends_with(&heard) && heard.len() + 2 >= expected.len(), "{}", heard.len());
            assert_eq!(offered(&run), [(AUDIO, true), (AUDIO | SECOND_SOUND, false)]);
            let languages: Vec<_> =
                run.programs.last().unwrap().streams.iter().map(|stream| stream.language.as_deref()).collect();
            assert_eq!(languages, [None, Some("jpn"), None]);
        }
    }
}

#[test]
fn either_of_two_mono_sounds_can_be_chosen_at_any_time_and_the_picture_is_not_disturbed() {
    let [first, second] = both();
    let ts = stream(&[]);
    let clean = run(&ts);
    for at in [0, 5, 12] {
        let run = run_choosing(&ts, 1316, go_on(), |index, segmenter| {
            if index == at {
                segmenter.choose_audio(Some(AUDIO | SECOND_SOUND));
            } else if index == at + 10 {
                segmenter.choose_audio(Some(AUDIO));
            } else if index == at + 20 {
                segmenter.choose_audio(Some(AUDIO | SECOND_SOUND));
            }
        });
        run.check(2);
        orderly(&run);
        assert!(run.faults.is_empty() && run.discontinuities.is_empty(), "{:?} {:?}", run.faults, run.discontinuities);
        assert_eq!((run.video.len(), run.audio.len()), (clean.video.len(), clean.audio.len()));
        // No frame is lost or doubled: each is one or the other sound of its time.
        let skipped = first.len() - run.audio.len();
        let pairs = first.iter().zip(&second).skip(skipped);
        let of: Vec<bool> = crcs(&run.audio)
            .into_iter()
            .zip(pairs)
            .map(|(crc, (first, second))| {
                assert!(crc == alone(first) || crc == alone(second));
                crc == alone(second)
            })
            .collect();
        let changes = of.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(of[of.len() - 1] && changes >= 2 && of.contains(&false), "{at}: {changes}");
        assert_eq!(offered(&run), [(AUDIO, false), (AUDIO | SECOND_SOUND, true)]);
        let inits = run.inits.iter().filter(|init| init.track == Track::Audio).count();
        assert_eq!(inits, changes + 1, "{at}");
    }
}

#[test]
fn a_programme_that_goes_from_stereo_to_two_sounds_and_back_is_heard_throughout() {
    let dual = pes_packets(&stream(&[]));
    let clip = pes_packets(&fixture("clip"));
    let begin = clip.iter().find(|pes| pes.pid == AUDIO).and_then(|pes| pes.pts).unwrap();
    let between = |pes: &&Pes, from: u64, to: u64| pes.pid == AUDIO && (from..to).contains(&pes.pts.unwrap());
    let (from, to) = (begin + 30 * 1920, begin + 60 * 1920);
    let mut all: Vec<Pes> = clip.iter().filter(|pes| pes.pid == VIDEO || between(pes, 0, from)).cloned().collect();
    all.extend(dual.iter().filter(|pes| between(pes, from, to)).cloned());
    all.extend(clip.iter().filter(|pes| between(pes, to, u64::MAX)).cloned());
    all.sort_by_key(|pes| pes.dts.or(pes.pts));
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
    all.iter().for_each(|pes| muxer.pes(pes, Length::Declared));
    let run = run(&muxer.ts);
    orderly(&run);
    let channels: Vec<u16> =
        run.inits.iter().filter(|init| init.track == Track::Audio).map(|init| init.channels).collect();
    let stereo = fixture_channels(&fixture("clip"));
    assert_eq!(channels, [stereo, 1, stereo]);
    assert!(run.faults.is_empty(), "{:?}", run.faults);
    assert_eq!(offered(&run), [(AUDIO, true)]);
}

fn fixture_channels(ts: &[u8]) -> u16 {
    run(ts).init(Track::Audio).channels
}
