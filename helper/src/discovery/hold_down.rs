//! Which relays brought nothing lately (RFC 8777, 3.3.4.1 and 3.3.5): shared by all channels.
//!
//! In go relays and times, out comes until when one is held down. A relay without traffic is held down for that
//! source alone, since it may well have another one; a relay that set the L flag, for everything.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Relays that are remembered. When there are more, the one that is free first is forgotten.
const CAPACITY: usize = 512;

/// The relays that are to be used last. Shared by reference.
#[derive(Debug, Default)]
pub struct HoldDowns(Mutex<HashMap<Key, Instant>>);

/// The relay; and the source of the channel, or its group where any source will do; `None` for all channels.
type Key = (SocketAddr, Option<IpAddr>);

impl HoldDowns {
    /// Holds a relay down for one source or group, or for everything. A longer one that is there already stays.
    pub fn hold(&self, relay: SocketAddr, what: Option<IpAddr>, now: Instant, until: Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.retain(|_, until| *until > now);
        }
        if held.len() >= CAPACITY
            && let Some(first) = held.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key)
        {
            held.remove(&first);
        }
        let entry = held.entry((relay, what)).or_insert(until);
        *entry = until.max(*entry);
    }

    /// Until when a relay is held down for a source or group; `None` where it is free.
    #[must_use]
    pub fn until(&self, relay: SocketAddr, what: IpAddr, now: Instant) -> Option<Instant> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        [None, Some(what)].into_iter().filter_map(|what| held.get(&(relay, what)).copied()).filter(|at| *at > now).max()
    }

    /// The relay has traffic for this source or group after all.
    pub fn release(&self, relay: SocketAddr, what: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(relay, Some(what)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn relay(n: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], n))
    }

    #[test]
    fn silence_counts_for_one_source_and_a_limit_for_all() {
        let (held, now) = (HoldDowns::default(), Instant::now());
        let [one, other] = [[198, 51, 100, 1], [198, 51, 100, 2]].map(IpAddr::from);
        held.hold(relay(1), Some(one), now, now + SECOND);
        assert_eq!(held.until(relay(1), one, now), Some(now + SECOND));
        assert_eq!(held.until(relay(1), other, now), None);
        assert_eq!(held.until(relay(2), one, now), None);
        assert_eq!(held.until(relay(1), one, now + SECOND), None);
        held.hold(relay(1), None, now, now + 3 * SECOND);
        held.hold(relay(1), None, now, now + 2 * SECOND);
        assert_eq!(held.until(relay(1), one, now), Some(now + 3 * SECOND));
        assert_eq!(held.until(relay(1), other, now), Some(now + 3 * SECOND));
        held.release(relay(1), one);
        assert_eq!(held.until(relay(1), one, now), Some(now + 3 * SECOND), "traffic does not undo the L flag");
    }

    #[test]
    fn no_more_than_its_capacity_is_remembered() {
        let (held, now) = (HoldDowns::default(), Instant::now());
        let what = IpAddr::from([198, 51, 100, 1]);
        for n in 0..2 * CAPACITY as u16 {
            held.hold(relay(n), Some(what), now, now + SECOND * u32::from(n + 1));
        }
        assert_eq!(held.0.lock().unwrap().len(), CAPACITY);
        assert_eq!(held.until(relay(0), what, now), None);
        assert!(held.until(relay(2 * CAPACITY as u16 - 1), what, now).is_some());
    }
}
