//! What stands beside a splice command (ANSI/SCTE 35, 10): its descriptors.

use std::fmt;

use super::Upid;

/// A splice descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpliceDescriptor {
    /// `splice_descriptor_tag`.
    pub tag: u8,
    /// `identifier`: whose tags these are; `CUEI` for those of the standard.
    pub identifier: u32,
    /// What it says.
    pub content: SpliceDescriptorContent,
}

/// What a [`SpliceDescriptor`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpliceDescriptorContent {
    /// `avail_descriptor()` (10.3.1): `provider_avail_id`.
    Avail(u32),
    /// `DTMF_descriptor()` (10.3.2): tones for older equipment.
    Dtmf {
        /// How long before the splice their last one ends, in tenths of a second.
        preroll: u8,
        /// `0` to `9`, `*`, `#`.
        tones: String,
    },
    /// `segmentation_descriptor()` (10.3.3).
    Segmentation(Segmentation),
    /// `time_descriptor()` (10.3.4): when it was made, by the encoder's clock.
    Time {
        /// TAI seconds since 1970-01-01 00:00 TAI.
        tai_seconds: u64,
        /// Nanoseconds of the second.
        tai_nanoseconds: u32,
        /// What TAI is ahead of UTC, in seconds.
        utc_offset: u16,
    },
    /// `audio_descriptor()` (10.3.5).
    Audio(Vec<SpliceAudio>),
    /// Another one, or one that cannot be read: the bytes behind its identifier.
    Other(Vec<u8>),
}

impl SpliceDescriptorContent {
    /// The stable name for scripts.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Avail(_) => "avail",
            Self::Dtmf { .. } => "dtmf",
            Self::Segmentation(_) => "segmentation",
            Self::Time { .. } => "time",
            Self::Audio(_) => "audio",
            Self::Other(_) => "other",
        }
    }
}

/// A segment of the programme that begins or ends here. Of one that is called off only `event` and `cancel` are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segmentation {
    /// `segmentation_event_id`.
    pub event: u32,
    /// The event is called off.
    pub cancel: bool,
    /// Where not all of the programme is meant: `component_tag` and `pts_offset`, 90 kHz ticks behind the command's
    /// time.
    pub components: Vec<(u8, u64)>,
    /// `segmentation_duration` in 90 kHz ticks.
    pub duration: Option<u64>,
    /// Where delivery is restricted: how.
    pub restrictions: Option<DeliveryRestrictions>,
    /// `segmentation_upid_type` (table 22); 0x0D where there are several.
    pub upid_type: u8,
    /// What is shown, by its names in other systems.
    pub upids: Vec<Upid>,
    /// `segmentation_type_id` (table 23).
    pub type_id: u8,
    /// `segment_num`.
    pub number: u8,
    /// `segments_expected`.
    pub expected: u8,
    /// `sub_segment_num` and `sub_segments_expected`.
    pub sub_segment: Option<(u8, u8)>,
}

/// To whom a segment may be delivered (10.3.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryRestrictions {
    /// Over the web.
    pub web_allowed: bool,
    /// Everywhere.
    pub no_regional_blackout: bool,
    /// To recordings.
    pub archive_allowed: bool,
    /// `device_restrictions`: a group of devices that is left out, 0 to 2; 3 for none.
    pub devices: u8,
}

/// A sound track of the segment (10.3.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpliceAudio {
    /// `component_tag`; 0xFF where it is not used.
    pub tag: u8,
    /// ISO 639-2 code of its language.
    pub language: String,
    /// `Bit_Stream_Mode` of ATSC A/52.
    pub mode: u8,
    /// `Num_Channels`, by the table of ATSC A/52.
    pub channels: u8,
    /// Whether it is all that a listener needs (`Full_Srvc_Audio`).
    pub full: bool,
}

impl Segmentation {
    /// What `type_id` is called (table 23); `None` for a reserved one, and for an event that is called off.
    #[must_use]
    pub const fn type_name(&self) -> Option<&'static str> {
        if self.cancel {
            return None;
        }
        Some(match self.type_id {
            0x00 => "Not Indicated",
            0x01 => "Content Identification",
            0x02 => "Private",
            0x10 => "Program Start",
            0x11 => "Program End",
            0x12 => "Program Early Termination",
            0x13 => "Program Breakaway",
            0x14 => "Program Resumption",
            0x15 => "Program Runover Planned",
            0x16 => "Program Runover Unplanned",
            0x17 => "Program Overlap Start",
            0x18 => "Program Blackout Override",
            0x19 => "Program Join",
            0x1A => "Program Immediate Resumption",
            0x20 => "Chapter Start",
            0x21 => "Chapter End",
            0x22 => "Break Start",
            0x23 => "Break End",
            0x24 => "Opening Credit Start",
            0x25 => "Opening Credit End",
            0x26 => "Closing Credit Start",
            0x27 => "Closing Credit End",
            0x30 => "Provider Advertisement Start",
            0x31 => "Provider Advertisement End",
            0x32 => "Distributor Advertisement Start",
            0x33 => "Distributor Advertisement End",
            0x34 => "Provider Placement Opportunity Start",
            0x35 => "Provider Placement Opportunity End",
            0x36 => "Distributor Placement Opportunity Start",
            0x37 => "Distributor Placement Opportunity End",
            0x38 => "Provider Overlay Placement Opportunity Start",
            0x39 => "Provider Overlay Placement Opportunity End",
            0x3A => "Distributor Overlay Placement Opportunity Start",
            0x3B => "Distributor Overlay Placement Opportunity End",
            0x3C => "Provider Promo Start",
            0x3D => "Provider Promo End",
            0x3E => "Distributor Promo Start",
            0x3F => "Distributor Promo End",
            0x40 => "Unscheduled Event Start",
            0x41 => "Unscheduled Event End",
            0x42 => "Alternate Content Opportunity Start",
            0x43 => "Alternate Content Opportunity End",
            0x44 => "Provider Ad Block Start",
            0x45 => "Provider Ad Block End",
            0x46 => "Distributor Ad Block Start",
            0x47 => "Distributor Ad Block End",
            0x50 => "Network Start",
            0x51 => "Network End",
            _ => return None,
        })
    }
}

/// One line for people.
impl fmt::Display for SpliceDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            SpliceDescriptorContent::Avail(id) => write!(f, "avail {id}"),
            SpliceDescriptorContent::Dtmf { tones, .. } => write!(f, "DTMF {tones}"),
            SpliceDescriptorContent::Segmentation(segmentation) => segmentation.fmt(f),
            SpliceDescriptorContent::Time { tai_seconds, .. } => write!(f, "time {tai_seconds} TAI"),
            SpliceDescriptorContent::Audio(tracks) => {
                f.write_str("audio")?;
                tracks.iter().try_for_each(|track| write!(f, " {}", track.language))
            }
            SpliceDescriptorContent::Other(data) => write!(f, "descriptor {}, {} bytes", self.tag, data.len()),
        }
    }
}

/// One line for people.
impl fmt::Display for Segmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cancel {
            return write!(f, "segmentation event {} called off", self.event);
        }
        match self.type_name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "segmentation type {}", self.type_id)?,
        }
        write!(f, ", event {}", self.event)?;
        if let Some(ticks) = self.duration {
            write!(f, ", {}.{:03} s", ticks / 90_000, ticks % 90_000 / 90)?;
        }
        if self.expected > 0 {
            write!(f, ", {} of {}", self.number, self.expected)?;
        }
        self.upids.iter().try_for_each(|upid| write!(f, ", {} {}", upid.type_name(), upid.text()))
    }
}
