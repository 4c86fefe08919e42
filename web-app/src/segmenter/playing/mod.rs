//! A programme on its way to the output: its tracks, its data, and what leaves them.
//!
//! There is one that is played, and for a moment a second one: the programme that the viewer has switched to, until
//! its picture can begin. So the picture that is there stands until the next one does.

mod absence;
pub(in crate::segmenter) mod tracks;

use amt_shared::ts::{PACKET_LEN, Packet};

use super::Options;
use super::metadata::Metadata;
use super::release::Release;
use crate::segmenter::tables::program::Choice;
use tracks::Tracks;

/// What the packets of a PID are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Video,
    Audio,
    Data,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Playing {
    /// The programme; `None` before the first.
    pub(super) number: Option<u16>,
    pub(super) tracks: Tracks,
    pub(super) metadata: Metadata,
    pub(super) release: Release,
}

impl Playing {
    pub(super) fn new(options: Options) -> Self {
        Self {
            number: None,
            tracks: Tracks::new(options),
            metadata: Metadata::default(),
            release: Release::new(options.takes),
        }
    }

    /// A programme that waits until it can take the place of the one that is played.
    pub(super) fn waiting(options: Options, choice: &Choice, received: u64) -> Self {
        let mut playing = Self::new(options);
        playing.release.received = received;
        playing.release.hold_back();
        playing.follow(choice);
        playing
    }

    /// Plays these streams.
    pub(super) fn follow(&mut self, choice: &Choice) {
        self.number = Some(choice.number);
        self.tracks.follow(choice, &mut self.release);
        self.metadata.follow(&choice.streams);
    }

    /// The PIDs that packets are wanted of; where one is announced as several things, the last counts.
    pub(super) fn pids(&self) -> impl Iterator<Item = (u16, Part)> {
        let data = self.metadata.pids().map(|pid| (pid, Part::Data));
        let audio = self.tracks.audio_pids().map(|pid| (pid, Part::Audio));
        data.chain(audio).chain(self.tracks.video_pid().map(|pid| (pid, Part::Video)))
    }

    /// Takes a packet of the picture that is but the next piece of it, as most packets are; `false` where it is more.
    #[inline]
    pub(super) fn picture_goes_on(&mut self, bytes: &[u8; PACKET_LEN]) -> bool {
        self.tracks.video_goes_on(bytes, &mut self.release)
    }

    /// Takes a packet; whether something was found out: what is encrypted, or which PIDs are wanted.
    #[inline]
    pub(super) fn packet(&mut self, part: Part, packet: &Packet<'_>) -> bool {
        match part {
            Part::Video => self.tracks.video_packet(packet, &mut self.release),
            Part::Audio => self.tracks.audio_packet(packet, &mut self.release),
            Part::Data => self.metadata.packet(packet.pid(), packet, &mut self.release),
        }
        let news = self.release.news();
        if news {
            self.tracks.settle(&self.release);
        }
        news
    }

    /// Whether anything of it can come out.
    pub(super) fn plays(&self) -> bool {
        self.tracks.video_pid().is_some() || self.tracks.audio_pids().next().is_some()
    }

    /// Packets are missing here, of whatever PID.
    pub(super) fn gap(&mut self) {
        self.tracks.gap();
        self.metadata.gap();
    }

    /// Bytes of the PID's last packet are wrong.
    pub(super) fn damage(&mut self, part: Part, pid: u16) {
        match part {
            Part::Video | Part::Audio => self.tracks.damage(pid, &mut self.release),
            Part::Data => self.metadata.damage(pid, &mut self.release),
        }
    }

    /// The input has ended.
    pub(super) fn finish(&mut self) {
        self.tracks.finish(&mut self.release);
        self.metadata.finish(&mut self.release);
        self.release.decode_held(usize::MAX);
        self.release.begin(true);
        self.release.finish_cues();
        self.release.finish_video();
        self.release.tell_program();
        self.release.flush_audio();
        self.release.tell_faults();
    }
}
