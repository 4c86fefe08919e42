//! Which relays a page may have the helper send to, and how many.
//!
//! A page hands on what a link names, and a link can name any address and port. Ports that relays do not have are used
//! where the viewer typed them, or who started the helper said so; and a page names only so many new relays in a time.
//! Pure: in go addresses and the time, out comes whether they are opened.

use crate::amt;
use crate::budget::Budget;
use crate::options::RelayPorts;
use amt_shared::AmtUrl;
use amt_shared::amt_url::RelayAddress;
use amt_shared::wire::{Phase, Status};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// New relays of one page at once: as many as two addresses can name.
const AT_ONCE: u32 = 32;
/// And one more in this time.
const ANOTHER: Duration = Duration::from_secs(2);
/// Relays of a page that are remembered as not new.
const REMEMBERED: usize = 64;

/// What holds for all pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Besides the port that relays have.
    pub(super) ports: RelayPorts,
    /// Relays that the command line names.
    pub(super) own: Vec<RelayAddress>,
    /// The command line's relays take the place of all others.
    pub(super) only_own: bool,
}

/// The relays that one page has named.
#[derive(Debug)]
pub(super) struct Targets {
    named: VecDeque<RelayAddress>,
    budget: Budget,
}

impl Targets {
    pub(super) const fn new() -> Self {
        Self { named: VecDeque::new(), budget: Budget::new(AT_ONCE, ANOTHER) }
    }

    /// Takes an address that the page wants to play. `typed` says that the viewer named its relays.
    ///
    /// # Errors
    /// Why it is not played, for the viewer.
    pub(super) fn admit(&mut self, now: Instant, rules: &Rules, url: &AmtUrl, typed: bool) -> Result<(), Status> {
        if rules.only_own {
            return Ok(());
        }
        let foreign = || url.relays.iter().filter(|relay| !rules.own.contains(relay));
        let allowed = |port| typed || port == amt::PORT || rules.ports.contains(port);
        if let Some(relay) = foreign().find(|relay| !allowed(relay.udp_port())) {
            let sentence = format!("The relay {relay} is not at the port of relays, {}.", amt::PORT);
            let advice = format!(
                "Type the address instead of following a link, or start the helper with --relay-ports {}.",
                relay.udp_port()
            );
            return Err(refused(sentence, advice));
        }
        let mut new: Vec<&RelayAddress> = foreign().filter(|relay| !self.named.contains(relay)).collect();
        new.dedup();
        if !self.budget.take(now, new.len()) {
            let advice = "Wait for some seconds, then play it again.".to_owned();
            return Err(refused("This page has tried many relays, one after another.".to_owned(), advice));
        }
        self.named.extend(new.into_iter().cloned());
        self.named.drain(..self.named.len().saturating_sub(REMEMBERED));
        Ok(())
    }
}

fn refused(sentence: String, advice: String) -> Status {
    Status { phase: Phase::Failed, sentence, advice: Some(advice), relay: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(relays: &str) -> AmtUrl {
        format!("amt://192.0.2.1@232.0.0.1?relay={relays}").parse().unwrap()
    }

    #[test]
    fn ports_that_relays_do_not_have_are_for_who_typed_or_allowed_them() {
        let now = Instant::now();
        let rules = Rules { ports: "5000-5010".parse().unwrap(), own: url("192.0.2.9:53").relays, only_own: false };
        let admit = |rules: &Rules, relays, typed| Targets::new().admit(now, rules, &url(relays), typed);
        for allowed in ["192.0.2.7", "192.0.2.7:2268", "relay.example:5000", "192.0.2.9:53"] {
            assert_eq!(admit(&rules, allowed, false), Ok(()), "{allowed}");
        }
        for other in ["192.0.2.7:53", "192.0.2.7,relay.example:4999", "192.0.2.9:54"] {
            let refused = admit(&rules, other, false).unwrap_err();
            assert!(refused.advice.unwrap().contains("--relay-ports "), "{other}");
            assert_eq!(admit(&rules, other, true), Ok(()), "{other}, typed");
        }
        let only_own = Rules { only_own: true, ..rules };
        assert_eq!(admit(&only_own, "192.0.2.7:53", false), Ok(()), "it is not used at all");
    }

    #[test]
    fn a_page_names_new_relays_slowly_and_known_ones_as_it_likes() {
        let (start, rules) = (Instant::now(), Rules::default());
        let mut targets = Targets::new();
        let mut admit = |now, number: usize| {
            targets.admit(now, &rules, &url(&format!("10.0.{}.{}", number / 256, number % 256)), true).is_ok()
        };
        assert_eq!((0..1000).filter(|number| admit(start, *number)).count(), AT_ONCE as usize);
        assert!((0..1000).all(|_| admit(start, 0)), "the same is not new");
        let later = (1..=100).filter(|second| admit(start + Duration::from_secs(*second), 2000 + *second as usize));
        assert_eq!(later.count(), 50);
    }

    #[test]
    fn a_page_that_has_waited_long_has_no_more_than_at_first() {
        let (start, rules) = (Instant::now(), Rules::default());
        let mut targets = Targets::new();
        let later = start + Duration::from_secs(86_400);
        let admitted = (0..1000).filter(|number| {
            let relay = format!("10.0.{}.{}", number / 256, number % 256);
            targets.admit(later, &rules, &url(&relay), false).is_ok()
        });
        assert_eq!(admitted.count(), AT_ONCE as usize);
    }
}
