use super::*;

fn language(code: &str) -> Option<String> {
    Some(match code {
        "deu" => "German".into(),
        "eng" => "English".into(),
        _ => return None,
    })
}

fn sound(pid: u16, language: Option<&str>, role: Option<&str>, codec: &str) -> Stream {
    Stream {
        pid,
        kind: "audio".into(),
        language: language.map(str::to_owned),
        role: role.map(str::to_owned),
        codec: Some(codec.into()),
        ..Stream::default()
    }
}

fn names(list: &[Choosable]) -> Vec<&str> {
    list.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn there_is_nothing_to_choose_among_one() {
    assert!(programs(&[ProgramEntry { number: 1, ..ProgramEntry::default() }]).is_empty());
    assert!(sounds(&[sound(1, None, None, "mp4a.40.2")], language).is_empty());
    let video = Stream { kind: "video".into(), ..Stream::default() };
    assert!(sounds(&[video, sound(1, None, None, "mp4a.40.2")], language).is_empty());
}

#[test]
fn the_tab_is_called_after_the_programme_or_the_channel() {
    assert_eq!(title(Some("Das Erste"), "amt://192.0.2.1@232.0.2.1:1234"), "Das Erste");
    for (address, told) in [
        ("amt://192.0.2.1@232.0.2.1:1234?relay=relay.example:2268", "192.0.2.1@232.0.2.1"),
        ("AMT://[2001:db8::1]@[ff3e::1]:1234", "[2001:db8::1]@[ff3e::1]"),
        ("amt://[2001:db8::1]@[ff3e::1]", "[2001:db8::1]@[ff3e::1]"),
        ("amt://239.0.0.1", "239.0.0.1"),
    ] {
        assert_eq!(title(None, address), told);
    }
}

#[test]
fn programmes_are_called_by_their_names_or_their_numbers() {
    let entry =
        |number, name: Option<&str>| ProgramEntry { number, name: name.map(str::to_owned), ..ProgramEntry::default() };
    let mut list = [entry(1, Some("Das Erste")), entry(2, None), entry(3, Some(" ")), entry(9, Some("Das Erste"))];
    list[0].service_type = Some(2);
    list[1].playable = Some(false);
    list[3].selected = true;
    let choice = programs(&list);
    assert_eq!(
        names(&choice),
        ["Das Erste – radio", "Programme 2 – not playable", "Programme 3", "Das Erste"],
        "what is a radio is told apart by that already"
    );
    assert_eq!(choice.iter().map(|one| one.playable).collect::<Vec<_>>(), [true, false, true, true]);
    assert_eq!(service(&list).as_deref(), Some("Das Erste"));
    let twins = programs(&[entry(1, Some("ZDF")), entry(2, Some("ZDF"))]);
    assert_eq!(names(&twins), ["ZDF (1)", "ZDF (2)"]);
}

#[test]
fn that_another_programme_plays_is_told_with_both_names() {
    let entry = |number, name: Option<&str>, playable| ProgramEntry {
        number,
        name: name.map(str::to_owned),
        playable,
        ..ProgramEntry::default()
    };
    let mut list = [entry(1, Some("Das Erste"), Some(false)), entry(2, None, Some(true)), entry(3, None, None)];
    assert_eq!(stands_in(&list, None), None, "nothing plays");
    list[1].selected = true;
    let told = "Das Erste cannot be played at present; showing programme 2.";
    assert_eq!(stands_in(&list, None).as_deref(), Some(told));
    assert_eq!(stands_in(&list, Some(1)).as_deref(), Some(told));
    assert_eq!((stands_in(&list, Some(2)), stands_in(&list, Some(3)), stands_in(&list, Some(9))), (None, None, None));
    list[0].playable = Some(true);
    assert_eq!(stands_in(&list, None), None, "it is not that it does not come");
}

#[test]
fn sound_tracks_are_called_by_language_and_purpose() {
    let list = [
        sound(1, Some("deu"), Some("main"), "mp4a.40.2"),
        sound(2, Some("deu"), Some("audio_description"), "mp4a.40.2"),
        sound(3, Some("qaa"), None, "mp4a.40.2"),
        sound(4, Some("xyz"), None, "mp4a.40.2"),
        sound(5, None, Some("hearing_impaired"), "mp4a.40.2"),
        sound(6, Some("und"), None, "mp4a.40.2"),
    ];
    let expected =
        ["German", "German, audio description", "Original sound", "xyz", "For the hard of hearing", "Sound track 6"];
    assert_eq!(names(&sounds(&list, language)), expected);
}

#[test]
fn sounds_of_one_name_are_told_apart_by_codec_and_then_by_number() {
    let list = [
        sound(1, Some("eng"), None, "mp4a.40.2"),
        sound(2, Some("eng"), None, "ac-3"),
        sound(3, Some("eng"), None, "ac-3"),
    ];
    assert_eq!(names(&sounds(&list, language)), ["English (AAC)", "English (AC-3) (2)", "English (AC-3) (3)"]);
}

#[test]
fn a_sound_that_does_not_play_cannot_be_chosen() {
    let mut list = [sound(1, Some("eng"), None, "mp4a.40.2"), sound(2, Some("deu"), None, "dts")];
    list[1].note = Some("DTS cannot be played in browsers.".into());
    let choice = sounds(&list, language);
    assert_eq!(names(&choice), ["English", "German – not playable"]);
    assert!(choice[0].playable && !choice[1].playable);
}

#[test]
fn what_is_on_is_told_as_far_as_it_is_known() {
    let time = |seconds: i64| format!("{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60);
    let event =
        |name: &str, start, duration| Some(Event { name: name.into(), start, duration, text: " About it. ".into() });
    let schedule = |present, following| Schedule { program: 1, present, following };
    let told = |schedule: &Schedule| {
        let told = on_air(Some(schedule), time);
        (told.present, told.following, told.about)
    };
    assert_eq!(
        told(&schedule(event("News", Some(72_000), Some(900)), event("Weather", Some(72_900), None))),
        ("News, 20:00–20:15".into(), "then Weather, 20:15".into(), "About it.".into())
    );
    assert_eq!(told(&schedule(event("News", Some(72_000), None), None)).0, "News, from 20:00");
    assert_eq!(told(&schedule(event("News", None, Some(900)), event("Weather", None, None))).1, "then Weather");
    assert_eq!(told(&schedule(event(" ", Some(0), None), None)).0, "");
    assert_eq!(on_air(None, time), OnAir::default());
}
