//! What a gateway tells its relay: Membership Updates (RFC 7450, 5.2.3.6) and Teardowns (5.2.3.7, 5.2.3.8).

use super::{Credentials, Event, Gateway, Repeat, Report, SECOND, Tunnel};
use crate::amt::Transmit;
use crate::amt::message::Message;
use crate::membership::interest::{Change, StateChange};
use std::net::SocketAddr;
use std::time::Instant;

impl Gateway {
    /// Tells a join or leave, where there is already somebody to tell it to.
    pub(super) fn changed(&mut self, now: Instant, change: &Change) {
        if let Some(tunnel) = self.tunnel {
            self.changes.add(change, tunnel.robustness);
            self.say_changes(now, false);
        }
    }

    /// Says what changed, once more. A change is said as often as the relay wishes (RFC 3376, 5.1), each time by
    /// what the last Query gave.
    pub(super) fn say_changes(&mut self, now: Instant, repeated: bool) {
        self.changes_due = None;
        let Some(tunnel) = &mut self.tunnel else { return self.changes.clear() };
        if self.changes.is_empty() {
            return;
        }
        let StateChange { packets, joins, membership } = self.changes.next(&self.interest);
        let (relay, credentials) = (tunnel.relay, tunnel.query);
        tunnel.told = Some(credentials);
        for packet in packets {
            self.send_update(relay, credentials, &packet);
        }
        let report = if joins { Report::Join } else { Report::Leave };
        self.events.push_back(Event::Report { to: relay, report, membership, repeated });
        if !self.changes.is_empty() {
            self.changes_due = Some(now + self.chance.report_pause());
        }
    }

    /// Says what is wanted, to a relay that is thought to know it.
    pub(super) fn report_state(&mut self) {
        let Some(tunnel) = &mut self.tunnel else { return };
        let packets = self.interest.current_state();
        if packets.is_empty() {
            return;
        }
        let (relay, credentials) = (tunnel.relay, tunnel.query);
        tunnel.told = Some(credentials);
        for packet in packets {
            self.send_update(relay, credentials, &packet);
        }
        let membership = self.interest.only();
        self.events.push_back(Event::Report { to: relay, report: Report::Refresh, membership, repeated: false });
    }

    /// Says all that is wanted as if it were new, to a relay that may not know it.
    pub(super) fn report_anew(&mut self, now: Instant) {
        let Some(tunnel) = self.tunnel else { return };
        self.changes.anew(&self.interest, tunnel.robustness);
        self.watches.values_mut().for_each(|watch| watch.joined(now));
        self.say_changes(now, false);
    }

    /// Ends a tunnel that another one takes the place of.
    pub(super) fn say_goodbye(&mut self, now: Instant, tunnel: Tunnel) {
        self.changes.clear();
        self.changes_due = None;
        let Tunnel { relay, robustness, told: Some(told), .. } = tunnel else { return };
        if let Some(teardown) = teardown(told) {
            return self.tell(now, Report::Teardown, relay, &teardown, robustness);
        }
        for packet in self.interest.farewell() {
            let Credentials { nonce, mac, .. } = told;
            self.tell(
                now,
                Report::Leave,
                relay,
                &Message::MembershipUpdate { mac, nonce, packet: &packet },
                robustness,
            );
        }
    }

    /// Ends the tunnel there is, for good. Where Teardown is unknown, the leaves are said like any other.
    pub(super) fn leave_all(&mut self, now: Instant) {
        let leaves: Vec<_> = self.interest.leave_all();
        let Some(tunnel) = self.tunnel else { return };
        let Some(told) = tunnel.told else { return };
        let anything = !leaves.is_empty() || !self.changes.is_empty();
        if let Some(teardown) = teardown(told) {
            self.changes.clear();
            self.changes_due = None;
            self.tunnel = None;
            if anything {
                self.tell(now, Report::Teardown, tunnel.relay, &teardown, tunnel.robustness);
            }
            return;
        }
        leaves.iter().for_each(|change| self.changes.add(change, tunnel.robustness));
        self.say_changes(now, false);
    }

    fn send_update(&mut self, relay: SocketAddr, credentials: Credentials, packet: &[u8]) {
        let Credentials { nonce, mac, .. } = credentials;
        self.send(relay, &Message::MembershipUpdate { mac, nonce, packet });
    }

    /// Sends what nobody answers so many times, the first time now.
    fn tell(&mut self, now: Instant, report: Report, to: SocketAddr, message: &Message<'_>, times: u8) {
        let transmit = Transmit { to, payload: message.encode() };
        self.tell_again(now, Repeat { report, transmit, left: times, due: now }, false);
    }

    fn tell_again(&mut self, now: Instant, repeat: Repeat, repeated: bool) {
        let Repeat { report, transmit, left, .. } = repeat;
        self.events.push_back(Event::Report { to: transmit.to, report, membership: None, repeated });
        self.transmits.push_back(transmit.clone());
        if left > 1 {
            self.repeats.push(Repeat { report, transmit, left: left - 1, due: now + SECOND });
        }
    }

    pub(super) fn send_repeats(&mut self, now: Instant) {
        let due: Vec<Repeat> = self.repeats.extract_if(.., |repeat| repeat.due <= now).collect();
        due.into_iter().for_each(|repeat| self.tell_again(now, repeat, true));
    }
}

/// The Teardown that ends what an Update with these began (5.2.3.7.2); `None` where the relay does not know it.
fn teardown(told: Credentials) -> Option<Message<'static>> {
    let Credentials { nonce, mac, endpoint } = told;
    endpoint.map(|gateway| Message::Teardown { mac, nonce, gateway })
}
