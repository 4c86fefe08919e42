//! Which PIDs come, and for how long others have been silent.
//!
//! In: packets, and when they were received. Out: for each PID how long ago a payload came on it, in tenths of a second
//! that went by in the stream: by PCRs (ISO/IEC 13818-1, 2.4.3.5), whichever programme's they are, or by reception,
//! whichever went further. Where there is neither, as many packets as a stream of 30 Mbit/s has count as a tenth. Time in
//! which nothing comes at all is not counted: whoever has to wait for the whole stream knows nothing of one PID.

use amt_shared::clock::{TICKS_PER_SECOND, wrapped_difference};
use amt_shared::ts::{PACKET_LEN, Packet};

use super::output::Micros;

/// Microseconds, ticks of 90 kHz and packets in a tenth of a second.
const TENTH_MICROS: u64 = 100_000;
const TENTH_TICKS: u64 = TICKS_PER_SECOND as u64 / 10;
const TENTH_PACKETS: u64 = 2000;
/// Longer steps are none of a clock that goes on: PCRs come ten times a second, and pushes more often.
const STEP_MAX: i64 = TICKS_PER_SECOND;
const RECEIVED_STEP_MAX: u64 = 250_000;
/// So many PCRs of others without one on the PID that is followed, and another one is.
const OTHERS_MAX: u32 = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Presence {
    /// In which tenth of a second a payload came last, by PID; 0 where none did.
    came: Box<[u32; 8192]>,
    /// Which tenth it is, from 1 on.
    now: u32,
    /// The PID whose PCRs tell the time, and the last of them, 90 kHz.
    clock: Option<(u16, u64)>,
    /// PCRs of other PIDs since.
    others: u32,
    /// How far PCRs went on, 90 kHz ticks.
    ticks: u64,
    received: Micros,
    /// How far reception went on.
    micros: u64,
    /// Packets, while nothing else tells the time.
    packets: u64,
}

impl Default for Presence {
    fn default() -> Self {
        Self { came: Box::new([0; 8192]), now: 1, clock: None, others: 0, ticks: 0, received: 0, micros: 0, packets: 0 }
    }
}

impl Presence {
    /// Which tenth of a second it is, from 1 on.
    pub(super) const fn now(&self) -> u32 {
        self.now
    }

    /// How many tenths of a second ago a payload came on a PID; where that was before the tenth `since`, how long ago
    /// that was.
    pub(super) fn silent(&self, pid: u16, since: u32) -> u32 {
        let came = self.came.get(usize::from(pid)).copied().unwrap_or_default();
        self.now.saturating_sub(came.max(since))
    }

    /// Whether a payload came on a PID within a second.
    pub(super) fn comes(&self, pid: u16) -> bool {
        let came = self.came.get(usize::from(pid)).copied().unwrap_or_default();
        came > 0 && self.now - came <= 10
    }

    /// Whether any ever came.
    pub(super) fn has_come(&self, pid: u16) -> bool {
        self.came.get(usize::from(pid)).is_some_and(|came| *came > 0)
    }

    /// Takes a packet; whether another tenth of a second has begun.
    #[inline]
    pub(super) fn packet(&mut self, pid: u16, bytes: &[u8; PACKET_LEN]) -> bool {
        if bytes[3] & 0x10 != 0
            && let Some(came) = self.came.get_mut(usize::from(pid))
        {
            *came = self.now;
        }
        // An adaptation field with a PCR.
        bytes[3] & 0x20 != 0 && bytes[4] >= 7 && bytes[5] & 0x10 != 0 && self.clock(pid, bytes)
    }

    #[cold]
    fn clock(&mut self, pid: u16, bytes: &[u8; PACKET_LEN]) -> bool {
        let packet = Packet::parse(bytes).ok().filter(|packet| !packet.transport_error());
        let Some(base) = packet.and_then(|packet| packet.pcr()).map(|pcr| pcr.base) else { return false };
        match &mut self.clock {
            Some((of, last)) if *of == pid => {
                let step = wrapped_difference(base, *last);
                *last = base;
                self.others = 0;
                if (1..=STEP_MAX).contains(&step) {
                    self.ticks += step as u64;
                }
            }
            Some(_) if self.others < OTHERS_MAX => self.others += 1,
            _ => {
                self.clock = Some((pid, base));
                self.others = 0;
            }
        }
        self.go_on()
    }

    /// What follows was received at this time; whether another tenth of a second has begun.
    pub(super) fn received(&mut self, at: Micros) -> bool {
        let step = at.saturating_sub(self.received);
        if self.received != 0 {
            self.micros += step.min(RECEIVED_STEP_MAX);
        }
        self.received = at;
        self.go_on()
    }

    /// So many packets came; whether another tenth of a second has begun.
    pub(super) fn packets(&mut self, count: u64) -> bool {
        if self.ticks == 0 && self.micros == 0 {
            self.packets += count;
        }
        self.go_on()
    }

    #[inline]
    fn go_on(&mut self) -> bool {
        // Multiplied, as a division each push would take as long as all else here.
        let until = u64::from(self.now);
        let within = |of: u64, tenth: u64| of < until * tenth;
        if within(self.ticks, TENTH_TICKS) && within(self.micros, TENTH_MICROS) && within(self.packets, TENTH_PACKETS) {
            return false;
        }
        self.tenth_began()
    }

    #[cold]
    fn tenth_began(&mut self) -> bool {
        let tenths = (self.ticks / TENTH_TICKS).max(self.micros / TENTH_MICROS).max(self.packets / TENTH_PACKETS);
        let before = self.now;
        self.now = before.max(u32::try_from(1 + tenths).unwrap_or(u32::MAX));
        self.now != before
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    fn pcr(pid: u16, base: u64) -> [u8; PACKET_LEN] {
        let mut bytes = [0xFF; PACKET_LEN];
        bytes[..6].copy_from_slice(&[0x47, (pid >> 8) as u8, pid as u8, 0x20, 183, 0x10]);
        bytes[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
        bytes[10] = (base as u8 & 1) << 7 | 0x7E;
        bytes
    }

    fn payload(pid: u16) -> [u8; PACKET_LEN] {
        let mut bytes = [0; PACKET_LEN];
        bytes[..4].copy_from_slice(&[0x47, (pid >> 8) as u8, pid as u8, 0x10]);
        bytes
    }

    #[test]
    fn silence_is_counted_by_the_clock_of_any_programme() {
        let mut presence = Presence::default();
        presence.packet(300, &payload(300));
        // Over the wrap, with a jump that is none of time going by; another clock takes the place of one that ends.
        for index in 0..100u64 {
            let at = ((1 << 33) - 90_000 + index * 3600) & ((1 << 33) - 1);
            presence.packet(100, &pcr(100, at));
            presence.packet(200, &pcr(200, index * 3600 + if index < 50 { 0 } else { 7_000_000 }));
        }
        assert_eq!(presence.silent(300, 0), 39);
        for index in 0..100u64 {
            presence.packet(200, &pcr(200, index * 3600));
        }
        assert!((39 + 25..=39 + 40).contains(&presence.silent(300, 0)), "{}", presence.silent(300, 0));
        assert_eq!(presence.silent(301, presence.now() - 7), 7);
        assert!(presence.has_come(300) && !presence.has_come(100) && !presence.comes(300));
    }

    #[test]
    fn a_pause_of_everything_is_no_silence_of_one() {
        let mut presence = Presence::default();
        presence.received(1_000_000);
        presence.packet(300, &payload(300));
        presence.received(1_100_000);
        presence.received(9_000_000);
        assert!(presence.silent(300, 0) <= 3);
        let begun = (0..20).filter(|index| presence.received(9_100_000 + index * 100_000)).count();
        assert_eq!(begun, 20);
    }

    #[test]
    fn packets_tell_the_time_where_nothing_else_does() {
        let mut presence = Presence::default();
        presence.packet(300, &payload(300));
        for _ in 0..1000 {
            presence.packets(64);
        }
        assert_eq!(presence.silent(300, 0), 32);
    }
}
