//! The streams of the programme that come out, and those that may turn out to be sound.
//!
//! In: what the PMT says, and the packets of these streams. Streams that go on over a change of the PMT are not
//! disturbed by it.

use amt_shared::ts::Packet;

use super::Options;
use super::audio::AudioTrack;
use super::content::Content;
use super::elementary::Elementary;
use super::output::Track;
use super::program::Choice;
use super::release::Release;
use super::video::VideoTrack;

/// Streams that are looked into where none is announced as audio.
const CANDIDATES_MAX: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Tracks {
    options: Options,
    video: Option<Elementary<VideoTrack>>,
    /// The audio stream; several only where none is announced and their bytes have to tell.
    audio: Vec<Elementary<AudioTrack>>,
}

impl Tracks {
    pub(super) const fn new(options: Options) -> Self {
        Self { options, video: None, audio: Vec::new() }
    }

    /// The PID of the picture.
    pub(super) fn video_pid(&self) -> Option<u16> {
        self.video.as_ref().map(Elementary::pid)
    }

    /// The PIDs of the sound, or of what may be it.
    pub(super) fn audio_pids(&self) -> impl Iterator<Item = u16> {
        self.audio.iter().map(Elementary::pid)
    }

    /// Takes a packet of the picture.
    #[inline]
    pub(super) fn video_packet(&mut self, packet: &Packet<'_>, release: &mut Release) {
        if let Some(video) = &mut self.video {
            video.packet(packet, release);
        }
    }

    /// Takes a packet of the sound; whether packets of fewer PIDs are wanted from now on.
    #[inline]
    pub(super) fn audio_packet(&mut self, pid: u16, packet: &Packet<'_>, release: &mut Release) -> bool {
        let Some(audio) = self.audio.iter_mut().find(|audio| audio.pid() == pid) else { return false };
        audio.packet(packet, release);
        let settled = self.audio.len() > 1 && release.audio_pid.is_some();
        if settled {
            // The bytes have told which candidate is audio.
            self.audio.retain(|audio| Some(audio.pid()) == release.audio_pid);
        }
        settled
    }

    /// Plays what is chosen now.
    pub(super) fn follow(&mut self, choice: &Choice, release: &mut Release) {
        let takes = self.options.takes;
        let first = |track| choice.streams.iter().find(|stream| stream.content.plays_as(takes) == Some(track));
        let (video, audio) = (first(Track::Video), first(Track::Audio).map(|stream| stream.pid));
        let candidates: Vec<u16> = match audio {
            Some(audio) => vec![audio],
            None => {
                let unknown = choice.streams.iter().filter(|stream| stream.content == Content::Unknown);
                // One that turned out to be audio before stays the one.
                let settled = |pid: &u16| release.audio_pid.is_none_or(|chosen| chosen == *pid);
                let pids: Vec<u16> = unknown.map(|stream| stream.pid).collect();
                let kept: Vec<u16> = pids.iter().copied().filter(settled).collect();
                if kept.is_empty() { pids } else { kept }.into_iter().take(CANDIDATES_MAX).collect()
            }
        };
        let audio = audio.or(release.audio_pid.filter(|pid| candidates.contains(pid)));
        if self.video.as_ref().map(|track| (track.pid(), track.carried().content()))
            != video.map(|stream| (stream.pid, stream.content))
        {
            self.drain_video(release);
            self.video = video.and_then(|stream| {
                Some(Elementary::new(stream.pid, VideoTrack::new(stream.pid, stream.content, self.options)?))
            });
        }
        let mut before = core::mem::take(&mut self.audio);
        self.audio = candidates
            .iter()
            .map(|pid| match before.iter().position(|audio| audio.pid() == *pid) {
                Some(index) => before.swap_remove(index),
                None => Elementary::new(*pid, AudioTrack::new(choice.content(*pid).audio_codec())),
            })
            .collect();
        release.choose(choice, video.map(|stream| stream.pid), audio, !candidates.is_empty());
    }

    /// Bytes of the PID's last packet are wrong.
    pub(super) fn damage(&mut self, pid: u16, release: &mut Release) {
        if let Some(video) = self.video.as_mut().filter(|video| video.pid() == pid) {
            video.damage(release);
        }
        if let Some(audio) = self.audio.iter_mut().find(|audio| audio.pid() == pid) {
            audio.damage(release);
        }
    }

    fn drain_video(&mut self, release: &mut Release) {
        if let Some(mut video) = self.video.take() {
            video.finish(release);
            release.finish_video();
        }
    }

    /// The input has ended.
    pub(super) fn finish(&mut self, release: &mut Release) {
        self.drain_video(release);
        for mut audio in core::mem::take(&mut self.audio) {
            audio.finish(release);
        }
    }
}
