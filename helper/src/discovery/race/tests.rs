use super::field::MAX_OPENING;
use super::*;
use crate::discovery::candidate::Origin;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;

const MS: Duration = Duration::from_millis(1);
/// Between two packets.
const PACKET: Duration = Duration::from_millis(100);

fn source() -> IpAddr {
    [198, 51, 100, 1].into()
}

fn v4(n: u8) -> SocketAddr {
    ([192, 0, 2, n], 2268).into()
}

fn v6(n: u16) -> SocketAddr {
    ([0x2001, 0xDB8, 0, 0, 0, 0, 0, n], 2268).into()
}

fn named(relay: SocketAddr, place: u16) -> Candidate {
    Candidate { relay, origin: Origin::Named { place }, discover: true }
}

fn list(relays: &[SocketAddr]) -> Vec<Candidate> {
    relays.iter().zip(0..).map(|(relay, place)| named(*relay, place)).collect()
}

/// How a relay behaves; by default it is not there.
#[derive(Clone, Debug, Default)]
struct Relay {
    /// From Open to the Query; `None` never.
    connects: Option<Duration>,
    /// From Open to the refusal.
    refuses: Option<(Duration, Why)>,
    /// Between these times, since the beginning, it has the data.
    delivers: Vec<(Duration, Duration)>,
}

const ALWAYS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(1 << 30));

fn good(connects: Duration) -> Relay {
    Relay { connects: Some(connects), delivers: vec![ALWAYS], ..Relay::default() }
}

fn mute(connects: Duration) -> Relay {
    Relay { delivers: Vec::new(), ..good(connects) }
}

/// A race among simulated relays, in simulated time.
struct World {
    start: Instant,
    now: Instant,
    race: Race,
    holds: Arc<HoldDowns>,
    relays: BTreeMap<SocketAddr, Relay>,
    /// What lookups find from now on, and how long they take.
    found: Vec<Candidate>,
    lookup: Duration,
    /// Between two packets.
    packet: Duration,
    looks_up: Option<Instant>,
    opened: BTreeMap<SocketAddr, Instant>,
    joined: BTreeMap<SocketAddr, Instant>,
    steps: Vec<(Duration, Step)>,
    last_data: Option<Instant>,
    longest_gap: Duration,
}

impl World {
    fn new(found: Vec<Candidate>, relays: impl IntoIterator<Item = (SocketAddr, Relay)>) -> Self {
        let start = Instant::now();
        let holds = Arc::new(HoldDowns::default());
        let race = Race::new(start, 1, Config::new(source()), holds.clone());
        Self {
            start,
            now: start,
            race,
            holds,
            relays: relays.into_iter().collect(),
            found,
            lookup: Duration::ZERO,
            packet: PACKET,
            looks_up: Some(start),
            opened: BTreeMap::new(),
            joined: BTreeMap::new(),
            steps: Vec::new(),
            last_data: None,
            longest_gap: Duration::ZERO,
        }
    }

    fn run(&mut self, until: Duration) -> &mut Self {
        let until = self.start + until;
        loop {
            self.happen();
            let next = self.next_event();
            if next >= until {
                self.now = until;
                return self;
            }
            self.now = next;
        }
    }

    /// The next time at which anything happens by itself, later than now.
    fn next_event(&self) -> Instant {
        let packet = self.packet.as_millis() as u64;
        let next_packet = ((self.now - self.start).as_millis() as u64 / packet + 1) * packet;
        let next_packet = (!self.joined.is_empty()).then(|| self.start + Duration::from_millis(next_packet));
        let lookup = self.looks_up.map(|at| at + self.lookup);
        let opening =
            self.opened.iter().filter(|(relay, _)| !self.joined.contains_key(relay)).flat_map(|(relay, since)| {
                let behaviour = self.relays.get(relay);
                let refuses = behaviour.and_then(|relay| relay.refuses).map(|(after, _)| *since + after);
                let connects = behaviour.and_then(|relay| relay.connects).map(|after| *since + after);
                [refuses, connects]
            });
        let events = [self.race.poll_timeout(), lookup, next_packet].into_iter().chain(opening).flatten();
        events.filter(|at| *at > self.now).min().unwrap_or(self.now + 1000 * SECOND)
    }

    fn happen(&mut self) {
        let now = self.now;
        if self.looks_up.is_some_and(|at| now >= at + self.lookup) {
            self.looks_up = None;
            self.race.candidates(now, self.found.clone());
            self.follow();
            self.race.complete(now);
            self.follow();
        }
        let mut opening = self.opened.clone();
        opening.retain(|relay, _| !self.joined.contains_key(relay));
        for (relay, since) in opening {
            let Some(behaviour) = self.relays.get(&relay).filter(|_| self.opened.contains_key(&relay)) else {
                continue;
            };
            let refuses = behaviour.refuses.filter(|(after, _)| now >= since + *after).map(|(_, why)| why);
            let connects = behaviour.connects.is_some_and(|after| now >= since + after);
            match refuses {
                // What does not get there now, or is not answered yet, may be later.
                Some(Why::Unreachable | Why::Silent) if connects => self.race.connected(now, relay),
                Some(why) => self.race.refused(now, relay, why),
                None if connects => self.race.connected(now, relay),
                None => {}
            }
            self.follow();
        }
        if self.race.poll_timeout().is_some_and(|due| now >= due) {
            self.race.handle_timeout(now);
            self.follow();
        }
        assert!(self.race.poll_timeout().is_none_or(|due| due > now), "it would spin");
        let elapsed = now - self.start;
        if elapsed.as_nanos().is_multiple_of(self.packet.as_nanos()) {
            for relay in self.joined.keys().copied().collect::<Vec<_>>() {
                let delivers = &self.relays[&relay].delivers;
                if delivers.iter().any(|(from, to)| (*from..*to).contains(&elapsed)) {
                    self.longest_gap = self.longest_gap.max(self.last_data.map_or(Duration::ZERO, |last| now - last));
                    self.last_data = Some(now);
                    self.race.data(now, relay);
                    self.follow();
                }
            }
        }
    }

    /// Does the steps, and holds the race to what it promises.
    fn follow(&mut self) {
        while let Some(step) = self.race.poll_step() {
            self.steps.push((self.now - self.start, step));
            match step {
                Step::Open(candidate) => {
                    assert_eq!(self.opened.insert(candidate.relay, self.now), None, "it is open already");
                    assert!(self.opened.len() <= MAX_OPENING + 2);
                }
                Step::Join(relay) => {
                    assert!(self.relays[&relay].connects.is_some() && self.opened.contains_key(&relay));
                    assert_eq!(self.joined.insert(relay, self.now), None);
                    assert!(self.joined.len() <= 2);
                }
                Step::Close(relay) => {
                    assert!(self.opened.remove(&relay).is_some(), "it is not open");
                    self.joined.remove(&relay);
                }
                Step::Prefer { relay, before } => {
                    assert!(self.joined.contains_key(&relay) && self.joined.contains_key(&before));
                }
                Step::Again => self.looks_up = Some(self.now + MS),
            }
        }
    }

    /// When the steps of one kind came.
    fn times(&self, wanted: impl Fn(&Step) -> bool) -> Vec<u128> {
        self.steps.iter().filter(|(_, step)| wanted(step)).map(|(at, _)| at.as_millis()).collect()
    }

    fn opens(&self) -> Vec<(u128, SocketAddr)> {
        let open = |(at, step): &(Duration, Step)| match step {
            Step::Open(candidate) => Some((at.as_millis(), candidate.relay)),
            _ => None,
        };
        self.steps.iter().filter_map(open).collect()
    }

    fn joins(&self) -> Vec<(u128, SocketAddr)> {
        let join = |(at, step): &(Duration, Step)| match step {
            Step::Join(relay) => Some((at.as_millis(), *relay)),
            _ => None,
        };
        self.steps.iter().filter_map(join).collect()
    }

    fn first_data_by(&mut self, limit: Duration) -> Duration {
        while self.last_data.is_none() {
            assert!(self.now < self.start + limit, "no data: {:?}", self.steps);
            self.run(self.now - self.start + PACKET);
        }
        self.last_data.unwrap() - self.start
    }
}

#[test]
fn the_first_that_connects_is_joined_and_the_others_are_closed() {
    let mut world = World::new(list(&[v4(1), v4(2), v4(3)]), [(v4(2), good(30 * MS)), (v4(3), good(30 * MS))]);
    world.run(2 * SECOND);
    assert_eq!(world.opens(), [(0, v4(1)), (250, v4(2))]);
    // The better one, still opening, has the grace.
    assert_eq!(world.joins(), [(380, v4(2))]);
    assert_eq!(world.times(|step| *step == Step::Close(v4(1))), [380]);
    assert_eq!(world.joined.len(), 1);
    assert_eq!(world.opened.len(), 1);
}

#[test]
fn a_list_of_which_the_first_is_dead_plays_within_two_seconds() {
    for dead in 1..=4 {
        let relays: Vec<_> = (1..=dead + 1).map(v4).collect();
        let mut world = World::new(list(&relays), [(v4(dead + 1), good(200 * MS))]);
        world.first_data_by(2 * SECOND);
    }
}

#[test]
fn the_next_is_opened_at_once_when_one_refuses() {
    let gone = Relay { refuses: Some((10 * MS, Why::Unreachable)), ..Relay::default() };
    let full = Relay { refuses: Some((10 * MS, Why::Limit)), ..Relay::default() };
    let mut world = World::new(list(&[v4(1), v4(2), v4(3)]), [(v4(1), gone), (v4(2), full), (v4(3), good(10 * MS))]);
    world.run(SECOND);
    assert_eq!(world.opens(), [(0, v4(1)), (10, v4(2)), (20, v4(3))]);
    assert_eq!(world.joins(), [(30, v4(3))]);
    let held = world.holds.until(v4(2), source(), world.now).unwrap() - world.now;
    assert!((9 * 60..=11 * 60).contains(&held.as_secs()));
    assert_eq!(world.holds.until(v4(1), source(), world.now), None);
}

#[test]
fn a_better_relay_wins_within_the_grace_and_not_after() {
    let relays = [v4(1), v4(2)];
    let mut close = World::new(list(&relays), [(v4(1), good(340 * MS)), (v4(2), good(20 * MS))]);
    close.run(SECOND);
    assert_eq!(close.joins(), [(340, v4(1))]);
    let mut late = World::new(list(&relays), [(v4(1), good(400 * MS)), (v4(2), good(20 * MS))]);
    late.run(SECOND);
    assert_eq!(late.joins(), [(370, v4(2))]);
}

#[test]
fn a_relay_whose_name_is_looked_up_late_does_not_hold_up_the_others_but_goes_before_the_rest() {
    let mut world = World::new(Vec::new(), []);
    world.looks_up = None;
    world.race.candidates(world.now, [named(v4(2), 1), named(v4(3), 2)]);
    world.follow();
    world.run(100 * MS);
    world.race.candidates(world.now, [named(v4(1), 0)]);
    world.follow();
    world.run(SECOND);
    assert_eq!(world.opens(), [(0, v4(2)), (250, v4(1)), (500, v4(3))]);
}

#[test]
fn versions_take_turns_within_one_name_and_precedence_goes_before_them() {
    let reverse = |relay, precedence| Candidate { relay, origin: Origin::Reverse { precedence }, discover: false };
    let found = vec![
        reverse(v4(9), 200),
        reverse(v4(1), 10),
        reverse(v4(2), 10),
        reverse(v6(1), 10),
        reverse(v6(2), 10),
        reverse(v6(9), 5),
    ];
    let mut world = World::new(found, []);
    world.run(3 * SECOND);
    let opens: Vec<_> = world.opens().into_iter().map(|(_, relay)| relay).collect();
    assert_eq!(opens[0], v6(9));
    let versions: Vec<_> = opens[1..5].iter().map(SocketAddr::is_ipv6).collect();
    assert_eq!(versions, [true, false, true, false]);
    assert_eq!(opens[5], v4(9));
}

#[test]
fn among_equals_chance_decides() {
    let mut first = BTreeMap::new();
    for seed in 0..200 {
        let now = Instant::now();
        let mut race = Race::new(now, seed, Config::new(source()), Arc::default());
        let equal = |n| Candidate { relay: v4(n), origin: Origin::Reverse { precedence: 1 }, discover: true };
        race.candidates(now, (1..=4).map(equal));
        race.complete(now);
        let Some(Step::Open(candidate)) = race.poll_step() else { panic!() };
        *first.entry(candidate.relay).or_insert(0) += 1;
    }
    assert_eq!(first.len(), 4);
    assert!(first.values().all(|times| (25..80).contains(times)), "{first:?}");
}

#[test]
fn what_is_far_waits_a_moment_for_what_is_near() {
    let anycast = Candidate { relay: v4(1), origin: Origin::Anycast, discover: true };
    let local = Candidate { relay: v4(2), origin: Origin::DnsSd { priority: 0, weight: 0 }, discover: true };
    let mut world = World::new(Vec::new(), []);
    world.looks_up = None;
    world.race.candidates(world.now, [anycast]);
    world.run(120 * MS);
    world.race.candidates(world.now, [local]);
    world.follow();
    world.run(SECOND);
    assert_eq!(world.opens(), [(120, v4(2)), (370, v4(1))]);
    // Where nothing more will come, there is nothing to wait for.
    let mut world = World::new(vec![anycast], []);
    world.run(SECOND);
    assert_eq!(world.opens(), [(0, v4(1))]);
}

#[test]
fn without_traffic_the_next_is_tried_and_the_first_is_held_down() {
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), mute(10 * MS)), (v4(2), good(10 * MS))]);
    world.run(3900 * MS);
    assert_eq!(world.joins(), [(10, v4(1))]);
    world.run(10 * SECOND);
    assert_eq!(world.joins()[1..], [(4020, v4(2))]);
    // It is left when the other one delivers, not before.
    assert_eq!(world.times(|step| *step == Step::Close(v4(1))), [4100]);
    let held = world.holds.until(v4(1), source(), world.now).unwrap() - world.now;
    assert!((3 * 60 - 10..=10 * 60).contains(&held.as_secs()));
    assert_eq!(world.holds.until(v4(1), [198, 51, 100, 2].into(), world.now), None, "other sources may do");
}

#[test]
fn the_time_for_traffic_grows_at_random_from_4_to_120_seconds() {
    let relays: Vec<_> = (1..=9).map(v4).collect();
    let mut world = World::new(list(&relays), relays.iter().map(|relay| (*relay, mute(10 * MS))));
    world.run(900 * SECOND);
    let joins: Vec<_> = world.joins().into_iter().map(|(at, _)| at).collect();
    let waits: Vec<_> = joins.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (n, wait) in waits.iter().take(8).enumerate() {
        let longest = (4_000 << n).min(120_000) + 500;
        assert!((4_000..=longest).contains(wait), "{n}: {wait}");
    }
    assert!(waits.iter().any(|wait| *wait > 20_000));
}

#[test]
fn held_down_relays_are_tried_last_but_they_are_tried() {
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), good(10 * MS))]);
    world.holds.hold(v4(1), Some(source()), world.now, world.now + 300 * SECOND);
    world.run(SECOND);
    assert_eq!(world.opens(), [(0, v4(2)), (250, v4(1))]);
    assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(1)]);
    assert_eq!(world.holds.until(v4(1), source(), world.now), None, "it delivers after all");
}

#[test]
fn when_data_stops_and_another_relay_has_it_it_comes_from_there_within_five_seconds() {
    let dies = Relay { delivers: vec![(Duration::ZERO, 20 * SECOND)], ..good(50 * MS) };
    let mut world =
        World::new(list(&[v4(1), v4(2), v4(3)]), [(v4(1), dies), (v4(2), Relay::default()), (v4(3), good(50 * MS))]);
    world.run(40 * SECOND);
    assert!(world.longest_gap < 3 * SECOND, "{:?}", world.longest_gap);
    assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(3)]);
    assert!(world.holds.until(v4(1), source(), world.now).is_some());
}

#[test]
fn a_relay_that_comes_back_while_another_is_tried_stays() {
    let pauses = Relay { delivers: vec![(Duration::ZERO, 20 * SECOND), (23 * SECOND, ALWAYS.1)], ..good(50 * MS) };
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), pauses), (v4(2), mute(50 * MS))]);
    world.run(22 * SECOND);
    assert_eq!(world.joined.len(), 2, "both are joined while neither delivers");
    world.run(60 * SECOND);
    assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(1)]);
    assert_eq!(world.opened.len(), 1);
    assert_eq!(world.joins().len(), 2);
}

#[test]
fn the_only_relay_is_never_left_however_long_it_is_silent() {
    let pauses = Relay { delivers: vec![(Duration::ZERO, 20 * SECOND), (4_000 * SECOND, ALWAYS.1)], ..good(50 * MS) };
    let mut world = World::new(list(&[v4(1)]), [(v4(1), pauses)]);
    world.run(4_001 * SECOND);
    assert_eq!(world.times(|step| matches!(step, Step::Close(_))), []);
    assert!(world.last_data.unwrap() > world.start + 4_000 * SECOND);
    let again = world.times(|step| *step == Step::Again);
    assert!((30..300).contains(&again.len()), "looked up anew {} times in an hour", again.len());
    // And one that never delivered is not left either.
    let mut world = World::new(list(&[v4(1)]), [(v4(1), mute(50 * MS))]);
    world.run(600 * SECOND);
    assert_eq!(world.times(|step| matches!(step, Step::Close(_))), []);
}

#[test]
fn a_relay_that_wants_to_be_left_is_left_when_another_one_delivers() {
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), good(10 * MS)), (v4(2), good(10 * MS))]);
    world.run(10 * SECOND);
    world.race.refused(world.now, v4(1), Why::Limit);
    world.follow();
    world.run(20 * SECOND);
    assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(2)]);
    assert_eq!(world.longest_gap, PACKET, "nobody saw a hole");
    // With nobody else it stays, and is not asked for anything.
    let mut world = World::new(list(&[v4(1)]), [(v4(1), good(10 * MS))]);
    world.run(10 * SECOND);
    world.race.refused(world.now, v4(1), Why::Limit);
    world.run(700 * SECOND);
    assert_eq!(world.longest_gap, PACKET);
}

#[test]
fn a_relay_whose_tunnel_broke_is_followed_by_the_next_at_once() {
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), good(10 * MS)), (v4(2), good(10 * MS))]);
    world.run(10 * SECOND);
    world.race.refused(world.now, v4(1), Why::Broken);
    world.follow();
    world.run(20 * SECOND);
    assert_eq!(world.joins()[1..], [(10_010, v4(2))]);
    assert_eq!(world.joined.len(), 1);
}

#[test]
fn what_icmp_says_of_a_relay_that_delivers_changes_nothing() {
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), good(10 * MS)), (v4(2), good(10 * MS))]);
    world.run(10 * SECOND);
    world.race.refused(world.now, v4(1), Why::Unreachable);
    world.run(20 * SECOND);
    assert_eq!(world.opens(), [(0, v4(1))]);
}

#[test]
fn where_everything_failed_it_is_looked_up_anew_with_growing_pauses() {
    let gone = Relay { refuses: Some((10 * MS, Why::Unreachable)), ..Relay::default() };
    let mut world = World::new(list(&[v4(1)]), [(v4(1), gone)]);
    world.run(120 * SECOND);
    let again = world.times(|step| *step == Step::Again);
    assert_eq!(again[0], 1_010);
    assert!(again.windows(2).all(|pair| pair[1] - pair[0] <= 10_011));
    assert!((12..60).contains(&again.len()), "{}", again.len());
    // A name that leads elsewhere by now is followed; nothing found at all is asked for again.
    world.found = list(&[v4(2)]);
    world.relays.insert(v4(2), good(10 * MS));
    world.run(140 * SECOND);
    assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(2)]);
    let mut nothing = World::new(Vec::new(), []);
    nothing.run(60 * SECOND);
    assert!((6..60).contains(&nothing.times(|step| *step == Step::Again).len()));
}

#[test]
fn a_relay_that_is_being_started_is_found_soon_though_it_refused_before() {
    for seconds in 1..=4 {
        let gone = Relay { refuses: Some((MS, Why::Unreachable)), ..Relay::default() };
        let mut world = World::new(list(&[v4(1)]), [(v4(1), gone)]);
        world.run(seconds * SECOND);
        world.relays.insert(v4(1), good(10 * MS));
        world.first_data_by((seconds + 2) * SECOND);
    }
}

#[test]
fn a_relay_that_was_away_however_long_is_found_within_five_seconds() {
    for why in [Why::Unreachable, Why::Silent, Why::Broken] {
        for away in [7, 60, 150, 600, 7200] {
            let gone = Relay { refuses: Some((5 * MS, why)), ..Relay::default() };
            let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), gone), (v4(2), Relay::default())]);
            world.run(away * SECOND);
            world.relays.insert(v4(1), good(10 * MS));
            world.first_data_by((away + 5) * SECOND);
            let rounds = world.times(|step| *step == Step::Again).len() as u64;
            assert!(rounds <= u64::from(away) / 2 + 6, "{rounds} rounds of lookups in {away} s");
        }
    }
}

#[test]
fn a_relay_whose_answers_are_late_is_joined_though_it_counted_as_silent() {
    let late = Relay { refuses: Some((4500 * MS, Why::Silent)), ..good(6 * SECOND) };
    for others in [vec![], vec![v4(2), v4(3)]] {
        let relays = [vec![v4(1)], others].concat();
        let mut world = World::new(list(&relays), [(v4(1), late.clone())]);
        world.first_data_by(7 * SECOND);
    }
}

#[test]
fn what_a_name_server_says_after_a_long_absence_is_played_within_five_seconds() {
    for away in [7, 150, 7200] {
        let mut world = World::new(Vec::new(), [(v4(1), good(10 * MS))]);
        world.run(away * SECOND);
        world.found = list(&[v4(1)]);
        world.first_data_by((away + 5) * SECOND);
    }
}

#[test]
fn a_name_server_that_is_down_costs_no_relay_that_is_known() {
    let mut world = World::new(list(&[v4(1)]), []);
    world.run(5 * SECOND);
    world.found = Vec::new();
    world.run(300 * SECOND);
    world.relays.insert(v4(1), good(10 * MS));
    // It has been opening all the time, and answers now.
    world.first_data_by(310 * SECOND);
}

#[test]
fn a_channel_with_pauses_of_its_own_does_not_disturb_other_relays_for_ever() {
    let pauses = (0..1000).map(|n| (n * 3 * SECOND, n * 3 * SECOND + 500 * MS)).collect();
    let slow = Relay { delivers: pauses, ..good(10 * MS) };
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), slow), (v4(2), mute(10 * MS))]);
    world.run(600 * SECOND);
    let disturbed = world.joins().len() - 1;
    assert!((1..25).contains(&disturbed), "{disturbed} times in 200 pauses");
}

#[test]
fn many_dead_relays_before_a_good_one_give_up_their_places() {
    let relays: Vec<_> = (1..=20).map(v4).collect();
    let mut world = World::new(list(&relays), [(v4(20), good(10 * MS))]);
    world.first_data_by(50 * SECOND);
}

#[test]
fn a_change_of_network_looks_everything_up_anew_and_leaves_nothing() {
    let mut world = World::new(list(&[v4(1)]), [(v4(1), good(10 * MS))]);
    world.run(10 * SECOND);
    world.race.network_changed(world.now);
    world.follow();
    world.run(12 * SECOND);
    assert_eq!(world.times(|step| *step == Step::Again), [10_000]);
    assert_eq!(world.longest_gap, PACKET);
}

/// Runs on, while relays lose these shares of the data.
fn run_with_losses(world: &mut World, until: Duration, losses: &[(SocketAddr, f64)]) {
    while world.now < world.start + until {
        world.run(world.now - world.start + 5 * SECOND);
        let joined: Vec<_> = world.joined.keys().copied().collect();
        let of = |relay| losses.iter().find(|(of, _)| *of == relay && joined.contains(of)).map(|(_, share)| *share);
        world.race.losses(world.now, of);
        world.follow();
    }
}

#[test]
fn a_relay_that_loses_more_than_another_is_left_for_it_without_a_gap() {
    for (losses, better) in [([0.05, 0.0], true), ([0.05, 0.02], true), ([0.05, 0.04], false), ([0.004, 0.0], false)] {
        let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), good(10 * MS)), (v4(2), good(10 * MS))]);
        let losses = [(v4(1), losses[0]), (v4(2), losses[1])];
        run_with_losses(&mut world, 60 * SECOND, &losses);
        assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(1 + u8::from(better))], "{losses:?}");
        assert_eq!((world.longest_gap, world.opened.len()), (PACKET, 1));
        let preferred = world.times(|step| matches!(step, Step::Prefer { .. }));
        let left = world.times(|step| *step == Step::Close(v4(1)));
        assert_eq!(preferred.iter().map(|at| at + 1500).collect::<Vec<_>>(), left, "both are joined for a while");
        // It is not looked for over and over, and the one that was left is not gone back to.
        run_with_losses(&mut world, 600 * SECOND, &losses);
        assert!(world.joins().len() <= 3, "{:?}", world.joins());
    }
}

#[test]
fn a_relay_that_loses_much_stays_where_it_is_the_only_one_or_the_others_have_nothing() {
    for others in [vec![], vec![(v4(2), mute(10 * MS))], vec![(v4(2), Relay::default())]] {
        let relays = [vec![v4(1)], others.iter().map(|(relay, _)| *relay).collect()].concat();
        let mut world = World::new(list(&relays), [(v4(1), good(10 * MS))].into_iter().chain(others));
        run_with_losses(&mut world, 200 * SECOND, &[(v4(1), 0.2)]);
        assert_eq!((world.joined.keys().collect::<Vec<_>>(), world.opened.len()), (vec![&v4(1)], 1));
        assert_eq!(world.longest_gap, PACKET);
    }
}

#[test]
fn a_relay_that_falls_silent_while_it_is_compared_is_left_at_once() {
    let dies = Relay { delivers: vec![(Duration::ZERO, 32 * SECOND)], ..good(10 * MS) };
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(1), dies), (v4(2), good(10 * MS))]);
    run_with_losses(&mut world, 60 * SECOND, &[(v4(1), 0.05), (v4(2), 0.04)]);
    assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(2)]);
    assert!(world.longest_gap < 3 * SECOND);
}

#[test]
fn a_choice_that_is_a_day_old_is_looked_at_again_and_what_comes_first_is_gone_back_to() {
    const DAY: Duration = Duration::from_secs(86_400);
    let mut world = World::new(list(&[v4(1), v4(2)]), [(v4(2), good(10 * MS))]);
    world.packet = SECOND;
    world.run(SECOND);
    world.relays.insert(v4(1), good(10 * MS));
    run_with_losses(&mut world, DAY + 60 * SECOND, &[(v4(1), 0.0), (v4(2), 0.0)]);
    assert_eq!(world.joined.keys().collect::<Vec<_>>(), [&v4(1)]);
    assert!(world.longest_gap <= SECOND);
    assert_eq!(world.times(|step| *step == Step::Again).len(), 1);
}

fn relays() -> impl Strategy<Value = Vec<(Candidate, Relay)>> {
    let origin = prop_oneof![
        (0u16..3).prop_map(|place| Origin::Named { place }),
        (0u16..2, 0u16..3).prop_map(|(priority, weight)| Origin::DnsSd { priority, weight }),
        Just(Origin::Anycast),
        (0u8..3).prop_map(|precedence| Origin::Reverse { precedence }),
    ];
    let time = |longest: u64| (0..longest).prop_map(Duration::from_millis);
    let why = prop_oneof![Just(Why::Limit), Just(Why::Unreachable), Just(Why::Broken), Just(Why::Silent)];
    let relay = (
        prop::option::weighted(0.7, time(600)),
        prop::option::weighted(0.3, (time(600), why)),
        prop::collection::vec((time(60_000), time(60_000)), 0..3),
    )
        .prop_map(|(connects, refuses, delivers)| Relay { connects, refuses, delivers });
    prop::collection::vec((origin, relay), 0..10).prop_map(|relays| {
        let with_address = relays.into_iter().zip(1u8..).map(|((origin, relay), n)| {
            let address = if n % 2 == 0 { v4(n) } else { v6(n.into()) };
            (Candidate { relay: address, origin, discover: true }, relay)
        });
        with_address.collect()
    })
}

proptest! {
    // A case is half an hour of one channel.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 16))]
    #[test]
    fn whatever_the_relays_do_what_works_is_found_in_the_end_and_kept(mut relays in relays()) {
        // One of them is good after the first minute, which the rest fill with mischief.
        let worker = Candidate { relay: v4(200), origin: Origin::Reverse { precedence: 1 }, discover: true };
        let behaviour = Relay { delivers: vec![(60 * SECOND, ALWAYS.1)], ..good(100 * MS) };
        relays.push((worker, behaviour));
        let found = relays.iter().map(|(candidate, _)| *candidate).collect();
        let mut world = World::new(found, relays.into_iter().map(|(candidate, relay)| (candidate.relay, relay)));
        world.lookup = 70 * MS;
        world.packet = SECOND;
        world.run(2_000 * SECOND);
        world.longest_gap = Duration::ZERO;
        world.last_data = Some(world.now);
        world.run(2_100 * SECOND);
        prop_assert!(world.longest_gap <= world.packet);
        prop_assert_eq!(world.joined.keys().copied().collect::<Vec<_>>(), vec![v4(200)]);
        prop_assert_eq!(world.opened.len(), 1);
    }
}
