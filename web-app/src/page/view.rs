//! Brings the document up to what is known: the line, the steps, the stage, the figures.

use super::app::App;
use super::document::{set_data, set_text};
use super::figures::{self, Beside};
use super::status::{self, Facts, Picture, Playing, Program};
use super::{channel, controls, store};
use crate::browser;
use crate::player::figures::Condition;
use crate::worker::message;
use web_sys::HtmlElement;

/// Where no data comes, the last picture of what played before stands for so long.
const HELD_SECONDS: f64 = 5.0;
/// The viewer is asked for so long whether the sound is wanted; the button in the bar stays.
const ASKED_MS: f64 = 12_000.0;
/// The title of a page that plays nothing.
const TITLE: &str = "Multicast television";

impl App {
    /// Brings the document up to what is known.
    pub(super) fn show(&mut self) {
        let figures = self.player.figures();
        let condition = self.player.condition();
        let picture = match condition {
            Condition::Waiting => Picture::None,
            Condition::Playing => Picture::Moving,
            Condition::Paused => Picture::Paused,
            Condition::Blocked => Picture::Blocked,
        };
        if picture == Picture::Moving {
            self.recoveries_seen = figures.recoveries;
            self.has_played = true;
            self.has_shown |= (figures.width, figures.height) != (0, 0);
        }
        let sound = self.program.as_ref().and_then(|program| decoded_sound(program, figures.audio_codec.as_deref()));
        let decoded = sound.clone();
        let facts = Facts {
            can_play: browser::has_media_source(),
            helper: self.restarts.trouble().unwrap_or(self.helper),
            host: self.host.clone(),
            tuned: self.tuned.is_some(),
            asks: self.question(),
            status: self.status.clone(),
            picture,
            has_played: self.has_played,
            has_shown: self.has_shown,
            phase_seconds: (browser::monotonic_ms() - self.phase_since) / 1000.0,
            not_ts: self.not_ts,
            sound_missing: self.sound_missing.clone(),
            program: self
                .program
                .as_ref()
                .map(|program| Program::of(program, channel::stands_in(&self.programs, self.choice.program))),
            refused: figures.refused.clone(),
            recovering: figures.recoveries > self.recoveries_seen,
            playing: Playing {
                size: (figures.width, figures.height),
                codecs: [figures.video_codec.clone(), sound.or_else(|| figures.audio_codec.clone())]
                    .into_iter()
                    .flatten()
                    .collect(),
                bits_per_second: self.stats.bits_per_second,
                delay_ms: figures.delay_ms,
                behind: figures.behind,
            },
        };
        let line = status::line(&facts);
        let service = channel::service(&self.programs);
        if picture == Picture::Moving {
            self.remember(service.clone().unwrap_or_default());
        }
        let notice = status::notice(&line, &facts);
        self.show_question(&line);
        let elements = &self.elements;
        set_data(&elements.status, "phase", line.phase);
        set_text(&elements.sentence, &line.sentence);
        elements.set_advice(&line.advice);
        set_text(&elements.now, &line.now);

        let busy = ["resolving", "discovering", "requesting", "joined", "receiving", "silent"].contains(&line.phase);
        set_data(&elements.stage, "busy", if busy { "true" } else { "false" });
        let tuned = self.tuned.is_some();
        // The last picture of what played before stands for what is on its way, and not for what will not come.
        let phase_seconds = (browser::monotonic_ms() - self.phase_since) / 1000.0;
        let comes = tuned
            && !["failed", "helper_unreachable"].contains(&line.phase)
            && (line.phase == "receiving" || phase_seconds < HELD_SECONDS);
        let shown = match () {
            () if tuned && self.player.has_picture() => "true",
            () if comes && self.player.holds_picture() => "held",
            () => "false",
        };
        set_data(&elements.stage, "picture", shown);
        elements.live.set_hidden(!tuned || !figures.behind);
        let blocked = picture == Picture::Blocked;
        let silent = picture == Picture::Moving && figures.audio_codec.is_some() && elements.video.muted();
        // A viewer who has muted it does not need to be asked, and nobody for ever.
        let now = browser::monotonic_ms();
        let is_new = |since: &mut Option<f64>| now - *since.get_or_insert(now) < ASKED_MS;
        let asks =
            blocked || (silent && store::get("sound").as_deref() != Some("off") && is_new(&mut self.asked_since));
        elements.unmute.set_hidden(!asks);
        set_data(&elements.unmute, "blocked", if blocked { "true" } else { "false" });
        set_text(&elements.unmute_label, if blocked { "Start playback" } else { "Turn sound on" });
        let (does, name) = if tuned { ("stop", "Stop") } else { ("play", "Play") };
        if elements.stop.get_attribute("data-does").as_deref() != Some(does) {
            set_data(&elements.stop, "does", does);
            controls::label(&elements.stop, name, "k");
        }
        elements.notice.set_hidden(notice.is_empty());
        set_text(&elements.notice, &notice);
        let title = self.tuned.as_ref().map_or_else(
            || TITLE.to_owned(),
            |address| format!("{} – {TITLE}", channel::title(service.as_deref(), address)),
        );
        if elements.document.title() != title {
            elements.document.set_title(&title);
        }
        self.show_channel();
        figures::show(&self.elements, &figures, &self.stats, self.status.as_ref(), &self.faults);
        let beside = Beside { clock: self.clock, cues: &self.cues, decoded };
        figures::show_beside(&self.elements, &beside);
        self.show_steps(line.phase);
    }

    pub(super) fn show_steps(&mut self, phase: &'static str) {
        const STEPS: [&str; 6] = ["resolving", "discovering", "requesting", "joined", "receiving", "playing"];
        let stopped = !STEPS.contains(&phase);
        if !stopped {
            self.step = phase;
        } else if phase != "failed" && phase != "silent" {
            self.step = "";
        }
        let reached = STEPS.iter().position(|step| *step == self.step);
        let items = self.elements.steps.children();
        for (index, item) in (0..items.length()).filter_map(|index| Some((index as usize, items.item(index)?))) {
            let state = match reached {
                Some(reached) if index < reached => "done",
                Some(reached) if index == reached && stopped => "stopped",
                Some(reached) if index == reached => "now",
                _ => "",
            };
            if let Ok(item) = wasm_bindgen::JsCast::dyn_into::<HtmlElement>(item) {
                set_data(&item, "state", state);
            }
        }
    }
}

/// The codec of the sound where it is decoded before the browser gets it.
fn decoded_sound(program: &message::Program, played: Option<&str>) -> Option<String> {
    let sound = program.streams.iter().find(|stream| stream.selected && stream.kind == "audio")?;
    let codec = sound.codec.as_deref()?;
    let is_flac = |codec: &str| codec.eq_ignore_ascii_case("flac");
    (is_flac(played?) && !is_flac(codec)).then(|| codec.to_owned())
}
