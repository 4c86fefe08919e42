//! What comes out of the segmenter as lines: JSON objects, their keys in the order of docs/segment.md.

use std::collections::BTreeMap;

use amt_web_app::segmenter::{Init, Media, Output, Track};
use serde_json::{Value, json};

use super::{cue_lines, programme};

/// The lines of an output: one, or for a media segment one a sample.
pub(crate) fn of(output: &Output) -> Vec<Value> {
    let line = match output {
        Output::Programs(entries) => programme::list(entries),
        Output::Program(told) => programme::program(told),
        Output::Schedule(told) => programme::schedule(told),
        Output::Cue(told) => cue_lines::cue(told),
        Output::Clock(clock) => json!({
            "type": "clock", "pcr": clock.pcr, "lead": clock.lead, "timestamps_ppb": clock.timestamps_ppb,
            "helper_ppb": clock.helper_ppb,
        }),
        Output::DecoderWanted(codec) => json!({"type": "decoder", "codec": codec.as_str()}),
        Output::Init(told) => init(told),
        Output::Media(media) => return samples(media).collect(),
        Output::Discontinuity { track, reason } => {
            json!({"type": "discontinuity", "track": track.as_str(), "reason": reason.as_str()})
        }
        Output::Fault { reason, pid, count } => {
            json!({"type": "fault", "reason": reason.as_str(), "pid": pid, "count": count})
        }
    };
    vec![line]
}

fn init(init: &Init) -> Value {
    let mut line = json!({
        "type": "init", "track": init.track.as_str(), "pid": init.pid, "codec": init.codec,
        "timescale": init.timescale, "bytes": init.data.len(), "mime": init.mime(),
    });
    let more = match init.track {
        Track::Video => [("width", init.width), ("height", init.height)],
        Track::Audio => [("sample_rate", init.sample_rate), ("channels", init.channels.into())],
    };
    for (name, value) in more {
        line[name] = json!(value);
    }
    line
}

fn samples(media: &Media) -> impl Iterator<Item = Value> {
    media.samples.iter().map(|sample| {
        let bytes = &media.data[sample.offset as usize..][..sample.size as usize];
        json!({
            "type": "sample", "track": media.track.as_str(), "pid": media.pid, "dts": sample.dts, "pts": sample.pts,
            "duration": sample.duration, "source_pts": sample.source_pts, "key": sample.key, "bytes": sample.size,
            "crc32": format!("{:08x}", crc32fast::hash(bytes)),
        })
    })
}

/// What was counted, for the last line.
#[derive(Default)]
pub(crate) struct Counts {
    faults: BTreeMap<&'static str, u64>,
    samples: BTreeMap<&'static str, u64>,
    segments: BTreeMap<&'static str, u64>,
    discontinuities: BTreeMap<&'static str, u64>,
    cues: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub(crate) fn count(&mut self, output: &Output) {
        match output {
            Output::Fault { reason, count, .. } => *self.faults.entry(reason.as_str()).or_default() += count,
            Output::Media(media) => {
                *self.samples.entry(media.track.as_str()).or_default() += media.samples.len() as u64;
                *self.segments.entry(media.track.as_str()).or_default() += 1;
            }
            Output::Discontinuity { reason, .. } => *self.discontinuities.entry(reason.as_str()).or_default() += 1,
            Output::Cue(cue) => *self.cues.entry(cue.content.as_str()).or_default() += 1,
            _ => {}
        }
    }

    /// The last line.
    pub(crate) fn end(&self, packets: u64) -> Value {
        json!({
            "type": "end", "packets": packets, "faults": self.faults, "samples": self.samples,
            "segments": self.segments, "discontinuities": self.discontinuities, "cues": self.cues,
        })
    }
}
