//! The choosers of programme and sound, and the line that says what is on.

use super::app::App;
use super::channel::{self, Choosable};
use super::document::{Elements, set_data, set_text};
use super::{choices, store};
use crate::browser;
use crate::worker::message::{Choice, ToWorker};
use web_sys::{HtmlElement, HtmlSelectElement};

impl App {
    /// The viewer has chosen a programme.
    pub(super) fn program_chosen(&mut self) {
        let number = self.elements.program.value().parse().ok();
        self.choose(Choice { program: number, audio: None, ..self.choice });
        self.ask(&ToWorker::ChooseProgram { number });
    }

    /// The viewer has chosen a sound track.
    pub(super) fn sound_chosen(&mut self) {
        let pid = self.elements.sound.value().parse().ok();
        self.choose(Choice { audio: pid, ..self.choice });
        self.ask(&ToWorker::ChooseAudio { pid });
    }

    /// The viewer has chosen what is shown after a loss: the channel begins anew with it, from the helper's cache.
    pub(super) fn after_loss_chosen(&mut self) {
        self.choose(Choice { damaged: self.elements.after_loss.value() == "damaged", ..self.choice });
        if let Some(url) = self.tuned.clone() {
            self.tune(url);
        }
    }

    /// What was chosen when this address was played before.
    pub(super) fn remembered_choice(address: &str) -> Choice {
        choices::at(&choices::parse(&store::get("choices").unwrap_or_default()), address)
    }

    fn choose(&mut self, choice: Choice) {
        self.choice = choice;
        if let Some(address) = &self.tuned {
            let list = choices::parse(&store::get("choices").unwrap_or_default());
            store::set("choices", &choices::print(&choices::with(list, address, choice)));
        }
    }

    /// Brings the choosers and the line above the status up to what is known.
    pub(super) fn show_channel(&self) {
        let elements = &self.elements;
        let programs = channel::programs(&self.programs);
        show_choice(elements, &elements.program_choice, &elements.program, &programs);
        let streams = self.program.as_ref().map_or(&[][..], |program| &program.streams);
        let sounds = channel::sounds(streams, browser::language_name);
        show_choice(elements, &elements.sound_choice, &elements.sound, &sounds);

        let after_loss = if self.choice.damaged { "damaged" } else { "clean" };
        if elements.after_loss.value() != after_loss {
            elements.after_loss.set_value(after_loss);
        }

        let service = channel::service(&self.programs).unwrap_or_default();
        let number = self.program.as_ref().map(|program| program.number);
        let schedule = self.schedule.as_ref().filter(|schedule| Some(schedule.program) == number);
        let on_air = channel::on_air(schedule, browser::time_of_day);
        elements.channel.set_hidden(self.tuned.is_none() || (service.is_empty() && on_air.present.is_empty()));
        set_text(&elements.service, &service);
        set_text(&elements.present, &on_air.present);
        set_text(&elements.following, &on_air.following);
        if elements.channel.get_attribute("title").as_deref() != Some(&on_air.about) {
            // It throws only for a name that is none.
            let _ = elements.channel.set_attribute("title", &on_air.about);
        }
    }
}

fn show_choice(elements: &Elements, choice: &HtmlElement, select: &HtmlSelectElement, list: &[Choosable]) {
    choice.set_hidden(list.is_empty());
    // A list that is written again closes under the viewer's hand: only what is new is written.
    let key = format!("{:?}", list.iter().map(|one| (one.id, &one.name, one.playable)).collect::<Vec<_>>());
    if select.get_attribute("data-list").as_deref() != Some(&key) {
        set_data(select, "list", &key);
        select.set_text_content(None);
        for one in list {
            if let Some(option) = elements.append(select, "option", &one.name) {
                let _ = option.set_attribute("value", &one.id.to_string());
                if !one.playable {
                    let _ = option.set_attribute("disabled", "");
                }
            }
        }
        set_data(select, "shown", "");
    }
    // What the viewer has just chosen stays until the stream has come to it, or to something else.
    let selected = list.iter().find(|one| one.selected).map(|one| one.id.to_string()).unwrap_or_default();
    if select.get_attribute("data-shown").as_deref() != Some(&selected) {
        set_data(select, "shown", &selected);
        select.set_value(&selected);
    }
}
