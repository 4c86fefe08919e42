//! The figures: for people in the panel, for programs as data attributes of `#figures`.

use super::cues::Cues;
use super::document::{Elements, set_data};
use super::status::{bit_rate, codec_name};
use crate::player::figures::Figures;
use crate::worker::message::Clock;
use amt_shared::stats::ChannelStats;
use amt_shared::wire::Status;
use js_sys::ArrayBuffer;
use std::collections::BTreeMap;

/// Writes them all.
pub(super) fn show(
    elements: &Elements,
    figures: &Figures,
    stats: &ChannelStats,
    status: Option<&Status>,
    faults: &BTreeMap<String, u64>,
) {
    let whole = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.0}"));
    let codec = |codec: &Option<String>| codec.clone().unwrap_or_default();
    let relay = status.and_then(|status| status.relay.clone()).unwrap_or_default();
    let join = stats.join_ms.map(|join| join as f64);
    for (name, value) in [
        ("delay-ms", whole(figures.delay_ms)),
        ("buffer-ms", whole(Some(figures.buffered_ms))),
        ("target-ms", whole(figures.target_ms)),
        ("speed", format!("{:.2}", figures.rate)),
        ("width", figures.width.to_string()),
        ("height", figures.height.to_string()),
        ("video-codec", codec(&figures.video_codec)),
        ("audio-codec", codec(&figures.audio_codec)),
        ("bits-per-second", stats.bits_per_second.to_string()),
        ("continuity-lost", stats.continuity_lost.to_string()),
        ("relay", relay.clone()),
        ("join-ms", whole(join)),
        ("stalls", figures.stalls.to_string()),
        ("recoveries", figures.recoveries.to_string()),
        ("last-error", codec(&figures.last_error)),
        ("frames", figures.frames.to_string()),
        ("dropped-frames", figures.dropped_frames.to_string()),
        ("overflows", figures.overflows.to_string()),
        ("faults", serde_json::to_string(faults).unwrap_or_default()),
    ] {
        set_data(&elements.figures, name, &value);
    }
    // The panel is closed most of the time.
    if !elements.details.open() {
        return;
    }
    let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let milliseconds = |value: Option<f64>| or_dash(value.map_or_else(String::new, |value| format!("{value:.0} ms")));
    let codecs: Vec<_> = [&figures.video_codec, &figures.audio_codec]
        .into_iter()
        .flatten()
        .map(|codec| format!("{} ({codec})", codec_name(codec)))
        .collect();
    let told: Vec<_> = faults.iter().map(|(reason, count)| format!("{} {count}", reason.replace('_', " "))).collect();
    let size = if figures.width > 0 { format!("{}×{}", figures.width, figures.height) } else { String::new() };
    let rate = if stats.bits_per_second > 0 { bit_rate(stats.bits_per_second) } else { String::new() };
    for (name, text) in [
        ("delay", milliseconds(figures.delay_ms)),
        ("buffer", milliseconds(Some(figures.buffered_ms))),
        ("target", milliseconds(figures.target_ms)),
        ("speed", format!("×{:.2}", figures.rate)),
        ("picture", or_dash(size)),
        ("codecs", or_dash(codecs.join(", "))),
        ("rate", or_dash(rate)),
        ("lost", format!("{} of {}", stats.continuity_lost, stats.ts_packets + stats.continuity_lost)),
        ("relay", or_dash(relay)),
        ("join", milliseconds(join)),
        ("stalls", figures.stalls.to_string()),
        ("recoveries", figures.recoveries.to_string()),
        ("frames", format!("{}, {} dropped", figures.frames, figures.dropped_frames)),
        ("faults", or_dash(told.join(", "))),
    ] {
        elements.set_figure(name, &text);
    }
}

/// What is known beside picture and sound.
pub(super) struct Beside<'a> {
    pub(super) clock: Option<Clock>,
    pub(super) cues: &'a Cues<ArrayBuffer>,
    /// The codec of the sound, where it is decoded before the browser gets it.
    pub(super) decoded: Option<String>,
}

/// Writes what is known beside picture and sound.
pub(super) fn show_beside(elements: &Elements, beside: &Beside<'_>) {
    let ppm = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
    let drift = beside.clock.map(|clock| clock.timestamps_ppm);
    let against_helper = beside.clock.and_then(|clock| clock.helper_ppm);
    for (name, value) in [
        ("drift-ppm", ppm(drift)),
        ("clock-ppm", ppm(against_helper)),
        ("lead-ms", beside.clock.map_or_else(String::new, |clock| format!("{:.0}", clock.lead_ms))),
        ("decoded-sound", beside.decoded.clone().unwrap_or_default()),
        ("cues", serde_json::to_string(beside.cues.counts()).unwrap_or_default()),
    ] {
        set_data(&elements.figures, name, &value);
    }
    if !elements.details.open() {
        return;
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let signed = |value: f64| format!("{value:+.1} ppm");
    elements.set_figure("drift", &or_dash(drift.map(signed)));
    elements.set_figure("clock", &or_dash(against_helper.map(signed)));
    elements.set_figure("sound", beside.decoded.as_deref().map_or("by the browser", |_| "by this page"));
    let kinds: Vec<_> = beside.cues.counts().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let splice = beside.cues.last_splice().map(|splice| {
        let out = match splice.out_of_network {
            Some(true) => " (out)",
            Some(false) => " (back)",
            None => "",
        };
        format!("last: {}{out}", splice.command.as_deref().unwrap_or_default().replace('_', " "))
    });
    let told: Vec<_> = kinds.into_iter().chain(splice).collect();
    elements.set_figure("cues", &or_dash((!told.is_empty()).then(|| told.join(", "))));
}
