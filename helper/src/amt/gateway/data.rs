//! Multicast Data (RFC 7450, 5.2.3.3), and what its absence means.

use super::{Cause, Discard, Event, Gateway, Phase, Tunnel, same_endpoint};
use crate::datagram;
use crate::membership::Membership;
use std::net::SocketAddr;
use std::time::Instant;

impl Gateway {
    pub(super) fn multicast_data<'a>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &'a [u8],
    ) -> Result<&'a [u8], Discard> {
        let tunnel = self.tunnel.as_ref().ok_or(Discard::NotJoined)?;
        if !same_endpoint(tunnel.relay, from) {
            return Err(Discard::WrongSender);
        }
        let (source, destination) = datagram::addresses(packet).ok_or(Discard::NotIp)?;
        if !destination.is_multicast() {
            return Err(Discard::NotMulticast);
        }
        if self.watches.is_empty() {
            return Err(Discard::NotJoined);
        }
        let relay = tunnel.relay;
        let mut covered = false;
        for membership in Membership::of_packet(source, destination).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(&membership) else { continue };
            covered = true;
            if watch.data(now) {
                self.events.push_back(Event::Receiving { relay, membership });
            }
        }
        if covered { Ok(packet) } else { Err(Discard::OtherChannel) }
    }

    /// Whether data of anything comes.
    pub(super) fn some_flow(&self, now: Instant) -> bool {
        // Without a limit to silence nothing is ever silent.
        self.config.silence.is_none_or(|silence| self.watches.values().any(|watch| watch.flows(now, silence)))
    }

    pub(super) fn silence_due(&self) -> Option<Instant> {
        let first = self.config.silence?;
        self.watches.values().map(|watch| watch.deadline(first, self.config.refresh)).min()
    }

    /// One silent membership among others that flow is said again by itself: the relay is there, and whatever is
    /// wrong concerns this one. Where nothing comes the relay is asked.
    pub(super) fn look_for_silence(&mut self, now: Instant, tunnel: Tunnel) {
        let Some(first) = self.config.silence else { return };
        if self.silence_due().is_none_or(|due| due > now) {
            return;
        }
        let some_flow = self.some_flow(now);
        for (&membership, watch) in &mut self.watches {
            let due = watch.deadline(first, self.config.refresh) <= now;
            // They fell silent together, and are not to make a cycle each.
            let stale = !some_flow && watch.flowing() && !watch.flows(now, first);
            if due || stale {
                let duration = watch.silent(now);
                self.events.push_back(Event::Silent { membership, duration });
                if some_flow {
                    self.changes.again(&self.interest, membership, tunnel.robustness);
                }
            }
        }
        if some_flow {
            self.say_changes(now, false);
            return;
        }
        let early = self.watches.values().map(|watch| watch.early()).max().unwrap_or(0);
        self.watches.values_mut().for_each(|watch| watch.wait_like(early, now));
        debug_assert!(matches!(self.phase, Phase::Connected { .. }));
        self.start_request(now, tunnel.relay, Cause::Silence);
    }
}
