//! Where one sequence of datagrams goes on from another, told by what both have in common.
//!
//! A datagram's identity is a number made of its bytes. Equal datagrams are legitimate (null packets, tables), so
//! that no single one tells a place: only a run of three that stands once in each sequence does.

use amt_shared::ts::PACKET_LEN;

/// How many datagrams in a row tell a place.
pub(super) const RUN: usize = 3;

/// The identity of a datagram: of its length, and of the header and the first bytes behind it in each of its
/// transport packets. Two that differ elsewhere alone count as equal ones.
pub(super) fn identity(payload: &[u8]) -> u64 {
    let mut identity = payload.len() as u64;
    for packet in payload.chunks(PACKET_LEN) {
        let mut head = [0; 16];
        let len = packet.len().min(16);
        head[..len].copy_from_slice(&packet[..len]);
        identity = mix(identity, u128::from_be_bytes(head) as u64);
        identity = mix(identity, (u128::from_be_bytes(head) >> 64) as u64);
    }
    identity
}

/// The last place that both sequences have, as the index of its last datagram in each.
pub(super) fn last_common(ours: &[u64], theirs: &[u64]) -> Option<(usize, usize)> {
    let theirs = single_runs(theirs);
    let ours = single_runs(ours);
    let there = |run: u64| theirs.binary_search_by_key(&run, |(run, _)| *run).ok().map(|found| theirs[found].1);
    ours.iter().filter_map(|(run, at)| Some((*at, there(*run)?))).max()
}

/// The runs that stand once, in the order of their numbers, with the index of their last datagram.
fn single_runs(identities: &[u64]) -> Vec<(u64, usize)> {
    let run = |run: &[u64]| run.iter().fold(0, |run, identity| mix(run, *identity));
    let mut runs: Vec<_> = identities.windows(RUN).map(run).zip(RUN - 1..).collect();
    runs.sort_unstable();
    runs.chunk_by(|(one, _), (other, _)| one == other)
        .filter_map(|same| if let [single] = same { Some(*single) } else { None })
        .collect()
}

/// Depends on the order; every bit of the word reaches the high half, and the fold brings it down again.
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash.rotate_left(23) ^ word) * 0x9E37_79B9_7F4A_7C15;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_repeated_datagram_is_no_place_and_the_run_around_it_is() {
        let n = 0;
        assert_eq!(last_common(&[n, n, n, n], &[n, n, n]), None);
        assert_eq!(last_common(&[1, 2, n, n, n, n], &[9, 1, 2, n, n, n, n, n, 3]), Some((3, 4)));
        assert_eq!(last_common(&[1, 2], &[1, 2]), None);
    }

    #[test]
    fn datagrams_that_differ_in_any_of_their_heads_or_in_length_differ() {
        let one = [0x47; 1316];
        let mut other = one;
        other[6 * PACKET_LEN + 15] ^= 1;
        assert_ne!(identity(&one), identity(&other));
        assert_ne!(identity(&one), identity(&one[..1128]));
        assert_ne!(identity(&[]), identity(&[0]));
    }

    proptest! {
        #[test]
        fn the_place_is_the_last_one_of_the_overlap(lead in 0_usize..50, overlap in 3_usize..50, tail in 0_usize..50) {
            let source: Vec<u64> = (0..200).collect();
            let ours = &source[..lead + overlap];
            let theirs = &source[lead..lead + overlap + tail];
            prop_assert_eq!(last_common(ours, theirs), Some((lead + overlap - 1, overlap - 1)));
            prop_assert_eq!(last_common(theirs, ours), Some((overlap - 1, lead + overlap - 1)));
        }
    }
}
