//! What a tunnel is to do.

use amt_shared::AmtUrl;
use amt_shared::amt_url::RelayAddress;

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

    /// Puts relays before those that are there already, which stay behind them: whoever named those still counts
    /// on them. Whether that changed anything.
    pub(crate) fn prefer(&mut self, mut relays: Vec<RelayAddress>) -> bool {
        if relays.iter().all(|relay| self.relays.contains(relay)) && !self.relays.is_empty() {
            return false;
        }
        relays.append(&mut self.relays);
        let mut seen = Vec::new();
        relays.retain(|relay| {
            let new = !seen.contains(relay);
            seen.push(relay.clone());
            new
        });
        relays.truncate(MAX_RELAYS);
        let changed = self.relays != relays;
        self.relays = relays;
        changed
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
    fn relays_named_later_come_first_and_those_before_stay() {
        let mut shared = plan("amt://232.0.0.1?relay=a,b");
        assert!(!shared.prefer(plan("amt://232.0.0.1?relay=b").relays));
        assert!(!shared.prefer(plan("amt://232.0.0.1").relays));
        assert!(shared.prefer(plan("amt://232.0.0.1?relay=c,b").relays));
        assert_eq!(relays(&shared), "c,b,a");
        let mut anycast = plan("amt://232.0.0.1");
        assert!(!anycast.prefer(Vec::new()));
        assert!(anycast.prefer(plan("amt://232.0.0.1?relay=a").relays));
    }

    #[test]
    fn a_url_may_not_name_relays_without_end() {
        let url = format!("amt://232.0.0.1?relay={}", "a,".repeat(20_000));
        assert_eq!(plan(&url).relays.len(), MAX_RELAYS);
    }

    #[test]
    fn the_users_relays_override_the_urls() {
        let given = amt_shared::amt_url::parse_relays("mine").unwrap();
        assert_eq!(relays(&Plan::new("amt://232.0.0.1?relay=theirs".parse().unwrap(), &given)), "mine");
    }
}
