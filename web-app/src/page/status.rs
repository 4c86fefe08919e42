//! From what is known to one plain sentence, and what to do about it.

pub use super::helper::Helper;
use super::helper::without_helper;
use crate::worker::message::SoundMissing;
use amt_shared::wire::{Phase, Status};

/// Nothing, or data without a picture, for so long is worth another sentence.
const PATIENCE_SECONDS: f64 = 5.0;

/// What the player does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Picture {
    /// Nothing yet, or no longer.
    #[default]
    None,
    /// It moves.
    Moving,
    /// The viewer has paused it.
    Paused,
    /// The browser wants the viewer to press something first.
    Blocked,
}

/// All that the sentence depends on.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether the browser can play live media at all.
    pub can_play: bool,
    /// The connection to the helper.
    pub helper: Helper,
    /// Where it is looked for: host and port.
    pub host: String,
    /// Whether a channel was asked for.
    pub tuned: bool,
    /// What the viewer is asked before a link's channel is opened.
    pub asks: Option<String>,
    /// What the helper says of the channel.
    pub status: Option<Status>,
    /// What the player does.
    pub picture: Picture,
    /// Whether this channel has played before, be it a picture or sound alone.
    pub has_played: bool,
    /// Whether this programme has shown a picture before.
    pub has_shown: bool,
    /// For how many seconds the helper's phase has been the same.
    pub phase_seconds: f64,
    /// What arrives holds no transport packets.
    pub not_ts: bool,
    /// Why the decoders are not there that the sound needs.
    pub sound_missing: Option<SoundMissing>,
    /// Whether a programme was found, and the streams in it that cannot be played, by name.
    pub program: Option<Program>,
    /// Codecs that the browser refused.
    pub refused: Vec<String>,
    /// Whether the player is on its way back from an error.
    pub recovering: bool,
    /// What plays.
    pub playing: Playing,
}

/// What is known of the programme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Whether any stream of it is played here.
    pub playable: bool,
    /// Names of its pictures and sounds that are not.
    pub others: Vec<String>,
    /// Those of them that leave the programme without any picture, or without any sound, and have no note.
    pub missing: Vec<String>,
    /// Why others leave it so, in sentences.
    pub notes: Vec<String>,
    /// Whether a picture is among what is played.
    pub picture: bool,
}

/// Figures of what plays.
#[derive(Clone, Debug, Default)]
pub struct Playing {
    /// Width and height in pixels; 0 without a picture.
    pub size: (u32, u32),
    /// Codec strings.
    pub codecs: Vec<String>,
    /// TS bits a second.
    pub bits_per_second: u64,
    /// Delay to live in milliseconds.
    pub delay_ms: Option<f64>,
    /// Whether it is well further behind than it could be.
    pub behind: bool,
}

/// What the status line shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// For programs.
    pub phase: &'static str,
    /// What is happening.
    pub sentence: String,
    /// What to do about it; code stands between backticks.
    pub advice: String,
    /// Figures, which change all the time and are not read out.
    pub now: String,
}

impl Line {
    pub(super) fn new(phase: &'static str, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { phase, sentence: sentence.into(), advice: advice.into(), now: String::new() }
    }
}

/// The line for these facts.
#[must_use]
pub fn line(facts: &Facts) -> Line {
    if !facts.can_play {
        return Line::new(
            "failed",
            "This browser cannot play live media: it has no Media Source Extensions.",
            "Use a current Chromium, Chrome, Edge, Firefox or Safari.",
        );
    }
    if let Some(line) = without_helper(facts.helper, &facts.host) {
        return line;
    }
    if let Some(question) = &facts.asks {
        return Line::new("asking", question, "Play it only if you trust whoever gave you the link.");
    }
    if !facts.tuned {
        return Line::new("idle", "Ready.", "Enter a channel address and press Play.");
    }
    let Some(status) = &facts.status else {
        return Line::new("resolving", "Requesting the channel from the helper.", "");
    };
    if status.phase == Phase::Receiving {
        return receiving(facts);
    }
    let mut line = Line::new(phase_name(status.phase), &status.sentence, status.advice.clone().unwrap_or_default());
    if status.phase == Phase::Joined && line.advice.is_empty() && facts.phase_seconds > PATIENCE_SECONDS {
        line.advice =
            "If this persists, nothing is being sent to this group, or the source is wrong: check both.".into();
    }
    line
}

/// What the picture's place says where a channel was asked for and there is no picture to come; empty where there is.
#[must_use]
pub fn notice(line: &Line, facts: &Facts) -> String {
    let sound_alone = line.phase == "playing" && facts.playing.size == (0, 0);
    if !facts.tuned || !(sound_alone || line.phase == "failed") {
        return String::new();
    }
    format!("{} {}", line.sentence, line.advice.replace('`', "")).trim().to_owned()
}

fn receiving(facts: &Facts) -> Line {
    let refused = refused_sentence(&facts.refused);
    match facts.picture {
        Picture::Moving => {
            return moving(facts, refused);
        }
        Picture::Paused => return Line::new("receiving", "Paused.", "Press Go live to resume at the live edge."),
        Picture::Blocked => {
            return Line::new("receiving", "The browser has blocked autoplay.", "Press the button on the picture.");
        }
        Picture::None => {}
    }
    if facts.not_ts {
        return Line::new(
            "failed",
            "Data is arriving, but it is not an MPEG transport stream.",
            "Check the group and the port in the address.",
        );
    }
    if let Some(sentence) = refused {
        return Line::new("failed", sentence, "Another browser may be able to play it.");
    }
    if let Some(program) = facts.program.as_ref().filter(|program| !program.playable) {
        if !program.notes.is_empty() {
            return Line::new("failed", program.notes.join(" "), "");
        }
        let sentence = if program.others.is_empty() {
            "This channel has neither picture nor sound.".to_owned()
        } else {
            format!("This channel cannot be played yet: it has {}.", listed(&program.others))
        };
        return Line::new("failed", sentence, "");
    }
    // What is known of the programme says whether a picture is to come, or sound alone.
    let sound_alone = facts.program.as_ref().is_some_and(|program| !program.picture);
    if let Some(missing) = facts.sound_missing.as_ref().filter(|_| sound_alone) {
        return Line::new("receiving", "Data is arriving, but its sound cannot be decoded.", sound_missing(missing));
    }
    if facts.recovering {
        let sentence = match sound_alone {
            true => "The browser could not decode the sound; restarting with the next data.",
            false => "The browser could not decode the picture; restarting at the next key frame.",
        };
        return Line::new("receiving", sentence, "");
    }
    if facts.has_played {
        let mut line = Line::new("receiving", "Buffering…", "");
        line.now = facts.playing.delay_ms.map(behind_live).unwrap_or_default();
        return line;
    }
    if facts.phase_seconds < PATIENCE_SECONDS {
        let sentence = match sound_alone {
            true => "Data is arriving; waiting for the first sound.",
            false => "Data is arriving; waiting for the first complete picture.",
        };
        return Line::new("receiving", sentence, "");
    }
    if facts.program.is_none() {
        return Line::new(
            "receiving",
            "Data is arriving, but no programme has been found in it so far.",
            "If this persists, the stream has no programme tables, or this is not a television channel.",
        );
    }
    let sentence = match sound_alone {
        true => "Data is arriving, but the sound cannot start yet.",
        false => "Data is arriving, but the picture cannot start yet: no key frame has arrived.",
    };
    Line::new("receiving", sentence, "If this persists, the stream is encrypted or damaged.")
}

fn moving(facts: &Facts, refused: Option<String>) -> Line {
    let without_picture = facts.playing.size == (0, 0);
    let program = facts.program.as_ref();
    let missing = facts.sound_missing.as_ref();
    let advice = refused.or_else(|| missing.map(sound_missing)).or_else(|| {
        let program = program?;
        if !program.missing.is_empty() {
            Some(format!("The channel also has {}, which cannot be played yet.", listed(&program.missing)))
        } else if !program.notes.is_empty() {
            Some(program.notes.join(" "))
        } else if without_picture && program.picture {
            let sentence = match facts.has_shown {
                true => "The picture will return at the next undamaged key frame.",
                false => "The picture will start at the first undamaged key frame.",
            };
            Some(sentence.to_owned())
        } else if facts.playing.behind {
            Some("Press Go live to catch up.".to_owned())
        } else {
            None
        }
    });
    let sentence = match (without_picture, missing, facts.playing.behind) {
        (true, ..) => "Audio only.",
        (false, Some(_), _) => "Playing without sound.",
        (false, None, true) => "Playing behind live.",
        (false, None, false) => "Playing live.",
    };
    let mut line = Line::new("playing", sentence, advice.unwrap_or_default());
    line.now = playing(&facts.playing);
    line
}

/// Why the sound cannot be decoded, and whether that may change.
fn sound_missing(missing: &SoundMissing) -> String {
    let what = match missing.reason.as_str() {
        "" if missing.again => "The decoder crashed".to_owned(),
        "" => "The decoder keeps crashing".to_owned(),
        reason => format!("The decoders could not be loaded ({})", reason.trim_end_matches('.')),
    };
    what + if missing.again { "; trying again." } else { ". Press Play to try again." }
}

fn refused_sentence(refused: &[String]) -> Option<String> {
    let named: Vec<_> = refused.iter().map(|codec| format!("{} ({codec})", codec_name(codec))).collect();
    (!named.is_empty()).then(|| format!("This browser cannot play {}.", listed(&named)))
}

fn playing(playing: &Playing) -> String {
    let mut parts = Vec::new();
    if playing.size != (0, 0) {
        parts.push(format!("{}×{}", playing.size.0, playing.size.1));
    }
    if !playing.codecs.is_empty() {
        parts.push(listed(&playing.codecs.iter().map(|codec| codec_name(codec).to_owned()).collect::<Vec<_>>()));
    }
    if playing.bits_per_second > 0 {
        parts.push(bit_rate(playing.bits_per_second));
    }
    if let Some(delay) = playing.delay_ms {
        parts.push(behind_live(delay));
    }
    parts.join(", ")
}

fn behind_live(delay_ms: f64) -> String {
    format!("{:.2} s behind live", delay_ms / 1000.0)
}

/// A rate for people.
#[must_use]
pub fn bit_rate(bits_per_second: u64) -> String {
    let bits = bits_per_second as f64;
    if bits >= 1e6 { format!("{:.1} Mbit/s", bits / 1e6) } else { format!("{:.0} kbit/s", bits / 1e3) }
}

/// The usual name of a codec, given by its RFC 6381 string or by the segmenter's own word for what has none; the
/// string itself where there is no other.
#[must_use]
pub fn codec_name(codec: &str) -> &str {
    match codec.split_once('.').map_or(codec, |(family, _)| family) {
        "avc1" | "avc3" => "H.264",
        "hvc1" | "hev1" | "hevc" => "HEVC",
        "mpeg2video" => "MPEG-2 video",
        "mpeg4video" => "MPEG-4 video",
        "vvc" => "VVC",
        "mpeg-audio" => "MPEG audio",
        "mp2" => "MP2",
        "mp3" => "MP3",
        "dts" => "DTS",
        "ac-4" => "AC-4",
        "aac-latm" => "AAC in LATM",
        "av01" => "AV1",
        "mp4a" => match codec {
            "mp4a.40.5" | "mp4a.40.29" => "HE-AAC",
            "mp4a.69" | "mp4a.6B" | "mp4a.40.34" => "MP3",
            _ => "AAC",
        },
        "ac-3" => "AC-3",
        "ec-3" => "E-AC-3",
        "opus" | "Opus" => "Opus",
        "flac" | "fLaC" => "FLAC",
        _ => codec,
    }
}

/// The name of a step, as scripts read it.
#[must_use]
pub const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Resolving => "resolving",
        Phase::Discovering => "discovering",
        Phase::Requesting => "requesting",
        Phase::Joined => "joined",
        Phase::Receiving => "receiving",
        Phase::Silent => "silent",
        Phase::Failed => "failed",
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
