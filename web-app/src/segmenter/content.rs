//! What an elementary stream carries, as its PMT says it: by `stream_type` (ISO/IEC 13818-1, table 2-34, and, from
//! 0x80 up, ATSC A/53) and by the descriptors of DVB (EN 300 468) and of registered formats.
//!
//! Here alone stands which of it is played.

use super::Takes;
use super::codec::framer::AudioCodec;
use super::output::{StreamKind, Track};

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
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
    Opus,
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
pub(super) enum Data {
    /// Splice information sections (ANSI/SCTE 35).
    Scte35,
    /// ID3v2 tags in PES packets.
    Id3,
    Teletext,
    DvbSubtitles,
    /// Private sections, DSM-CC.
    Sections,
}

impl Data {
    /// Its usual name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Scte35 => "scte35",
            Self::Id3 => "id3",
            Self::Teletext => "teletext",
            Self::DvbSubtitles => "dvb-subtitles",
            Self::Sections => "sections",
        }
    }
}

impl Content {
    /// By `stream_type` and the descriptors.
    pub(super) fn of(stream_type: u8, descriptors: &[u8]) -> Self {
        match stream_type {
            0x01 | 0x02 => Self::OtherVideo("mpeg2video"),
            0x03 | 0x04 => Self::MpegAudio,
            0x0F => Self::Adts,
            0x10 => Self::OtherVideo("mpeg4video"),
            0x11 => Self::Latm,
            0x1B => Self::H264,
            0x24 => Self::Hevc,
            0x33 => Self::OtherVideo("vvc"),
            0x81 => Self::Ac3,
            0x86 => Self::Data(Data::Scte35),
            0x87 => Self::Eac3,
            0x15 => Self::Data(Data::Id3),
            0x05 | 0x0B..=0x0D => Self::Data(Data::Sections),
            _ => Self::described(descriptors).unwrap_or(Self::Unknown),
        }
    }

    /// As what it is played, if it is.
    pub(super) const fn plays_as(self, _takes: Takes) -> Option<Track> {
        match self {
            Self::H264 => Some(Track::Video),
            Self::Adts => Some(Track::Audio),
            _ => None,
        }
    }

    /// How its sound is framed; `None` where that is not known.
    pub(super) const fn audio_codec(self) -> Option<AudioCodec> {
        match self {
            Self::Adts => Some(AudioCodec::AacAdts),
            _ => None,
        }
    }

    /// Picture, sound or neither.
    pub(super) const fn kind(self) -> StreamKind {
        match self {
            Self::H264 | Self::Hevc | Self::Av1 | Self::OtherVideo(_) => StreamKind::Video,
            Self::Adts | Self::Latm | Self::MpegAudio | Self::Ac3 | Self::Eac3 | Self::Opus | Self::OtherAudio(_) => {
                StreamKind::Audio
            }
            Self::Data(_) | Self::Unknown => StreamKind::Other,
        }
    }

    /// Its usual name, where no initialisation segment has told its codec.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            // Their names tell nothing that the codec string will not.
            Self::H264 | Self::Adts | Self::Unknown => None,
            Self::Hevc => Some("hevc"),
            Self::Av1 => Some("av01"),
            Self::Latm => Some("aac-latm"),
            Self::MpegAudio => Some("mpeg-audio"),
            Self::Ac3 => Some("ac-3"),
            Self::Eac3 => Some("ec-3"),
            Self::Opus => Some("opus"),
            Self::OtherVideo(name) | Self::OtherAudio(name) => Some(name),
            Self::Data(data) => Some(data.name()),
        }
    }

    fn described(mut descriptors: &[u8]) -> Option<Self> {
        while let [tag, length, rest @ ..] = descriptors {
            let (body, after) = rest.split_at_checked(usize::from(*length))?;
            match (tag, body) {
                (0x6A, _) | (0x05, [b'A', b'C', b'-', b'3', ..]) => return Some(Self::Ac3),
                (0x7A, _) | (0x05, [b'E', b'A', b'C', b'3', ..]) => return Some(Self::Eac3),
                (0x7B, _) | (0x05, [b'D', b'T', b'S', b'1'..=b'3', ..]) => return Some(Self::OtherAudio("dts")),
                (0x05, [b'O', b'p', b'u', b's', ..]) => return Some(Self::Opus),
                (0x05, [b'H', b'E', b'V', b'C', ..]) => return Some(Self::Hevc),
                (0x05, [b'A', b'V', b'0', b'1', ..]) => return Some(Self::Av1),
                (0x56, _) => return Some(Self::Data(Data::Teletext)),
                (0x59, _) => return Some(Self::Data(Data::DvbSubtitles)),
                _ => descriptors = after,
            }
        }
        None
    }
}
