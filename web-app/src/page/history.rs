//! The list of what has played, as the document shows it.

use super::app::App;
use super::document::{set_data, set_text};
use super::recent::{self, Entry};
use super::store;
use wasm_bindgen::JsCast;
use web_sys::{Element, EventTarget};

fn list() -> Vec<Entry> {
    recent::parse(&store::get("recent").unwrap_or_default())
}

impl App {
    /// This channel plays, and is called so, as far as is known.
    pub(super) fn remember(&mut self, name: String) {
        let Some(address) = self.tuned.as_deref().filter(|_| self.remembered.as_ref() != Some(&name)) else { return };
        store::set("recent", &recent::print(&recent::with(list(), address, &name)));
        self.remembered = Some(name);
        self.show_recent();
    }

    /// A place in the list was pressed: to play it, or to forget it.
    pub(super) fn history_pressed(&mut self, target: EventTarget) {
        let Ok(target) = target.dyn_into::<Element>() else { return };
        let Ok(Some(button)) = target.closest("button") else { return };
        if let Some(address) = button.get_attribute("data-address") {
            self.elements.url.set_value(&address);
            self.submitted();
        } else if let Some(address) = button.get_attribute("data-forget") {
            store::set("recent", &recent::print(&recent::without(list(), &address)));
            self.show_recent();
        }
    }

    pub(super) fn show_last_played(&self) {
        if let Some((address, _)) = list().first() {
            self.elements.url.set_value(address);
        }
    }

    pub(super) fn show_recent(&self) {
        let list = list();
        let elements = &self.elements;
        elements.datalist.set_text_content(None);
        elements.history_list.set_text_content(None);
        elements.history.set_hidden(list.is_empty());
        for (address, name) in &list {
            if let Some(option) = elements.append(&elements.datalist, "option", name) {
                // It throws only for a name that is none, and so do those below.
                let _ = option.set_attribute("value", address);
            }
            let called = if name.is_empty() { address } else { name };
            let Some(item) = elements.append(&elements.history_list, "li", "") else { continue };
            for (class, data, does) in [("entry", "address", "Play"), ("forget", "forget", "Remove")] {
                let Some(button) = elements.append(&item, "button", "") else { continue };
                for (attribute, value) in [("type", "button"), ("class", class), ("title", address)] {
                    let _ = button.set_attribute(attribute, value);
                }
                let _ = button.set_attribute("aria-label", &format!("{does} {called}"));
                set_data(&button, data, address);
                if class == "forget" {
                    set_text(&button, "×");
                    continue;
                }
                if !name.is_empty()
                    && let Some(line) = elements.append(&button, "span", name)
                {
                    let _ = line.set_attribute("class", "name");
                }
                elements.append(&button, "span", address.strip_prefix("amt://").unwrap_or(address));
            }
        }
    }
}
