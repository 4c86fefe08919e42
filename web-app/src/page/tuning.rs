//! Which channel: the form, the page's own address, and what was played before.

use super::app::App;
use super::cues::Cues;
use super::document::set_text;
use super::{recent, store};
use crate::browser;
use crate::worker::message::ToWorker;
use amt_shared::stats::ChannelStats;
use amt_shared::{AmtUrl, amt_url::UrlError};

impl App {
    /// What stands in the field is to be played.
    pub(super) fn submitted(&mut self) {
        let address = self.elements.url.value().trim().to_owned();
        self.chosen = true;
        match address.parse::<AmtUrl>() {
            Ok(_) => {
                let _ = self.elements.url.blur();
                self.set_hash(&address);
                self.play(&address);
            }
            Err(error) => {
                self.show_address_error(Some(&error));
                let _ = self.elements.url.focus();
            }
        }
    }

    pub(super) fn play(&mut self, address: &str) {
        self.leave(true);
        self.elements.url.set_value(address);
        self.show_address_error(None);
        self.tuned = Some(address.to_owned());
        self.choice = Self::remembered_choice(address);
        let list = recent::with(recent::parse(&store::get("recent").unwrap_or_default()), address);
        store::set("recent", &recent::print(&list));
        self.show_recent();
        self.player.resume();
        self.restarts.wanted();
        self.ask(&ToWorker::Tune { url: address.to_owned(), takes: self.takes, choice: self.choice });
        self.show();
    }

    pub(super) fn stop(&mut self) {
        self.chosen = true;
        self.leave(false);
        self.ask(&ToWorker::Stop);
        self.set_hash("");
        self.show();
    }

    /// Forgets the channel that was played, all but its last picture where another one follows.
    fn leave(&mut self, another_follows: bool) {
        self.tuned = None;
        self.status = None;
        self.phase_since = browser::monotonic_ms();
        self.stats = ChannelStats::default();
        self.not_ts = false;
        self.sound_missing = None;
        self.forget_stream();
        self.cues = Cues::default();
        self.faults.clear();
        self.recoveries_seen = 0;
        self.has_played = false;
        self.has_shown = false;
        self.player.stop(another_follows);
    }

    /// Plays the address behind `#`, if it is another one than what plays.
    pub(super) fn follow_hash(&mut self) {
        let hash = self.hash();
        if hash.is_empty() || self.tuned.as_deref() == Some(&hash) {
            return;
        }
        self.elements.url.set_value(&hash);
        self.submitted();
    }

    pub(super) fn hash(&self) -> String {
        let hash = self.elements.window.location().hash().unwrap_or_default();
        let hash = hash.strip_prefix('#').unwrap_or(&hash).to_owned();
        js_sys::decode_uri_component(&hash).map_or(hash, String::from)
    }

    pub(super) fn set_hash(&self, address: &str) {
        if self.hash() != address {
            // It throws only in documents without an address of their own.
            let _ = self.elements.window.location().set_hash(address);
        }
    }

    /// Checks the form of the address while it is typed.
    pub(super) fn check_address(&mut self) {
        let text = self.elements.url.value();
        let text = text.trim();
        let begun = "amt://".starts_with(&text.to_ascii_lowercase());
        match text.parse::<AmtUrl>() {
            Err(error) if !begun => self.show_address_error(Some(&error)),
            Ok(url) if url.lacks_required_source() => {
                self.show_address_error(None);
                set_text(
                    &self.elements.url_hint,
                    "This group is for joins with a source: write amt://SOURCE@GROUP:PORT.",
                );
            }
            _ => self.show_address_error(None),
        }
    }

    pub(super) fn show_address_error(&self, error: Option<&UrlError>) {
        let (invalid, text) = error.map_or(("false", String::new()), |error| ("true", error.to_string()));
        let _ = self.elements.url.set_attribute("aria-invalid", invalid);
        set_text(&self.elements.url_hint, &text);
    }

    pub(super) fn show_last_played(&self) {
        let list = recent::parse(&store::get("recent").unwrap_or_default());
        if let Some(address) = list.first() {
            self.elements.url.set_value(address);
        }
    }

    pub(super) fn show_recent(&self) {
        let list = recent::parse(&store::get("recent").unwrap_or_default());
        self.elements.datalist.set_text_content(None);
        self.elements.history_list.set_text_content(None);
        self.elements.history.set_hidden(list.is_empty());
        for address in &list {
            if let Some(option) = self.elements.append(&self.elements.datalist, "option", "") {
                let _ = option.set_attribute("value", address);
            }
            if let Some(item) = self.elements.append(&self.elements.history_list, "li", "")
                && let Some(button) = self.elements.append(&item, "button", address)
            {
                let _ = button.set_attribute("type", "button");
                let _ = button.set_attribute("data-address", address);
                let _ = button.set_attribute("aria-label", &format!("Play {address}"));
            }
        }
    }
}
