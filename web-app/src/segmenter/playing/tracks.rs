//! The streams of the programme that come out, and those that may turn out to be sound.
//!
//! In: what the PMT says, what the viewer chose, which PIDs come, and the packets of these streams. Streams that go on over
//! a change of the PMT are not disturbed by it. In place of one that does not come stands the next one of its kind that
//! does, until it comes again.

use amt_shared::ts::{PACKET_LEN, Packet};

use super::absence::Absence;
use crate::segmenter::Options;
use crate::segmenter::audio::AudioTrack;
use crate::segmenter::output::{Role, SECOND_SOUND, Track};
use crate::segmenter::presence::Presence;
use crate::segmenter::release::{Absent, Release};
use crate::segmenter::tables::content::Content;
use crate::segmenter::tables::pmt::PmtStream;
use crate::segmenter::tables::program::Choice;
use crate::segmenter::transport::elementary::Elementary;
use crate::segmenter::video::VideoTrack;

/// Streams that are looked into where none is announced as audio.
const CANDIDATES_MAX: usize = 4;

/// A PID that sound comes on, and what the tables say of it.
#[derive(Debug)]
struct Sound {
    content: Content,
    stream: Elementary<AudioTrack>,
}

impl Sound {
    /// Whether it is what the tables describe. What they do not know, its bytes have told.
    fn is(&self, stream: &PmtStream) -> bool {
        let unknown = [self.content, stream.content].contains(&Content::Unknown);
        self.stream.pid() == stream.pid && (unknown || self.content.agrees(stream.content))
    }
}

/// See the module.
#[derive(Debug)]
pub(in crate::segmenter) struct Tracks {
    options: Options,
    choice: Choice,
    /// The sound track that the viewer chose.
    wanted: Option<u16>,
    /// Of two mono sounds in it the second.
    second: bool,
    video: Option<Elementary<VideoTrack>>,
    /// The audio stream. Several where none is announced and their bytes have to tell, or while one takes the
    /// place of another.
    audio: Vec<Sound>,
    absence: Absence,
    /// The sound that another one stands in for.
    left: Option<u16>,
}

impl Tracks {
    pub(in crate::segmenter) fn new(options: Options) -> Self {
        Self {
            options,
            choice: Choice::default(),
            wanted: None,
            second: false,
            video: None,
            audio: Vec::new(),
            absence: Absence::default(),
            left: None,
        }
    }

    /// Looks which streams of the programme come; whether that has changed for one, so that others may be played now.
    pub(in crate::segmenter) fn look_round(&mut self, presence: &Presence, release: &mut Release) -> bool {
        let played = [release.video_pid, release.audio_pid];
        let changed = self.absence.look(&self.choice.streams, self.options.takes, played, presence);
        if changed {
            let choice = core::mem::take(&mut self.choice);
            self.follow(&choice, release);
        }
        changed
    }

    /// Whether of the streams that are `named` in the PMT there should be a picture that does not come, and the same of
    /// sound; both where none comes.
    pub(in crate::segmenter) fn are_missing(&self, named: &dyn Fn(u16) -> bool) -> [bool; 2] {
        let missing = |track: Track| {
            let plays = |of: &&PmtStream| of.content.plays_as(self.options.takes) == Some(track) && named(of.pid);
            let mut streams = self.choice.streams.iter().filter(plays);
            (streams.clone().next().is_some(), streams.all(|stream| self.absence.is_of(stream.pid)))
        };
        let pair = [missing(Track::Video), missing(Track::Audio)];
        if pair.contains(&(true, false)) {
            return pair.map(|(announced, absent)| announced && absent);
        }
        // What is not known yet may turn out to be one.
        [!self.choice.streams.iter().any(|of| of.content == Content::Unknown); 2]
    }

    /// The PID of the picture.
    pub(in crate::segmenter) fn video_pid(&self) -> Option<u16> {
        self.video.as_ref().map(Elementary::pid)
    }

    /// The PIDs of the sound, or of what may be it.
    pub(in crate::segmenter) fn audio_pids(&self) -> impl Iterator<Item = u16> {
        self.audio.iter().map(|sound| sound.stream.pid())
    }

    /// Takes a packet of the picture that is but the next piece of it; see [`Elementary::goes_on`].
    #[inline]
    pub(in crate::segmenter) fn video_goes_on(&mut self, bytes: &[u8; PACKET_LEN], release: &mut Release) -> bool {
        self.video.as_mut().is_some_and(|video| video.goes_on(bytes, release))
    }

    /// Takes a packet of the picture.
    #[inline]
    pub(in crate::segmenter) fn video_packet(&mut self, packet: &Packet<'_>, release: &mut Release) {
        if let Some(video) = &mut self.video {
            video.packet(packet, release);
        }
    }

    /// Takes a packet of the sound.
    #[inline]
    pub(in crate::segmenter) fn audio_packet(&mut self, packet: &Packet<'_>, release: &mut Release) {
        let pid = packet.pid();
        if let Some(sound) = self.audio.iter_mut().find(|sound| sound.stream.pid() == pid) {
            sound.stream.packet(packet, release);
        }
    }

    /// Leaves out what is not needed any more: the bytes have told which candidate is audio, or another track has
    /// taken the place of the one before.
    pub(in crate::segmenter) fn settle(&mut self, release: &Release) {
        if release.audio_pid.is_some() {
            let wanted = [release.audio_pid, release.switches_to()];
            self.audio.retain(|sound| wanted.contains(&Some(sound.stream.pid())));
        }
    }

    /// The viewer's choice of a sound track.
    pub(in crate::segmenter) fn choose_audio(&mut self, pid: Option<u16>, release: &mut Release) {
        self.wanted = pid.map(|pid| pid & !SECOND_SOUND);
        self.second = pid.is_some_and(|pid| pid & SECOND_SOUND != 0);
        self.left = None;
        let chosen = match pid {
            Some(_) => self.wanted_audio(),
            None => self.default_audio(),
        };
        if let Some(stream) = chosen.cloned() {
            self.play_audio(&stream, release);
        }
    }

    /// Plays what is chosen now.
    pub(in crate::segmenter) fn follow(&mut self, choice: &Choice, release: &mut Release) {
        self.choice = choice.clone();
        let takes = self.options.takes;
        let mut pictures = choice.streams.iter().filter(|stream| stream.content.plays_as(takes) == Some(Track::Video));
        let first = pictures.clone().next();
        let video = pictures.find(|stream| !self.absence.is_of(stream.pid)).or(first);
        if self.video.as_ref().map(|track| (track.pid(), track.carried().content()))
            != video.map(|stream| (stream.pid, stream.content))
        {
            self.drain_video(release);
            self.video = video.and_then(|stream| {
                Some(Elementary::new(stream.pid, VideoTrack::new(stream.pid, stream.content, self.options)?))
            });
        }
        let video = video.map(|stream| stream.pid);
        let absent = |stream: &PmtStream| self.absence.is_of(stream.pid);
        // What is played goes on, whatever else is announced now, unless it is not the viewer's choice.
        let is_played = |stream: &&PmtStream| {
            release.audio_pid == Some(stream.pid) && self.audio.iter().any(|sound| sound.is(stream))
        };
        let played = choice.streams.iter().find(is_played);
        let left = choice.streams.iter().find(|stream| Some(stream.pid) == self.left && self.is_audio(stream));
        let by_choice = [self.wanted_audio(), left, played, self.default_audio()];
        let comes = by_choice.into_iter().flatten().find(|stream| !absent(stream));
        let chosen = comes.or_else(|| by_choice.into_iter().flatten().next()).cloned();
        self.left = match (played, &chosen) {
            (Some(played), Some(chosen)) if played.pid != chosen.pid && absent(played) => left.or(Some(played)),
            (_, chosen) => left.filter(|left| chosen.as_ref().is_none_or(|chosen| chosen.pid != left.pid)),
        }
        .map(|left| left.pid);
        let announced = first.map(|first| first.pid).into_iter().chain(video).chain(self.left);
        let announced = announced.chain(chosen.as_ref().map(|chosen| chosen.pid));
        let shown = [video, chosen.as_ref().map(|chosen| chosen.pid)];
        let told = |pid: &u16| match shown.contains(&Some(*pid)) {
            true => self.absence.is_long_of(*pid),
            false => self.absence.is_of(*pid),
        };
        let absent = |pid| Absent { pid, ended: self.absence.has_ended(pid) };
        let missed: Vec<Absent> = announced.filter(told).map(absent).collect();
        let Some(chosen) = chosen else {
            let unknown = choice.streams.iter().filter(|stream| stream.content == Content::Unknown);
            let candidates: Vec<PmtStream> = unknown.take(CANDIDATES_MAX).cloned().collect();
            self.keep_audio(&candidates);
            release.choose(choice, video, None, !candidates.is_empty());
            return release.tell_absent(missed);
        };
        match played.cloned() {
            Some(played) if played.pid != chosen.pid => {
                let ended = self.absence.is_of(played.pid);
                if ended {
                    // It comes already: the beginning waits for it.
                    release.coming(Track::Audio);
                }
                self.keep_audio(&[played.clone(), chosen.clone()]);
                release.choose(choice, video, Some(played.pid), true);
                release.switch_audio(chosen.pid, ended);
            }
            _ => {
                self.keep_audio(core::slice::from_ref(&chosen));
                release.choose(choice, video, Some(chosen.pid), true);
            }
        }
        release.tell_absent(missed);
    }

    /// Lets the sound go over to a stream of the programme that is played.
    fn play_audio(&mut self, stream: &PmtStream, release: &mut Release) {
        let played = release.audio_pid.filter(|pid| self.audio_pids().any(|known| known == *pid));
        let before = self.choice.streams.iter().find(|known| Some(known.pid) == played).cloned();
        match before {
            Some(before) if before.pid != stream.pid => self.keep_audio(&[before, stream.clone()]),
            _ => self.keep_audio(core::slice::from_ref(stream)),
        }
        if release.audio_pid.is_none() {
            release.audio_pid = Some(stream.pid);
        }
        release.switch_audio(stream.pid, played.is_some_and(|pid| self.absence.is_of(pid)));
        self.settle(release);
    }

    /// Makes these the streams that sound comes from; those that go on are not disturbed.
    fn keep_audio(&mut self, streams: &[PmtStream]) {
        let mut before = core::mem::take(&mut self.audio);
        self.audio = streams
            .iter()
            .map(|stream| match before.iter().position(|sound| sound.is(stream)) {
                Some(index) => Sound { content: stream.content, ..before.swap_remove(index) },
                None => Sound {
                    content: stream.content,
                    stream: Elementary::new(stream.pid, AudioTrack::new(stream.content.audio_codec())),
                },
            })
            .collect();
        for sound in &mut self.audio {
            let second = self.second && self.wanted == Some(sound.stream.pid());
            sound.stream.carried_mut().frames.choose(second);
        }
    }

    /// What the viewer chose, if the programme has it and it may be played.
    fn wanted_audio(&self) -> Option<&PmtStream> {
        let plays = |stream: &&PmtStream| self.is_audio(stream) || stream.content == Content::Unknown;
        self.choice.streams.iter().filter(plays).find(|stream| Some(stream.pid) == self.wanted)
    }

    /// The first that is an ordinary programme's sound, else the first; one that comes before all that do not.
    fn default_audio(&self) -> Option<&PmtStream> {
        let playable = self.choice.streams.iter().filter(|stream| self.is_audio(stream));
        let ordinary = |stream: &PmtStream| matches!(stream.description.role, None | Some(Role::Main));
        playable.min_by_key(|stream| (self.absence.is_of(stream.pid), !ordinary(stream)))
    }

    fn is_audio(&self, stream: &PmtStream) -> bool {
        stream.content.plays_as(self.options.takes) == Some(Track::Audio)
    }

    /// Whether a programme has the streams that come out.
    pub(in crate::segmenter) fn are_of(&self, choice: &Choice) -> bool {
        self.video_pid().into_iter().chain(self.audio_pids()).all(|pid| choice.streams.iter().any(|of| of.pid == pid))
    }

    /// Packets are missing here, of whatever PID.
    pub(in crate::segmenter) fn gap(&mut self) {
        if let Some(video) = &mut self.video {
            video.gap();
        }
        for sound in &mut self.audio {
            sound.stream.gap();
        }
    }

    /// Bytes of the PID's last packet are wrong.
    pub(in crate::segmenter) fn damage(&mut self, pid: u16, release: &mut Release) {
        if let Some(video) = self.video.as_mut().filter(|video| video.pid() == pid) {
            video.damage(release);
        }
        if let Some(sound) = self.audio.iter_mut().find(|sound| sound.stream.pid() == pid) {
            sound.stream.damage(release);
        }
    }

    fn drain_video(&mut self, release: &mut Release) {
        if let Some(mut video) = self.video.take() {
            video.finish(release);
            release.finish_video();
        }
    }

    /// The input has ended.
    pub(in crate::segmenter) fn finish(&mut self, release: &mut Release) {
        self.drain_video(release);
        for mut sound in core::mem::take(&mut self.audio) {
            sound.stream.finish(release);
        }
    }
}
