//! What stands beside picture and sound: the streams of the programme that carry data.
//!
//! In: the packets of their PIDs. Out: cues, with the times that stand in the stream. Splice information sections and
//! ID3 tags are read; teletext and subtitles are handed on as they are. Of other data nothing is looked at.

mod bytes;
mod id3;
mod scte35;
mod whole_pes;

use amt_shared::ts::{Continuity, ContinuityTracker, Packet};

use super::output::{CueContent, FaultReason};
use super::release::Release;
use crate::segmenter::release::cues::{Due, Untimed};
use crate::segmenter::tables::content::{Content, Data};
use crate::segmenter::tables::pmt::PmtStream;
use crate::segmenter::tables::psi::{SectionError, Sections};
use id3::{FromId3, Id3Tags};
use scte35::When;
use whole_pes::{FromPes, WholePes};

/// Data streams of a programme that are looked at.
const STREAMS_MAX: usize = 64;

/// The data streams of the programme that is played.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    streams: Vec<DataStream>,
}

/// A PID and what it carries.
#[derive(Debug)]
struct DataStream {
    pid: u16,
    data: Data,
    continuity: ContinuityTracker,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Splices(Sections),
    Id3(WholePes, Id3Tags),
    Text(WholePes),
}

impl Reader {
    fn new(data: Data) -> Option<Self> {
        Some(match data {
            Data::Scte35 => Self::Splices(Sections::default()),
            Data::Id3 => Self::Id3(WholePes::default(), Id3Tags::default()),
            Data::Teletext | Data::DvbSubtitles => Self::Text(WholePes::default()),
            Data::Graphics | Data::Klv | Data::Sections => return None,
        })
    }
}

impl Metadata {
    /// The programme that is played has these streams now; those that go on are not disturbed.
    pub(super) fn follow(&mut self, streams: &[PmtStream]) {
        let mut before = core::mem::take(&mut self.streams);
        let now = streams.iter().filter_map(|stream| {
            let (pid, Content::Data(data)) = (stream.pid, stream.content) else { return None };
            if let Some(index) = before.iter().position(|known| (known.pid, known.data) == (pid, data)) {
                return Some(before.swap_remove(index));
            }
            let continuity = ContinuityTracker::default();
            Some(DataStream { pid, data, continuity, reader: Reader::new(data)? })
        });
        self.streams = now.take(STREAMS_MAX).collect();
    }

    /// The PIDs that packets are wanted of.
    pub(super) fn pids(&self) -> impl Iterator<Item = u16> {
        self.streams.iter().map(|stream| stream.pid)
    }

    /// Takes a packet of one of these PIDs: neither its continuity nor whether it is scrambled was looked at.
    pub(super) fn packet(&mut self, pid: u16, packet: &Packet<'_>, release: &mut Release) {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.pid == pid) else { return };
        match stream.continuity.check(packet) {
            Continuity::Expected => {}
            Continuity::Duplicate => return,
            Continuity::Lost(count) => {
                release.fault(FaultReason::Continuity, Some(pid), count.into());
                stream.lost(release);
            }
            Continuity::Uncertain => stream.lost(release),
        }
        if packet.payload().is_empty() {
            return;
        }
        if packet.scrambled() {
            release.fault(FaultReason::Scrambled, Some(pid), 1);
            return stream.lost(release);
        }
        stream.payload(packet.payload(), packet.payload_unit_start(), release);
    }

    /// Packets are missing here, of whatever PID.
    pub(super) fn gap(&mut self) {
        for stream in &mut self.streams {
            stream.continuity.gap();
        }
    }

    /// Bytes of the PID's last packet are wrong.
    pub(super) fn damage(&mut self, pid: u16, release: &mut Release) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.pid == pid) {
            stream.lost(release);
        }
    }

    /// The input has ended.
    pub(super) fn finish(&mut self, release: &mut Release) {
        for stream in &mut self.streams {
            stream.finish(release);
        }
    }
}

impl DataStream {
    fn payload(&mut self, payload: &[u8], start: bool, release: &mut Release) {
        let pid = self.pid;
        match &mut self.reader {
            Reader::Splices(sections) => {
                sections.push(payload, start, &mut |section| splice(pid, section, release));
            }
            Reader::Id3(pes, tags) => pes.push(payload, start, &mut |item| id3(pid, item, tags, release)),
            Reader::Text(pes) => {
                let data = self.data;
                pes.push(payload, start, &mut |item| text(pid, data, item, release));
            }
        }
    }

    fn lost(&mut self, release: &mut Release) {
        let (pid, data) = (self.pid, self.data);
        match &mut self.reader {
            Reader::Splices(sections) => sections.reset(),
            Reader::Id3(pes, tags) => {
                pes.lost(&mut |item| id3(pid, item, tags, release));
                tags.lost(&mut |item| from_id3(pid, &item, release));
            }
            Reader::Text(pes) => pes.lost(&mut |item| text(pid, data, item, release)),
        }
    }

    fn finish(&mut self, release: &mut Release) {
        let (pid, data) = (self.pid, self.data);
        match &mut self.reader {
            Reader::Splices(_) => {}
            Reader::Id3(pes, tags) => pes.end(&mut |item| id3(pid, item, tags, release)),
            Reader::Text(pes) => pes.end(&mut |item| text(pid, data, item, release)),
        }
    }
}

/// Takes a section of a PID that splice information comes on.
fn splice(pid: u16, section: &[u8], release: &mut Release) {
    if section.first() != Some(&scte35::TABLE_ID) {
        return;
    }
    match scte35::parse(section) {
        Ok(scte35::Parsed { splice, when }) => {
            let due = match when {
                When::NoTime => Due::Never,
                When::Immediate => Due::Immediate,
                When::At(raw) => Due::Ahead(raw),
            };
            release.cue(Untimed { pid, due, content: CueContent::Splice(splice) });
        }
        Err(SectionError::Crc) => release.fault(FaultReason::Crc, Some(pid), 1),
        Err(SectionError::Form) => release.fault(FaultReason::Section, Some(pid), 1),
    }
}

fn id3(pid: u16, item: FromPes<'_>, tags: &mut Id3Tags, release: &mut Release) {
    match item {
        // A tag tells its own length.
        FromPes::Data { pts, data, .. } => tags.push(pts, data, &mut |item| from_id3(pid, &item, release)),
        FromPes::Fault(reason) => release.fault(reason, Some(pid), 1),
    }
}

fn from_id3(pid: u16, item: &FromId3<'_>, release: &mut Release) {
    match item {
        FromId3::Tag(pts, tag) => {
            release.cue(Untimed { pid, due: (*pts).into(), content: CueContent::Id3(tag.to_vec()) });
        }
        FromId3::Fault(reason) => release.fault(*reason, Some(pid), 1),
    }
}

fn text(pid: u16, kind: Data, item: FromPes<'_>, release: &mut Release) {
    match item {
        FromPes::Data { pts, data, whole: true } => {
            let data = data.to_vec();
            let content = match kind {
                Data::Teletext => CueContent::Teletext(data),
                _ => CueContent::Subtitles(data),
            };
            release.cue(Untimed { pid, due: pts.into(), content });
        }
        FromPes::Data { whole: false, .. } => release.fault(FaultReason::DamagedData, Some(pid), 1),
        FromPes::Fault(reason) => release.fault(reason, Some(pid), 1),
    }
}
