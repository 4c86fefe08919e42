//! What is found out of the stream besides what its tables say: streams without tables, tables that lie, and streams that
//! are announced and do not come.

use amt_shared::ts::{PACKET_LEN, Packet, pid};

use super::{Packets, Route};
use crate::segmenter::recognition::Search;
use crate::segmenter::recognition::inquiries::Answer;

/// So many packets of the picture without one that comes out are too many.
const WITHOUT_PICTURE_MAX: u64 = 256;

impl Packets {
    /// Has the picture looked into again if it does not come out any more: another encoder may be at work.
    #[cold]
    pub(super) fn watch(&mut self) {
        let Some(pid) = self.playing.tracks.video_pid() else { return };
        let (pictures, packets) = self.watched;
        if pictures != self.playing.release.pictures {
            self.watched = (self.playing.release.pictures, self.video_packets);
            self.inquiries.ask_again(pid, false);
        } else if self.video_packets - packets > WITHOUT_PICTURE_MAX {
            self.inquiries.ask_again(pid, true);
        }
    }

    /// Reads the PMTs that came before the PAT named their PIDs.
    #[cold]
    pub(super) fn read_backlog(&mut self) {
        let Some(backlog) = &mut self.backlog else { return };
        let programs = &self.tables.programs;
        for bytes in backlog.take(|pid| programs.has_pmt(pid)) {
            if let Some(packet) = Packet::parse(&bytes).ok().filter(|packet| !packet.transport_error()) {
                self.table(packet.pid(), &packet);
            }
        }
    }

    /// Plays what came before it was known what to play.
    #[cold]
    pub(super) fn replay(&mut self) {
        let Some(backlog) = self.backlog.take_if(|_| self.playing.number.is_some()) else { return };
        let received = self.playing.release.received;
        for (at, bytes) in backlog.packets() {
            if matches!(self.routes[usize::from(pid(bytes))], Route::Clock | Route::Part(_) | Route::Aside) {
                self.playing.release.received = at;
                self.dispatch(bytes);
            }
        }
        self.playing.release.received = received;
    }

    /// A tenth of a second has gone by in the stream: looks what of it comes.
    #[cold]
    pub(super) fn look_round(&mut self) {
        if self.tables.programs.look_round(&self.presence) {
            self.follow();
        }
        if self.playing.tracks.look_round(&self.presence, &mut self.playing.release) {
            self.playing.tracks.settle(&self.playing.release);
            self.tell_programs();
            self.route();
        }
        self.search_in_place();
    }

    /// Looks for streams that no PMT names where those that the programme announces do not come, or it announces none.
    fn search_in_place(&mut self) {
        let Some(1..) = self.playing.number else { return };
        let missing = self.playing.tracks.are_missing(&|pid| self.tables.programs.name(pid));
        // What is not named may be of a programme that is not known yet.
        let wanted = self.next.is_none() && missing != [false; 2] && self.tables.programs.are_known();
        if !wanted {
            self.search = None;
            self.searched = false;
        } else if self.search.is_none() && !self.searched {
            self.searched = true;
            let beside = self.playing.release.timeline.reference().filter(|_| missing != [true; 2]);
            self.search = Some(Box::new(Search::in_place_of(missing, beside)));
        }
    }

    /// Looks for streams where no tables are, or where those that are announced do not come.
    #[cold]
    pub(super) fn search(&mut self, bytes: &[u8; PACKET_LEN]) {
        let Some(search) = &mut self.search else { return };
        let programs = &self.tables.programs;
        let made_up = search.packet(bytes, &|pid| programs.name(pid));
        self.search.take_if(|search| search.is_over());
        let Some(pmt) = made_up else { return };
        let changed = match self.playing.number {
            Some(number @ 1..) => self.tables.programs.add(number, pmt.streams),
            _ => self.tables.programs.make_up(pmt),
        };
        if changed {
            self.follow();
        }
    }

    /// Looks whether a stream carries what its PMT says; if it does not, it is played as what it is, from where that
    /// began to show.
    #[cold]
    pub(super) fn inquire(&mut self, packet: &Packet<'_>) {
        let Some(answer) = self.inquiries.packet(packet, &self.playing.release) else { return };
        let Answer { pid, stream_type, content, held } = answer;
        if !self.tables.programs.correct(pid, stream_type, content) {
            return;
        }
        self.follow();
        for bytes in &held {
            if let (Route::Part(part), Ok(packet)) = (self.routes[usize::from(pid)], Packet::parse(bytes)) {
                self.playing.packet(part, &packet);
            }
        }
        self.settle();
    }
}
