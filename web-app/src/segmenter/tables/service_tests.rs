use super::*;
use crate::segmenter::tables::psi::test_section;
use proptest::prelude::*;

fn take(services: &mut Services, pid: u16, table: u8, body: &[u8]) -> Told {
    let section = test_section(table, body);
    let mut told = Told::default();
    let fault = |error| panic!("{error:?}");
    for (index, piece) in [&[0][..], &section].concat().chunks(184).enumerate() {
        let now = services.take(pid, piece, index == 0, &mut { fault });
        told.table |= now.table;
        told.names |= now.names;
        told.schedule |= now.schedule;
    }
    told
}

fn entry(services: &Services, number: u16) -> ProgramEntry {
    let mut entry = ProgramEntry { number, ..ProgramEntry::default() };
    services.describe(&mut entry);
    entry
}

#[test]
fn services_have_names_in_their_character_set_and_are_told_once() {
    let mut services = Services::default();
    let body = [
        &[0, 1, 0xFF, 0, 7, 0xFC, 0x90, 15, 0x48, 13, 1, 4][..],
        b"\x05ZDF\x06\x01\xBF\xD5\xE0 1",
        &[0, 8, 0xFC, 0x80, 0],
    ]
    .concat();
    assert!(take(&mut services, 0x11, 0x42, &body).names);
    let one = entry(&services, 7);
    assert_eq!((one.name.as_deref(), one.provider.as_deref()), (Some("Пер 1"), Some("ZDF")));
    assert_eq!((one.service_type, one.scrambled), (Some(1), true));
    assert_eq!(entry(&services, 8).name, None);
    assert!(!take(&mut services, 0x11, 0x42, &body).names);
}

#[test]
fn what_is_on_has_its_time_and_its_texts() {
    let mut services = Services::default();
    services.follow(Some(1));
    // 13 October 1993, 12:45:00 (EN 300 468, annex C); 1 h 45 min 30 s.
    let body = [
        &[0, 1, 0, 1, 0, 0x4E, 0x12, 0x34, 0xC0, 0x79, 0x12, 0x45, 0x00, 0x01, 0x45, 0x30, 0x80, 47][..],
        &[0x4D, 13],
        b"deu\x04News\x04Text",
        &[0x4E, 26, 0x00],
        b"deu\x0E\x08Director\x04Lang\x05 More",
        &[0x54, 2, 0, 0],
    ]
    .concat();
    assert!(take(&mut services, 0x12, 0x4E, &body).schedule);
    let event = services.schedule().unwrap().present.clone().unwrap();
    assert_eq!(event.id, 0x1234);
    assert_eq!((event.start, event.duration), (Some(750_516_300), Some(6330)));
    assert_eq!((event.language.as_deref(), event.name.as_str()), (Some("deu"), "News"));
    assert_eq!(event.text, "Text\nDirector: LangMore");
    assert!(!take(&mut services, 0x12, 0x4E, &body).schedule);
    // Another programme: what was on is not known of it.
    assert!(services.follow(Some(2)));
    assert_eq!(*services.schedule().unwrap(), Schedule { program: 2, present: None, following: None });
    assert!(!take(&mut services, 0x12, 0x4E, &body).table);
}

#[test]
fn a_time_that_is_not_defined_is_none() {
    let bytes = [&[0, 1][..], &[0xFF; 8], &[0x80, 0]].concat();
    let event = event(&bytes).unwrap();
    assert_eq!((event.start, event.duration), (None, None));
}

#[test]
fn virtual_channels_name_programmes_too() {
    let mut services = Services::default();
    let mut channel = [0; 32];
    for (at, letter) in "WXYZ-HD".bytes().enumerate() {
        channel[at * 2 + 1] = letter;
    }
    channel[24..28].copy_from_slice(&[0, 3, 0x0D, 0xC2]);
    assert!(take(&mut services, 0x1FFB, 0xC8, &[&[0, 1][..], &channel].concat()).names);
    let entry = entry(&services, 3);
    assert_eq!((entry.name.as_deref(), entry.service_type), (Some("WXYZ-HD"), Some(1)));
}

proptest! {
    #[test]
    fn any_tables_are_read_and_little_is_kept(
        bodies in proptest::collection::vec((0usize..4, proptest::collection::vec(any::<u8>(), 0..900)), 0..12)
    ) {
        let mut services = Services::default();
        services.follow(Some(1));
        for (table, body) in bodies {
            let (pid, table) = [(0x11, 0x42), (0x12, 0x4E), (0x1FFB, 0xC8), (0x1FFB, 0xC9)][table];
            take(&mut services, pid, table, &body);
            prop_assert!(services.services.len() <= SERVICES_MAX);
        }
    }
}
