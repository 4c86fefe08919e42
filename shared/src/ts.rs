//! A transport stream packet as a view (ISO/IEC 13818-1, 2.4.3.2–2.4.3.5), and its continuity.
//!
//! In: 188 bytes. Out: what stands in them, or a named reason. Nothing is copied; nothing here panics on
//! any bytes.

use crate::clock::Pcr;

/// Length of a transport packet in bytes.
pub const PACKET_LEN: usize = 188;
/// The first byte of every transport packet.
pub const SYNC_BYTE: u8 = 0x47;
/// The PID of null packets (2.4.1).
pub const NULL_PID: u16 = 0x1FFF;

/// Why a packet cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The first byte is not 0x47.
    #[error("sync byte missing")]
    SyncByte,
    /// `adaptation_field_length` runs past the end of the packet.
    #[error("adaptation field too long")]
    AdaptationFieldLength,
    /// `adaptation_field_control` is the reserved value 0.
    #[error("reserved adaptation field control")]
    AdaptationFieldControl,
}

/// One transport packet, its adaptation field known to lie inside it.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    bytes: &'a [u8; PACKET_LEN],
    payload_start: usize,
}

impl<'a> Packet<'a> {
    /// Looks at 188 bytes as a packet.
    ///
    /// # Errors
    /// Where the sync byte is missing or the adaptation field does not fit (2.4.3.5 allows 0–182 with and
    /// 183 without payload; other lengths are taken, as encoders write them, see [`Self::lacks_payload`]).
    #[inline]
    pub const fn parse(bytes: &'a [u8; PACKET_LEN]) -> Result<Self, PacketError> {
        if bytes[0] != SYNC_BYTE {
            return Err(PacketError::SyncByte);
        }
        let payload_start = match bytes[3] & 0x30 {
            0x10 => 4,
            0x20 => {
                if bytes[4] > 183 {
                    return Err(PacketError::AdaptationFieldLength);
                }
                PACKET_LEN
            }
            0x30 => {
                if bytes[4] > 183 {
                    return Err(PacketError::AdaptationFieldLength);
                }
                5 + bytes[4] as usize
            }
            _ => return Err(PacketError::AdaptationFieldControl),
        };
        Ok(Self { bytes, payload_start })
    }

    /// The packet identifier, 13 bits.
    #[inline]
    #[must_use]
    pub const fn pid(&self) -> u16 {
        pid(self.bytes)
    }

    /// `transport_error_indicator`: at least one bit is known to be wrong, so no field can be trusted.
    #[inline]
    #[must_use]
    pub const fn transport_error(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    /// `payload_unit_start_indicator`: a PES packet or a section begins in this payload.
    #[inline]
    #[must_use]
    pub const fn payload_unit_start(&self) -> bool {
        self.bytes[1] & 0x40 != 0
    }

    /// `transport_scrambling_control` is not 00: the payload is encrypted.
    #[inline]
    #[must_use]
    pub const fn scrambled(&self) -> bool {
        self.bytes[3] & 0xC0 != 0
    }

    /// The four-bit continuity counter.
    #[inline]
    #[must_use]
    pub const fn continuity_counter(&self) -> u8 {
        self.bytes[3] & 0x0F
    }

    /// Whether the packet has a payload.
    #[inline]
    #[must_use]
    pub const fn has_payload(&self) -> bool {
        self.bytes[3] & 0x10 != 0
    }

    /// Whether a payload is announced for which the adaptation field leaves no byte (against 2.4.3.5). The continuity
    /// counter counts such a packet all the same.
    #[inline]
    #[must_use]
    pub const fn lacks_payload(&self) -> bool {
        self.has_payload() && self.payload_start == PACKET_LEN
    }

    /// The payload; empty where there is none.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.payload_start..]
    }

    /// The whole packet.
    #[inline]
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8; PACKET_LEN] {
        self.bytes
    }

    /// Bytes of the adaptation field that follow its flags; `None` without a field, or with an empty one.
    #[inline]
    fn adaptation_flags(&self) -> Option<(u8, &'a [u8])> {
        if self.bytes[3] & 0x20 == 0 || self.bytes[4] == 0 {
            return None;
        }
        Some((self.bytes[5], &self.bytes[6..5 + self.bytes[4] as usize]))
    }

    /// `discontinuity_indicator`: counters, and on the PCR PID the clock, may jump here (2.4.3.5).
    #[inline]
    #[must_use]
    pub fn discontinuity(&self) -> bool {
        self.adaptation_flags().is_some_and(|(flags, _)| flags & 0x80 != 0)
    }

    /// `random_access_indicator`: decoding can start with the PES packet that begins here.
    #[inline]
    #[must_use]
    pub fn random_access(&self) -> bool {
        self.adaptation_flags().is_some_and(|(flags, _)| flags & 0x40 != 0)
    }

    /// The program clock reference, where the packet carries one.
    #[inline]
    #[must_use]
    pub fn pcr(&self) -> Option<Pcr> {
        let (flags, rest) = self.adaptation_flags()?;
        if flags & 0x10 == 0 {
            return None;
        }
        let b: &[u8; 6] = rest.first_chunk()?;
        Some(Pcr {
            base: (b[0] as u64) << 25
                | (b[1] as u64) << 17
                | (b[2] as u64) << 9
                | (b[3] as u64) << 1
                | b[4] as u64 >> 7,
            extension: (b[4] as u16 & 1) << 8 | b[5] as u16,
        })
    }

    /// Whether a video PES packet that can be decoded on its own begins here: `random_access_indicator`
    /// and a PES start code with a video stream id (2.4.3.7). It needs no tables, so that the helper can
    /// ask it without knowing media.
    #[must_use]
    pub fn starts_video_random_access(&self) -> bool {
        self.payload_unit_start()
            && self.random_access()
            && matches!(self.payload(), [0, 0, 1, stream_id, ..] if stream_id & 0xF0 == 0xE0)
    }
}

/// The PID of a packet whose other fields are not needed.
#[inline]
#[must_use]
pub const fn pid(packet: &[u8; PACKET_LEN]) -> u16 {
    (packet[1] as u16 & 0x1F) << 8 | packet[2] as u16
}

/// What a continuity counter says about one packet (2.4.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// The packet that was due; also the first of its PID, and one whose discontinuity is announced.
    Expected,
    /// A legal repetition of the packet before: drop it.
    Duplicate,
    /// At least this many packets with payload (1–15) are missing before this one; a multiple of 16 cannot be seen.
    Lost(u8),
    /// The packet that was due, but [packets are missing](ContinuityTracker::gap) before it: none of this PID, or sixteen,
    /// or a multiple.
    Uncertain,
}

/// Follows the continuity counter of one PID.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContinuityTracker {
    last: Option<u8>,
    /// What `last` was before a gap.
    before_gap: Option<u8>,
    duplicated: bool,
}

impl ContinuityTracker {
    /// Judges the next packet of this PID. Null packets and packets with the error indicator must not be
    /// given: their counters mean nothing.
    #[inline]
    pub fn check(&mut self, packet: &Packet<'_>) -> Continuity {
        let counter = packet.continuity_counter();
        if let Some(before) = self.before_gap.take() {
            self.last = Some(before);
            return match self.check(packet) {
                Continuity::Expected => Continuity::Uncertain,
                seen => seen,
            };
        }
        let Some(last) = self.last else {
            self.last = Some(counter);
            return Continuity::Expected;
        };
        if packet.discontinuity() {
            *self = Self { last: Some(counter), ..Self::default() };
            return Continuity::Expected;
        }
        if !packet.has_payload() {
            // Without payload the counter stands still.
            let missing = counter.wrapping_sub(last) & 0x0F;
            self.last = Some(counter);
            return if missing == 0 { Continuity::Expected } else { Continuity::Lost(missing) };
        }
        let step = counter.wrapping_sub(last) & 0x0F;
        self.last = Some(counter);
        match step {
            // A packet may be sent twice, not three times: then fifteen are missing.
            0 if !self.duplicated => {
                self.duplicated = true;
                Continuity::Duplicate
            }
            0 => {
                self.duplicated = false;
                Continuity::Lost(15)
            }
            1 => {
                self.duplicated = false;
                Continuity::Expected
            }
            step => {
                self.duplicated = false;
                Continuity::Lost(step - 1)
            }
        }
    }

    /// Packets are missing here, of this PID or of others: that the counter goes on is no proof that none is of this one.
    pub fn gap(&mut self) {
        self.before_gap = self.last.take().or(self.before_gap);
    }

    /// The counter of the next packet with payload, if none is missing and none comes twice; `None` before the first, and
    /// after a [`gap`](Self::gap).
    #[inline]
    #[must_use]
    pub fn due(&self) -> Option<u8> {
        Some(self.last?.wrapping_add(1) & 0x0F)
    }

    /// Takes a packet with payload whose counter is the one that was [`due`](Self::due), as [`check`](Self::check) does.
    #[inline]
    pub fn advance(&mut self) {
        self.last = self.due();
        self.duplicated = false;
    }

    /// Forgets what was seen: the next packet is a first one.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(counter: u8) -> [u8; PACKET_LEN] {
        let mut bytes = [0xFF; PACKET_LEN];
        bytes[..4].copy_from_slice(&[SYNC_BYTE, 0x41, 0x00, 0x10 | counter]);
        bytes
    }

    fn check(tracker: &mut ContinuityTracker, counter: u8) -> Continuity {
        tracker.check(&Packet::parse(&packet(counter)).unwrap())
    }

    #[test]
    fn counters_tell_loss_from_repetition() {
        let mut tracker = ContinuityTracker::default();
        assert_eq!(check(&mut tracker, 14), Continuity::Expected);
        assert_eq!(check(&mut tracker, 15), Continuity::Expected);
        assert_eq!(check(&mut tracker, 0), Continuity::Expected);
        assert_eq!(check(&mut tracker, 0), Continuity::Duplicate);
        assert_eq!(check(&mut tracker, 1), Continuity::Expected);
        assert_eq!(check(&mut tracker, 4), Continuity::Lost(2));
        assert_eq!(check(&mut tracker, 4), Continuity::Duplicate);
        assert_eq!(check(&mut tracker, 4), Continuity::Lost(15));
    }

    #[test]
    fn a_packet_that_is_due_may_be_taken_without_a_check() {
        let (mut checked, mut advanced) = (ContinuityTracker::default(), ContinuityTracker::default());
        assert_eq!(advanced.due(), None);
        for counter in [14, 14, 15, 0, 3, 4] {
            if advanced.due() == Some(counter) {
                advanced.advance();
                assert_eq!(check(&mut checked, counter), Continuity::Expected);
            } else {
                assert_eq!(check(&mut advanced, counter), check(&mut checked, counter));
            }
            assert_eq!(advanced.due(), checked.due());
        }
        assert_eq!(check(&mut advanced, 4), check(&mut checked, 4));
    }

    #[test]
    fn after_a_gap_a_counter_that_goes_on_proves_nothing() {
        let mut tracker = ContinuityTracker::default();
        tracker.gap();
        assert_eq!(check(&mut tracker, 4), Continuity::Expected, "the first of all");
        for (counter, expected) in [
            (5, Continuity::Uncertain),
            (9, Continuity::Lost(3)),
            (9, Continuity::Duplicate),
            (9, Continuity::Lost(15)),
        ] {
            tracker.gap();
            tracker.gap();
            assert_eq!(tracker.due(), None);
            assert_eq!(check(&mut tracker, counter), expected);
        }
        assert_eq!(check(&mut tracker, 10), Continuity::Expected);
        tracker.gap();
        let mut announced = packet(3);
        announced[3] |= 0x20;
        announced[4..6].copy_from_slice(&[1, 0x80]);
        assert_eq!(tracker.check(&Packet::parse(&announced).unwrap()), Continuity::Uncertain);
        assert_eq!(check(&mut tracker, 4), Continuity::Expected);
    }

    #[test]
    fn an_announced_discontinuity_is_no_loss() {
        let mut tracker = ContinuityTracker::default();
        check(&mut tracker, 3);
        let mut bytes = packet(9);
        bytes[3] |= 0x20;
        bytes[4] = 1;
        bytes[5] = 0x80;
        assert_eq!(tracker.check(&Packet::parse(&bytes).unwrap()), Continuity::Expected);
        assert_eq!(check(&mut tracker, 10), Continuity::Expected);
    }

    #[test]
    fn a_packet_without_payload_does_not_count() {
        let mut tracker = ContinuityTracker::default();
        check(&mut tracker, 3);
        let mut bytes = packet(3);
        bytes[3] = 0x23;
        bytes[4] = 183;
        bytes[5] = 0;
        assert_eq!(tracker.check(&Packet::parse(&bytes).unwrap()), Continuity::Expected);
        assert_eq!(check(&mut tracker, 4), Continuity::Expected);
    }

    #[test]
    fn a_packet_whose_announced_payload_has_no_byte_counts() {
        let mut tracker = ContinuityTracker::default();
        check(&mut tracker, 3);
        let mut bytes = packet(4);
        bytes[3] |= 0x20;
        bytes[4..6].copy_from_slice(&[183, 0]);
        let view = Packet::parse(&bytes).unwrap();
        assert!(view.lacks_payload() && view.payload().is_empty());
        assert_eq!(tracker.check(&view), Continuity::Expected);
        assert_eq!(check(&mut tracker, 5), Continuity::Expected);
        bytes[4] = 184;
        assert_eq!(Packet::parse(&bytes).err(), Some(PacketError::AdaptationFieldLength));
    }

    #[test]
    fn the_pcr_of_a_full_adaptation_field_is_read() {
        let mut bytes = packet(0);
        bytes[3] = 0x30;
        bytes[4..12].copy_from_slice(&[7, 0x50, 0x80, 0, 0, 0, 0xFF, 0x2B]);
        let packet = Packet::parse(&bytes).unwrap();
        let pcr = packet.pcr().unwrap();
        assert_eq!((pcr.base, pcr.extension), ((1 << 32) + 1, 299));
        assert!(packet.random_access());
        assert_eq!(packet.payload().len(), 176);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_view_or_a_named_error(bytes in proptest::array::uniform32(any::<u8>()), fill: u8) {
            let mut packet = [fill; PACKET_LEN];
            packet[..32].copy_from_slice(&bytes);
            packet[0] = SYNC_BYTE;
            if let Ok(view) = Packet::parse(&packet) {
                let _ = (view.pcr(), view.discontinuity(), view.random_access(), view.starts_video_random_access());
                prop_assert!(view.payload().len() <= 184);
                prop_assert_eq!(view.has_payload(), packet[3] & 0x10 != 0);
            }
        }
    }
}
