//! Packets out of the bytes of datagrams, as a receiver finds them: synchronisation with the hysteresis of ETSI
//! TR 101 290, 5.2.1 (checks 1.1 and 1.2).
//!
//! In: the bytes of one datagram after another. Out: 188 bytes at a time. The bytes are one stream, so that packets
//! cut by datagrams are found too; what lies between packets is passed over and counted.

use amt_shared::ts::{PACKET_LEN, SYNC_BYTE};

/// Right sync bytes in a row that make a receiver believe it.
const ACQUIRED_BY: usize = 5;
/// Wrong sync bytes in a row that make it look anew.
const LOST_BY: u32 = 2;

/// What went wrong within one datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// Sync bytes that are not 0x47, while synchronised.
    pub(super) bytes: u64,
    /// Times that synchronisation was lost.
    pub(super) losses: u64,
}

#[derive(Debug, Default)]
pub(super) struct Sync {
    /// Less than what synchronisation takes: it waits for the next datagram.
    carry: Vec<u8>,
    locked: bool,
    acquired: bool,
    wrong: u32,
    skipped: u64,
}

impl Sync {
    /// Whether packets were ever found.
    pub(super) const fn acquired(&self) -> bool {
        self.acquired
    }

    /// Bytes that belong to no packet.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Takes the next bytes and gives each whole packet.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8; PACKET_LEN])) -> Faults {
        let mut faults = Faults::default();
        let carried = std::mem::take(&mut self.carry);
        let joined = if carried.is_empty() { Vec::new() } else { [&carried[..], bytes].concat() };
        let mut rest = if carried.is_empty() { bytes } else { &joined[..] };
        loop {
            if !self.locked {
                let (at, certain) = find(rest);
                self.skipped += at as u64;
                rest = &rest[at..];
                if !certain {
                    break;
                }
                self.locked = true;
                self.acquired = true;
                self.wrong = 0;
            }
            let Some((packet, after)) = rest.split_first_chunk() else { break };
            if packet[0] == SYNC_BYTE {
                self.wrong = 0;
                each(packet);
            } else {
                faults.bytes += 1;
                self.wrong += 1;
                if self.wrong == LOST_BY {
                    faults.losses += 1;
                    self.locked = false;
                    // What is looked for may begin within these bytes.
                    continue;
                }
                self.skipped += PACKET_LEN as u64;
            }
            rest = after;
        }
        self.carry.extend_from_slice(rest);
        faults
    }
}

/// Where packets begin, for certain or as far as the bytes go.
fn find(bytes: &[u8]) -> (usize, bool) {
    for at in 0..bytes.len() {
        let mut right = bytes[at..].iter().step_by(PACKET_LEN).take(ACQUIRED_BY);
        let there = right.len();
        if right.all(|byte| *byte == SYNC_BYTE) {
            return (at, there == ACQUIRED_BY);
        }
    }
    (bytes.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packets(count: u8) -> Vec<u8> {
        (0..count).flat_map(|n| [&[SYNC_BYTE, 0x01, n][..], &[n; PACKET_LEN - 3]].concat()).collect()
    }

    fn run(sync: &mut Sync, bytes: &[u8]) -> (Vec<u8>, Faults) {
        let mut found = Vec::new();
        let faults = sync.push(bytes, |packet| found.push(packet[2]));
        (found, faults)
    }

    #[test]
    fn packets_are_found_behind_other_bytes_and_across_datagrams() {
        let bytes = [&[0xAA; 12][..], &packets(9)].concat();
        let mut sync = Sync::default();
        let (first, rest) = bytes.split_at(1000);
        assert_eq!(run(&mut sync, first).0, [0, 1, 2, 3, 4]);
        assert_eq!(run(&mut sync, rest), (vec![5, 6, 7, 8], Faults::default()));
        assert_eq!(sync.skipped(), 12);
    }

    #[test]
    fn four_packets_are_not_enough_to_believe_it_and_the_fifth_brings_them_all() {
        let mut sync = Sync::default();
        let bytes = packets(5);
        for packet in bytes.chunks(PACKET_LEN).take(4) {
            assert_eq!(run(&mut sync, packet).0, [0; 0]);
        }
        assert!(!sync.acquired());
        assert_eq!(run(&mut sync, &bytes[4 * PACKET_LEN..]).0, [0, 1, 2, 3, 4]);
        assert!(sync.acquired());
    }

    #[test]
    fn one_wrong_sync_byte_is_an_error_and_two_in_a_row_are_a_loss() {
        let mut bytes = packets(20);
        bytes[6 * PACKET_LEN] = 0;
        let mut sync = Sync::default();
        let (found, faults) = run(&mut sync, &bytes);
        assert_eq!((found.len(), faults), (19, Faults { bytes: 1, losses: 0 }));
        bytes[7 * PACKET_LEN] = 0;
        let (found, faults) = run(&mut sync, &bytes);
        assert_eq!((found.len(), faults), (18, Faults { bytes: 2, losses: 1 }));
    }

    #[test]
    fn a_shift_is_a_loss_and_is_followed() {
        let bytes = [&packets(10)[..], &[1, 2, 3], &packets(10)].concat();
        let (found, faults) = run(&mut Sync::default(), &bytes);
        assert_eq!(faults, Faults { bytes: 2, losses: 1 });
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_bounded_and_give_packets_with_a_sync_byte(
            // Length, the distance of sync bytes, where the first stands, and what lies between.
            datagrams in proptest::collection::vec(
                (0usize..1500, prop_oneof![3 => Just(PACKET_LEN), 1 => 1usize..200], 0usize..400, any::<u8>()), 0..20)
        ) {
            let mut sync = Sync::default();
            let (mut total, mut found) = (0, 0);
            for (length, distance, first, between) in datagrams {
                let mut datagram = vec![between; length];
                datagram.iter_mut().skip(first).step_by(distance).for_each(|byte| *byte = SYNC_BYTE);
                total += length;
                sync.push(&datagram, |packet| {
                    assert_eq!(packet[0], SYNC_BYTE);
                    found += PACKET_LEN;
                });
                prop_assert!(sync.carry.len() < ACQUIRED_BY * PACKET_LEN);
            }
            prop_assert_eq!(found + sync.skipped() as usize + sync.carry.len(), total);
        }
    }
}
