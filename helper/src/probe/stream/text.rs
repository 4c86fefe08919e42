//! Text as DVB writes it (ETSI EN 300 468, annex A), made safe to print.
//!
//! In: bytes with their character table in front. Out: text without control characters, as it goes to a terminal:
//! nobody on the air shall move its cursor. Of the tables those are read that broadcasters use for names; letters of
//! others become U+FFFD.

/// Reads a name.
pub(super) fn decode(bytes: &[u8]) -> String {
    let text: String = match bytes {
        // UTF-8, UTF-16, ISO 8859 by number.
        [0x15, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0x11 | 0x14, rest @ ..] => {
            let units = rest.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair));
            char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        [0x10, 0, 1, rest @ ..] => rest.iter().map(|byte| char::from(*byte)).collect(),
        // ISO 8859-9 and -15 differ from -1 in a few letters; 0x01 to 0x0B are ISO 8859-5 to -15.
        [0x05, rest @ ..] | [0x10, 0, 9, rest @ ..] => rest.iter().map(|byte| latin_5(*byte)).collect(),
        [0x0B, rest @ ..] | [0x10, 0, 15, rest @ ..] => rest.iter().map(|byte| latin_9(*byte)).collect(),
        [0x10, _, _, rest @ ..] | [0x01..0x20, rest @ ..] => rest.iter().map(|byte| ascii(*byte)).collect(),
        plain => iso_6937(plain),
    };
    printable(&text)
}

/// Without what a terminal obeys: control characters, and those that turn the direction of writing.
fn printable(text: &str) -> String {
    let steers = |letter: &char| {
        letter.is_control()
            || matches!(letter, '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(|letter| !steers(letter)).collect::<String>().trim().to_owned()
}

fn ascii(byte: u8) -> char {
    if byte.is_ascii() { byte.into() } else { char::REPLACEMENT_CHARACTER }
}

fn latin_5(byte: u8) -> char {
    match byte {
        0xD0 => 'Ğ',
        0xDD => 'İ',
        0xDE => 'Ş',
        0xF0 => 'ğ',
        0xFD => 'ı',
        0xFE => 'ş',
        other => other.into(),
    }
}

fn latin_9(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        other => other.into(),
    }
}

/// DVB's own table, figure A.1: an accent stands before its letter, where Unicode has it behind.
fn iso_6937(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut accent = None;
    for &byte in bytes {
        let combining = match byte {
            0xC1 => '\u{300}',
            0xC2 => '\u{301}',
            0xC3 => '\u{302}',
            0xC4 => '\u{303}',
            0xC5 => '\u{304}',
            0xC6 => '\u{306}',
            0xC7 => '\u{307}',
            0xC8 => '\u{308}',
            0xCA => '\u{30A}',
            0xCB => '\u{327}',
            0xCD => '\u{30B}',
            0xCE => '\u{328}',
            0xCF => '\u{30C}',
            _ => {
                text.push(letter_6937(byte));
                text.extend(accent.take());
                continue;
            }
        };
        accent = Some(combining);
    }
    text
}

fn letter_6937(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xAB | 0xBB | 0xB0..=0xB3 | 0xB5..=0xB7 | 0xBC..=0xBF | 0xA1..=0xA3 | 0xA5 | 0xA7 => byte.into(),
        0xE1 => 'Æ',
        0xE2 => 'Đ',
        0xE8 => 'Ł',
        0xE9 => 'Ø',
        0xEA => 'Œ',
        0xEC => 'Þ',
        0xF1 => 'æ',
        0xF2 => 'đ',
        0xF3 => 'ð',
        0xF5 => 'ı',
        0xF8 => 'ł',
        0xF9 => 'ø',
        0xFA => 'œ',
        0xFB => 'ß',
        0xFC => 'þ',
        other => ascii(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_in_the_tables_broadcasters_use() {
        assert_eq!(decode(b"Das Erste HD"), "Das Erste HD");
        assert_eq!(decode(b"\x15\xC3\x96RF 2"), "ÖRF 2");
        assert_eq!(decode(b"\xC8ORF"), "O\u{308}RF");
        assert_eq!(decode(b"\x05T\xFDp"), "Tıp");
        assert_eq!(decode(b"\x10\x00\x01caf\xE9"), "café");
        assert_eq!(decode(b"\x11\x00A\x20\xAC"), "A€");
        assert_eq!(decode(b"\x02\xC0\xC1 1"), "\u{FFFD}\u{FFFD} 1");
    }

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        assert_eq!(decode(b"\x15\x1B[2Jname\r\n\xE2\x80\xAE"), "[2Jname");
        assert_eq!(decode(b"\x86Das\x87"), "Das".replace("Das", "\u{FFFD}Das\u{FFFD}"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_printable(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(!decode(&bytes).chars().any(char::is_control));
        }
    }
}
