//! Streams without tables: which PIDs carry picture and sound, and what of them is one programme.
//!
//! In: packets of all PIDs while no PMT has come. Out: a programme made up of what was recognised, with the number 0.
//! That is done once a second of the stream has gone by without tables: they have to come twice as often (ETSI
//! TR 101 290, 1.3 and 1.5), so that a normal stream that is joined is never taken for one without. Where no time can
//! be read, so many packets have to go by as a stream of 30 Mbit/s has in a second.
//!
//! The same is done in a programme of which something does not come that its PMT announces: then only for that, and only
//! among PIDs that no PMT names.

pub(in crate::segmenter) mod inquiries;

mod inquiry;
mod video;

use amt_shared::clock::{TICKS_PER_SECOND, WRAP, wrapped_difference};
use amt_shared::ts::{NULL_PID, PACKET_LEN, Packet, pid};

use super::output::StreamKind;
use crate::segmenter::tables::content::Content;
use crate::segmenter::tables::descriptors::Description;
use crate::segmenter::tables::pmt::{Pmt, PmtStream};

pub(super) use inquiry::Inquiry;

/// PIDs that are looked into.
const PIDS_MAX: usize = 32;
/// How long tables are waited for, 90 kHz ticks, and in packets.
const WAIT: i64 = TICKS_PER_SECOND;
const WAIT_PACKETS: u64 = 20_000;
/// Streams whose times are further apart are of different programmes.
const APART_MAX: i64 = 10 * TICKS_PER_SECOND;
/// So long after the programme was made up, streams that come later are added, in packets.
const LATER_PACKETS: u64 = 200_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Search {
    inquiries: Vec<Inquiry>,
    packets: u64,
    /// Whether a picture, and whether sound, is looked for.
    kinds: [bool; 2],
    /// The time of what it is to stand beside, 33 bits.
    beside: Option<u64>,
    /// How long is waited, seconds.
    patience: i64,
    /// PIDs that belong to the programme that was made up.
    made: Vec<u16>,
}

impl Default for Search {
    fn default() -> Self {
        Self { inquiries: Vec::new(), packets: 0, kinds: [true; 2], beside: None, patience: 2, made: Vec::new() }
    }
}

impl Search {
    /// Looks for a picture, for sound, or both, in place of what does not come; `beside` a stream that has come to this
    /// time, 90 kHz.
    pub(super) fn in_place_of(missing: [bool; 2], beside: Option<i64>) -> Self {
        let beside = beside.map(|time| time.rem_euclid(WRAP) as u64);
        Self { kinds: missing, beside, patience: 1, ..Self::default() }
    }

    /// Takes a packet of a PID of which nothing is known, unless it is `named` in a PMT; a programme, if one can be made up
    /// anew.
    pub(super) fn packet(&mut self, bytes: &[u8; PACKET_LEN], named: &dyn Fn(u16) -> bool) -> Option<Pmt> {
        self.packets += 1;
        let pid = pid(bytes);
        let packet = Packet::parse(bytes).ok().filter(|packet| !packet.transport_error() && pid != NULL_PID)?;
        let index = match self.inquiries.iter().position(|inquiry| inquiry.pid() == pid) {
            Some(index) => index,
            // Only where a PES packet begins with a stream id of picture or sound (table 2-22) it is worth while.
            None if self.inquiries.len() < PIDS_MAX && packet.payload_unit_start() => match packet.payload() {
                [0, 0, 1, 0xBD | 0xC0..=0xEF | 0xFD, ..] if !named(pid) => {
                    self.inquiries.push(Inquiry::new(pid));
                    self.inquiries.len() - 1
                }
                _ => return None,
            },
            None => return None,
        };
        let inquiry = self.inquiries.get_mut(index)?;
        inquiry.packet(&packet);
        if packet.payload_unit_start() { self.make() } else { None }
    }

    /// Whether nothing more is to be found.
    pub(super) const fn is_over(&self) -> bool {
        (!self.made.is_empty() || self.patience == 1) && self.packets > LATER_PACKETS
    }

    fn make(&mut self) -> Option<Pmt> {
        let spans =
            self.inquiries.iter().filter_map(Inquiry::times).map(|(first, last)| wrapped_difference(last, first));
        let passed = spans.filter(|span| *span < APART_MAX).max().unwrap_or(0);
        // Picture and sound; or one of them, if the other does not come.
        let patience = if self.has(StreamKind::Video) && self.has(StreamKind::Audio) { 1 } else { self.patience };
        if passed < WAIT * patience && self.packets < WAIT_PACKETS * patience as u64 {
            return None;
        }
        let streams = self.streams();
        let pids: Vec<u16> = streams.iter().map(|stream| stream.pid).collect();
        if pids == self.made || self.patience == 1 && pids.is_empty() {
            return None;
        }
        self.made = pids;
        Some(Pmt { pcr_pid: None, controlled: false, streams })
    }

    fn has(&self, kind: StreamKind) -> bool {
        self.inquiries.iter().any(|inquiry| inquiry.found().is_some_and(|content| content.kind() == kind))
    }

    /// The streams of one programme: the first picture, and all sound that has its times.
    fn streams(&self) -> Vec<PmtStream> {
        let of = |kind| {
            self.inquiries
                .iter()
                .filter(|inquiry| inquiry.comes())
                .filter_map(|inquiry| Some((inquiry, inquiry.found()?)))
                .filter(move |(_, content)| content.kind() == kind)
        };
        let [picture, sound] = self.kinds;
        let picture = of(StreamKind::Video).next().filter(|_| picture);
        let time = self.beside.or_else(|| picture.and_then(|(inquiry, _)| inquiry.times()).map(|(_, last)| last));
        let beside = |inquiry: &Inquiry| match (time, inquiry.times()) {
            (Some(time), Some((_, last))) => wrapped_difference(last, time).abs() < APART_MAX,
            _ => true,
        };
        let sound = of(StreamKind::Audio).filter(|(inquiry, _)| sound && beside(inquiry));
        let stream = |(inquiry, content): (&Inquiry, Content)| PmtStream {
            pid: inquiry.pid(),
            stream_type: content.stream_type(),
            content,
            description: Description::default(),
        };
        picture.into_iter().chain(sound).map(stream).collect()
    }
}
