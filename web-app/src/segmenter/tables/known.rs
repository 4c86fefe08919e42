//! A programme whose PMT came: how well it is played, and whether anything of it comes.
//!
//! In: what its PMT says, and which PIDs come. Out: its rank among the others.

use super::content::Content;
use super::pmt::{Pmt, PmtStream};
use crate::segmenter::Takes;
use crate::segmenter::output::StreamKind;
use crate::segmenter::presence::Presence;

/// So long nothing may come of a programme, in tenths of a second: of one of which nothing ever came, and of another.
const PATIENCE_OFF_AIR: [u32; 2] = [10, 40];
/// So long something of it has to come again.
const STEADY: u32 = 20;

/// A programme whose PMT came.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) pmt: Pmt,
    /// How often its PMT came.
    pub(super) seen: u32,
    /// In which tenth of a second this was looked at first; 0 before.
    since: u32,
    /// Something of it ever came.
    has_come: bool,
    /// Nothing of it comes; since when something does again.
    pub(super) off_air: Option<u32>,
}

/// How well a programme is played, from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Nothing of it is, or nothing of it comes.
    Nothing,
    /// A stream of it may turn out to be.
    Perhaps,
    /// Its picture is not, or it is or may be encrypted.
    Partly,
    /// All sound: radio.
    Radio,
    /// Picture, and sound if it has any.
    Television,
}

impl Known {
    /// Takes its PMT; whether that says something else than before.
    pub(super) fn take(&mut self, pmt: Pmt) -> bool {
        let seen = self.seen.saturating_add(1);
        let changed = self.pmt != pmt;
        if changed {
            *self = Self { pmt, ..Self::default() };
        }
        self.seen = seen;
        changed
    }

    /// Looks whether anything of it comes; whether that has changed.
    pub(super) fn look(&mut self, takes: Takes, presence: &Presence) -> bool {
        let now = presence.now();
        if self.since == 0 {
            self.since = now;
        }
        let streams = self.pmt.streams.iter();
        let mut pids = streams.filter(|stream| stream.content.plays_as(takes).is_some()).map(|stream| stream.pid);
        let Some(first) = pids.next() else { return core::mem::take(&mut self.off_air).is_some() };
        let (mut comes, mut silent) = (presence.comes(first), presence.silent(first, self.since));
        self.has_come |= presence.has_come(first);
        for pid in pids {
            comes |= presence.comes(pid);
            silent = silent.min(presence.silent(pid, self.since));
            self.has_come |= presence.has_come(pid);
        }
        match self.off_air {
            None if silent >= PATIENCE_OFF_AIR[usize::from(self.has_come)] => self.off_air = Some(now),
            Some(_) if !comes => {
                self.off_air = Some(now);
                return false;
            }
            Some(since) if now - since >= STEADY => self.off_air = None,
            _ => return false,
        }
        true
    }

    /// How well it is played.
    pub(super) fn rank(&self, takes: Takes, encrypted: bool) -> Rank {
        let Self { pmt, off_air, .. } = self;
        if off_air.is_some() {
            return Rank::Nothing;
        }
        let plays = |stream: &PmtStream| stream.content.plays_as(takes);
        let mut pictures = pmt.streams.iter().filter(|stream| stream.content.kind() == StreamKind::Video).peekable();
        let radio = pictures.peek().is_none();
        let most = match pictures.any(|stream| plays(stream).is_some()) {
            _ if encrypted || pmt.controlled() => Rank::Partly,
            true => Rank::Television,
            false if radio => Rank::Radio,
            false => Rank::Partly,
        };
        let rank = |stream: &PmtStream| match stream.content {
            _ if plays(stream).is_some() => most,
            Content::Unknown => Rank::Perhaps,
            _ => Rank::Nothing,
        };
        pmt.streams.iter().map(rank).max().unwrap_or(Rank::Nothing)
    }
}
