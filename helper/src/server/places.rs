//! Who may be connected: so many at a time, and so many from one address.
//!
//! Nobody is refused while others only wait: the connection that has been idle for longest makes room, first among those of
//! the same address. Pure: in go comings, goings and requests, out come whose connection is to end.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How many there are.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_from_one: usize,
    /// Oldest first, by when a connection came or its last request was answered.
    held: Mutex<Vec<Held>>,
}

#[derive(Debug)]
struct Held {
    from: IpAddr,
    /// Requests that are being answered.
    requests: usize,
    give_up: Arc<Notify>,
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Handle);

/// A request that is being answered: meanwhile its connection is not idle.
#[derive(Debug)]
pub(super) struct Request(Handle);

#[derive(Clone, Debug)]
struct Handle {
    places: Arc<Places>,
    give_up: Arc<Notify>,
}

impl Places {
    pub(super) const fn new(most: usize, most_from_one: usize) -> Self {
        Self { most, most_from_one, held: Mutex::new(Vec::new()) }
    }

    /// A place for a peer, and whether another one had to go for it; `None` where all that could go are at work.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<(Place, bool)> {
        let from = network(peer);
        let mut held = self.held();
        let same = |place: &Held| place.from == from;
        let crowded = held.iter().filter(|place| same(place)).count() >= self.most_from_one;
        let given_up = crowded || held.len() >= self.most;
        if given_up {
            let idle = |place: &Held| place.requests == 0;
            let own = held.iter().position(|place| same(place) && idle(place));
            let any = || held.iter().position(idle).filter(|_| !crowded);
            let goes = own.or_else(any)?;
            held.remove(goes).give_up.notify_one();
        }
        let give_up = Arc::new(Notify::new());
        held.push(Held { from, requests: 0, give_up: Arc::clone(&give_up) });
        drop(held);
        Some((Place(Handle { places: Arc::clone(self), give_up }), given_up))
    }

    /// A panic elsewhere leaves the list whole: it is changed in one step.
    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Done when another connection needs the place.
    pub(super) async fn given_up(&self) {
        self.0.give_up.notified().await;
    }

    /// A request is being answered until what this gives is dropped.
    pub(super) fn request(&self) -> Request {
        self.0.change(|held, at| held[at].requests += 1);
        Request(self.0.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.change(|held, at| drop(held.remove(at)));
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.change(|held, at| {
            let mut place = held.remove(at);
            place.requests -= 1;
            held.push(place);
        });
    }
}

impl Handle {
    /// Nothing where the place was given up.
    fn change(&self, change: impl FnOnce(&mut Vec<Held>, usize)) {
        let mut held = self.places.held();
        if let Some(at) = held.iter().position(|place| Arc::ptr_eq(&place.give_up, &self.give_up)) {
            change(&mut held, at);
        }
    }
}

/// What is one peer: an IPv4 address, or the 64 bits of an IPv6 address that a network has.
pub(super) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn peer(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn is_given_up(place: &Place) -> bool {
        place.given_up().now_or_never().is_some()
    }

    #[test]
    fn one_address_takes_no_more_than_its_share_and_its_newest_is_served() {
        let places = Arc::new(Places::new(100, 4));
        let honest = places.take(peer(1)).unwrap().0;
        let mut taken: Vec<Place> = (0..50).map(|_| places.take(peer(2)).unwrap().0).collect();
        assert!(!is_given_up(&honest), "another address pays for nothing");
        assert_eq!(places.held().len(), 5);
        assert_eq!(taken.iter().filter(|place| !is_given_up(place)).count(), 4);
        assert!(!is_given_up(&taken.pop().unwrap()));
    }

    #[test]
    fn where_all_are_taken_the_one_that_was_idle_for_longest_goes() {
        let places = Arc::new(Places::new(3, 3));
        let [first, second, third] = [1, 2, 3].map(|number| places.take(peer(number)).unwrap().0);
        // Answered since: not the oldest any more.
        drop(first.request());
        let (fourth, given_up) = places.take(peer(4)).unwrap();
        assert!(given_up && is_given_up(&second) && !is_given_up(&first) && !is_given_up(&third));
        let at_work = [first.request(), third.request(), fourth.request()];
        assert!(places.take(peer(5)).is_none(), "nobody is idle");
        drop(at_work);
        drop(third);
        assert!(!places.take(peer(5)).unwrap().1);
    }

    #[test]
    fn a_crowded_address_never_costs_another_one_its_place() {
        let places = Arc::new(Places::new(10, 2));
        let idle = places.take(peer(1)).unwrap().0;
        let [first, second] = [places.take(peer(2)).unwrap().0, places.take(peer(2)).unwrap().0];
        let _at_work = [first.request(), second.request()];
        assert!(places.take(peer(2)).is_none());
        assert!(!is_given_up(&idle));
    }

    #[test]
    fn the_addresses_of_one_network_are_one_peer() {
        let [one, two]: [IpAddr; 2] = ["2001:db8::1", "2001:db8::ffff:2"].map(|text| text.parse().unwrap());
        assert_eq!(network(one), network(two));
        assert_ne!(network(one), network("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(network("::ffff:192.0.2.7".parse().unwrap()), peer(7));
    }
}
