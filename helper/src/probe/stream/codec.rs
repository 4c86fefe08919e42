//! What a stream carries, by its usual name: from the `stream_type` of the PMT (ISO/IEC 13818-1, table 2-34; ATSC
//! A/53 above 0x80) and the descriptors of registered formats and of DVB (ETSI EN 300 468, 6.1).

use super::tables::descriptors;
use serde::Serialize;

/// Languages of one stream that are kept: a teletext may name one for each of its pages.
const MAX_LANGUAGES: usize = 8;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
    /// Teletext or subtitles.
    Text,
    /// Tables, cues, metadata and the like.
    Data,
    /// The tables do not say.
    Unknown,
}

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Codec {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    /// ISO 639-2 codes.
    pub(super) languages: Vec<String>,
}

pub(super) fn of(stream_type: u8, bytes: &[u8]) -> Codec {
    let found = by_type(stream_type).or_else(|| descriptors(bytes).find_map(|(tag, body)| by_descriptor(tag, body)));
    let (kind, name) = found.unwrap_or(match stream_type {
        0x06 => (Kind::Unknown, "private PES"),
        0x80.. => (Kind::Unknown, "private"),
        _ => (Kind::Unknown, "unknown"),
    });
    Codec { kind, name, languages: languages(bytes) }
}

const fn by_type(stream_type: u8) -> Option<(Kind, &'static str)> {
    Some(match stream_type {
        0x01 => (Kind::Video, "MPEG-1 video"),
        0x02 => (Kind::Video, "MPEG-2 video"),
        0x03 | 0x04 => (Kind::Audio, "MPEG audio"),
        0x05 => (Kind::Data, "private sections"),
        0x0A..=0x0D => (Kind::Data, "DSM-CC"),
        0x0F => (Kind::Audio, "AAC"),
        0x10 => (Kind::Video, "MPEG-4 video"),
        0x11 => (Kind::Audio, "AAC LATM"),
        0x15 => (Kind::Data, "timed metadata"),
        0x1B => (Kind::Video, "H.264"),
        0x20 => (Kind::Video, "H.264 MVC"),
        0x21 => (Kind::Video, "JPEG 2000"),
        0x24 | 0x25 => (Kind::Video, "HEVC"),
        0x2D | 0x2E => (Kind::Audio, "MPEG-H audio"),
        0x32 => (Kind::Video, "JPEG XS"),
        0x33 | 0x34 => (Kind::Video, "VVC"),
        0x42 => (Kind::Video, "AVS video"),
        0x81 => (Kind::Audio, "AC-3"),
        0x82 => (Kind::Text, "SCTE 27 subtitles"),
        0x86 => (Kind::Data, "SCTE 35 cues"),
        0x87 => (Kind::Audio, "E-AC-3"),
        0xD2 => (Kind::Video, "AVS2 video"),
        0xD4 => (Kind::Video, "AVS3 video"),
        0xEA => (Kind::Video, "VC-1"),
        _ => return None,
    })
}

fn by_descriptor(tag: u8, body: &[u8]) -> Option<(Kind, &'static str)> {
    Some(match (tag, body) {
        (0x05, registration) => match registration.first_chunk()? {
            b"AC-3" => (Kind::Audio, "AC-3"),
            b"AC-4" => (Kind::Audio, "AC-4"),
            b"EAC3" => (Kind::Audio, "E-AC-3"),
            b"DTS1" | b"DTS2" | b"DTS3" => (Kind::Audio, "DTS"),
            b"Opus" => (Kind::Audio, "Opus"),
            b"BSSD" => (Kind::Audio, "SMPTE 302M"),
            b"AV01" => (Kind::Video, "AV1"),
            b"HEVC" => (Kind::Video, "HEVC"),
            b"VC-1" => (Kind::Video, "VC-1"),
            b"drac" => (Kind::Video, "Dirac"),
            b"KLVA" => (Kind::Data, "KLV metadata"),
            b"ID3 " => (Kind::Data, "timed metadata"),
            b"CUEI" => (Kind::Data, "SCTE 35 cues"),
            _ => return None,
        },
        (0x45, _) => (Kind::Data, "VBI data"),
        (0x46 | 0x56, _) => (Kind::Text, "teletext"),
        (0x59, _) => (Kind::Text, "DVB subtitles"),
        (0x6A, _) => (Kind::Audio, "AC-3"),
        (0x7A, _) => (Kind::Audio, "E-AC-3"),
        (0x7B, _) => (Kind::Audio, "DTS"),
        (0x7C, _) => (Kind::Audio, "AAC"),
        // The extension descriptor: DTS-HD, AC-4, TTML, and Opus with its own number.
        (0x7F, [0x0E, ..]) => (Kind::Audio, "DTS-HD"),
        (0x7F, [0x15, ..]) => (Kind::Audio, "AC-4"),
        (0x7F, [0x20, ..]) => (Kind::Text, "TTML subtitles"),
        (0x7F, [0x80, ..]) => (Kind::Audio, "Opus"),
        _ => return None,
    })
}

/// Each language once, in the order they are named.
fn languages(bytes: &[u8]) -> Vec<String> {
    let mut languages = Vec::new();
    for (tag, body) in descriptors(bytes) {
        // ISO 639 language, teletext and VBI teletext, subtitling: the code stands first in each entry.
        let entry = match tag {
            0x0A => 4,
            0x46 | 0x56 => 5,
            0x59 => 8,
            _ => continue,
        };
        for entry in body.chunks_exact(entry) {
            let code = entry[..3].to_ascii_lowercase();
            if !code.iter().all(u8::is_ascii_lowercase) || languages.len() == MAX_LANGUAGES {
                continue;
            }
            let code = String::from_utf8_lossy(&code).into_owned();
            if !languages.contains(&code) {
                languages.push(code);
            }
        }
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(stream_type: u8, descriptors: &[u8]) -> String {
        let codec = of(stream_type, descriptors);
        format!("{:?} {} {}", codec.kind, codec.name, codec.languages.join("+"))
    }

    #[test]
    fn streams_have_their_usual_names() {
        assert_eq!(named(0x1B, &[0x52, 1, 1]), "Video H.264 ");
        assert_eq!(named(0x0F, b"\x0A\x04deu\x00"), "Audio AAC deu");
        assert_eq!(named(0x03, b"\x0A\x08DEU\x00eng\x00"), "Audio MPEG audio deu+eng");
        assert_eq!(named(0x06, b"\x0A\x04deu\x00\x6A\x01\x00"), "Audio AC-3 deu");
        assert_eq!(named(0x06, b"\x7A\x01\x00"), "Audio E-AC-3 ");
        assert_eq!(named(0x06, b"\x05\x04Opus\x7F\x02\x80\x02"), "Audio Opus ");
        assert_eq!(named(0x06, b"\x05\x04HEVC"), "Video HEVC ");
        assert_eq!(named(0x06, b"\x56\x0Adeu\x09\x00deu\x10\x50"), "Text teletext deu");
        assert_eq!(named(0x06, b"\x59\x08fra\x10\x00\x01\x00\x01"), "Text DVB subtitles fra");
        assert_eq!(named(0x86, b"\x05\x04CUEI"), "Data SCTE 35 cues ");
    }

    #[test]
    fn what_is_not_known_is_said_so() {
        assert_eq!(named(0x06, &[]), "Unknown private PES ");
        assert_eq!(named(0x99, b"\x05\x04what"), "Unknown private ");
        assert_eq!(named(0x06, b"\x0A\x04\x1B[2J\x05\xFFxx"), "Unknown private PES ");
    }
}
