//! The questions of a gateway and their answers: Relay Discovery (RFC 7450, 5.2.3.4) and the Membership Query
//! procedure (5.2.3.5).

use super::question::Question;
use super::{Cause, Credentials, Discard, Event, Gateway, Phase, SECOND, Tunnel, same_endpoint};
use crate::amt::message::{MembershipQuery, Message, Protocol, RequestFlags};
use crate::membership::parse_general_query;
use amt_shared::amt_url::is_unicast;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Instant;

/// Unanswered Requests with the P flag where RFC 7450 has it, before the one of the Linux kernel is tried too.
const UNANSWERED: u32 = 2;

impl Gateway {
    /// Begins at the beginning: with Relay Discovery, or where the relay is known, with a Request.
    pub(super) fn start_search(&mut self, now: Instant, cause: Cause) {
        let question = self.question(now, cause);
        if self.config.discover {
            self.send_discovery(now, question);
        } else {
            self.send_request(now, self.discovery, question);
        }
    }

    pub(super) fn send_discovery(&mut self, now: Instant, question: Question) {
        let question = self.ask(now, question);
        let Question { nonce, sent: attempt, cause, .. } = question;
        self.send(self.discovery, &Message::RelayDiscovery { nonce });
        self.events.push_back(Event::Discovery { to: self.discovery, attempt, cause });
        self.phase = Phase::Discovering(question);
    }

    pub(super) fn advertisement(
        &mut self,
        now: Instant,
        from: SocketAddr,
        nonce: u32,
        relay: IpAddr,
    ) -> Result<(), Discard> {
        let Phase::Discovering(question) = self.phase else { return Err(Discard::NotAwaited) };
        if !same_endpoint(self.discovery, from) {
            return Err(Discard::WrongSender);
        }
        question.check(nonce)?;
        let same_family = relay.is_ipv4() == self.discovery.ip().to_canonical().is_ipv4();
        let is_own = self.config.is_own;
        let astray = is_own(relay) && !is_own(from.ip().to_canonical());
        if !same_family || astray {
            return Err(Discard::RelayAddress);
        }
        let relay = self.on_link(from, relay).ok_or(Discard::RelayAddress)?;
        self.events.push_back(Event::Advertisement { relay });
        self.start_request(now, relay, Cause::Advertised);
        Ok(())
    }

    /// The relay at an advertised address. One of a single link (RFC 4291, 2.5.6) is on the link that the Advertisement
    /// came over; who is elsewhere cannot know what is there. `None` where no relay can be at that address.
    fn on_link(&self, from: SocketAddr, relay: IpAddr) -> Option<SocketAddr> {
        let port = self.discovery.port();
        let scope = |endpoint| if let SocketAddr::V6(endpoint) = endpoint { endpoint.scope_id() } else { 0 };
        match relay {
            IpAddr::V6(relay) if relay.is_unicast_link_local() => {
                let link = [from, self.discovery].map(scope).into_iter().find(|scope| *scope != 0)?;
                Some(SocketAddrV6::new(relay, port, 0, link).into())
            }
            _ => is_unicast(relay).then(|| SocketAddr::new(relay, port)),
        }
    }

    pub(super) fn start_request(&mut self, now: Instant, relay: SocketAddr, cause: Cause) {
        let question = self.question(now, cause);
        self.send_request(now, relay, question);
    }

    pub(super) fn send_request(&mut self, now: Instant, relay: SocketAddr, question: Question) {
        let question = self.ask(now, question);
        let Question { nonce, other_nonce, sent: attempt, cause, .. } = question;
        self.send(relay, &Message::Request { flags: self.request_flags(self.linux_p), nonce });
        if self.config.protocol == Protocol::Mld && attempt > UNANSWERED {
            // Another question with a nonce of its own, so that the answer tells which was understood.
            self.send(relay, &Message::Request { flags: self.request_flags(!self.linux_p), nonce: other_nonce });
        }
        self.events.push_back(Event::Request { to: relay, attempt, cause });
        self.phase = Phase::Requesting { relay, question };
    }

    fn request_flags(&self, linux_p: bool) -> RequestFlags {
        let flags = RequestFlags { ecn: self.config.ecn, ..self.config.protocol.into() };
        // The Linux kernel's relay drops whatever has another bit set.
        if linux_p { RequestFlags { p: false, ecn: false, linux_p } } else { flags }
    }

    pub(super) fn membership_query(
        &mut self,
        now: Instant,
        from: SocketAddr,
        query: &MembershipQuery<'_>,
    ) -> Result<(), Discard> {
        let late = self.given_up.answered(now, from, query.nonce);
        let (relay, question) = match (self.phase, late) {
            (Phase::Discovering(_) | Phase::Requesting { .. }, Some(late)) => late,
            (Phase::Requesting { relay, question }, None) => (relay, question),
            _ => return Err(Discard::NotAwaited),
        };
        if !same_endpoint(relay, from) {
            return Err(Discard::WrongSender);
        }
        let other = self.config.protocol == Protocol::Mld && question.sent > UNANSWERED;
        let to_other = other && query.nonce == question.other_nonce;
        if !to_other {
            question.check(query.nonce)?;
        }
        let general = parse_general_query(self.config.protocol, query.packet)?;
        self.linux_p ^= to_other;
        self.given_up.clear();
        let MembershipQuery { nonce, mac, gateway: endpoint, limit, .. } = *query;

        // The same tunnel goes on where the relay, and our endpoint as it sees it, are what they were.
        let same_relay = self.tunnel.filter(|old| same_endpoint(old.relay, relay));
        let told = same_relay.and_then(|old| old.told);
        let moved_from = told.and_then(|told| told.endpoint.filter(|old| endpoint.is_some_and(|new| *old != new)));
        let told = told.filter(|_| moved_from.is_none());
        if let Some(old) = moved_from {
            self.events.push_back(Event::EndpointChanged { old });
        }
        let refused = limit && (told.is_none() || self.interest.is_empty());
        // What another relay still sends goes on until this one takes us.
        let former = if same_relay.is_some() || !refused { self.tunnel.take() } else { None };
        if let Some(former) = former.filter(|former| !same_endpoint(former.relay, relay) || moved_from.is_some()) {
            self.say_goodbye(now, former);
        }
        if refused {
            // Nothing new is taken here (5.1.4.4).
            self.refused(now, relay);
            return Ok(());
        }
        let flows = self.some_flow(now);
        self.events.push_back(Event::Query { relay, interval: general.interval, endpoint });
        if limit && !same_relay.is_some_and(|old| old.limited) {
            self.events.push_back(Event::RelayLimited { relay });
        }
        self.refusals = 0;
        self.trouble = None;
        self.fruitless = 0;
        let query = Credentials { nonce, mac, endpoint };
        self.tunnel = Some(Tunnel { relay, query, robustness: general.robustness, limited: limit, told });
        // The relay's interval is how often it wants to hear; somewhat earlier leaves room for losses.
        let next = now + (general.interval * 4 / 5).min(self.config.refresh).max(SECOND);
        self.phase = Phase::Connected { since: now, next, cause: Cause::Refresh };
        if told.is_some() && question.cause != Cause::PathChange && flows {
            self.report_state();
        } else {
            // Also where nothing comes: this relay may never have heard of it, or forgotten it.
            self.report_anew(now);
        }
        Ok(())
    }

    fn refused(&mut self, now: Instant, relay: SocketAddr) {
        self.events.push_back(Event::RelayFull { relay });
        self.refusals = self.refusals.saturating_add(1);
        let due = now + self.chance.patient_pause(self.refusals, self.config.longest_refusal);
        let question = self.question(due, Cause::RelayFull);
        self.phase =
            if self.config.discover { Phase::Discovering(question) } else { Phase::Requesting { relay, question } };
    }

    fn question(&mut self, due: Instant, cause: Cause) -> Question {
        let told = self.tunnel.into_iter().flat_map(|tunnel| [Some(tunnel.query), tunnel.told]).flatten();
        let mut in_use: Vec<u32> = told.map(|credentials| credentials.nonce).collect();
        let nonce = self.chance.nonce(&in_use);
        in_use.push(nonce);
        Question::new(due, cause, nonce, self.chance.nonce(&in_use))
    }

    /// A question goes out now; the pause after it is for all that stayed without an answer.
    fn ask(&mut self, now: Instant, question: Question) -> Question {
        self.trouble.get_or_insert(now);
        let unanswered = self.fruitless.saturating_add(question.sent).saturating_add(1);
        question.asked(now + self.chance.pause(unanswered))
    }

    pub(super) fn send(&mut self, to: SocketAddr, message: &Message<'_>) {
        self.transmits.push_back(super::Transmit { to, payload: message.encode() });
    }
}
