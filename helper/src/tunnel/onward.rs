//! Inner packets on their way to a local network ([`reinject`](crate::reinject)), each channel from one tunnel.
//!
//! While one relay takes over from another both send the same channel; a set-top box must not get it twice.

use super::{Key, lock};
use crate::datagram;
use crate::reinject::Reinjector;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// After how much silence of one tunnel another may bring the channel.
const SILENCE: Duration = Duration::from_millis(500);
/// Sources and groups at the same time; a relay sends only what was joined.
const MAX_CHANNELS: usize = 1024;

/// Hands inner packets to the reinjector.
pub(super) struct Onward {
    reinjector: Reinjector,
    /// Which tunnel brings a source's packets for a group, and when it last did.
    from: Mutex<HashMap<(IpAddr, IpAddr), (Key, Instant)>>,
}

impl Onward {
    pub(super) fn new(reinjector: Reinjector) -> Self {
        Self { reinjector, from: Mutex::default() }
    }

    /// Takes a packet that a gateway accepted.
    pub(super) fn packet(&self, now: Instant, key: &Key, packet: &[u8]) {
        let Some(channel) = datagram::addresses(packet) else { return };
        if turn(&mut lock(&self.from), now, key, channel) {
            self.reinjector.packet(packet);
        }
    }
}

/// Whether it is this tunnel's turn to bring the channel.
fn turn(
    from: &mut HashMap<(IpAddr, IpAddr), (Key, Instant)>,
    now: Instant,
    key: &Key,
    channel: (IpAddr, IpAddr),
) -> bool {
    let silent = |last: &Instant| now.saturating_duration_since(*last) >= SILENCE;
    if from.len() >= MAX_CHANNELS && !from.contains_key(&channel) {
        from.retain(|_, (_, last)| !silent(last));
        if from.len() >= MAX_CHANNELS {
            return false;
        }
    }
    let (bringer, last) = from.entry(channel).or_insert((*key, now));
    let turn = bringer == key || silent(last);
    if turn {
        (*bringer, *last) = (*key, now);
    }
    turn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amt::message::Protocol;

    #[test]
    fn of_two_tunnels_one_brings_a_channel_until_it_falls_silent() {
        let [a, b] = [1, 2].map(|last| Key { relay: ([192, 0, 2, last], 2268).into(), protocol: Protocol::Igmp });
        let channel = ([192, 0, 2, 9].into(), [232, 0, 0, 1].into());
        let (mut from, start) = (HashMap::new(), Instant::now());
        let mut at = |millis, key| turn(&mut from, start + Duration::from_millis(millis), key, channel);
        assert_eq!([at(0, &a), at(10, &b), at(400, &a), at(800, &b)], [true, false, true, false]);
        assert_eq!([at(900, &b), at(910, &a), at(920, &b)], [true, false, true]);
    }
}
