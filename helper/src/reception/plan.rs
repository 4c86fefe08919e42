//! What a tunnel is to do.

use amt_shared::AmtUrl;
use amt_shared::amt_url::RelayAddress;
use std::time::Duration;

/// Relays of one plan.
const MAX_RELAYS: usize = 16;

/// Which channel, through which relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The channel; its own relays are not looked at.
    pub url: AmtUrl,
    /// The relays in the order to try them; empty for the anycast address (RFC 7450, 7.1).
    pub relays: Vec<RelayAddress>,
}

impl Plan {
    /// The plan of a URL, where `relays` given by the user override the URL's own.
    #[must_use]
    pub fn new(url: AmtUrl, relays: &[RelayAddress]) -> Self {
        let mut relays = if relays.is_empty() { url.relays.clone() } else { relays.to_vec() };
        relays.truncate(MAX_RELAYS);
        Self { url, relays }
    }

    /// The plan of all who want one channel, of whom the latest comes first: the relays of each in turn, and the
    /// timeout of the first that names one. `None` where nobody wants it.
    pub(crate) fn of_all<'a>(plans: impl Iterator<Item = &'a Self> + Clone) -> Option<Self> {
        let first = plans.clone().next()?;
        let mut relays: Vec<RelayAddress> = Vec::new();
        for relay in plans.clone().flat_map(|plan| &plan.relays) {
            if relays.len() < MAX_RELAYS && !relays.contains(relay) {
                relays.push(relay.clone());
            }
        }
        let timeout_seconds = plans.clone().find_map(|plan| plan.url.timeout_seconds);
        Some(Self { url: AmtUrl { timeout_seconds, ..first.url.clone() }, relays })
    }

    /// How long it may be silent, where somebody says so.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.url.timeout_seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// The channel in short, for lines that people read.
    #[must_use]
    pub fn label(&self) -> String {
        let source = self.url.source.as_ref().map(|source| format!("{source}@")).unwrap_or_default();
        format!("{source}{}:{}", self.url.group, self.url.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(url: &str) -> Plan {
        Plan::new(url.parse().unwrap(), &[])
    }

    fn relays(plan: &Plan) -> String {
        plan.relays.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn relays_named_later_come_first_and_those_of_the_others_behind_them() {
        let of_all = |urls: &[&str]| {
            let plans: Vec<_> = urls.iter().map(|url| plan(url)).collect();
            Plan::of_all(plans.iter())
        };
        let shared = of_all(&["amt://232.0.0.1?relay=c,b", "amt://232.0.0.1?timeout=7", "amt://232.0.0.1?relay=a,b"]);
        let shared = shared.unwrap();
        assert_eq!((relays(&shared).as_str(), shared.timeout()), ("c,b,a", Some(Duration::from_secs(7))));
        let latest = of_all(&["amt://232.0.0.1?timeout=3", "amt://232.0.0.1?timeout=7"]).unwrap();
        assert_eq!((latest.relays.len(), latest.timeout()), (0, Some(Duration::from_secs(3))));
        assert_eq!(of_all(&[]), None);
    }

    #[test]
    fn a_url_may_not_name_relays_without_end() {
        let url = format!("amt://232.0.0.1?relay={}", vec!["a"; 20_000].join(","));
        assert_eq!(plan(&url).relays.len(), MAX_RELAYS);
    }

    #[test]
    fn the_users_relays_override_the_urls() {
        let given = amt_shared::amt_url::parse_relays("mine").unwrap();
        assert_eq!(relays(&Plan::new("amt://232.0.0.1?relay=theirs".parse().unwrap(), &given)), "mine");
    }
}
