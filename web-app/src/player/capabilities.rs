//! What the browser takes, asked with the strings that the segmenter writes: it knows no browser and is told.

use crate::segmenter::Takes;

/// HEVC Main and Main 10: a browser that takes only one of them refuses the other by its own codec string.
const HEVC: [&str; 2] = ["video/mp4; codecs=\"hvc1.1.6.L93.B0\"", "video/mp4; codecs=\"hvc1.2.4.L93.B0\""];
/// AV1 Main, 8 bit and 10 bit.
const AV1: [&str; 2] = ["video/mp4; codecs=\"av01.0.04M.08\"", "video/mp4; codecs=\"av01.0.04M.10\""];
/// MP3 in MP4, as the standard has it (RFC 6381 with the object type of ISO/IEC 11172-3), and as Firefox calls it.
const MP3: [&str; 2] = ["audio/mp4; codecs=\"mp4a.6B\"", "audio/mp4; codecs=\"mp3\""];

/// The type by which this browser takes what the segmenter calls `mime`; `None` where it does not take it.
#[must_use]
pub fn accepted(mime: &str, is_type_supported: impl Fn(&str) -> bool) -> Option<&str> {
    if is_type_supported(mime) {
        return Some(mime);
    }
    let [standard, other] = MP3;
    (mime == standard && is_type_supported(other)).then_some(other)
}

/// What a browser takes that answers so to `isTypeSupported`.
#[must_use]
pub fn takes(is_type_supported: impl Fn(&str) -> bool) -> Takes {
    let sound = |codec: &str| is_type_supported(&format!("audio/mp4; codecs=\"{codec}\""));
    Takes {
        hevc: HEVC.into_iter().any(&is_type_supported),
        av1: AV1.into_iter().any(&is_type_supported),
        opus: sound("opus"),
        flac: sound("flac"),
        mp3_in_mp4: MP3.into_iter().any(&is_type_supported),
        // Frames without a container have no times: every hole and switch would have to be told to the source buffer,
        // which then has no `segments` mode. Decoded they have times like all other sound: see docs/browsers.md.
        mp3: false,
        mp2: false,
        ac3: sound("ac-3"),
        ec3: sound("ec-3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_takes_nothing_more_is_believed() {
        let takes = takes(|_| false);
        assert!(!takes.hevc && !takes.av1 && !takes.opus && !takes.flac && !takes.mp3_in_mp4 && !takes.mp3);
        assert!(!takes.ac3 && !takes.ec3);
    }

    #[test]
    fn one_depth_of_hevc_is_enough_to_be_given_hevc() {
        let ten_bit = takes(|mime| mime == "video/mp4; codecs=\"hvc1.2.4.L93.B0\"");
        assert!(ten_bit.hevc && !ten_bit.av1);
    }

    #[test]
    fn mp3_goes_by_the_name_that_the_browser_knows() {
        let firefox = |mime: &str| mime == "audio/mp4; codecs=\"mp3\"";
        assert!(takes(firefox).mp3_in_mp4);
        assert_eq!(accepted("audio/mp4; codecs=\"mp4a.6B\"", firefox), Some("audio/mp4; codecs=\"mp3\""));
        assert_eq!(accepted("audio/mp4; codecs=\"mp4a.6B\"", |_| true), Some("audio/mp4; codecs=\"mp4a.6B\""));
        assert_eq!(accepted("audio/mp4; codecs=\"opus\"", firefox), None);
    }

    #[test]
    fn every_answer_goes_to_its_own_field() {
        let only = |wanted: &'static str| takes(move |mime| mime.contains(wanted));
        let none = takes(|_| false);
        assert_eq!(only("opus"), Takes { opus: true, ..none });
        assert_eq!(only("flac"), Takes { flac: true, ..none });
        assert_eq!(only("mp4a.6B"), Takes { mp3_in_mp4: true, ..none });
        assert_eq!(only("audio/mpeg"), none, "frames without a container are not asked for");
        assert_eq!(only("ac-3"), Takes { ac3: true, ..none });
        assert_eq!(only("ec-3"), Takes { ec3: true, ..none });
        assert_eq!(only("av01"), Takes { av1: true, ..none });
    }
}
