//! Streams that the tables announce and that do not come.
//!
//! In: the streams of the programme that could be played, and which PIDs come. Out: which of them are absent. One that
//! never came is after a moment; one that came is after a pause that no stream that goes on makes. An absent one is there
//! again when it has come for a while without such a pause.

use crate::segmenter::Takes;
use crate::segmenter::presence::Presence;
use crate::segmenter::tables::pmt::PmtStream;

/// So long a stream may be silent, in tenths of a second: one that never came, and one that did. The output begins without
/// a track that has been silent for a second: before that another one is to stand in.
const PATIENCE: [u32; 2] = [8, 25];
/// So long one has to come again, in tenths of a second.
const STEADY: u32 = 15;

/// A stream that could be played.
#[derive(Debug)]
struct Announced {
    pid: u16,
    /// From when on it was.
    since: u32,
    /// From when on it came without a pause, where it is absent.
    absent: Option<u32>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Absence(Vec<Announced>);

impl Absence {
    /// Whether a PID is absent.
    pub(super) fn is_of(&self, pid: u16) -> bool {
        self.0.iter().any(|stream| stream.pid == pid && stream.absent.is_some())
    }

    /// Looks which of these streams come; whether that has changed for one.
    pub(super) fn look(&mut self, streams: &[PmtStream], takes: Takes, presence: &Presence) -> bool {
        let now = presence.now();
        let plays = |pid: u16| streams.iter().any(|of| of.pid == pid && of.content.plays_as(takes).is_some());
        self.0.retain(|known| plays(known.pid));
        let mut changed = false;
        for stream in streams.iter().filter(|stream| stream.content.plays_as(takes).is_some()) {
            let pid = stream.pid;
            let Some(known) = self.0.iter_mut().find(|known| known.pid == pid) else {
                self.0.push(Announced { pid, since: now, absent: None });
                continue;
            };
            match known.absent {
                None if presence.silent(pid, known.since) >= PATIENCE[usize::from(presence.has_come(pid))] => {
                    known.absent = Some(now);
                    changed = true;
                }
                None => {}
                Some(_) if !presence.comes(pid) => known.absent = Some(now),
                Some(since) if now - since >= STEADY => {
                    known.absent = None;
                    changed = true;
                }
                Some(_) => {}
            }
        }
        changed
    }
}
