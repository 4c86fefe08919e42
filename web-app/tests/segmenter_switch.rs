//! Another encoder, other streams, other parameter sets in mid-stream: what follows plays on.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::Track;
use segmenter_support::measure::*;
use segmenter_support::*;

#[test]
fn another_encoder_in_mid_stream_gets_a_new_initialisation_segment() {
    let (one, two) = (fixture("clip"), fixture("sliced"));
    let run = run(&renumber(&[one.clone(), two, one].concat()));
    run.check(HALF_FRAME);
    assert_eq!(run.video.len(), 225);
    let sizes: Vec<_> =
        run.inits.iter().filter(|init| init.track == Track::Video).map(|i| (i.width, i.height)).collect();
    assert_eq!(sizes, [(160, 90), (128, 72), (160, 90)]);
    assert_eq!(run.inits.iter().filter(|init| init.track == Track::Audio).count(), 1);
}

#[test]
fn new_parameter_sets_at_the_same_size_get_one_too() {
    let run = run(&renumber(&[fixture("clip"), fixture("open_gop")].concat()));
    let video: Vec<_> = run.inits.iter().filter(|init| init.track == Track::Video).collect();
    let [one, two] = video[..] else { panic!("{} segments", video.len()) };
    assert_eq!((one.width, one.height), (two.width, two.height));
    assert_ne!(one.data, two.data);
}

#[test]
fn a_pmt_that_changes_its_streams_is_followed() {
    let pes = pes_packets(&fixture("clip"));
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
    for (index, mut packet) in pes.iter().cloned().enumerate() {
        if index == pes.len() / 2 {
            muxer.pmt(PMT, 1, 1, &[(0x1B, VIDEO + 50), (0x0F, AUDIO)]);
        }
        if index >= pes.len() / 2 && packet.pid == VIDEO {
            packet.pid += 50;
        }
        muxer.pes(&packet, Length::Declared);
    }
    let run = run(&muxer.ts);
    run.check(HALF_FRAME);
    // The new PID's first random access point is up to a second away.
    assert!(run.video.len() >= 50, "{}", run.video.len());
    assert_eq!(run.audio.len(), 142);
    assert_eq!(run.inits.iter().map(|init| init.pid).collect::<Vec<_>>().len(), 3);
    assert_eq!(run.programs.last().unwrap().streams[0].pid, VIDEO + 50);
}
