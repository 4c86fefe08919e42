//! Whether the streams of the programme carry what its PMT says.
//!
//! In: the first packets of each stream. Out: what a stream carries, where its bytes show clearly that it is something
//! else. A stream of which something has come out needs no such look any more, until nothing comes out of it for long.

use amt_shared::ts::{PACKET_LEN, Packet};

use crate::segmenter::recognition::Inquiry;
use crate::segmenter::release::Release;
use crate::segmenter::tables::content::Content;
use crate::segmenter::tables::pmt::PmtStream;

/// Streams that are looked into.
const STREAMS_MAX: usize = 32;

/// A stream, what its PMT says, and the look into it as long as that goes on.
#[derive(Debug)]
struct Asked {
    pid: u16,
    stream_type: u8,
    said: Content,
    inquiry: Option<Inquiry>,
    /// It is looked into although something has come out.
    again: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Inquiries {
    streams: Vec<Asked>,
    open: usize,
}

/// A stream carries something else than its PMT says.
#[derive(Debug)]
pub(in crate::segmenter) struct Answer {
    pub(in crate::segmenter) pid: u16,
    pub(in crate::segmenter) stream_type: u8,
    pub(in crate::segmenter) content: Content,
    /// Its packets from a beginning on.
    pub(in crate::segmenter) held: Vec<[u8; PACKET_LEN]>,
}

impl Inquiries {
    /// The programme has these streams now.
    pub(in crate::segmenter) fn follow(&mut self, streams: &[PmtStream]) {
        let mut before = core::mem::take(&mut self.streams);
        for stream in streams.iter().filter(|stream| !matches!(stream.content, Content::Data(_))).take(STREAMS_MAX) {
            let same = |asked: &Asked| (asked.pid, asked.stream_type) == (stream.pid, stream.stream_type);
            self.streams.push(match before.iter().position(same) {
                Some(index) => Asked { said: stream.content, ..before.swap_remove(index) },
                None => Asked {
                    pid: stream.pid,
                    stream_type: stream.stream_type,
                    said: stream.content,
                    inquiry: Some(Inquiry::new(stream.pid)),
                    again: false,
                },
            });
        }
        self.count();
    }

    /// Whether packets are wanted.
    #[inline]
    pub(in crate::segmenter) const fn are_open(&self) -> bool {
        self.open > 0
    }

    /// The PIDs that packets are wanted of.
    pub(in crate::segmenter) fn pids(&self) -> impl Iterator<Item = u16> {
        self.streams.iter().filter(|asked| asked.inquiry.is_some()).map(|asked| asked.pid)
    }

    /// Takes a packet of any PID.
    pub(in crate::segmenter) fn packet(&mut self, packet: &Packet<'_>, release: &Release) -> Option<Answer> {
        let pid = packet.pid();
        let asked = self.streams.iter_mut().find(|asked| asked.pid == pid)?;
        let inquiry = asked.inquiry.as_mut()?;
        let answered = !asked.again && release.knows(pid);
        if !answered {
            inquiry.packet(packet);
            if !inquiry.is_over() {
                return None;
            }
        }
        let found = inquiry.found().filter(|content| !answered && !asked.said.agrees(*content));
        let answer =
            found.map(|content| Answer { pid, stream_type: asked.stream_type, content, held: inquiry.held().to_vec() });
        asked.inquiry = None;
        self.count();
        answer
    }

    /// Nothing has come out of a stream for long (`true`), or something does again.
    pub(in crate::segmenter) fn ask_again(&mut self, pid: u16, again: bool) {
        if let Some(asked) = self.streams.iter_mut().find(|asked| asked.pid == pid && asked.again != again) {
            asked.again = again;
            asked.inquiry = again.then(|| Inquiry::new(pid));
            self.count();
        }
    }

    fn count(&mut self) {
        self.open = self.streams.iter().filter(|asked| asked.inquiry.is_some()).count();
    }
}
