//! Sections from packets (ISO/IEC 13818-1, 2.4.4): those of the PAT, the PMT and of service information.
//!
//! In: payloads of one PID. Out: whole sections, and, of one table, those whose CRC agrees. A section may span
//! packets, and a packet may hold several; what does not fit its own length is dropped.

use amt_shared::section::crc32;

/// Longest section: 12 bits of length and the three bytes before them.
const SECTION_MAX: usize = 4096 + 3;

/// Puts the sections of one PID together.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Sections {
    /// The section begun; empty between sections.
    buffer: Vec<u8>,
    /// Whether `buffer` may be filled: from the first section start on.
    open: bool,
}

impl Sections {
    /// Takes the payload of a packet and gives each section that it completes, without a check.
    pub(in crate::segmenter) fn push(&mut self, payload: &[u8], unit_start: bool, section: &mut dyn FnMut(&[u8])) {
        if !unit_start {
            self.fill(payload, section);
            return;
        }
        let Some((&pointer, rest)) = payload.split_first() else { return };
        let Some((tail, rest)) = rest.split_at_checked(pointer as usize) else {
            self.reset();
            return;
        };
        self.fill(tail, section);
        self.buffer.clear();
        self.open = true;
        self.fill(rest, section);
    }

    /// A packet is missing: the section begun cannot be completed.
    pub(in crate::segmenter) fn reset(&mut self) {
        self.buffer.clear();
        self.open = false;
    }

    fn fill(&mut self, mut bytes: &[u8], section: &mut dyn FnMut(&[u8])) {
        while self.open && !bytes.is_empty() {
            // Stuffing up to the end of the packet (2.4.4.1).
            if self.buffer.is_empty() && bytes[0] == 0xFF {
                self.open = false;
                return;
            }
            let due = match self.buffer[..] {
                [_, high, low, ..] => 3 + (usize::from(high & 0x0F) << 8 | usize::from(low)),
                _ => 3,
            };
            let taken = due.saturating_sub(self.buffer.len()).min(bytes.len());
            self.buffer.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            debug_assert!(self.buffer.len() <= SECTION_MAX);
            if self.buffer.len() == due && due > 3 {
                section(&self.buffer);
                self.buffer.clear();
            } else if taken == 0 {
                // A section of no length.
                self.reset();
            }
        }
    }
}

/// Why a section is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) enum SectionError {
    /// The CRC does not agree.
    Crc,
    /// Too short, or not the table that was due.
    Form,
}

/// A section with the long header (2.4.4.11).
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct Section<'a> {
    /// `table_id_extension`: the PAT's transport stream, the PMT's program.
    pub(in crate::segmenter) extension: u16,
    pub(in crate::segmenter) version: u8,
    pub(in crate::segmenter) current: bool,
    pub(in crate::segmenter) number: u8,
    pub(in crate::segmenter) last_number: u8,
    /// Between the header and the CRC.
    pub(in crate::segmenter) body: &'a [u8],
}

impl<'a> Section<'a> {
    /// Reads a section of the table `table_id`. `Ok(None)` for another table.
    pub(in crate::segmenter) fn parse(bytes: &'a [u8], table_id: u8) -> Result<Option<Self>, SectionError> {
        if bytes.first() != Some(&table_id) {
            return Ok(None);
        }
        if crc32(bytes) != 0 {
            return Err(SectionError::Crc);
        }
        let Some((header, rest)) = bytes.split_first_chunk::<8>() else { return Err(SectionError::Form) };
        let Some((body, _)) = rest.split_last_chunk::<4>() else { return Err(SectionError::Form) };
        if header[1] & 0x80 == 0 {
            return Err(SectionError::Form);
        }
        Ok(Some(Self {
            extension: u16::from_be_bytes([header[3], header[4]]),
            version: header[5] >> 1 & 0x1F,
            current: header[5] & 1 == 1,
            number: header[6],
            last_number: header[7],
            body,
        }))
    }
}

/// A section of the table, for tests.
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(in crate::segmenter) fn test_section(table_id: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 9) as u16;
    let mut bytes = vec![table_id, 0xB0 | (length >> 8) as u8, length as u8, 0, 1, 0xC1, 0, 0];
    bytes.extend_from_slice(body);
    bytes.extend(crc32(&bytes).to_be_bytes());
    bytes
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sections_come_whole_over_packets_and_several_in_one() {
        let (one, two) = (test_section(2, &[1; 150]), test_section(2, &[2; 30]));
        let mut sections = Sections::default();
        let mut seen = Vec::new();
        let mut take = |bytes: &[u8]| seen.push(bytes.to_vec());
        sections.push(&[&[0][..], &one[..100]].concat(), true, &mut take);
        sections.push(&[&[(one.len() - 100) as u8][..], &one[100..], &two, &two, &[0xFF; 9]].concat(), true, &mut take);
        assert_eq!(seen, [one, two.clone(), two]);
    }

    #[test]
    fn a_wrong_crc_is_told() {
        let mut bytes = test_section(0, &[0, 7, 0xE1, 0]);
        bytes[9] ^= 1;
        assert_eq!(Section::parse(&bytes, 0).unwrap_err(), SectionError::Crc);
    }

    proptest! {
        #[test]
        fn any_payloads_give_bounded_sections(
            payloads in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..185), any::<bool>()), 0..60)
        ) {
            let mut sections = Sections::default();
            for (payload, start) in payloads {
                sections.push(&payload, start, &mut |bytes| assert!(bytes.len() <= SECTION_MAX));
            }
        }
    }
}
