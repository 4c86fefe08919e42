//! Stands in until the merge of several paths is there: one path, with its RTP.

use crate::rtp::{Discard, Rtp};
use amt_shared::stats::ChannelStats;
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathId(pub(crate) u8);

pub(crate) struct Delivery<'a> {
    pub(crate) ts: &'a [u8],
    pub(crate) received_micros: u64,
    pub(crate) gap: bool,
}

#[derive(Default)]
pub(crate) struct Merge {
    rtp: Rtp,
}

impl Merge {
    pub(crate) fn push(
        &mut self,
        _now: Instant,
        _path: PathId,
        payload: &[u8],
        received_micros: u64,
        out: &mut impl FnMut(Delivery<'_>),
    ) -> Result<(), Discard> {
        let lost = self.rtp.lost();
        let ts = self.rtp.strip(payload)?;
        out(Delivery { ts, received_micros, gap: self.rtp.lost() > lost });
        Ok(())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn handle_timeout(&mut self, _now: Instant, _out: &mut impl FnMut(Delivery<'_>)) {}

    pub(crate) fn prefer(&mut self, _path: PathId) {}

    pub(crate) fn path_gone(&mut self, _path: PathId) {}

    pub(crate) fn report(&self, stats: &mut ChannelStats) {
        stats.rtp = self.rtp.is_rtp();
        stats.rtp_lost = self.rtp.lost();
    }
}
