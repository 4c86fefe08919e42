//! What stands beside picture and sound: the streams of the programme that carry data.
//!
//! In: the packets of their PIDs. Out: cues.

use amt_shared::ts::Packet;

use super::content::Content;
use super::pmt::PmtStream;
use super::release::Release;

/// The data streams of the programme that is played.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pids: Vec<u16>,
}

impl Metadata {
    /// The programme that is played has these streams now; those that go on are not disturbed.
    pub(super) fn follow(&mut self, streams: &[PmtStream]) {
        self.pids.clear();
        self.pids.extend(
            streams.iter().filter(|stream| matches!(stream.content, Content::Data(_))).map(|stream| stream.pid),
        );
    }

    /// The PIDs that packets are wanted of.
    pub(super) fn pids(&self) -> impl Iterator<Item = u16> {
        self.pids.iter().copied()
    }

    /// Takes a packet of one of these PIDs: neither its continuity nor whether it is scrambled was looked at.
    pub(super) fn packet(&mut self, pid: u16, packet: &Packet<'_>, release: &mut Release) {
        let _ = (pid, packet, release);
    }

    /// Bytes of the PID's last packet are wrong.
    pub(super) fn damage(&mut self, pid: u16) {
        let _ = pid;
    }

    /// The input has ended.
    pub(super) fn finish(&mut self, release: &mut Release) {
        let _ = release;
    }
}
