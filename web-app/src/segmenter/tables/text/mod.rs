//! Text of DVB (EN 300 468, annex A): names and descriptions in service information.
//!
//! In: the bytes of a text field. Out: what they say. The first byte may choose a character table. Emphasis and other
//! controls are left out, line breaks are kept. Of the double-byte sets of East Asia only ASCII is read: each other
//! character becomes U+FFFD.

mod tables;

use tables::{Upper, accented};

/// Reads a text field.
pub(in crate::segmenter) fn decode(field: &[u8]) -> String {
    let text = match *field {
        [] | [0x1F, ..] => String::new(),
        [selector @ 0x01..=0x0B, ref rest @ ..] => single_byte(rest, Upper::of_iso_8859(selector + 4)),
        [0x10, 0x00, part, ref rest @ ..] => single_byte(rest, Upper::of_iso_8859(part)),
        [0x11, ref rest @ ..] => {
            let units = rest.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        [0x12..=0x14, ref rest @ ..] => double_byte(rest),
        [0x15, ref rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // Not defined: what can be read is ASCII.
        [0x00..=0x1F, ref rest @ ..] => single_byte(rest, None),
        // Some write UTF-8 without saying so. An accent of ISO 6937 stands before a letter, which is no UTF-8.
        _ => match core::str::from_utf8(field) {
            Ok(text) => text.to_owned(),
            Err(_) => default(field),
        },
    };
    text.chars().filter_map(control).collect::<String>().trim().to_owned()
}

/// Leaves out what only controls how text looks (tables A.1 and A.2).
fn control(read: char) -> Option<char> {
    match read {
        '\u{8A}' | '\u{E08A}' | '\n' => Some('\n'),
        '\u{80}'..='\u{9F}' | '\u{E080}'..='\u{E09F}' | '\0'..='\u{1F}' | '\u{7F}' => None,
        read => Some(read),
    }
}

fn single_byte(bytes: &[u8], upper: Option<Upper>) -> String {
    let read = |byte: &u8| match (byte, &upper) {
        (0xA0.., Some(upper)) => upper.char(*byte),
        (0xA0.., None) => char::REPLACEMENT_CHARACTER,
        _ => char::from(*byte),
    };
    bytes.iter().map(read).collect()
}

fn double_byte(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        if *first < 0xA0 {
            text.push(char::from(*first));
        } else {
            text.push(char::REPLACEMENT_CHARACTER);
            bytes = rest.get(1..).unwrap_or_default();
        }
    }
    text
}

/// ISO 6937: accents stand before their letters.
fn default(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        if let (0xC0..=0xCF, [letter @ 0x20..0x7F, after @ ..]) = (first, rest)
            && let Some((letter, combining)) = accented(*first, *letter)
        {
            bytes = after;
            text.push(letter);
            text.extend(combining);
        } else if *first >= 0xA0 {
            text.push(Upper::DEFAULT.char(*first));
        } else {
            text.push(char::from(*first));
        }
    }
    text
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_character_table_is_read() {
        for (bytes, text) in [
            (&b"Das Erste HD"[..], "Das Erste HD"),
            (b"F\xC8ur \xC2Etudes na\xC8ive \xA4 5", "Für Études naïve € 5"),
            (b"\xCFCT sport \xE8\xF3d\xCF", "ČT sport Łðd\u{FFFD}"),
            (b"\xC3x", "x\u{302}"),
            (b"\x01\xBF\xD5\xE0\xD2\xEB\xD9", "Первый"),
            (b"\x02\xE5\xE6", "\u{645}\u{646}"),
            (b"\x03\xC5\xD1\xD4", "ΕΡΤ"),
            (b"\x04\xF9\xEC", "\u{5E9}\u{5DC}"),
            (b"\x05\xDE\xF0", "Şğ"),
            (b"\x07\xA1\xA2", "กข"),
            (b"\x09\xC0", "Ą"),
            (b"\x0B\xA4", "€"),
            (b"\x10\x00\x02\xA3\xF3d\xBC", "Łódź"),
            (b"\x10\x00\x01\xE9", "é"),
            (b"\x10\x00\x0C\xE9", "\u{FFFD}"),
            (b"\x11\x04\x1F\x00A", "ПA"),
            (b"\x13CCTV-1 \xD7\xDB\xBA\xCF", "CCTV-1 \u{FFFD}\u{FFFD}"),
            (b"\x15Stra\xC3\x9Fe \xE4\xB8\xAD", "Straße 中"),
            ("Straße".as_bytes(), "Straße"),
            (b"\x86bold\x87 and\x8Anext\x85", "bold and\nnext"),
            (b"\x15\xEE\x82\x86bold\xEE\x82\x87\xEE\x82\x8Anext", "bold\nnext"),
            (b"\x1F\x01\x02", ""),
            (b"", ""),
        ] {
            assert_eq!(decode(bytes), text, "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_text_of_bounded_length(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let text = decode(&bytes);
            prop_assert!(text.len() <= 6 * bytes.len());
            prop_assert!(text.chars().all(|read| read == '\n' || !read.is_control()));
        }

        #[test]
        fn ascii_reads_as_itself_in_every_table(
            letters in "[A-Za-z0-9]{1,20}", selector in prop_oneof![1u8..=0x0B, 0x12u8..=0x15]
        ) {
            let field = [&[selector][..], letters.as_bytes()].concat();
            prop_assert_eq!(decode(&field), letters);
        }
    }
}
