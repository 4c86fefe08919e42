//! Names of what is shown, in the systems of those who make it and sell it (ANSI/SCTE 35, 10.3.3.1, table 22).

use std::fmt::Write as _;

/// A `segmentation_upid()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upid {
    /// `segmentation_upid_type`.
    pub kind: u8,
    /// Its bytes.
    pub data: Vec<u8>,
}

impl Upid {
    /// What its type is called.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self.kind {
            0x00 => "Not Used",
            0x01 => "User Defined",
            0x02 => "ISCI",
            0x03 => "Ad-ID",
            0x04 => "UMID",
            0x05 => "ISAN (deprecated)",
            0x06 => "ISAN",
            0x07 => "TID",
            0x08 => "AiringID",
            0x09 => "ADI",
            0x0A => "EIDR",
            0x0B => "ATSC Content Identifier",
            0x0C => "MPU",
            0x0D => "MID",
            0x0E => "ADS Information",
            0x0F => "URI",
            0x10 => "UUID",
            0x11 => "SCR",
            _ => "Reserved",
        }
    }

    /// Its value as it is usually written; `0x` and hexadecimal digits where it is no text.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.kind, &self.data[..]) {
            (0x04, data) if data.len() == 32 => groups(data, 4, "."),
            (0x06, [root @ .., e, f, v1, v2, v3, v4]) if root.len() == 6 => {
                format!(
                    "{}-{}-{}",
                    groups(root, 2, "-"),
                    groups(&[*e, *f], 2, "-"),
                    groups(&[*v1, *v2, *v3, *v4], 2, "-")
                )
            }
            (0x0A, [a, b, suffix @ ..]) if suffix.len() == 10 => {
                let digits = groups(suffix, 2, "-");
                format!("10.{}/{digits}-{}", u16::from_be_bytes([*a, *b]), check_character(&digits))
            }
            (0x10, data) if data.len() == 16 => {
                let [a, b, c, d, e] = [0..4, 4..6, 6..8, 8..10, 10..16].map(|range| hex(data.get(range)));
                format!("{a}-{b}-{c}-{d}-{e}").to_lowercase()
            }
            // `format_identifier()`, then what its owner puts there.
            (0x0C, [a, b, c, d, rest @ ..]) if [a, b, c, d].iter().all(|byte| byte.is_ascii_graphic()) => {
                let owner: String = [a, b, c, d].into_iter().map(|byte| char::from(*byte)).collect();
                format!("{owner} {}", printable(rest).unwrap_or_else(|| format!("0x{}", hex(Some(rest)))))
            }
            (0x04..=0x06 | 0x08 | 0x0A..=0x0D | 0x10, data) => format!("0x{}", hex(Some(data))),
            (_, data) => printable(data).unwrap_or_else(|| format!("0x{}", hex(Some(data)))),
        }
    }
}

/// The bytes as text, if they are some that can be shown.
fn printable(data: &[u8]) -> Option<String> {
    let text = str::from_utf8(data).ok()?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn hex(data: Option<&[u8]>) -> String {
    data.unwrap_or_default().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// Hexadecimal digits in groups of `size` bytes.
fn groups(data: &[u8], size: usize, between: &str) -> String {
    data.chunks(size).map(|group| hex(Some(group))).collect::<Vec<_>>().join(between)
}

/// The check character of an EIDR (ISO/IEC 7064, MOD 37,36) over the digits and letters in `text`.
fn check_character(text: &str) -> char {
    let product = text.chars().filter_map(|digit| digit.to_digit(36)).fold(36, |product, digit| {
        let sum = (product + digit) % 36;
        (if sum == 0 { 36 } else { sum }) * 2 % 37
    });
    char::from_digit((37 - product) % 36, 36).unwrap_or('?').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u8, data: &[u8]) -> String {
        Upid { kind, data: data.to_vec() }.text()
    }

    #[test]
    fn names_are_written_as_their_owners_write_them() {
        assert_eq!(text(0x03, b"ABCD0001000H"), "ABCD0001000H");
        assert_eq!(text(0x0F, "urn:tést".as_bytes()), "urn:tést");
        assert_eq!(text(0x08, &[0, 0, 0, 0, 0x2C, 0xA0, 0xA1, 0x8A]), "0x000000002CA0A18A");
        let eidr = [0x14, 0x78, 0x77, 0x91, 0x85, 0x34, 0x2C, 0x23, 0x90, 0x30, 0x86, 0x10];
        assert_eq!(text(0x0A, &eidr), "10.5240/7791-8534-2C23-9030-8610-5");
        let uuid: Vec<u8> = (0x10..0x20).collect();
        assert_eq!(text(0x10, &uuid), "10111213-1415-1617-1819-1a1b1c1d1e1f");
        assert_eq!(text(0x0C, b"NBCUx=1"), "NBCU x=1");
        assert_eq!(text(0x0C, &[b'A', b'B', b'C', b'D', 0, 1]), "ABCD 0x0001");
    }

    #[test]
    fn what_is_no_text_is_shown_as_digits() {
        assert_eq!(text(0x09, &[0xFF, 0x00]), "0xFF00");
        assert_eq!(text(0x0A, &[1, 2]), "0x0102");
        assert_eq!(text(0x00, &[]), "");
    }
}
