//! Tracks that come, stop and come back, in simulated time.

use super::*;

const NONE: Tracks = Tracks { video: false, audio: false };
const VIDEO: Tracks = Tracks { video: true, audio: false };
const AUDIO: Tracks = Tracks { video: false, audio: true };
const BOTH: Tracks = Tracks { video: true, audio: true };

fn lineup(expected: Tracks) -> Lineup {
    let mut lineup = Lineup::default();
    lineup.program(expected, 0.0);
    lineup
}

fn both() -> Lineup {
    let mut lineup = lineup(BOTH);
    lineup.init(Track::Video, true);
    lineup.init(Track::Audio, true);
    lineup
}

/// A segment of a tenth of a second, at which decoding can begin.
fn media(lineup: &mut Lineup, track: Track, now: f64) {
    lineup.media(track, now, 0.1, true);
}

/// Such segments, ten times a second.
fn flow(lineup: &mut Lineup, track: Track, from: f64, to: f64) {
    let mut now = from;
    while now <= to {
        media(lineup, track, now);
        now += 0.1;
    }
}

#[test]
fn waits_for_both_and_begins_when_both_are_there() {
    let mut lineup = lineup(BOTH);
    lineup.init(Track::Video, true);
    media(&mut lineup, Track::Video, 10.0);
    assert_eq!(lineup.choose(NONE, BOTH, 10.0), None);
    lineup.init(Track::Audio, true);
    media(&mut lineup, Track::Audio, 10.1);
    assert_eq!(lineup.choose(NONE, BOTH, 10.1), Some(BOTH));
}

#[test]
fn begins_alone_when_the_other_never_comes() {
    let mut lineup = lineup(BOTH);
    lineup.init(Track::Audio, true);
    flow(&mut lineup, Track::Audio, 10.0, 11.0);
    assert_eq!(lineup.choose(NONE, BOTH, 11.0), None);
    flow(&mut lineup, Track::Audio, 11.1, 11.6);
    assert_eq!(lineup.choose(NONE, BOTH, 11.6), Some(AUDIO));
}

#[test]
fn does_not_wait_for_what_the_browser_cannot_play_or_the_programme_does_not_name() {
    let mut refused = lineup(BOTH);
    refused.init(Track::Audio, false);
    refused.init(Track::Video, true);
    media(&mut refused, Track::Video, 1.0);
    assert_eq!(refused.choose(NONE, BOTH, 1.0), Some(VIDEO));

    let mut radio = lineup(AUDIO);
    radio.init(Track::Audio, true);
    media(&mut radio, Track::Audio, 1.0);
    assert_eq!(radio.choose(NONE, BOTH, 1.0), Some(AUDIO));
}

#[test]
fn a_track_that_comes_late_is_taken_in_at_once() {
    let mut lineup = lineup(BOTH);
    lineup.init(Track::Video, true);
    flow(&mut lineup, Track::Video, 0.0, 5.0);
    assert_eq!(lineup.choose(VIDEO, BOTH, 5.0), Some(VIDEO));
    lineup.init(Track::Audio, true);
    media(&mut lineup, Track::Audio, 5.0);
    assert_eq!(lineup.choose(VIDEO, BOTH, 5.0), Some(BOTH));
}

#[test]
fn sound_that_stops_is_left_behind_and_comes_back_with_its_next_segment() {
    let mut lineup = both();
    flow(&mut lineup, Track::Video, 0.0, 10.0);
    flow(&mut lineup, Track::Audio, 0.0, 5.0);
    assert_eq!(lineup.choose(BOTH, BOTH, 6.0), Some(BOTH), "a short pause is borne");
    assert_eq!(lineup.choose(BOTH, BOTH, 7.0), Some(VIDEO));
    lineup.left_behind(Track::Audio, 7.0);
    assert_eq!(lineup.choose(VIDEO, BOTH, 8.0), Some(VIDEO));
    media(&mut lineup, Track::Audio, 8.1);
    assert_eq!(lineup.choose(VIDEO, BOTH, 8.1), Some(BOTH));
}

#[test]
fn a_picture_that_waits_for_its_next_random_access_point_is_given_longer_than_sound() {
    let mut lineup = both();
    flow(&mut lineup, Track::Video, 0.0, 5.0);
    flow(&mut lineup, Track::Audio, 0.0, 8.0);
    assert_eq!(lineup.choose(BOTH, BOTH, 7.5), Some(BOTH));
    assert_eq!(lineup.choose(BOTH, BOTH, 8.0), Some(AUDIO));
}

#[test]
fn a_picture_that_was_left_behind_comes_back_at_its_next_random_access_point_and_not_before() {
    let mut lineup = both();
    flow(&mut lineup, Track::Audio, 0.0, 20.0);
    flow(&mut lineup, Track::Video, 0.0, 5.0);
    assert_eq!(lineup.choose(BOTH, BOTH, 8.0), Some(AUDIO));
    lineup.left_behind(Track::Video, 8.0);
    lineup.media(Track::Video, 9.0, 0.04, false);
    assert_eq!(lineup.choose(AUDIO, BOTH, 9.0), Some(AUDIO));
    lineup.media(Track::Video, 9.5, 0.04, true);
    assert_eq!(lineup.choose(AUDIO, BOTH, 9.5), Some(BOTH));
}

#[test]
fn what_cannot_be_decoded_from_its_beginning_any_more_waits_for_its_next_random_access_point() {
    let mut lineup = both();
    flow(&mut lineup, Track::Audio, 0.0, 5.0);
    flow(&mut lineup, Track::Video, 0.0, 5.0);
    assert_eq!(lineup.choose(AUDIO, AUDIO, 5.0), Some(AUDIO));
    assert_eq!(lineup.choose(AUDIO, BOTH, 5.0), Some(BOTH));
}

#[test]
fn a_track_that_joins_does_not_cost_the_other_its_picture() {
    let mut lineup = both();
    flow(&mut lineup, Track::Audio, 0.0, 5.0);
    flow(&mut lineup, Track::Video, 0.0, 5.0);
    assert_eq!(
        lineup.choose(VIDEO, AUDIO, 5.0),
        Some(VIDEO),
        "what is kept of the picture does not begin with a key frame"
    );
    assert_eq!(lineup.choose(VIDEO, BOTH, 5.0), Some(BOTH));
}

#[test]
fn after_an_error_the_sound_waits_a_moment_for_the_picture_and_then_begins_alone() {
    let mut lineup = both();
    flow(&mut lineup, Track::Video, 0.0, 30.0);
    flow(&mut lineup, Track::Audio, 0.0, 30.0);
    lineup.begin_anew(30.0);
    assert_eq!(lineup.choose(NONE, AUDIO, 30.1), None);
    assert_eq!(lineup.choose(NONE, BOTH, 30.1), Some(BOTH), "a key frame has come");
    flow(&mut lineup, Track::Audio, 30.1, 31.6);
    assert_eq!(lineup.choose(NONE, AUDIO, 31.6), Some(AUDIO));
}

#[test]
fn a_picture_that_is_lost_again_and_again_is_withheld_for_some_seconds_and_forgiven() {
    let mut lineup = both();
    let mut now = 0.0;
    for time in 0..16 {
        lineup.left_behind(Track::Video, now);
        // Its key frames come twice a second, the sound all the time.
        let mut withheld = 0.0;
        while lineup.choose(AUDIO, BOTH, now) != Some(BOTH) {
            now += 0.5;
            withheld += 0.5;
            flow(&mut lineup, Track::Audio, now, now);
            media(&mut lineup, Track::Video, now);
            assert!(withheld <= PROBATION_MAX_SECONDS + 0.5, "{withheld} s at time {time}");
        }
        assert!(time > 0 || withheld == 0.5);
        now += 4.0;
    }
    now += 17.0 * FORGIVEN_SECONDS;
    lineup.left_behind(Track::Video, now);
    media(&mut lineup, Track::Audio, now + 0.1);
    media(&mut lineup, Track::Video, now + 0.1);
    assert_eq!(lineup.choose(AUDIO, BOTH, now + 0.1), Some(BOTH));
}

#[test]
fn what_the_browser_refuses_again_and_again_lets_the_other_play() {
    let mut lineup = both();
    flow(&mut lineup, Track::Video, 0.0, 5.0);
    lineup.refused_again(Track::Video, 5.0);
    let mut now = 5.0;
    while now < 5.0 + REFUSED_SECONDS - 0.1 {
        now += 0.1;
        flow(&mut lineup, Track::Audio, now, now);
        flow(&mut lineup, Track::Video, now, now);
        assert_eq!(lineup.choose(AUDIO, BOTH, now), Some(AUDIO), "at {now}");
    }
    flow(&mut lineup, Track::Audio, now, now + 0.3);
    flow(&mut lineup, Track::Video, now, now + 0.3);
    assert_eq!(lineup.choose(AUDIO, BOTH, now + 0.3), Some(BOTH));
}

#[test]
fn pictures_seconds_apart_play_and_come_back() {
    for apart in [1.0, 4.0] {
        let mut lineup = both();
        let (mut playing, mut now) = (BOTH, 0.0);
        let picture = |lineup: &mut Lineup, tenth: u32, now: f64| {
            if f64::from(tenth) % (apart * 10.0) == 0.0 {
                lineup.media(Track::Video, now, apart, true);
            }
            media(lineup, Track::Audio, now);
        };
        for tenth in 0..400 {
            now = f64::from(tenth) / 10.0;
            picture(&mut lineup, tenth, now);
            assert_eq!(lineup.choose(playing, BOTH, now), Some(BOTH), "{apart} s apart, at {now}");
        }
        lineup.left_behind(Track::Video, now);
        playing = AUDIO;
        for tenth in 400..450 {
            now = f64::from(tenth) / 10.0;
            picture(&mut lineup, tenth, now);
            playing = lineup.choose(playing, BOTH, now).unwrap();
        }
        assert_eq!(playing, BOTH, "{apart} s apart");
    }
}

#[test]
fn from_television_to_radio_it_does_not_wait_until_the_picture_is_missed() {
    let mut lineup = both();
    flow(&mut lineup, Track::Video, 0.0, 5.0);
    flow(&mut lineup, Track::Audio, 0.0, 5.0);
    lineup.program(AUDIO, 5.05);
    assert_eq!(lineup.choose(BOTH, BOTH, 5.1), Some(BOTH), "the picture stands until the radio is there");
    media(&mut lineup, Track::Audio, 5.3);
    assert_eq!(lineup.choose(BOTH, BOTH, 5.3), Some(AUDIO));
    lineup.left_behind(Track::Video, 5.3);
    lineup.program(BOTH, 9.0);
    flow(&mut lineup, Track::Audio, 5.4, 9.0);
    media(&mut lineup, Track::Video, 9.1);
    assert_eq!(lineup.choose(AUDIO, BOTH, 9.1), Some(BOTH), "and back without a probation");
}

#[test]
fn a_picture_that_comes_although_nobody_names_it_plays() {
    let mut lineup = both();
    flow(&mut lineup, Track::Audio, 0.0, 5.0);
    lineup.program(AUDIO, 5.0);
    media(&mut lineup, Track::Video, 5.1);
    media(&mut lineup, Track::Audio, 5.1);
    assert_eq!(lineup.choose(BOTH, BOTH, 5.2), Some(BOTH));
}

#[test]
fn after_a_silence_of_both_the_one_that_comes_back_first_waits_for_the_other() {
    let mut lineup = both();
    for track in Tracks::BOTH {
        media(&mut lineup, track, 1.0);
    }
    media(&mut lineup, Track::Video, 20.0);
    assert_eq!(lineup.choose(BOTH, BOTH, 20.1), Some(BOTH));
    media(&mut lineup, Track::Audio, 20.5);
    assert_eq!(lineup.choose(BOTH, BOTH, 20.5), Some(BOTH));
}

#[test]
fn when_everything_stops_the_picture_stands() {
    let mut lineup = both();
    for track in Tracks::BOTH {
        media(&mut lineup, track, 1.0);
    }
    media(&mut lineup, Track::Video, 1.4);
    for tenth in 10..200 {
        let now = f64::from(tenth) / 10.0;
        assert_eq!(lineup.choose(BOTH, BOTH, now), Some(BOTH), "at {now}");
    }
    assert_eq!(lineup.choose(NONE, BOTH, 60.0), None);
}

/// Ten hours of a bad way: outages of each track and of both, of all lengths, key frames half a second to ten seconds
/// apart. Whatever happens, what flows plays, and nothing changes without a cause.
#[test]
fn over_hours_of_outages_what_flows_comes_back_and_nothing_flaps() {
    let mut seed = 1_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut lineup = both();
    let (mut playing, mut tick) = (NONE, 0_u32);
    let (mut changes, mut outages) = (0, 0);
    let mut decodable = NONE;
    while tick < 10 * 3600 * 10 {
        let (kind, keys) = (random(4), [5, 20, 100][random(3) as usize]);
        // In tenths of a second: it flows, then one track, the other, both or none are away.
        for (away, length) in [(NONE, 300 + random(600)), ([VIDEO, AUDIO, BOTH, NONE][kind as usize], random(150))] {
            let begun = tick;
            for _ in 0..length {
                tick += 1;
                let now = f64::from(tick) / 10.0;
                if !away.audio {
                    lineup.media(Track::Audio, now, 0.1, true);
                    decodable.audio = true;
                }
                if away.video {
                    decodable.video = false;
                } else {
                    let key = tick.is_multiple_of(keys);
                    lineup.media(Track::Video, now, 0.1, key);
                    decodable.video |= key;
                }
                if let Some(tracks) = lineup.choose(playing, decodable, now)
                    && tracks != playing
                {
                    for track in Tracks::BOTH {
                        if playing.has(track) && !tracks.has(track) {
                            lineup.left_behind(track, now);
                        }
                    }
                    changes += 1;
                    playing = tracks;
                }
                let calm = f64::from(tick - begun) / 10.0 - f64::from(keys) / 10.0;
                if away == NONE && calm > PROBATION_MAX_SECONDS + 0.2 {
                    assert_eq!(playing, BOTH, "{calm} s after an outage, at {now}");
                }
            }
            outages += u32::from(away != NONE);
        }
    }
    assert!(outages > 300, "{outages}");
    // One change when it goes and one when it comes back.
    assert!(changes <= 2 * outages + 1, "{changes} changes in {outages} outages");
}
