//! Sections of one PID (ISO/IEC 13818-1, 2.4.4): put together from packets, bounded, their CRC checked.
//!
//! In: payloads. Out: whole sections, each with the word whether its CRC agrees. What does not fit its own length is
//! dropped.

use amt_shared::section::crc32;

/// Longest section: 12 bits of length and the three bytes before them.
const LONGEST: usize = 4096 + 3;
/// The time offset table carries a CRC without saying so (EN 300 468, 5.2.6).
const TOT: u8 = 0x73;

/// Puts the sections of one PID together.
#[derive(Debug, Default)]
pub(super) struct Sections {
    buffer: Vec<u8>,
    /// Between the first start of a section and a loss.
    open: bool,
}

impl Sections {
    /// Takes the payload of a packet and gives each section that ends in it.
    pub(super) fn push(&mut self, payload: &[u8], unit_start: bool, mut each: impl FnMut(&[u8])) {
        if !unit_start {
            self.fill(payload, &mut each);
            return;
        }
        let split = payload.split_first().and_then(|(pointer, rest)| rest.split_at_checked(usize::from(*pointer)));
        let Some((tail, rest)) = split else {
            self.reset();
            return;
        };
        self.fill(tail, &mut each);
        self.buffer.clear();
        self.open = true;
        self.fill(rest, &mut each);
    }

    /// Packets are missing: what was begun cannot be completed.
    pub(super) fn reset(&mut self) {
        self.buffer.clear();
        self.open = false;
    }

    fn fill(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&[u8])) {
        while self.open && !bytes.is_empty() {
            // Stuffing to the end of the packet.
            if self.buffer.is_empty() && bytes[0] == 0xFF {
                self.open = false;
                return;
            }
            let whole = match self.buffer[..] {
                [_, high, low, ..] => 3 + (usize::from(high & 0x0F) << 8 | usize::from(low)),
                _ => 3,
            };
            let (taken, after) = bytes.split_at(whole.saturating_sub(self.buffer.len()).min(bytes.len()));
            self.buffer.extend_from_slice(taken);
            bytes = after;
            debug_assert!(self.buffer.len() <= LONGEST);
            // With only the first three bytes there, the length is known next time round.
            let complete = match self.buffer[..] {
                [_, high, low, ..] => self.buffer.len() == 3 + (usize::from(high & 0x0F) << 8 | usize::from(low)),
                _ => false,
            };
            if complete {
                each(&self.buffer);
                self.buffer.clear();
            }
        }
    }
}

/// Whether a section that must carry a CRC carries the right one.
pub(super) fn is_intact(section: &[u8]) -> bool {
    let has_crc = section.get(1).is_some_and(|flags| flags & 0x80 != 0) || section.first() == Some(&TOT);
    !has_crc || crc32(section) == 0
}

#[cfg(test)]
mod tests {
    use super::super::test_stream::section;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_crc_is_that_of_a_known_section() {
        // The PAT of the demo's clip, as ffmpeg wrote it.
        let packet = crate::demo::clip::TEST_CARD.as_chunks::<188>().0.iter().find(|packet| packet[1..3] == [0x40, 0]);
        let packet = packet.unwrap();
        assert_eq!(packet[3..5], [0x10, 0]);
        let length = 3 + usize::from(packet[7]);
        assert_eq!(crc32(&packet[5..5 + length]), 0);
        assert_ne!(crc32(&packet[5..4 + length]), 0);
    }

    #[test]
    fn sections_come_whole_over_packets_and_several_in_one() {
        let (one, two) = (section(2, 1, &[1; 150]), section(2, 1, &[2; 30]));
        let mut sections = Sections::default();
        let mut seen = Vec::new();
        sections.push(&[&[0][..], &one[..100]].concat(), true, |bytes| seen.push(bytes.to_vec()));
        let tail = (one.len() - 100) as u8;
        sections.push(&[&[tail][..], &one[100..], &two, &two, &[0xFF; 9]].concat(), true, |bytes| {
            seen.push(bytes.to_vec());
        });
        assert_eq!(seen, [one, two.clone(), two]);
    }

    #[test]
    fn after_a_loss_nothing_is_made_of_the_rest() {
        let one = section(2, 1, &[1; 150]);
        let mut sections = Sections::default();
        sections.push(&[&[0][..], &one[..100]].concat(), true, |_| panic!("too early"));
        sections.reset();
        sections.push(&one[100..], false, |_| panic!("its beginning is lost"));
    }

    #[test]
    fn only_a_section_that_has_a_crc_can_have_a_wrong_one() {
        let mut bytes = section(0, 1, &[0, 7, 0xE1, 0]);
        assert!(is_intact(&bytes));
        bytes[9] ^= 1;
        assert!(!is_intact(&bytes));
        // A time and date table has none (EN 300 468, 5.2.5); a time offset table has.
        assert!(is_intact(&[0x70, 0x70, 5, 0xE0, 0, 0, 0, 0]));
        assert!(!is_intact(&[0x73, 0x70, 5, 0xE0, 0, 0, 0, 0]));
    }

    proptest! {
        #[test]
        fn any_payloads_give_bounded_sections(
            payloads in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..185), any::<bool>()), 0..60)
        ) {
            let mut sections = Sections::default();
            for (payload, start) in payloads {
                sections.push(&payload, start, |bytes| assert!((3..=LONGEST).contains(&bytes.len())));
                prop_assert!(sections.buffer.len() <= LONGEST);
            }
        }
    }
}
