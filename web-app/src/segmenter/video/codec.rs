//! What the picture's line asks of a codec. All else in the line is the same for every one.

use std::fmt::Debug;

use super::unit::{Nal, Notes, Unit};

/// How a codec describes pictures, and what has to be remembered of them to know which can be decoded.
pub(in crate::segmenter) trait VideoCodec: Debug + Default {
    /// What a picture's first slice or frame header says.
    type Header: Copy + Debug;
    /// The parameter sets that came.
    type Sets: Debug + Default;

    /// What a header means by its parameter sets; `None` where those are not there.
    fn facts(header: &Self::Header, sets: &Self::Sets) -> Option<Facts>;

    /// Whether pictures are gone that this one or a later one may need.
    fn lacks_reference(&self, step: &Step<'_, Self::Header>, sets: &Self::Sets) -> bool;

    /// A picture came that is damaged and is left out; its header, if that could be read.
    fn damaged(&mut self, _header: Option<&Self::Header>) {}

    /// A whole picture came, whether it is given out or not.
    fn seen(&mut self, unit: &Unit<'_, Self::Header>, header: &Self::Header, sets: &Self::Sets);

    /// Decoding begins with this picture; `clean` where nothing may be named that a decoder never had. Gives
    /// whether pictures that are shown before it need what is not there.
    fn begin(&mut self, header: &Self::Header, clean: bool) -> bool;

    /// A random access point in mid-stream, with which another decoder may begin: one that a player makes, or one that
    /// forgets all pictures because the player jumps. Gives whether pictures that are shown before it need what such
    /// a decoder does not have.
    fn passes(&mut self, _header: &Self::Header) -> bool {
        false
    }

    /// Samples in place of this picture, which follows a random access point and is shown before it: for a decoder that
    /// begins there later, and, where decoding `began` there, for this one.
    fn stand_ins(&mut self, _unit: &Unit<'_, Self::Header>, _sets: &Self::Sets, _began: bool) -> StandIns {
        StandIns::default()
    }

    /// Whether this picture cannot be decoded although nothing was lost.
    fn leaves_out(&self, header: &Self::Header) -> bool;

    /// This picture goes out.
    fn given(&mut self, due: &Due<'_, Self::Header>, sets: &Self::Sets);

    /// The initialisation segment for what begins with this picture, with what [`Self::missing`] and [`Self::instead`]
    /// need where pictures may be made up; `None` where it cannot be made.
    fn configuration(&mut self, header: &Self::Header, sets: &Self::Sets, make_up: bool) -> Option<Configuration>;

    /// Whether a decoder has to forget all pictures before this one, which begins: only another initialisation segment
    /// makes it do so.
    fn begins_anew(&self) -> bool {
        false
    }

    /// Whether the last initialisation segment says something of the order of pictures that does not hold from this
    /// random access point on. It is asked at each of them, before [`Self::configuration`].
    fn outdated(&mut self, _due: &Due<'_, Self::Header>, _sets: &Self::Sets) -> bool {
        false
    }

    /// Whether the pictures that come next may show that the last initialisation segment should say something else.
    fn unsettled(&self) -> bool {
        false
    }

    /// After another of these, where a frame lasts `step` 90 kHz ticks: whether they do; `None` before that can be told.
    fn settled(&mut self, _step: i64) -> Option<bool> {
        None
    }

    /// Whether pictures can be made up.
    const MAKES_UP: bool = false;

    /// Pictures for those references that are missing before this one. `None` where they cannot be told: then nothing
    /// that follows can be decoded before the next random access point.
    fn missing(&mut self, _due: &Due<'_, Self::Header>, _sets: &Self::Sets) -> Option<Vec<MadeUp>> {
        None
    }

    /// A picture in place of this one, which is left out; after [`Self::missing`].
    fn instead(&mut self, _due: &Due<'_, Self::Header>, _sets: &Self::Sets) -> Option<MadeUp> {
        None
    }

    /// Whether decoding can begin with this picture, of a random access point, by itself. Otherwise the picture is
    /// complete only some pictures later, and what it refers to has to be made up.
    fn is_whole(_header: &Self::Header) -> bool {
        true
    }

    /// Whether others may refer to this picture, as far as that is of use.
    fn is_reference(_header: &Self::Header) -> bool {
        false
    }

    /// Pictures that a decoder is given before this one where it begins with it, each a sample; empty for none.
    fn start(&self, _header: &Self::Header, _sets: &Self::Sets) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// Appends the unit as a sample; with `keep_sets` also the parameter sets in it. Gives all of `sample` as a decoder
    /// needs it that began at the last random access point, where that is another.
    fn sample(
        &mut self,
        unit: &Unit<'_, Self::Header>,
        sets: &Self::Sets,
        form: Form,
        sample: &mut Vec<u8>,
    ) -> Option<Vec<u8>>;

    /// The closed captions of a NAL unit that was noted to have some, appended to `captions`.
    fn captions(nal_unit: &[u8], captions: &mut Vec<u8>);
}

/// How a unit is written as a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Form {
    /// With the parameter sets in it.
    pub(in crate::segmenter) keep_sets: bool,
    /// Behind pictures of [`VideoCodec::start`], with which decoding begins, stands this one.
    pub(in crate::segmenter) started: Started,
    /// A decoder that begins at the last random access point is given another picture in its place.
    pub(in crate::segmenter) stood_in: bool,
}

/// See [`VideoCodec::stand_ins`]: none where a picture is just left out.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct StandIns {
    pub(in crate::segmenter) here: Option<Vec<u8>>,
    /// Where it is not the same.
    pub(in crate::segmenter) anew: Option<Vec<u8>>,
}

/// Whether decoding begins with this picture, or with pictures made up before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Started {
    No,
    /// Yes; `made_up` with those.
    Here {
        made_up: bool,
    },
    /// Only where a decoder begins with it later.
    Anew {
        made_up: bool,
    },
}

impl Started {
    /// Whether a decoder that begins here has pictures that are made up: this one, or another later.
    pub(in crate::segmenter) const fn made_up(self, here: bool) -> bool {
        match self {
            Self::No => false,
            Self::Here { made_up } => here && made_up,
            Self::Anew { made_up } => !here && made_up,
        }
    }
}

/// What a picture's headers say, whatever the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Facts {
    /// Picture order counts begin anew.
    pub(in crate::segmenter) restarts: bool,
    /// Where it stands in the order of presentation, where the stream says that.
    pub(in crate::segmenter) order: Option<Order>,
    /// How long a frame is shown, as a fraction of a second, where that is told.
    pub(in crate::segmenter) frame_duration: Option<(u32, u32)>,
    /// Which initialisation segment it needs: how often the parameter sets have changed, and which is used.
    pub(in crate::segmenter) configuration: (u64, u8),
}

/// A picture order count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Order {
    /// Its low bits, and how many they are.
    pub(in crate::segmenter) low: u32,
    pub(in crate::segmenter) bits: u32,
    /// Later counts are unwrapped by this one.
    pub(in crate::segmenter) anchors: bool,
    /// It shows that counts go up by one a frame, not by two.
    pub(in crate::segmenter) single: bool,
}

/// From one whole picture to the next.
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct Step<'a, H> {
    pub(in crate::segmenter) before: &'a H,
    pub(in crate::segmenter) this: &'a H,
    /// Something is missing between them.
    pub(in crate::segmenter) lost: bool,
    /// How many pictures are missing by the time that went by; less than 0 where it went back.
    pub(in crate::segmenter) gone: i64,
    /// How long after the one before this is shown if it was decoded right behind it, and how long a picture order count
    /// lasts; 90 kHz ticks.
    pub(in crate::segmenter) shown: i64,
    pub(in crate::segmenter) count: i64,
}

/// A picture that is due; times in 90 kHz ticks of the source, unwrapped.
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct Due<'a, H> {
    pub(in crate::segmenter) header: &'a H,
    pub(in crate::segmenter) key: bool,
    pub(in crate::segmenter) dts: i64,
    pub(in crate::segmenter) pts: i64,
    /// How long a frame lasts, and one picture order count.
    pub(in crate::segmenter) step: i64,
    pub(in crate::segmenter) count: i64,
    /// Something is missing before it, by what the transport stream says or by the step from the picture before.
    pub(in crate::segmenter) lost: bool,
}

/// A picture that was made up; times as those of [`Due`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct MadeUp {
    pub(in crate::segmenter) sample: Vec<u8>,
    pub(in crate::segmenter) dts: i64,
    pub(in crate::segmenter) pts: i64,
}

/// What a decoder is told before the first picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Configuration {
    /// RFC 6381 codec string.
    pub(in crate::segmenter) codec: String,
    /// In pixels as shown.
    pub(in crate::segmenter) width: u32,
    pub(in crate::segmenter) height: u32,
    /// The initialisation segment.
    pub(in crate::segmenter) data: Vec<u8>,
}

/// What a kind of NAL unit means for where access units begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum Role {
    /// Begins with a slice header.
    Slice,
    /// Stands at the front of an access unit, whatever is missing before it.
    Border,
    /// Stands at the front of an access unit, or of half a frame.
    Delimiter,
    /// Stands before the first slice, if it is there: after a slice it begins an access unit.
    Prefix,
    /// Belongs to the slice behind it, and begins an access unit if that does.
    OfNextSlice,
    /// Says nothing of that.
    Other,
}

/// A codec whose streams are NAL units behind start codes.
pub(in crate::segmenter) trait NalCodec: VideoCodec {
    /// How NAL units are written into PES packets.
    type Framing: Framing;

    /// A unit has the time of the PES packet in which its last picture begins: the one that is shown.
    const TIMED_BY_LAST: bool = false;
    /// Bytes of a NAL unit's header.
    const HEADER: usize;
    /// Bytes of a slice's NAL unit in which all of [`VideoCodec::Header`] is found.
    const ENOUGH: usize;

    /// The kind of a NAL unit by its header; at least [`Self::HEADER`] bytes are given.
    fn kind(header: &[u8]) -> u8;

    /// What it means.
    fn role(kind: u8) -> Role;

    /// Reads a slice's header; `None` where its parameter sets are not known or it is cut.
    fn header(nal_unit: &[u8], sets: &Self::Sets) -> Option<Self::Header>;

    /// Whether a slice is the first of its picture, as far as that shows without parameter sets.
    fn is_first(nal_unit: &[u8]) -> bool;

    /// The same by its header.
    fn begins(header: &Self::Header) -> bool;

    /// Whether a slice is of another picture than the one `before` it.
    fn begins_after(header: &Self::Header, before: &Self::Header) -> bool;

    /// Whether a picture is no whole frame, so that another one belongs to the same unit.
    fn is_half(header: &Self::Header) -> bool;

    /// Whether a slice is of the other half of the frame that began with `first`.
    fn completes(header: &Self::Header, first: &Self::Header) -> bool;

    /// Whether decoding can start at a unit, `announced` as random access by the transport stream.
    fn is_key(first: Option<&Self::Header>, nals: &[Nal], announced: bool) -> bool;

    /// Takes a whole NAL unit that is no slice; `None` for a parameter set that cannot be used.
    fn take(sets: &mut Self::Sets, kind: u8, nal_unit: &[u8]) -> Option<Notes>;
}

/// How NAL units are written into PES packets.
pub(in crate::segmenter) trait Framing: Debug + Default {
    /// A PES packet begins; gives whether the one before ended too early.
    fn begin(&mut self) -> bool;

    /// Packets are missing.
    fn lost(&mut self);

    /// The bytes as a byte stream: NAL units behind start codes.
    fn byte_stream<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8];
}

/// A byte stream already.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct StartCodes;

impl Framing for StartCodes {
    #[inline]
    fn begin(&mut self) -> bool {
        false
    }

    #[inline]
    fn lost(&mut self) {}

    #[inline]
    fn byte_stream<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8] {
        data
    }
}
