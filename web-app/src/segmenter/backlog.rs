//! Packets from before the tables: what they are for shows when those come, up to half a second later.
//!
//! In: packets of PIDs of which nothing is known. Out: the same, in order, once tables name their PIDs. So a join need not
//! wait for another random access point. Of each picture they are kept from its last random access point on
//! (`random_access_indicator`; ISO/IEC 13818-1, 2.4.3.5). Dropped: null packets, what is older than ten seconds of the
//! stream, and the oldest where there are too many.

use std::collections::VecDeque;

use amt_shared::ts::{NULL_PID, PACKET_LEN, Packet, pid};

use super::output::Micros;

/// Packets kept: 4 MB, 0.8 s of the largest satellite transponder, some seconds of one programme.
const HELD_MAX: usize = (4 << 20) / PACKET_LEN;
/// How old they may be, in tenths of a second.
const AGE_MAX: u32 = 100;

/// A packet, when it was received, and in which tenth of a second of the stream.
type Held = (Micros, u32, [u8; PACKET_LEN]);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog(VecDeque<Held>);

impl Backlog {
    /// Keeps a packet that came at `received`, in the tenth of a second `now`.
    pub(super) fn push(&mut self, bytes: &[u8; PACKET_LEN], received: Micros, now: u32) {
        let of = pid(bytes);
        if of == NULL_PID {
            return;
        }
        if Packet::parse(bytes).is_ok_and(|packet| packet.starts_video_random_access()) {
            self.0.retain(|(_, _, held)| pid(held) != of);
        }
        let full = |held: &VecDeque<Held>| held.len() >= HELD_MAX;
        while self.0.front().is_some_and(|(_, tenth, _)| now - tenth > AGE_MAX || full(&self.0)) {
            self.0.pop_front();
        }
        self.0.push_back((received, now, *bytes));
    }

    /// Takes out the packets of the PIDs that `which` holds of.
    pub(super) fn take(&mut self, which: impl Fn(u16) -> bool) -> Vec<[u8; PACKET_LEN]> {
        let mut taken = Vec::new();
        self.0.retain(|(_, _, bytes)| {
            let stays = !which(pid(bytes));
            if !stays {
                taken.push(*bytes);
            }
            stays
        });
        taken
    }

    /// All packets, in order, and when they were received.
    pub(super) fn packets(&self) -> impl Iterator<Item = (Micros, &[u8; PACKET_LEN])> {
        self.0.iter().map(|(received, _, bytes)| (*received, bytes))
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    fn packet(pid: u16, random_access: bool) -> [u8; PACKET_LEN] {
        let mut bytes = [0xFF; PACKET_LEN];
        bytes[..6].copy_from_slice(&[0x47, 0x40 | (pid >> 8) as u8, pid as u8, 0x30, 1, u8::from(random_access) << 6]);
        bytes[6..10].copy_from_slice(&[0, 0, 1, 0xE0]);
        bytes
    }

    fn pids(backlog: &Backlog) -> Vec<u16> {
        backlog.packets().map(|(_, bytes)| pid(bytes)).collect()
    }

    #[test]
    fn a_picture_is_kept_from_its_last_random_access_point_on() {
        let mut backlog = Backlog::default();
        for (pid, random_access) in
            [(1, false), (2, true), (1, true), (1, false), (NULL_PID, false), (3, false), (1, true), (2, false)]
        {
            backlog.push(&packet(pid, random_access), 7, 1);
        }
        assert_eq!(pids(&backlog), [2, 3, 1, 2]);
        assert_eq!(backlog.take(|pid| pid == 2).len(), 2);
        assert_eq!(pids(&backlog), [3, 1]);
    }

    #[test]
    fn it_holds_so_many_packets_for_so_long() {
        let mut backlog = Backlog::default();
        for index in 0..2 * HELD_MAX {
            backlog.push(&packet((index % 5000) as u16, false), 0, 1);
        }
        assert_eq!(backlog.0.len(), HELD_MAX);
        backlog.push(&packet(9, false), 0, 2 + AGE_MAX);
        assert_eq!(pids(&backlog), [9]);
    }
}
