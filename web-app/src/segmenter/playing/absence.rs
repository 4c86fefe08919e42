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
/// The same where nothing stands in for it and it is to be said: a picture may come once a second, or in five.
const PATIENCE_ALONE: [u32; 2] = [30, 100];
/// So long one has to come again, in tenths of a second, before what stands in for it is left.
const STEADY: u32 = 15;

/// A stream that could be played.
#[derive(Debug)]
struct Announced {
    pid: u16,
    /// From when on it was.
    since: u32,
    /// From when on it came without a pause, where it is absent.
    absent: Option<u32>,
    /// It has been absent for so long that it is to be said.
    gone: bool,
    /// It came before it was absent.
    came: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Absence(Vec<Announced>);

impl Absence {
    /// Whether a PID is absent.
    pub(super) fn is_of(&self, pid: u16) -> bool {
        self.0.iter().any(|stream| stream.pid == pid && stream.absent.is_some())
    }

    /// Whether a PID has been absent for so long that it is to be said.
    pub(super) fn is_long_of(&self, pid: u16) -> bool {
        self.0.iter().any(|stream| stream.pid == pid && stream.gone)
    }

    /// Whether a PID is absent that came before.
    pub(super) fn has_ended(&self, pid: u16) -> bool {
        self.0.iter().any(|stream| stream.pid == pid && stream.absent.is_some() && stream.came)
    }

    /// Looks which of these streams come; `played` come out, where they come. Whether anything has changed.
    pub(super) fn look(
        &mut self,
        streams: &[PmtStream],
        takes: Takes,
        played: [Option<u16>; 2],
        presence: &Presence,
    ) -> bool {
        let now = presence.now();
        let plays = |pid: u16| streams.iter().any(|of| of.pid == pid && of.content.plays_as(takes).is_some());
        self.0.retain(|known| plays(known.pid));
        let mut changed = false;
        for stream in streams.iter().filter(|stream| stream.content.plays_as(takes).is_some()) {
            let pid = stream.pid;
            let Some(known) = self.0.iter_mut().find(|known| known.pid == pid) else {
                self.0.push(Announced { pid, since: now, absent: None, gone: false, came: false });
                continue;
            };
            known.came = presence.has_come(pid);
            let has_come = usize::from(known.came);
            let silent = presence.silent(pid, known.since);
            let before = (known.absent.is_some(), known.gone);
            match known.absent {
                None => known.absent = (silent >= PATIENCE[has_come]).then_some(now),
                Some(_) if silent >= PATIENCE[1] || has_come == 0 => known.absent = Some(now),
                // What nothing stands in for need not prove itself.
                Some(since) if now - since >= STEADY || played.contains(&Some(pid)) => known.absent = None,
                Some(_) => {}
            }
            known.gone = known.absent.is_some() && (known.gone || silent >= PATIENCE_ALONE[has_come]);
            changed |= before != (known.absent.is_some(), known.gone);
        }
        changed
    }
}
