//! Cues as they cross to the page: what they are in words and numbers, their bytes in a buffer beside.

use crate::segmenter::{self, CueContent, SpliceCommand};
use serde::{Deserialize, Serialize};

/// Something with a time besides picture and sound, without its bytes: the section, the tag, the `cc_data` or the PES packet's data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cue {
    /// The PID that it came on.
    pub pid: u16,
    /// `splice`, `id3`, `captions`, `teletext` or `subtitles`.
    pub kind: String,
    /// When it is due, in seconds of the output timeline; `None` where it is due at once or has no time.
    pub due: Option<f64>,
    /// The splice command's name, for a splice.
    pub command: Option<String>,
    /// For a `splice_insert`: whether the programme is left, rather than come back to.
    pub out_of_network: Option<bool>,
    /// A splice's descriptors, a line each.
    pub descriptors: Vec<String>,
}

impl Cue {
    /// What the page needs to know of a cue.
    #[must_use]
    pub fn of(cue: &segmenter::Cue) -> Self {
        let (mut command, mut out_of_network, mut descriptors) = (None, None, Vec::new());
        if let CueContent::Splice(splice) = &cue.content {
            command = Some(splice.command.as_str().to_owned());
            if let SpliceCommand::Insert(insert) = &splice.command
                && !insert.cancel
            {
                out_of_network = Some(insert.out_of_network);
            }
            descriptors = splice.descriptors.iter().map(ToString::to_string).collect();
        }
        let due = cue.pts.map(|pts| pts as f64 / 90_000.0);
        Self { pid: cue.pid, kind: cue.content.as_str().into(), due, command, out_of_network, descriptors }
    }

    /// The bytes of a cue.
    #[must_use]
    pub fn bytes(cue: &segmenter::Cue) -> &[u8] {
        match &cue.content {
            CueContent::Splice(splice) => &splice.section,
            CueContent::Id3(bytes)
            | CueContent::Captions(bytes)
            | CueContent::Teletext(bytes)
            | CueContent::Subtitles(bytes) => bytes,
        }
    }
}
