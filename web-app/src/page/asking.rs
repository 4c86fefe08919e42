//! Asks the viewer before a link's relays are opened, and remembers which were used from here.

use super::app::App;
use super::document::set_text;
use super::helper::Helper;
use super::status::Line;
use super::{consent, recent, store};
use amt_shared::AmtUrl;
use amt_shared::amt_url::{RELAY_PORT, RelayAddress};

impl App {
    /// The relays of an address that were never used from here.
    pub(super) fn unknown_relays(&self, url: &AmtUrl) -> Vec<RelayAddress> {
        let mut used: Vec<String> = typed_or_allowed();
        // What has played was allowed, and what the helper was started with was chosen on its command line.
        let played = recent::parse(&store::get("recent").unwrap_or_default());
        let addresses = played.iter().map(|(address, _)| address).chain(&self.own);
        let others = addresses.filter_map(|address| address.parse::<AmtUrl>().ok());
        used.extend(others.flat_map(|url| url.relays).map(|relay| relay.to_string()));
        consent::unknown(url, &used)
    }

    /// Remembers the relays of an address as used. Those of a link at ports that relays do not have are only once it plays: the
    /// helper may refuse them.
    pub(super) fn use_relays(&self, url: &AmtUrl, typed: bool) {
        if typed || url.relays.iter().all(|relay| relay.udp_port() == RELAY_PORT) {
            store::set("relays", &consent::with(typed_or_allowed(), url).join("\n"));
        }
    }

    /// Looks again whether the viewer has to be asked, now that the helper has said what it plays itself.
    pub(super) fn look_again(&mut self) {
        let Some(address) = &self.asks else { return };
        if address.parse::<AmtUrl>().is_ok_and(|url| self.unknown_relays(&url).is_empty()) {
            self.asks = None;
            self.submitted();
        }
    }

    /// What the viewer is to be asked, once the helper is there.
    pub(super) fn question(&self) -> Option<String> {
        let url: AmtUrl = self.asks.as_ref().filter(|_| self.helper == Helper::There)?.parse().ok()?;
        Some(consent::question(&self.unknown_relays(&url)))
    }

    pub(super) fn show_question(&self, line: &Line) {
        let asks = line.phase == "asking";
        self.elements.consent.set_hidden(!asks);
        set_text(&self.elements.question, if asks { &line.sentence } else { "" });
    }

    /// The viewer says yes.
    pub(super) fn consented(&mut self) {
        if let Some(address) = self.asks.take() {
            self.elements.url.set_value(&address);
            self.from_link = Some(address);
            self.submitted();
        }
    }

    /// The viewer says no.
    pub(super) fn refused(&mut self) {
        self.elements.url.set_value("");
        self.from_link = None;
        self.stop();
    }
}

fn typed_or_allowed() -> Vec<String> {
    store::get("relays").unwrap_or_default().lines().map(str::to_owned).collect()
}
