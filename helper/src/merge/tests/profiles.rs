//! The loss table: what networks with these faults make of a stream, and that everything they deliver comes out. The
//! table in `docs/benchmarks.md` is what `cargo test -p amt-helper every_profile -- --nocapture` prints.

use super::uniting::packet;
use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Datagrams come so often, in milliseconds, and so many of them.
const EVERY: u64 = 2;
const SENT: u32 = 30_000;
/// Between the beginnings of two bursts.
const BURSTS: u64 = 5000;

/// What a network does to datagrams.
#[derive(Clone, Copy, Default)]
struct Profile {
    name: &'static str,
    /// The share that is lost, and for how many milliseconds everything is.
    loss: f64,
    burst: u64,
    /// How many others one in a hundred is overtaken by.
    depth: u64,
    /// The share that comes twice.
    duplicates: f64,
    /// The longest delay, in milliseconds, of delays that are all as likely.
    jitter: u64,
}

const NONE: Profile = Profile { name: "none", loss: 0.0, burst: 0, depth: 0, duplicates: 0.0, jitter: 0 };
const PROFILES: [Profile; 12] = [
    NONE,
    Profile { name: "0.1 % loss", loss: 0.001, ..NONE },
    Profile { name: "1 % loss", loss: 0.01, ..NONE },
    Profile { name: "5 % loss", loss: 0.05, ..NONE },
    Profile { name: "20 % loss", loss: 0.2, ..NONE },
    Profile { name: "bursts of 50 ms", burst: 50, ..NONE },
    Profile { name: "bursts of 500 ms", burst: 500, ..NONE },
    Profile { name: "1 % three behind", depth: 3, ..NONE },
    Profile { name: "5 % twice", duplicates: 0.05, ..NONE },
    Profile { name: "jitter of 30 ms", jitter: 30, ..NONE },
    Profile { name: "jitter of 100 ms", jitter: 100, ..NONE },
    Profile { name: "mixed", loss: 0.01, burst: 50, depth: 3, duplicates: 0.05, jitter: 30 },
];

impl Profile {
    /// Times in microseconds and numbers of what arrives, in the order in which it does.
    fn arrivals(&self) -> Vec<(u64, u32)> {
        let mut rng = StdRng::seed_from_u64(1);
        let mut arrivals = Vec::new();
        for number in 0..SENT {
            let at = u64::from(number) * EVERY;
            let in_burst = at >= BURSTS && at % BURSTS < self.burst;
            if in_burst || rng.random_bool(self.loss) {
                continue;
            }
            for _ in 0..1 + u32::from(rng.random_bool(self.duplicates)) {
                let behind =
                    if rng.random_bool(0.01) { self.depth * EVERY * 1000 + 1000 * self.depth.min(1) } else { 0 };
                let late = rng.random_range(0..=self.jitter * 1000);
                arrivals.push((at * 1000 + behind + late, number));
            }
        }
        arrivals.sort_unstable();
        arrivals
    }
}

/// What came out, by number.
fn through(arrivals: &[(u64, u32)], payload: impl Fn(u32) -> Vec<u8>) -> Vec<u32> {
    let mut bench = Bench::new();
    for (at, number) in arrivals {
        let _ = bench.push(Duration::from_micros(*at), A, &payload(*number));
    }
    bench.run_until(ms(u64::from(SENT) * EVERY + 5000));
    bench.out.iter().map(|out| number_of(&out.ts)).collect()
}

#[test]
fn every_profile_of_loss_delivers_what_came_and_rtp_once_and_in_order() {
    println!(
        "| Profile | sent | arrived | twice | overtaken | RTP: out | not out | twice | out of order | plain: out | not out |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for profile in PROFILES {
        let arrivals = profile.arrivals();
        let numbers: Vec<u32> = arrivals.iter().map(|(_, number)| *number).collect();
        let distinct = |numbers: &[u32]| numbers.iter().collect::<std::collections::BTreeSet<_>>().len();
        let overtaken = |numbers: &[u32]| numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
        let arrived = distinct(&numbers);
        let rtp = through(&arrivals, packet);
        let plain = through(&arrivals, numbered);
        println!(
            "| {} | {SENT} | {arrived} | {} | {} | {} | {} | {} | {} | {} | {} |",
            profile.name,
            numbers.len() - arrived,
            overtaken(&numbers),
            distinct(&rtp),
            arrived - distinct(&rtp),
            rtp.len() - distinct(&rtp),
            overtaken(&rtp),
            plain.len(),
            numbers.len() - plain.len(),
        );
        assert_eq!(plain, numbers, "{}: plain TS as it came", profile.name);
        assert!(rtp.is_sorted_by(|one, other| one < other), "{}: once and in order", profile.name);
        // How late packets are is learnt from those that are: of the first ones, some may be given up.
        let given_up = || (0..SENT).filter(|number| numbers.contains(number) && rtp.binary_search(number).is_err());
        assert!(
            rtp.len() == arrived || profile.jitter > 50 && given_up().all(|number| number < 100),
            "{}",
            profile.name
        );
    }
}
