//! Which channel: the form, and the page's own address.

use super::app::App;
use super::cues::Cues;
use super::document::set_text;
use crate::browser;
use crate::worker::message::ToWorker;
use amt_shared::stats::ChannelStats;
use amt_shared::{AmtUrl, amt_url::UrlError};

/// The state of the step in the browser's history at which the viewer has stopped what played.
const STOPPED: &str = "stopped";
/// Characters of a hint.
const HINT: usize = 300;

impl App {
    /// Stops what plays, or plays what stands in the field.
    pub(super) fn toggle(&mut self) {
        if self.tuned.is_some() {
            self.stop();
        } else {
            self.submitted();
        }
    }

    /// What stands in the field is to be played.
    pub(super) fn submitted(&mut self) {
        let address = self.elements.url.value().trim().to_owned();
        self.chosen = true;
        match address.parse::<AmtUrl>() {
            Ok(url) => {
                let _ = self.elements.url.blur();
                // A click alone is consent to a link's relays, but did not choose their ports.
                let typed = self.from_link.as_ref() != Some(&address) || self.unknown_relays(&url).is_empty();
                self.use_relays(&url, typed);
                self.set_hash(&address);
                self.play(&address, typed);
            }
            Err(error) => {
                self.show_address_error(Some(&error));
                let _ = self.elements.url.focus();
            }
        }
    }

    pub(super) fn play(&mut self, address: &str, typed: bool) {
        self.leave(true);
        self.asks = None;
        self.typed = typed;
        self.elements.url.set_value(address);
        self.show_address_error(None);
        self.tuned = Some(address.to_owned());
        self.choice = Self::remembered_choice(address);
        self.player.resume();
        self.restarts.wanted();
        self.tune(address.to_owned());
        self.show();
    }

    /// Asks the worker for it.
    pub(super) fn tune(&self, url: String) {
        self.ask(&ToWorker::Tune { url, takes: self.takes, choice: self.choice, typed: self.typed });
    }

    pub(super) fn stop(&mut self) {
        self.chosen = true;
        self.asks = None;
        self.leave(false);
        self.ask(&ToWorker::Stop);
        self.clear_hash();
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
        self.remembered = None;
        self.asked_since = None;
        self.player.stop(another_follows);
    }

    /// Plays the address behind `#`, where there is one.
    pub(super) fn follow_link(&mut self) {
        let hash = self.hash();
        if hash.is_empty() || self.tuned.as_deref() == Some(&hash) {
            return;
        }
        let url = hash.parse::<AmtUrl>();
        let waits = url.as_ref().is_ok_and(|url| !self.unknown_relays(url).is_empty());
        if self.tuned.is_some() && (url.is_err() || waits) {
            // What plays is not what the address bar says any more.
            self.leave(false);
            self.ask(&ToWorker::Stop);
        }
        self.elements.url.set_value(&hash);
        self.from_link = Some(hash.clone());
        self.asks = waits.then_some(hash);
        if waits {
            self.chosen = true;
            self.show_address_error(None);
            self.show();
        } else {
            self.submitted();
        }
    }

    /// The viewer went back or forward, or typed: what plays is what the page's address says.
    pub(super) fn follow_hash(&mut self) {
        if !self.hash().is_empty() {
            return self.follow_link();
        }
        let state = self.elements.window.history().and_then(|history| history.state());
        let is_stop = state.is_ok_and(|state| state == STOPPED);
        match self.own.clone() {
            // What the page plays without an address in its own.
            Some(own) if !is_stop && self.tuned.as_ref() != Some(&own) => self.play(&own, true),
            Some(_) if !is_stop => {}
            _ if self.tuned.is_some() || self.asks.is_some() => self.stop(),
            _ => {}
        }
    }

    /// Takes the channel out of the page's address, as a step that the viewer can take back.
    fn clear_hash(&self) {
        let location = self.elements.window.location();
        if self.hash().is_empty() {
            return;
        }
        let rest = location.pathname().unwrap_or_default() + &location.search().unwrap_or_default();
        if let Ok(history) = self.elements.window.history() {
            // Unlike a new hash this makes no event, which would be taken for the viewer's.
            let _ = history.push_state_with_url(&STOPPED.into(), "", Some(&rest));
        }
    }

    /// There is nothing to play: the viewer can begin to type, unless the focus is somewhere already.
    pub(super) fn invite(&self) {
        let active = self.elements.document.active_element();
        if active.is_none_or(|active| active.tag_name() == "BODY") {
            let _ = self.elements.url.focus();
            self.elements.url.select();
        }
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
                set_text(&self.elements.url_hint, "This group needs a source (SSM): write amt://SOURCE@GROUP:PORT.");
            }
            _ => self.show_address_error(None),
        }
    }

    pub(super) fn show_address_error(&self, error: Option<&UrlError>) {
        let (invalid, text) = error.map_or(("false", String::new()), |error| ("true", error.to_string()));
        let _ = self.elements.url.set_attribute("aria-invalid", invalid);
        // The address may be any length, and so may be what is told of it.
        let bounded = text.char_indices().nth(HINT).map_or(text.clone(), |(end, _)| format!("{}…", &text[..end]));
        set_text(&self.elements.url_hint, &bounded);
    }
}
