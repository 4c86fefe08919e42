//! The PAT and the PMT (ISO/IEC 13818-1, 2.4.4.3 and 2.4.4.8): what their sections say.
//!
//! In: sections whose CRC agrees. Out: the programmes; a programme's streams. Lengths that cannot be right cost as
//! few streams as can be.

use super::content::{Content, Registry};
use super::descriptors::{Description, Descriptors};
use super::psi::{Section, SectionError};

/// Programmes of a PAT's section and streams of a PMT that are looked at.
const ENTRIES_MAX: usize = 256;
/// "No PID", and that of null packets.
const NO_PID: u16 = 0x1FFF;

/// A PAT's programmes and the PIDs of their PMTs, without program 0 (the network's PID).
pub(in crate::segmenter) fn programs(section: &Section<'_>) -> Vec<(u16, u16)> {
    let entries = section.body.as_chunks::<4>().0.iter();
    entries
        .map(|[a, b, c, d]| (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]) & 0x1FFF))
        .filter(|(program, pid)| *program != 0 && !matches!(*pid, 0 | NO_PID))
        .take(ENTRIES_MAX)
        .collect()
}

/// A programme as its PMT describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct Pmt {
    /// The PID that carries its clock.
    pub(in crate::segmenter) pcr_pid: Option<u16>,
    /// Access to all of it may be controlled (CA_descriptor).
    pub(in crate::segmenter) controlled: bool,
    pub(in crate::segmenter) streams: Vec<PmtStream>,
}

/// An elementary stream as its PMT describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct PmtStream {
    pub(in crate::segmenter) pid: u16,
    pub(in crate::segmenter) stream_type: u8,
    pub(in crate::segmenter) content: Content,
    pub(in crate::segmenter) description: Description,
}

impl Pmt {
    /// Reads a PMT. Where the programme's descriptors would run over the end, or leave what cannot be streams, they
    /// are taken to end where streams follow that fill the section.
    ///
    /// # Errors
    /// Where it is too short.
    pub(in crate::segmenter) fn parse(section: &Section<'_>) -> Result<Self, SectionError> {
        let (header, rest) = section.body.split_first_chunk::<4>().ok_or(SectionError::Form)?;
        let [a, b, c, d] = *header;
        let pcr_pid = u16::from_be_bytes([a, b]) & 0x1FFF;
        let length = usize::from(u16::from_be_bytes([c, d]) & 0x0FFF);
        let fits = |at: usize| rest.get(at..).is_some_and(fills);
        let length = if fits(length) {
            length
        } else {
            let mut ends = Descriptors(rest);
            let boundaries =
                std::iter::once(0).chain(std::iter::from_fn(move || ends.next().map(|_| rest.len() - ends.0.len())));
            let found = boundaries.take_while(|at| *at < rest.len()).find(|at| fits(*at));
            found.unwrap_or(length)
        };
        let (info, rest) = rest.split_at_checked(length).ok_or(SectionError::Form)?;
        let registry = Registry::of(info);
        let mut streams: Vec<PmtStream> = Vec::new();
        for (stream_type, pid, descriptors) in entries(rest).take(ENTRIES_MAX) {
            if streams.iter().any(|stream| stream.pid == pid) {
                continue;
            }
            let content = Content::of(stream_type, descriptors, registry);
            streams.push(PmtStream { pid, stream_type, content, description: Description::of(descriptors) });
        }
        Ok(Self {
            pcr_pid: (pcr_pid != NO_PID).then_some(pcr_pid),
            controlled: Descriptors(info).any(|(tag, _)| tag == 0x09),
            streams,
        })
    }

    /// Whether access to all of it, or to one of its streams, may be controlled.
    pub(in crate::segmenter) fn controlled(&self) -> bool {
        self.controlled || self.streams.iter().any(|stream| stream.description.controlled)
    }
}

/// The entries of a PMT's loop. One whose descriptors run over the end has those that are there, and is the last.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = (u8, u16, &[u8])> {
    std::iter::from_fn(move || {
        let (&[stream_type, a, b, c, d], after) = bytes.split_first_chunk::<5>()?;
        let length = usize::from(u16::from_be_bytes([c, d]) & 0x0FFF);
        let (descriptors, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        bytes = after;
        Some((stream_type, u16::from_be_bytes([a, b]) & 0x1FFF, descriptors))
    })
}

/// Whether a loop of streams fills these bytes to the last.
fn fills(mut bytes: &[u8]) -> bool {
    while let Some((entry, after)) = bytes.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([entry[3], entry[4]]) & 0x0FFF);
        let Some(after) = after.get(length..) else { return false };
        bytes = after;
    }
    bytes.is_empty()
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::segmenter::tables::psi::test_section;
    use proptest::prelude::*;

    fn pmt(body: &[u8]) -> Result<Pmt, SectionError> {
        let bytes = test_section(2, body);
        Pmt::parse(&Section::parse(&bytes, 2).unwrap().unwrap())
    }

    fn pids(body: &[u8]) -> Vec<u16> {
        pmt(body).unwrap().streams.iter().map(|stream| stream.pid).collect()
    }

    #[test]
    fn program_0_is_the_network_and_no_program() {
        let bytes = test_section(0, &[0, 0, 0xE0, 16, 0, 7, 0xE1, 0]);
        assert_eq!(programs(&Section::parse(&bytes, 0).unwrap().unwrap()), [(7, 0x100)]);
    }

    #[test]
    fn lengths_that_run_over_the_end_cost_no_stream_that_can_be_read() {
        let streams = [0x1B, 0xE1, 0, 0xF0, 0, 0x0F, 0xE1, 1, 0xF0, 6, 0x0A, 4, b'e', b'n', b'g', 0];
        let info = [0x05, 4, b'H', b'D', b'M', b'V'];
        for (length, descriptors) in [(0, &[][..]), (6, &info), (200, &[]), (4000, &info), (3, &info), (0, &info)] {
            let body = [&[0xE1, 0, 0xF0 | (length >> 8) as u8, length as u8][..], descriptors, &streams].concat();
            assert_eq!(pids(&body), [0x100, 0x101], "{length}");
        }
        // The last stream's descriptors run over the end.
        let mut body = [&[0xE1, 0, 0xF0, 0][..], &streams].concat();
        body[4 + 9] = 90;
        let pmt = pmt(&body).unwrap();
        assert_eq!(pmt.streams[1].description.language.as_deref(), Some("eng"));
    }

    #[test]
    fn the_pid_of_null_packets_is_no_clock() {
        assert_eq!(pmt(&[0xFF, 0xFF, 0xF0, 0]).unwrap().pcr_pid, None);
        assert_eq!(pmt(&[0xE1, 0xFF, 0xF0, 0]).unwrap().pcr_pid, Some(0x1FF));
    }

    proptest! {
        #[test]
        fn any_body_reads_without_panic(body in proptest::collection::vec(any::<u8>(), 0..240)) {
            let bytes = test_section(2, &body);
            let section = Section::parse(&bytes, 2).unwrap().unwrap();
            let _ = (programs(&section), Pmt::parse(&section));
        }
    }
}
