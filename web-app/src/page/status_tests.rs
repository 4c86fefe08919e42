//! What the status line says.

use super::*;

fn receiving_facts() -> Facts {
    let status = Status { phase: Phase::Receiving, sentence: "Data flows.".into(), advice: None, relay: None };
    Facts { can_play: true, helper: Helper::There, tuned: true, status: Some(status), ..Facts::default() }
}

#[test]
fn an_absent_helper_is_told_with_the_command_that_starts_it() {
    let facts = Facts { can_play: true, helper: Helper::Unreachable, ..Facts::default() };
    let line = line(&facts);
    assert_eq!(line.phase, "helper_unreachable");
    assert!(line.advice.contains("`sudo -E amt-helper`"), "{}", line.advice);
}

#[test]
fn what_keeps_the_page_from_its_helper_is_told_with_the_address_that_was_tried() {
    let of = |helper| line(&Facts { can_play: true, helper, host: "localhost:8081".into(), ..Facts::default() });
    let token = of(Helper::TokenRefused);
    assert!(token.sentence.contains("token") && token.advice.contains("`?token=`"), "{token:?}");
    assert!(!token.advice.contains("Start it"), "it runs: {token:?}");
    let absent = [of(Helper::Unreachable), of(Helper::NotBehind)];
    for line in absent.iter().chain([&token, &of(Helper::NotAdmitted)]) {
        assert!(line.sentence.contains("localhost:8081"), "{line:?}");
    }
    for line in absent {
        assert!(line.advice.contains("`sudo -E amt-helper`"), "{line:?}");
    }
}

#[test]
fn a_link_is_asked_for_before_anything_else_but_a_missing_helper() {
    let facts = Facts { asks: Some("This link wants to use the relay a.b.".into()), tuned: false, ..receiving_facts() };
    let line_of = |helper| line(&Facts { helper, ..facts.clone() });
    let asked = line_of(Helper::There);
    assert_eq!((asked.phase, asked.sentence.as_str()), ("asking", "This link wants to use the relay a.b."));
    assert!(asked.advice.contains("trust"), "{asked:?}");
    assert_eq!(line_of(Helper::Unreachable).phase, "helper_unreachable");
}

#[test]
fn why_the_helper_cannot_be_reached_is_known_by_what_answers() {
    let known = [None, Some(403), Some(200), Some(502)].map(super::super::helper::unreachable);
    assert_eq!(known, [Helper::Unreachable, Helper::TokenRefused, Helper::NotAdmitted, Helper::NotBehind]);
}

#[test]
fn the_place_of_the_picture_says_why_there_is_none() {
    let mut facts = receiving_facts();
    let notice = |facts: &Facts| super::notice(&line(facts), facts);
    assert_eq!(notice(&facts), "");
    facts.refused = vec!["hvc1.1.6.L93.B0".into()];
    assert!(notice(&facts).starts_with("This browser cannot play HEVC"), "{}", notice(&facts));
    facts.picture = Picture::Moving;
    assert!(notice(&facts).contains("HEVC"), "with its sound: {}", notice(&facts));
    facts.playing.size = (640, 360);
    assert_eq!(notice(&facts), "");
    facts.tuned = false;
    facts.helper = Helper::OtherVersion;
    assert_eq!(notice(&facts), "", "no channel, no picture to miss");
}

#[test]
fn while_the_tunnel_is_built_the_helper_speaks() {
    let mut facts = receiving_facts();
    facts.status = Some(Status {
        phase: Phase::Discovering,
        sentence: "Looking for the relay 192.0.2.9.".into(),
        advice: Some("Wait.".into()),
        relay: None,
    });
    assert_eq!(line(&facts), Line::new("discovering", "Looking for the relay 192.0.2.9.", "Wait."));
}

#[test]
fn a_group_without_traffic_is_told_with_what_to_check() {
    let mut facts = receiving_facts();
    let sentence = "Joined; waiting for data.".to_owned();
    facts.status = Some(Status { phase: Phase::Joined, sentence, advice: None, relay: None });
    assert_eq!(line(&facts).advice, "");
    facts.phase_seconds = 10.0;
    assert!(line(&facts).advice.contains("nothing is being sent to this group"));
}

#[test]
fn playing_is_told_with_its_figures() {
    let mut facts = receiving_facts();
    facts.picture = Picture::Moving;
    facts.playing = Playing {
        size: (640, 360),
        codecs: vec!["avc1.64001f".into(), "mp4a.40.2".into()],
        bits_per_second: 1_234_567,
        delay_ms: Some(123.4),
        behind: false,
    };
    let line = line(&facts);
    assert_eq!((line.phase, line.sentence.as_str()), ("playing", "Playing live."));
    assert_eq!(line.now, "640×360, H.264 and AAC, 1.2 Mbit/s, 0.12 s behind live");
}

#[test]
fn whoever_has_fallen_back_is_told_so_and_how_far_while_the_picture_stands() {
    let mut facts = receiving_facts();
    facts.picture = Picture::Moving;
    facts.has_played = true;
    facts.program = Some(Program { playable: true, picture: true, ..Program::default() });
    facts.playing = Playing { size: (640, 360), delay_ms: Some(8200.0), behind: true, ..Playing::default() };
    let behind = line(&facts);
    assert_eq!((behind.phase, behind.sentence.as_str()), ("playing", "Playing behind live."));
    assert!(behind.advice.contains("Go live") && behind.now.contains("8.20 s behind live"), "{behind:?}");
    facts.picture = Picture::None;
    assert_eq!(line(&facts).now, "8.20 s behind live");
}

#[test]
fn what_the_browser_cannot_play_is_named_whether_the_rest_plays_or_not() {
    let mut facts = receiving_facts();
    facts.refused = vec!["hvc1.1.6.L93.B0".into()];
    let alone = line(&facts);
    assert_eq!(alone.phase, "failed");
    assert_eq!(alone.sentence, "This browser cannot play HEVC (hvc1.1.6.L93.B0).");
    facts.picture = Picture::Moving;
    let with_sound = line(&facts);
    assert_eq!(with_sound.phase, "playing");
    assert_eq!(with_sound.advice, alone.sentence);
}

#[test]
fn sound_without_its_picture_is_told_with_the_reason() {
    let mut facts = receiving_facts();
    facts.picture = Picture::Moving;
    facts.program = Some(Program { playable: true, picture: true, ..Program::default() });
    facts.has_shown = true;
    let waiting = line(&facts);
    assert_eq!((waiting.phase, waiting.sentence.as_str()), ("playing", "Audio only."));
    assert!(waiting.advice.contains("next undamaged key frame"));
    facts.has_shown = false;
    let never_seen = line(&facts).advice;
    assert!(never_seen.contains("first undamaged key frame") && !never_seen.contains("return"));
    let missing = vec![codec_name("hevc").to_owned()];
    facts.program = Some(Program { playable: true, missing, ..Program::default() });
    assert_eq!(line(&facts).advice, "The channel also has HEVC, which cannot be played yet.");
    let notes = vec!["MPEG-2 video cannot be played in browsers.".to_owned()];
    facts.program = Some(Program { playable: true, notes, ..Program::default() });
    assert_eq!(line(&facts).advice, "MPEG-2 video cannot be played in browsers.");
}

#[test]
fn data_that_gives_no_picture_is_told_by_its_cause() {
    let mut facts = receiving_facts();
    assert!(line(&facts).sentence.contains("waiting for the first complete picture"));
    facts.phase_seconds = 10.0;
    assert!(line(&facts).sentence.contains("no programme"));
    facts.program = Some(Program { playable: true, picture: true, ..Program::default() });
    assert!(line(&facts).sentence.contains("no key frame"));
    facts.program = Some(Program { others: vec!["MPEG-2 video".into(), "AC-3".into()], ..Program::default() });
    assert_eq!(line(&facts).sentence, "This channel cannot be played yet: it has MPEG-2 video and AC-3.");
    facts.program = Some(Program { notes: vec!["This programme is encrypted.".into()], ..Program::default() });
    assert_eq!((line(&facts).phase, line(&facts).sentence), ("failed", "This programme is encrypted.".to_owned()));
    (facts.has_played, facts.has_shown) = (true, true);
    facts.program = Some(Program { playable: true, ..Program::default() });
    assert!(line(&facts).sentence.contains("Buffering"));
    facts.not_ts = true;
    assert_eq!(line(&facts).phase, "failed");
}

#[test]
fn of_a_radio_nothing_is_said_about_pictures() {
    let mut facts = receiving_facts();
    facts.program = Some(Program { playable: true, ..Program::default() });
    let mut lines = vec![line(&facts)];
    facts.phase_seconds = 10.0;
    lines.push(line(&facts));
    facts.has_played = true;
    lines.push(line(&facts));
    facts.recovering = true;
    lines.push(line(&facts));
    for line in lines {
        assert!(line.sentence.contains("sound") || line.sentence == "Buffering…", "{line:?}");
        assert!(!line.sentence.contains("picture") && !line.sentence.contains("frame"), "{line:?}");
    }
}

#[test]
fn sound_that_cannot_be_decoded_is_told_with_the_reason_and_what_becomes_of_it() {
    let mut facts = receiving_facts();
    facts.picture = Picture::Moving;
    facts.playing.size = (640, 360);
    facts.program = Some(Program { playable: true, picture: true, ..Program::default() });
    facts.sound_missing = Some(SoundMissing { reason: "Failed to fetch.".into(), again: true });
    let line = super::line(&facts);
    assert_eq!((line.phase, line.sentence.as_str()), ("playing", "Playing without sound."));
    assert_eq!(line.advice, "The decoders could not be loaded (Failed to fetch); trying again.");
    facts.sound_missing = Some(SoundMissing { reason: String::new(), again: false });
    let given_up = super::line(&facts).advice;
    assert!(given_up.contains("keeps crashing. Press Play"), "{given_up}");

    facts.picture = Picture::None;
    facts.program = Some(Program { playable: true, ..Program::default() });
    let radio = super::line(&facts);
    assert_eq!(
        (radio.sentence.as_str(), radio.advice),
        ("Data is arriving, but its sound cannot be decoded.", given_up)
    );
}

#[test]
fn a_helper_that_is_not_there_and_a_worker_that_does_not_come_are_told_apart() {
    let of = |helper| line(&Facts { can_play: true, helper, tuned: true, ..Facts::default() });
    let told = [
        of(Helper::Connecting),
        of(Helper::Unreachable),
        of(Helper::NotBehind),
        of(Helper::TokenRefused),
        of(Helper::NotAdmitted),
        of(Helper::Silent),
        of(Helper::OtherVersion),
        of(Helper::WorkerLost { again: true }),
        of(Helper::WorkerLost { again: false }),
        of(Helper::WorkerNotLoaded { again: true }),
        of(Helper::WorkerNotLoaded { again: false }),
    ];
    for (index, line) in told.iter().enumerate() {
        assert!(told[..index].iter().all(|other| other.sentence != line.sentence), "{line:?}");
    }
    assert_eq!(of(Helper::Silent).phase, "helper_unreachable");
    for given_up in [Helper::WorkerLost { again: false }, Helper::WorkerNotLoaded { again: false }] {
        assert!(of(given_up).advice.contains("Reload the page"), "what is not tried again needs the viewer");
    }
}
