//! Whole PES packets (ISO/IEC 13818-1, 2.4.3.6) of streams that carry data.
//!
//! In: the payloads of one PID. Out: each PES packet's data with its time, as soon as its declared length is reached,
//! or else when the next one begins. Dropped: packets with a hole in them, and those that grow beyond a bound.

use crate::segmenter::output::FaultReason;
use crate::segmenter::transport::pes::PesStream;

/// Longest data of a PES packet; a declared length can say no more than half of it.
const DATA_MAX: usize = 128 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct WholePes {
    pes: PesStream,
    /// The data so far of the packet begun.
    data: Vec<u8>,
    pts: Option<u64>,
    /// Whether a packet has begun and not ended.
    open: bool,
}

impl Default for WholePes {
    fn default() -> Self {
        Self { pes: PesStream::of_data(), data: Vec::new(), pts: None, open: false }
    }
}

/// What came of payloads.
pub(super) enum FromPes<'a> {
    Data {
        /// `PTS`, 33 bits.
        pts: Option<u64>,
        data: &'a [u8],
        /// Whether it is as long as was declared, if that was.
        whole: bool,
    },
    Fault(FaultReason),
}

impl WholePes {
    /// Takes the payload of a packet.
    pub(super) fn push(&mut self, payload: &[u8], start: bool, give: &mut impl FnMut(FromPes<'_>)) {
        if start {
            self.end(give);
        }
        let piece = self.pes.push(payload, start);
        if piece.malformed {
            give(FromPes::Fault(FaultReason::PesHeader));
        }
        if let Some(header) = piece.started {
            self.pts = header.pts;
            self.open = true;
        }
        if !self.open {
            return;
        }
        if self.data.len() + piece.data.len() > DATA_MAX {
            give(FromPes::Fault(FaultReason::Oversize));
            return self.close();
        }
        self.data.extend_from_slice(piece.data);
        if piece.ended {
            self.complete(true, give);
        }
    }

    /// Packets are missing.
    pub(super) fn lost(&mut self, give: &mut impl FnMut(FromPes<'_>)) {
        self.pes.lost();
        if self.open {
            give(FromPes::Fault(FaultReason::DamagedData));
        }
        self.close();
    }

    /// No more bytes of the packet begun follow.
    pub(super) fn end(&mut self, give: &mut impl FnMut(FromPes<'_>)) {
        if self.open {
            self.complete(!self.pes.short(), give);
        }
    }

    fn complete(&mut self, whole: bool, give: &mut impl FnMut(FromPes<'_>)) {
        if !self.data.is_empty() {
            give(FromPes::Data { pts: self.pts, data: &self.data, whole });
        }
        self.close();
    }

    fn close(&mut self) {
        self.data.clear();
        self.open = false;
    }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use amt_shared::clock::write_pes_timestamp;
    use proptest::prelude::*;

    fn pes(declared: Option<usize>, pts: u64, body: &[u8]) -> Vec<u8> {
        let [high, low] = declared.map_or(0, |length| (8 + length) as u16).to_be_bytes();
        let mut bytes = vec![0, 0, 1, 0xBD, high, low, 0x80, 0x80, 5];
        bytes.extend(write_pes_timestamp(2, pts));
        bytes.extend(body);
        bytes
    }

    /// Time, length and whether it is whole; or what was wrong.
    type Came = Result<(Option<u64>, usize, bool), &'static str>;

    fn run(payloads: &[(&[u8], bool)]) -> Vec<Came> {
        let (mut stream, mut seen) = (WholePes::default(), Vec::new());
        let mut give = |item: FromPes<'_>| {
            seen.push(match item {
                FromPes::Data { pts, data, whole } => Ok((pts, data.len(), whole)),
                FromPes::Fault(reason) => Err(reason.as_str()),
            });
        };
        for (payload, start) in payloads {
            stream.push(payload, *start, &mut give);
        }
        stream.end(&mut give);
        seen
    }

    #[test]
    fn a_packet_comes_with_its_last_byte_or_with_the_next_start() {
        let (declared, open) = (pes(Some(30), 5, &[1; 30]), pes(None, 9, &[2; 20]));
        let (a, b) = declared.split_at(20);
        let seen = run(&[(a, true), (b, false), (&[0xFF; 9], false), (&open, true), (&[3; 4], false), (&open, true)]);
        assert_eq!(seen, [Ok((Some(5), 30, true)), Ok((Some(9), 24, true)), Ok((Some(9), 20, true))]);
        let short = pes(Some(31), 5, &[1; 30]);
        assert_eq!(run(&[(&short, true), (&declared, true)]), [Ok((Some(5), 30, false)), Ok((Some(5), 30, true))]);
    }

    #[test]
    fn a_packet_without_end_is_dropped_and_the_next_one_comes() {
        let open = pes(None, 9, &[2; 20]);
        let mut payloads = vec![(&open[..], true)];
        payloads.extend(vec![(&[7; 184][..], false); DATA_MAX / 184 + 9]);
        payloads.push((&open, true));
        assert_eq!(run(&payloads), [Err("oversize"), Ok((Some(9), 20, true))]);
    }

    proptest! {
        #[test]
        fn any_payloads_are_taken(
            payloads in proptest::collection::vec((proptest::collection::vec(0u8..4, 0..185), any::<bool>()), 0..20)
        ) {
            let mut stream = WholePes::default();
            for (payload, start) in payloads {
                stream.push(&payload, start, &mut |_| {});
                prop_assert!(stream.data.len() <= DATA_MAX);
            }
        }
    }
}
