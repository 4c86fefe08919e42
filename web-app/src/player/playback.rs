//! Begins a session when its tracks are there, feeds it, and finds a way back from whatever the media element
//! throws.

use super::capabilities;
use super::delay::{Delay, Received};
use super::figures::Figures;
use super::lineup::{Lineup, Tracks};
use super::live_edge::LiveEdge;
use super::recent::Recent;
use super::recovery::Recovery;
use super::session::{End, InitSegment, Session, Told};
use super::still::Still;
use super::watch::Watch;
use crate::browser::{self, ShownFrame};
use crate::segmenter::Track;
use crate::worker::message::{Init, Media};
use js_sys::ArrayBuffer;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use web_sys::HtmlVideoElement;

/// Everything about what plays now.
pub(super) struct State {
    pub(super) itself: Weak<RefCell<State>>,
    pub(super) video: HtmlVideoElement,
    pub(super) still: Still,
    pub(super) lineup: Lineup,
    pub(super) inits: [Option<(Init, InitSegment)>; 2],
    pub(super) recent: Recent<ArrayBuffer>,
    pub(super) session: Option<Session>,
    pub(super) generation: u32,
    /// The session before a restart of the timeline: its last picture stands until the next one begins.
    pub(super) standing: Option<Session>,
    pub(super) watch: Watch,
    /// This session has shown something, which stands while it goes to another position.
    pub(super) shown: bool,
    pub(super) edge: LiveEdge,
    /// By track: what is seen tells the delay, or what is heard where there is no picture.
    pub(super) received: [Received; 2],
    /// When the browser last told of a frame on the screen.
    pub(super) frame_told: f64,
    pub(super) delay: Delay,
    /// Media that is live, not cached, has come.
    pub(super) live: bool,
    pub(super) paused: bool,
    /// Nothing is given to the session any more: it is paused and has enough.
    pub(super) dormant: bool,
    pub(super) blocked: bool,
    pub(super) keeps_pitch: bool,
    pub(super) recovery: Recovery,
    pub(super) refused: [Option<String>; 2],
    pub(super) figures: Figures,
    pub(super) frames_before: (u32, u32),
    pub(super) overflows_before: u64,
}

/// Now, in seconds.
pub(super) fn now() -> f64 {
    browser::monotonic_ms() / 1000.0
}

impl State {
    pub(super) fn new(itself: Weak<RefCell<State>>, video: HtmlVideoElement, still: Still) -> Self {
        Self {
            itself,
            video,
            still,
            lineup: Lineup::default(),
            inits: [None, None],
            recent: Recent::default(),
            session: None,
            generation: 0,
            standing: None,
            watch: Watch::new(0.0),
            shown: false,
            edge: LiveEdge::new(Tracks::default()),
            received: Default::default(),
            frame_told: 0.0,
            delay: Delay::default(),
            live: false,
            paused: false,
            dormant: false,
            blocked: false,
            keeps_pitch: true,
            recovery: Recovery::default(),
            refused: [None, None],
            figures: Figures { rate: 1.0, ..Figures::default() },
            frames_before: (0, 0),
            overflows_before: 0,
        }
    }

    pub(super) fn restart(&mut self) {
        if let Some(session) = self.leave_session() {
            self.standing = Some(session);
        }
        self.lineup = Lineup::default();
        self.inits = [None, None];
        self.recent = Recent::default();
        self.received = Default::default();
        self.edge.forget();
        self.refused = [None, None];
        self.live = false;
        self.recovery.forget_pause();
    }

    /// Leaves the channel. Its last picture stays where another channel comes after it.
    pub(super) fn stop(&mut self, another_follows: bool) {
        self.restart();
        self.standing = None;
        self.paused = false;
        self.blocked = false;
        self.figures = Figures { rate: 1.0, ..Figures::default() };
        self.frames_before = (0, 0);
        self.overflows_before = 0;
        self.recovery = Recovery::default();
        if !another_follows {
            self.still.clear();
        }
        // Without its source the element lets go of its decoders.
        let _ = self.video.remove_attribute("src");
        self.video.load();
    }

    pub(super) fn init(&mut self, init: &Init, data: ArrayBuffer) {
        let track = init.track;
        let mime = capabilities::accepted(&init.mime, browser::is_type_supported);
        self.lineup.init(track, mime.is_some());
        self.refused[track as usize] = mime.is_none().then(|| init.codec.clone());
        let Some(mime) = mime else {
            self.inits[track as usize] = None;
            return;
        };
        let segment = InitSegment { mime: mime.to_owned(), data };
        self.inits[track as usize] = Some((init.clone(), segment.clone()));
        self.recent.forget(track);
        if let Some(session) = &mut self.session
            && session.tracks().has(track)
            && let Err(end) = session.push_init(track, segment)
        {
            self.ended(end);
        }
    }

    pub(super) fn media(&mut self, media: &Media, data: ArrayBuffer) {
        let (now, track) = (now(), media.track);
        self.lineup.media(track, now, media.end - media.start, media.key);
        self.received[track as usize].push(media.start, media.received_ms);
        if !media.cached {
            self.live = true;
            self.edge.arrived(now, track, media.start);
        }
        if self.inits[track as usize].is_none() {
            return;
        }
        let (data, anew) = forms(media, data);
        self.recent.push(*media, anew.clone().unwrap_or_else(|| data.clone()));
        if let Some(session) = &mut self.session
            && !self.dormant
        {
            self.watch.given(data.byte_length() as usize);
            if let Err(end) = session.push_media(media, data, anew) {
                return self.ended(end);
            }
        }
        self.conduct(now);
    }

    /// Begins a session when its tracks are there, and another one when they change.
    pub(super) fn conduct(&mut self, now: f64) {
        let playing = self.session.as_ref().map(Session::tracks).unwrap_or_default();
        let decodable = Tracks::of(|track| self.recent.has(track));
        let Some(tracks) = self.lineup.choose(playing, decodable, now) else { return };
        if self.session.is_some() && (tracks == playing || self.dormant) {
            return;
        }
        // Whoever has paused wants the picture to stand.
        if self.session.is_none() && (self.paused || !self.recovery.may_begin(now)) {
            return;
        }
        for track in Tracks::BOTH {
            if playing.has(track) && !tracks.has(track) {
                self.lineup.left_behind(track, now);
            }
        }
        self.begin(tracks, now);
    }

    pub(super) fn begin(&mut self, tracks: Tracks, now: f64) {
        drop(self.leave_session());
        self.generation += 1;
        let (weak, generation) = (self.itself.clone(), self.generation);
        let tell = Rc::new(move |told: Told| {
            if let Some(shared) = weak.upgrade() {
                shared.borrow_mut().told(generation, told);
            }
        });
        let inits = Tracks::BOTH.map(|track| {
            let init = self.inits[track as usize].as_ref().filter(|_| tracks.has(track));
            init.map(|(_, segment)| segment.clone())
        });
        let mut session = match Session::new(&self.video, inits, tell) {
            Ok(session) => session,
            Err(error) => return self.recover(browser::thrown(&error).1),
        };
        self.standing = None;
        for (media, data) in self.recent.iter() {
            // Nothing is appended before the MediaSource opens, so nothing can fail here.
            let _ = session.push_media(media, data.clone(), None);
        }
        self.session = Some(session);
        self.watch = Watch::new(now);
        self.shown = false;
        self.dormant = false;
        self.delay = Delay::default();
        self.edge = std::mem::replace(&mut self.edge, LiveEdge::new(tracks)).next(tracks);
        self.figures.rate = 1.0;
        self.set_pitch(false);
        if !self.lineup.expects_picture() {
            self.still.clear();
        }
        if !self.paused {
            self.play();
        }
    }

    /// Whether changes of speed keep the pitch.
    pub(super) fn set_pitch(&mut self, keep: bool) {
        if keep != self.keeps_pitch {
            self.keeps_pitch = keep;
            browser::set_preserves_pitch(&self.video, keep);
        }
    }

    pub(super) fn leave_session(&mut self) -> Option<Session> {
        let session = self.session.take()?;
        self.still.take(&self.video);
        let quality = self.video.get_video_playback_quality();
        self.frames_before.0 += quality.total_video_frames();
        self.frames_before.1 += quality.dropped_video_frames();
        self.overflows_before += session.overflows();
        Some(session)
    }

    pub(super) fn told(&mut self, generation: u32, told: Told) {
        let Some(session) = self.session.as_mut().filter(|_| generation == self.generation) else { return };
        let result = match told {
            Told::Open => session.open(),
            Told::Done(track) => session.pump(track),
            Told::Refused(track) => {
                // One that is refused again and again must not keep the other from playing.
                let now = now();
                if self.recovery.is_recent(now) {
                    self.lineup.refused_again(track, now);
                }
                Err(End::Broken(format!("the browser rejected data for the {track} buffer")))
            }
        };
        match result {
            Err(end) => self.ended(end),
            Ok(()) => self.place(now()),
        }
    }

    /// The session is at its end, or has enough while it is paused.
    pub(super) fn ended(&mut self, end: End) {
        if self.paused && matches!(end, End::Full) {
            self.dormant = true;
            return;
        }
        self.recover(end.reason());
    }

    /// A new MediaSource, at the next random access point.
    pub(super) fn recover(&mut self, reason: String) {
        let now = now();
        self.figures.recoveries += 1;
        self.figures.last_error = Some(reason);
        self.recovery.note(now);
        self.lineup.begin_anew(now);
        // What was given lately may be what broke it.
        self.recent = Recent::default();
        if let Some(session) = self.leave_session() {
            self.standing = Some(session);
        }
    }

    pub(super) fn begin_again(&mut self) {
        let playing = self.session.as_ref().map(Session::tracks).unwrap_or_default();
        // What waits for its next random access point joins there, and keeps nothing from playing until then.
        let decodable = Tracks::of(|track| playing.has(track) && self.recent.has(track));
        self.begin(if decodable.is_empty() { playing } else { decodable }, now());
    }

    pub(super) fn element_failed(&mut self) {
        if self.session.is_none() {
            return;
        }
        if let Some(error) = self.video.error() {
            self.recover(format!("media error {}: {}", error.code(), error.message()));
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        let codec = |track: Track| {
            let plays = self.session.as_ref().is_some_and(|session| session.tracks().has(track));
            self.inits[track as usize].as_ref().filter(|_| plays).map(|(init, _)| init.codec.clone())
        };
        figures.video_codec = codec(Track::Video);
        figures.audio_codec = codec(Track::Audio);
        figures.refused = self.refused.iter().flatten().cloned().collect();
        figures.overflows = self.overflows_before;
        figures.frames = self.frames_before.0;
        figures.dropped_frames = self.frames_before.1;
        let Some(session) = &self.session else { return figures };
        figures.overflows += session.overflows();
        figures.width = self.video.video_width();
        figures.height = self.video.video_height();
        let quality = self.video.get_video_playback_quality();
        figures.frames += quality.total_video_frames();
        figures.dropped_frames += quality.dropped_video_frames();
        figures.target_ms = self.edge.target_delay().map(|target| target * 1000.0);
        figures.delay_ms = self.delay.ms();
        figures.behind = self.paused || (self.has_shown() && self.edge.is_behind(now()));
        figures
    }

    /// A frame goes to the screen: its delay joins the average.
    pub(super) fn frame_shown(&mut self, frame: ShownFrame) {
        self.frame_told = now();
        if self.session.is_some() && self.watch.is_placed() {
            self.still.clear();
        }
        self.note_delay(frame.media_time, frame.display_ms, Delay::moves);
    }

    /// What is at this media time is seen, or heard, at this time of [`browser::monotonic_ms`].
    pub(super) fn note_delay(&mut self, media_time: f64, seen_ms: f64, note: fn(&mut Delay, f64, f64)) {
        let Some(session) = self.session.as_ref().filter(|_| self.watch.is_placed()) else { return };
        let track = if session.tracks().video { Track::Video } else { Track::Audio };
        let Some(due_ms) = self.received[track as usize].due_ms(media_time) else { return };
        let wall_ms = js_sys::Date::now() - browser::monotonic_ms() + seen_ms;
        note(&mut self.delay, due_ms, wall_ms);
    }
}

/// A segment, and the one in place of it for a decoder that begins at the last random access point.
fn forms(media: &Media, data: ArrayBuffer) -> (ArrayBuffer, Option<ArrayBuffer>) {
    if media.anew == 0 {
        return (data, None);
    }
    let anew = data.byte_length().saturating_sub(media.anew);
    (data.slice_with_end(0, anew), Some(data.slice(anew)))
}
