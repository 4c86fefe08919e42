//! How things stand, in plain sentences with what to do next.

use super::Plan;
use super::flow::Way;
use crate::amt::gateway::{Cause, Event, Report};
use amt_shared::amt_url::Host;
use amt_shared::wire::{Phase, Status};
use std::net::SocketAddr;
use std::time::Duration;

/// Unanswered questions after which a relay counts as silent.
const UNANSWERED: u32 = 3;

/// What an event means to people.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How things stand now, where that changed.
    pub(super) status: Option<Status>,
    /// What only whoever started the helper is told besides.
    pub(super) step: Option<String>,
    /// It happens all the time and says nothing new.
    pub(super) routine: bool,
}

/// Follows a tunnel and puts it into words.
pub(super) struct Narrator {
    channel: String,
    /// Of the last status that was told.
    phase: Phase,
    relay: Option<SocketAddr>,
    had_data: bool,
    not_ts: bool,
    refreshing: bool,
    /// ICMP says that the relay is not there.
    unreachable: bool,
    /// The addresses that tunnels were opened to and that spoke AMT. Of others a page is told only that they do not answer: it
    /// may have been led here to find out what stands where.
    answered: Vec<SocketAddr>,
    /// The addresses that tunnels were opened to, and the relay that was advertised there.
    advertised: Vec<(SocketAddr, SocketAddr)>,
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
            answered: Vec::new(),
            advertised: Vec::new(),
        }
    }

    fn status(&self, phase: Phase, sentence: String, advice: Option<&str>) -> Status {
        Status { phase, sentence, advice: advice.map(str::to_owned), relay: self.relay.map(|relay| relay.to_string()) }
    }

    /// The source or the group is a name; `None` where neither is.
    pub(super) fn resolving(&mut self, plan: &Plan) -> Option<Status> {
        let named = plan.url.source.iter().chain([&plan.url.group]).any(|host| matches!(host, Host::Name(_)));
        let sentence = format!("Looking up {}.", self.channel);
        named.then(|| self.status(Phase::Resolving, sentence, None))
    }

    /// A search for relays begins; `None` where they are all given by address.
    pub(super) fn searching(&mut self, plan: &Plan) -> Option<Status> {
        self.unreachable = false;
        if self.had_data {
            return None;
        }
        let mut names = plan.relays.iter().filter(|relay| matches!(relay.host, Host::Name(_)));
        let (sentence, advice) = match (names.next(), names.count()) {
            (None, _) if plan.relays.is_empty() => {
                ("No relay named: looking for one (RFC 8777).".to_owned(), Some("Name one with ?relay= or --relay."))
            }
            (Some(relay), 0) => (format!("Looking up the relay {relay}."), None),
            (Some(_), more) => (format!("Looking up {} relays.", more + 1), None),
            (None, _) => return None,
        };
        Some(self.status(Phase::Resolving, sentence, advice))
    }

    /// The relay at the address `opened` is left; `next` takes its place.
    pub(super) fn next_relay(&mut self, opened: SocketAddr, next: Option<SocketAddr>) -> String {
        let relay = self.relay_of(opened);
        match next.map(|next| self.relay_of(next)) {
            Some(next) => format!("No data through the relay {relay}; switching to {next}."),
            None => format!("Leaving the relay {relay}."),
        }
    }

    /// A relay has less loss than the one in use, or comes before it in order.
    pub(super) fn better_relay(&self, before: SocketAddr, better: SocketAddr) -> String {
        let [before, better] = [before, better].map(|opened| self.relay_of(opened));
        format!("The relay {better} is better than {before}: switching to it.")
    }

    /// A status was told. Those that were only made do not count: nobody has read them.
    pub(super) fn told(&mut self, status: &Status) {
        self.phase = status.phase;
    }

    /// The relay that was found at the address a tunnel was opened to.
    fn relay_of(&self, opened: SocketAddr) -> SocketAddr {
        let advertised = self.advertised.iter().find(|(asked, _)| *asked == opened);
        advertised.map_or(opened, |(_, relay)| *relay)
    }

    pub(super) fn broken(&mut self, opened: SocketAddr, error: &str) -> Status {
        let relay = self.relay_of(opened);
        self.relay = Some(relay);
        self.unreachable = true;
        let sentence = format!("The relay {relay} cannot be reached from this machine: {error}.");
        self.status(Phase::Failed, sentence, Some("Check the network connection; the helper keeps trying."))
    }

    /// The first data of all.
    pub(super) fn receiving(&mut self, way: Way, join: Duration) -> Status {
        self.had_data = true;
        let through = self.through(way);
        let sentence = format!("Receiving {} {through}, {} ms after tuning in.", self.channel, join.as_millis());
        self.status(Phase::Receiving, sentence, None)
    }

    /// Data goes on by another path.
    pub(super) fn other_path(&mut self, way: Way) -> Status {
        let through = self.through(way);
        self.status(Phase::Receiving, format!("Now receiving {} {through}.", self.channel), None)
    }

    fn through(&mut self, way: Way) -> String {
        match way {
            Way::Native => {
                self.relay = None;
                "as native multicast".to_owned()
            }
            Way::Tunnel(opened) => {
                let relay = self.relay_of(opened);
                self.relay = Some(relay);
                format!("through the relay {relay}")
            }
        }
    }

    /// Native multicast is all that may be tried, and nothing comes.
    pub(super) fn native_silent(&mut self, duration: Duration) -> Status {
        let seconds = duration.as_secs();
        let sentence = format!("Joined {} as native multicast, but no data has arrived ({seconds} s).", self.channel);
        let phase = if self.had_data { Phase::Silent } else { Phase::Joined };
        let advice = "The network may not carry it: remove --path native to use a relay.";
        self.status(phase, sentence, Some(advice))
    }

    /// The system refuses the native join, and nothing else may be tried.
    pub(super) fn native_broken(&mut self, error: &str) -> Status {
        let sentence = format!("{} cannot be joined as native multicast: {error}.", self.channel);
        let advice = "Name the interface with --interface, or remove --path native to use a relay.";
        self.status(Phase::Failed, sentence, Some(advice))
    }

    /// Nothing could be found to receive it from.
    pub(super) fn failed(&mut self, sentence: String, advice: &str) -> Status {
        self.status(Phase::Failed, sentence, Some(advice))
    }

    pub(super) fn had_data(&self) -> bool {
        self.had_data
    }

    /// Data comes: what must be said where that is not what was told.
    pub(super) fn flows_again(&mut self) -> Option<Status> {
        if self.not_ts && self.phase == Phase::Failed {
            return None;
        }
        (self.phase != Phase::Receiving).then(|| if self.not_ts { self.not_ts() } else { self.comes_again() })
    }

    /// After a silence, or after something that could not be used.
    pub(super) fn comes_again(&mut self) -> Status {
        self.not_ts = false;
        self.status(Phase::Receiving, format!("Data from {} has resumed.", self.channel), None)
    }

    pub(super) fn not_ts(&mut self) -> Status {
        self.not_ts = true;
        let sentence =
            format!("The data from {} is not an MPEG transport stream, so it cannot be played.", self.channel);
        self.status(Phase::Failed, sentence, Some("Check the group and the port: they may carry another service."))
    }

    pub(super) fn other_port(&mut self, port: u16) -> Status {
        let sentence = format!("The group's data arrives on UDP port {port}, not on the port of {}.", self.channel);
        self.status(Phase::Failed, sentence, Some(&format!("Write :{port} after the group.")))
    }

    pub(super) fn event(&mut self, opened: SocketAddr, event: &Event) -> Told {
        if let Event::Advertisement { relay } = *event {
            self.advertised.retain(|(asked, _)| *asked != opened);
            self.advertised.push((opened, relay));
        }
        if matches!(event, Event::Advertisement { .. } | Event::Query { .. }) && !self.answered.contains(&opened) {
            self.answered.push(opened);
        }
        let mut step = None;
        let status = match *event {
            Event::Discovery { to, attempt: 1, cause: Cause::Start } => {
                self.relay = Some(to);
                Some(self.status(Phase::Discovering, format!("Contacting the relay at {to}."), None))
            }
            Event::Discovery { to, attempt: UNANSWERED, .. } | Event::Request { to, attempt: UNANSWERED, .. } => {
                // ICMP has said more than silence does.
                (!self.unreachable).then(|| self.unanswered(to))
            }
            Event::Request { to, attempt: 1, cause: Cause::Advertised } => {
                self.relay = Some(to);
                (!self.had_data).then(|| {
                    self.status(Phase::Requesting, format!("The relay {to} answered; requesting membership."), None)
                })
            }
            Event::RelayFull { relay } => {
                let sentence = format!("The relay {relay} accepts no new gateways.");
                Some(self.status(
                    Phase::Discovering,
                    sentence,
                    Some("Looking for another; you can also name one yourself."),
                ))
            }
            // It is said again where nothing comes; that is no news.
            Event::Report { to, report: Report::Join, repeated: false, .. }
                if !self.had_data && self.phase != Phase::Joined =>
            {
                self.relay = Some(to);
                let sentence = format!("Joined {} at the relay {to}; waiting for data.", self.channel);
                Some(self.status(Phase::Joined, sentence, None))
            }
            Event::Silent { duration, .. } => Some(self.silent(duration)),
            // What is known of a stranger is for the terminal alone. A page is told as late as of one that is silent: the time
            // would tell the ports of any host.
            Event::Unreachable { to } if !self.answered.contains(&opened) => {
                step = Some(format!("No relay listens at {to} (ICMP: unreachable)."));
                None
            }
            Event::Unreachable { to } => {
                self.unreachable = true;
                let phase = if self.had_data { Phase::Silent } else { Phase::Discovering };
                let sentence = format!("No relay listens at {to} (ICMP: unreachable).");
                Some(self.status(
                    phase,
                    sentence,
                    Some("Check its address and port, and that it is running; the helper keeps trying."),
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
        Told { status, step, routine }
    }

    fn unanswered(&mut self, relay: SocketAddr) -> Status {
        let phase = if self.had_data { Phase::Silent } else { Phase::Discovering };
        let port = relay.port();
        let advice = format!(
            "Check the relay's address, and that nothing on the path blocks UDP port {port}; the helper keeps trying."
        );
        self.status(phase, format!("The relay at {relay} does not answer."), Some(&advice))
    }

    fn silent(&mut self, duration: Duration) -> Status {
        let seconds = duration.as_secs();
        if self.had_data {
            let sentence = format!("No data for {seconds} s; requesting it again.");
            self.status(
                Phase::Silent,
                sentence,
                Some("If this continues, the sender has stopped, or a network on the path has failed."),
            )
        } else {
            let sentence = format!("Joined {}, but no data has arrived ({seconds} s).", self.channel);
            let advice = "Check the source, the group and the port, and whether the sender is on air.";
            self.status(Phase::Joined, sentence, Some(advice))
        }
    }
}
