//! What an elementary stream carries, as its PMT says it: by `stream_type` (ISO/IEC 13818-1, table 2-34, and, from
//! 0x80 up, ATSC A/53) and by the descriptors of DVB (EN 300 468) and of registered formats.
//!
//! Here alone stands which of it is played.

use super::descriptors::Descriptors;
use crate::segmenter::Takes;
use crate::segmenter::codec::framer::AudioCodec;
use crate::segmenter::output::{StreamKind, Track};

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Content {
    H264,
    Hevc,
    Av1,
    /// AAC in ADTS.
    Adts,
    /// AAC in LATM, in the transport layer LOAS.
    Latm,
    /// MPEG-1 and MPEG-2 audio, layers I to III.
    MpegAudio,
    Ac3,
    Eac3,
    /// With channel_config_code of its descriptor.
    Opus(Option<u8>),
    /// Video that is not played here, by its usual name.
    OtherVideo(&'static str),
    /// Audio that is not played here, by its usual name.
    OtherAudio(&'static str),
    /// Known to be neither video nor audio.
    Data(Data),
    /// Not known: what it is may show in its bytes.
    Unknown,
}

/// What a stream carries that is neither picture nor sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Data {
    /// Splice information sections (ANSI/SCTE 35).
    Scte35,
    /// ID3v2 tags in PES packets.
    Id3,
    Teletext,
    DvbSubtitles,
    /// Subtitles and menus of discs.
    Graphics,
    /// Key, length, value (SMPTE ST 336).
    Klv,
    /// Private sections, DSM-CC.
    Sections,
}

impl Data {
    /// Its usual name.
    pub(in crate::segmenter) const fn name(self) -> &'static str {
        match self {
            Self::Scte35 => "scte35",
            Self::Id3 => "id3",
            Self::Teletext => "teletext",
            Self::DvbSubtitles => "dvb-subtitles",
            Self::Graphics => "graphics",
            Self::Klv => "klv",
            Self::Sections => "sections",
        }
    }
}

impl Content {
    /// By `stream_type` and the descriptors.
    pub(in crate::segmenter) fn of(stream_type: u8, descriptors: &[u8], registry: Registry) -> Self {
        match (stream_type, registry) {
            (0x80..=0xA2, Registry::Hdmv) => Self::of_hdmv(stream_type),
            (0x01, _) => Self::OtherVideo("mpeg1video"),
            (0x02, _) => Self::OtherVideo("mpeg2video"),
            (0x03 | 0x04, _) => Self::MpegAudio,
            (0x0F, _) => Self::Adts,
            (0x10, _) => Self::OtherVideo("mpeg4video"),
            (0x11, _) => Self::Latm,
            (0x1B, _) => Self::H264,
            (0x1C, _) => Self::OtherAudio("aac-raw"),
            (0x1F, _) => Self::OtherVideo("svc"),
            (0x20, _) => Self::OtherVideo("mvc"),
            (0x21, _) => Self::OtherVideo("jpeg2000"),
            (0x24, _) => Self::Hevc,
            (0x2D | 0x2E, _) => Self::OtherAudio("mpeg-h"),
            (0x32, _) => Self::OtherVideo("jpeg-xs"),
            (0x33, _) => Self::OtherVideo("vvc"),
            (0x35, _) => Self::OtherVideo("evc"),
            (0x42, _) => Self::OtherVideo("avs"),
            (0x81, _) => Self::Ac3,
            (0x86, _) => Self::Data(Data::Scte35),
            (0x87, _) => Self::Eac3,
            (0x8A, _) => Self::OtherAudio("dts"),
            (0xD1, _) => Self::OtherVideo("dirac"),
            (0xD2, _) => Self::OtherVideo("avs2"),
            (0xD4, _) => Self::OtherVideo("avs3"),
            (0xEA, _) => Self::OtherVideo("vc-1"),
            (0x15, _) => Self::Data(Data::Id3),
            (0x05 | 0x08 | 0x0A..=0x0D | 0x14, _) => Self::Data(Data::Sections),
            _ => match Descriptors(descriptors).find_map(Self::described) {
                Some(Self::Opus(_)) => Self::Opus(opus_channels(descriptors)),
                Some(content) => content,
                None => Self::Unknown,
            },
        }
    }

    /// By the `stream_type` of Blu-ray discs, where the programme is registered as such.
    const fn of_hdmv(stream_type: u8) -> Self {
        match stream_type {
            0x80 => Self::OtherAudio("lpcm"),
            0x81 => Self::Ac3,
            0x82 | 0x85 | 0x86 | 0xA2 => Self::OtherAudio("dts"),
            0x83 => Self::OtherAudio("truehd"),
            0x84 | 0x87 | 0xA1 => Self::Eac3,
            0x90..=0x92 => Self::Data(Data::Graphics),
            _ => Self::Unknown,
        }
    }

    fn described((tag, body): (u8, &[u8])) -> Option<Self> {
        let content = match (tag, body) {
            (0x6A, _) => Self::Ac3,
            (0x7A, _) => Self::Eac3,
            (0x7B, _) | (0x7F, [0x0E | 0x21, ..]) => Self::OtherAudio("dts"),
            (0x7F, [0x15, ..]) => Self::OtherAudio("ac-4"),
            (0x46 | 0x56, _) => Self::Data(Data::Teletext),
            (0x59, _) => Self::Data(Data::DvbSubtitles),
            // registration_descriptor.
            (0x05, [a, b, c, d, ..]) => match &[*a, *b, *c, *d] {
                b"AC-3" => Self::Ac3,
                b"EAC3" => Self::Eac3,
                b"AC-4" => Self::OtherAudio("ac-4"),
                b"Opus" => Self::Opus(None),
                b"DTS1" | b"DTS2" | b"DTS3" | b"DTSH" => Self::OtherAudio("dts"),
                b"BSSD" => Self::OtherAudio("s302m"),
                b"H264" => Self::H264,
                b"HEVC" => Self::Hevc,
                b"AV01" => Self::Av1,
                b"VVC " => Self::OtherVideo("vvc"),
                b"VC-1" => Self::OtherVideo("vc-1"),
                b"drac" => Self::OtherVideo("dirac"),
                b"CUEI" => Self::Data(Data::Scte35),
                b"ID3 " => Self::Data(Data::Id3),
                b"KLVA" => Self::Data(Data::Klv),
                _ => return None,
            },
            _ => return None,
        };
        Some(content)
    }

    /// As what it is played, if it is.
    pub(in crate::segmenter) const fn plays_as(self, takes: Takes) -> Option<Track> {
        match self {
            Self::H264 => Some(Track::Video),
            Self::Hevc if takes.hevc => Some(Track::Video),
            Self::Av1 if takes.av1 => Some(Track::Video),
            Self::Adts | Self::Latm => Some(Track::Audio),
            Self::MpegAudio if takes.flac || takes.mp2 || takes.mp3 || takes.mp3_in_mp4 => Some(Track::Audio),
            Self::Ac3 if takes.ac3 || takes.flac => Some(Track::Audio),
            Self::Eac3 if takes.ec3 || takes.flac => Some(Track::Audio),
            Self::Opus(_) if takes.opus => Some(Track::Audio),
            _ => None,
        }
    }

    /// How its sound is framed; `None` where that is not known.
    pub(in crate::segmenter) const fn audio_codec(self) -> Option<AudioCodec> {
        match self {
            Self::Adts => Some(AudioCodec::AacAdts),
            Self::Latm => Some(AudioCodec::AacLatm),
            Self::MpegAudio => Some(AudioCodec::MpegAudio),
            Self::Ac3 | Self::Eac3 => Some(AudioCodec::Ac3),
            Self::Opus(code) => Some(AudioCodec::Opus(code)),
            _ => None,
        }
    }

    /// By what the bytes of its sound are.
    pub(in crate::segmenter) const fn of_audio(codec: AudioCodec) -> Self {
        match codec {
            AudioCodec::AacAdts => Self::Adts,
            AudioCodec::AacLatm => Self::Latm,
            AudioCodec::MpegAudio => Self::MpegAudio,
            AudioCodec::Ac3 => Self::Ac3,
            AudioCodec::Opus(code) => Self::Opus(code),
        }
    }

    /// The `stream_type` that says so, where one does; else that of private data.
    pub(in crate::segmenter) const fn stream_type(self) -> u8 {
        match self {
            Self::H264 => 0x1B,
            Self::Hevc => 0x24,
            Self::Adts => 0x0F,
            Self::Latm => 0x11,
            Self::MpegAudio => 0x03,
            Self::Ac3 => 0x81,
            Self::Eac3 => 0x87,
            Self::OtherVideo(_) => 0x02,
            _ => 0x06,
        }
    }

    /// Whether a stream that was taken for `self` and proves to be `other` is what it was taken for.
    pub(in crate::segmenter) fn agrees(self, other: Self) -> bool {
        let is_ac3 = |content| matches!(content, Self::Ac3 | Self::Eac3);
        self == other || is_ac3(self) && is_ac3(other)
    }

    /// Picture, sound or neither.
    pub(in crate::segmenter) const fn kind(self) -> StreamKind {
        match self {
            Self::H264 | Self::Hevc | Self::Av1 | Self::OtherVideo(_) => StreamKind::Video,
            Self::Adts
            | Self::Latm
            | Self::MpegAudio
            | Self::Ac3
            | Self::Eac3
            | Self::Opus(_)
            | Self::OtherAudio(_) => StreamKind::Audio,
            Self::Data(_) | Self::Unknown => StreamKind::Other,
        }
    }

    /// Its usual name, where no initialisation segment has told its codec.
    pub(in crate::segmenter) const fn name(self) -> Option<&'static str> {
        match self {
            // Their names tell nothing that the codec string will not.
            Self::H264 | Self::Adts | Self::Unknown => None,
            Self::Hevc => Some("hevc"),
            Self::Av1 => Some("av01"),
            Self::Latm => Some("aac-latm"),
            Self::MpegAudio => Some("mpeg-audio"),
            Self::Ac3 => Some("ac-3"),
            Self::Eac3 => Some("ec-3"),
            Self::Opus(_) => Some("opus"),
            Self::OtherVideo(name) | Self::OtherAudio(name) => Some(name),
            Self::Data(data) => Some(data.name()),
        }
    }

    /// Why it does not play, as a sentence for people; `None` for what plays, and for what is no picture and no sound.
    pub(in crate::segmenter) fn note(self, takes: Takes) -> Option<String> {
        let (name, what) = match (self, self.kind()) {
            (Self::Data(_), _) => return None,
            (content, _) if content.plays_as(takes).is_some() => return None,
            (Self::Unknown, _) => return Some("The type of this stream is unknown.".into()),
            (content, StreamKind::Video) => (content.label(), "video"),
            (content, _) => (content.label(), "sound"),
        };
        Some(match self {
            Self::OtherVideo(_) | Self::OtherAudio(_) => format!("{name} {what} cannot be played in browsers."),
            _ => format!("This browser does not play {name} {what}."),
        })
    }

    /// Its name for people.
    fn label(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Av1 => "AV1",
            Self::Adts | Self::Latm | Self::OtherAudio("aac-raw") => "AAC",
            Self::MpegAudio => "MPEG",
            Self::Ac3 => "AC-3",
            Self::Eac3 => "E-AC-3",
            Self::Opus(_) => "Opus",
            Self::OtherVideo(name) | Self::OtherAudio(name) => match name {
                "mpeg1video" => "MPEG-1",
                "mpeg2video" => "MPEG-2",
                "mpeg4video" => "MPEG-4 part 2",
                "svc" => "Scalable H.264",
                "mvc" => "Multiview H.264",
                "jpeg2000" => "JPEG 2000",
                "jpeg-xs" => "JPEG XS",
                "vvc" => "VVC",
                "evc" => "EVC",
                "avs" => "AVS",
                "avs2" => "AVS2",
                "avs3" => "AVS3",
                "vc-1" => "VC-1",
                "dirac" => "Dirac",
                "mpeg-h" => "MPEG-H",
                "dts" => "DTS",
                "ac-4" => "AC-4",
                "lpcm" => "LPCM",
                "truehd" => "TrueHD",
                "s302m" => "SMPTE 302M",
                name => name,
            },
            Self::Data(_) | Self::Unknown => "",
        }
    }
}

/// Whose codes a programme uses, by its registration_descriptor (ISO/IEC 13818-1, 2.6.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) enum Registry {
    /// Those of the standards.
    #[default]
    Common,
    /// Those of Blu-ray discs.
    Hdmv,
}

impl Registry {
    /// By a programme's descriptors.
    pub(in crate::segmenter) fn of(descriptors: &[u8]) -> Self {
        let hdmv = Descriptors(descriptors).any(|(tag, body)| tag == 0x05 && body.starts_with(b"HDMV"));
        if hdmv { Self::Hdmv } else { Self::Common }
    }
}

/// channel_config_code of the Opus descriptor: the extension descriptor 0x7F with the extension 0x80.
fn opus_channels(descriptors: &[u8]) -> Option<u8> {
    Descriptors(descriptors).find_map(|(tag, body)| match (tag, body) {
        (0x7F, [0x80, code, ..]) => Some(*code),
        _ => None,
    })
}
