//! Makes one stream of TS out of all the paths that carry a channel: a native join and a tunnel while one takes
//! over from the other, or the two copies of SMPTE ST 2022-7.
//!
//! In go UDP payloads with their path and time, out comes TS, each datagram once and in the sender's order. RTP of
//! all paths is united by its sequence numbers (`rtp`): what one path loses another one brings. Plain TS has no
//! numbers: one path is followed, and where another takes over its place is found by what both have brought
//! (`handover`). With one path nothing is ever copied, but for the RTP packets behind a missing one.

mod handover;
mod phase;
mod place;

use crate::rtp::{self, Discard, look, sequence::Sequencer};
use amt_shared::stats::ChannelStats;
use handover::Handover;
use phase::Phase;
use std::time::Instant;

/// One of the paths of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub u8);

/// TS of one datagram, to be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// Without RTP around it.
    pub ts: &'a [u8],
    /// As it was given, with the copy that is passed on.
    pub received_micros: u64,
    /// Something is missing before it.
    pub gap: bool,
    /// How many TS packets at most; 0 where that is not known.
    pub missing: u16,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Whether the datagrams carry RTP.
    pub is_rtp: bool,
    /// What was counted of the RTP packets.
    pub rtp: rtp::Figures,
    /// Changes of the path that plain TS is taken from.
    pub handovers: u64,
    /// Changes where the place to go on at was not found; each made a gap.
    pub misplaced: u64,
}

/// Datagrams of the other kind, one after another, that prove that the sender has changed from RTP to plain TS
/// or back: noise may look like either.
const TO_CHANGE: u8 = 3;

/// The paths of one channel, made one.
///
/// After any call [`poll_timeout`](Self::poll_timeout) is to be asked again, and
/// [`handle_timeout`](Self::handle_timeout) to be called then.
#[derive(Debug, Default)]
pub struct Merge {
    kind: Option<Kind>,
    /// Datagrams of the other kind, one after another.
    others: u8,
    rtp: Sequencer,
    plain: Handover,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rtp,
    Plain,
}

impl Merge {
    /// Takes the UDP payload of a datagram. What can go on goes to `out` before this returns.
    ///
    /// # Errors
    /// The reason to drop it. That it is only the copy of another path is none.
    pub fn push(
        &mut self,
        now: Instant,
        path: PathId,
        payload: &[u8],
        received_micros: u64,
        out: &mut impl FnMut(Delivery<'_>),
    ) -> Result<(), Discard> {
        let known = self.kind == Some(Kind::Plain) && self.phase.goes_on(path, payload);
        let header = if known { None } else { look(payload, self.rtp.ssrc())? };
        match header {
            Some(header) => {
                self.turn_to(now, path, Kind::Rtp, out)?;
                self.rtp.push(now, path, &header, received_micros, out)
            }
            None => {
                self.turn_to(now, path, Kind::Plain, out)?;
                self.phase.follow(path, payload);
                self.plain.push(now, path, payload, received_micros, out);
                Ok(())
            }
        }
    }

    /// Does what is due at `now`: what was waited for long enough is given up, and a path that went silent left.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(Delivery<'_>)) {
        match self.kind {
            Some(Kind::Rtp) => self.rtp.handle_timeout(now, out),
            Some(Kind::Plain) => self.plain.handle_timeout(now, out),
            None => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.kind? {
            Kind::Rtp => self.rtp.poll_timeout(),
            Kind::Plain => self.plain.poll_timeout(),
        }
    }

    /// From now on plain TS is to come from this path, as soon as it is known where it goes on from the other;
    /// until then, for a second at most, the other is followed. RTP is taken from all paths anyway.
    pub fn prefer(&mut self, path: PathId) {
        self.plain.prefer(path);
    }

    /// Nothing more comes by this path.
    pub fn path_gone(&mut self, path: PathId) {
        self.rtp.path_gone(path);
        self.plain.path_gone(path);
        self.phase.forget(path);
    }

    /// The counters.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let (handovers, misplaced) = self.plain.figures();
        Figures { is_rtp: self.kind == Some(Kind::Rtp), rtp: self.rtp.figures(), handovers, misplaced }
    }

    /// Writes the counters into a channel's.
    pub fn report(&self, stats: &mut ChannelStats) {
        let Figures { is_rtp, rtp, handovers, misplaced } = self.figures();
        stats.rtp = is_rtp;
        stats.rtp_lost = rtp.lost;
        stats.rtp_duplicates = rtp.duplicates;
        stats.rtp_reordered = rtp.reordered;
        stats.rtp_late = rtp.late;
        stats.rtp_recovered = rtp.recovered;
        stats.handovers = handovers;
        stats.misplaced = misplaced;
        stats.rtp_jitter_micros = rtp.jitter_micros;
        stats.rtp_fraction_lost = rtp.fraction_lost;
    }

    fn turn_to(
        &mut self,
        now: Instant,
        path: PathId,
        kind: Kind,
        out: &mut impl FnMut(Delivery<'_>),
    ) -> Result<(), Discard> {
        if self.kind == Some(kind) {
            self.others = 0;
            return Ok(());
        }
        if self.kind.is_some() {
            self.others += 1;
            let beside = match kind {
                Kind::Plain => self.rtp.flows_beside(now, path),
                Kind::Rtp => self.plain.flows_beside(now, path),
            };
            if beside || self.others < TO_CHANGE {
                self.others = self.others.min(TO_CHANGE);
                return Err(Discard::OtherPayload);
            }
        }
        match self.kind.replace(kind) {
            Some(Kind::Rtp) => {
                self.rtp.end(out);
                self.plain.begin_with_gap();
            }
            Some(Kind::Plain) => {
                self.plain.end();
                self.rtp.begin_with_gap();
            }
            None => {}
        }
        self.others = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
