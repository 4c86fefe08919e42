//! How things stand, in plain sentences with what to do next.

use super::Plan;
use super::resolve::ANYCAST;
use crate::amt::gateway::{Cause, Event, Report};
use amt_shared::amt_url::Host;
use amt_shared::wire::{Phase, Status};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Unanswered questions after which a relay counts as silent.
const UNANSWERED: u32 = 3;

/// What an event means to people.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How things stand now, where that changed.
    pub(super) status: Option<Status>,
    /// It happens all the time and says nothing new.
    pub(super) routine: bool,
}

/// Follows a tunnel and puts it into words.
pub(super) struct Narrator {
    channel: String,
    phase: Phase,
    relay: Option<SocketAddr>,
    had_data: bool,
    not_ts: bool,
    refreshing: bool,
    /// ICMP says that the relay is not there.
    unreachable: bool,
}

impl Narrator {
    pub(super) fn new(channel: String) -> Self {
        Self {
            channel,
            phase: Phase::Idle,
            relay: None,
            had_data: false,
            not_ts: false,
            refreshing: false,
            unreachable: false,
        }
    }

    fn status(&mut self, phase: Phase, sentence: String, advice: Option<&str>) -> Status {
        self.phase = phase;
        Status { phase, sentence, advice: advice.map(str::to_owned), relay: self.relay.map(|relay| relay.to_string()) }
    }

    pub(super) fn unreachable(&self) -> bool {
        self.unreachable
    }

    /// `None` where there is nothing to look up.
    pub(super) fn resolving(&mut self, plan: &Plan) -> Option<Status> {
        self.relay = None;
        self.unreachable = false;
        let is_name = |host: &Host| matches!(host, Host::Name(_));
        let mut relays = plan.relays.iter().filter(|relay| is_name(&relay.host));
        let (sentence, advice) = match (relays.next(), relays.count()) {
            (None, _) if plan.relays.is_empty() => (
                format!("No relay is named: asking the anycast address {ANYCAST} (RFC 7450, 7.1)."),
                Some("Name one with ?relay= or --relay."),
            ),
            (Some(relay), 0) => (format!("Looking up the relay {relay}."), None),
            (Some(_), more) => (format!("Looking up {} relays.", more + 1), None),
            (None, _) if plan.url.source.iter().chain([&plan.url.group]).any(is_name) => {
                (format!("Looking up {}.", self.channel), None)
            }
            (None, _) => return None,
        };
        Some(self.status(Phase::Resolving, sentence, advice))
    }

    pub(super) fn next_relay(&mut self, relay: SocketAddr, next: Option<SocketAddr>) -> Status {
        let sentence = match next {
            Some(next) => format!("No data through the relay {relay}; trying {next} next."),
            None => format!("The relay {relay} does not answer; looking it up again."),
        };
        self.unreachable = false;
        let phase = if self.had_data { Phase::Silent } else { Phase::Discovering };
        self.status(phase, sentence, None)
    }

    pub(super) fn broken(&mut self, relay: SocketAddr, error: &io::Error) -> Status {
        self.relay = Some(relay);
        self.unreachable = true;
        let sentence = format!("The relay {relay} cannot be reached from this machine: {error}.");
        self.status(Phase::Failed, sentence, Some("Check the connection to the network; the helper keeps trying."))
    }

    pub(super) fn receiving(&mut self, join: Duration) -> Status {
        self.had_data = true;
        let through = self.relay.map(|relay| format!(" through the relay {relay}")).unwrap_or_default();
        let sentence = format!("Receiving {}{through}, {} ms after tuning in.", self.channel, join.as_millis());
        self.status(Phase::Receiving, sentence, None)
    }

    /// After a silence, or after something that could not be used.
    pub(super) fn comes_again(&mut self) -> Status {
        self.not_ts = false;
        self.status(Phase::Receiving, format!("Data of {} comes again.", self.channel), None)
    }

    pub(super) fn not_ts(&mut self) -> Status {
        self.not_ts = true;
        let sentence = format!("The data of {} is no MPEG transport stream, so it cannot be played.", self.channel);
        self.status(Phase::Failed, sentence, Some("Check the group and the port: another service may be sent there."))
    }

    pub(super) fn other_port(&mut self, port: u16) -> Status {
        let sentence = format!("The group sends to UDP port {port}, and nothing to the port of {}.", self.channel);
        self.status(Phase::Failed, sentence, Some(&format!("Write :{port} behind the group.")))
    }

    pub(super) fn event(&mut self, event: &Event) -> Told {
        let status = match *event {
            Event::Discovery { to, attempt: 1, cause: Cause::Start } => {
                self.relay = Some(to);
                Some(self.status(Phase::Discovering, format!("Looking for the relay at {to}."), None))
            }
            Event::Discovery { to, attempt: UNANSWERED, .. } | Event::Request { to, attempt: UNANSWERED, .. } => {
                // ICMP has said more than silence does.
                (!self.unreachable).then(|| self.unanswered(to))
            }
            Event::Request { to, attempt: 1, cause: Cause::Advertised } => {
                self.relay = Some(to);
                (!self.had_data).then(|| {
                    self.status(Phase::Requesting, format!("The relay {to} answered; asking it to let us in."), None)
                })
            }
            Event::RelayFull { relay } => {
                let sentence = format!("The relay {relay} takes no more receivers.");
                Some(self.status(Phase::Discovering, sentence, Some("Another one is sought; or name one yourself.")))
            }
            // It is said again where nothing comes; that is no news.
            Event::Report { to, report: Report::Join, repeated: false, .. }
                if !self.had_data && self.phase != Phase::Joined =>
            {
                self.relay = Some(to);
                let sentence = format!("Joined {} at the relay {to}; waiting for data.", self.channel);
                Some(self.status(Phase::Joined, sentence, None))
            }
            Event::Receiving { relay, .. } if self.had_data && self.phase != Phase::Receiving => {
                self.relay = Some(relay);
                Some(if self.not_ts { self.not_ts() } else { self.comes_again() })
            }
            Event::Silent { duration, .. } => Some(self.silent(duration)),
            Event::Unreachable { to } => {
                self.unreachable = true;
                let phase = if self.had_data { Phase::Silent } else { Phase::Discovering };
                let sentence = format!("No relay listens at {to} (ICMP says that it cannot be reached).");
                Some(self.status(
                    phase,
                    sentence,
                    Some("Check its address and port, and that it runs; the helper keeps trying."),
                ))
            }
            _ => None,
        };
        match event {
            Event::Request { cause, .. } => self.refreshing = matches!(cause, Cause::Refresh | Cause::Silence),
            Event::Advertisement { .. } | Event::Query { .. } => self.unreachable = false,
            _ => {}
        }
        let of_a_refresh = matches!(
            event,
            Event::Request { attempt: 1, .. } | Event::Query { .. } | Event::Report { report: Report::Refresh, .. }
        );
        // An Advertisement is told with the Request that follows, the first data with the time it took.
        let told_otherwise = matches!(event, Event::Advertisement { .. } | Event::Receiving { .. });
        let repeated = matches!(event, Event::Report { repeated: true, .. });
        let routine = self.refreshing && of_a_refresh || told_otherwise || repeated;
        Told { status, routine }
    }

    fn unanswered(&mut self, relay: SocketAddr) -> Status {
        let phase = if self.had_data { Phase::Silent } else { Phase::Discovering };
        let port = relay.port();
        let advice = format!(
            "Check the relay's address, and that nothing on the way blocks UDP port {port}; the helper keeps trying."
        );
        self.status(phase, format!("The relay at {relay} does not answer."), Some(&advice))
    }

    fn silent(&mut self, duration: Duration) -> Status {
        let seconds = duration.as_secs();
        if self.had_data {
            let sentence = format!("No data for {seconds} s; asking the relay for it.");
            self.status(
                Phase::Silent,
                sentence,
                Some("If this lasts, the sender has stopped, or a network on its way."),
            )
        } else {
            let sentence = format!("Joined {}, but no data comes ({seconds} s).", self.channel);
            let advice = "Check the source, the group and the port, and whether the sender is on the air.";
            self.status(Phase::Joined, sentence, Some(advice))
        }
    }
}
