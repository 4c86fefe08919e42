//! One MediaSource's life: its source buffers, what waits for each of them, and what they hold.

use super::append_queue::{Append, AppendQueue};
use super::lineup::Tracks;
use super::ranges::Ranges;
use super::shelf::Shelf;
use crate::browser::{self, Listener};
use crate::segmenter::Track;
use crate::worker::message::Media;
use js_sys::{ArrayBuffer, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::{HtmlVideoElement, MediaSource, MediaSourceReadyState, SourceBuffer, TimeRanges, Url};

/// Sound has a random access point everywhere: it is removed up to so many seconds behind the position, in steps of so
/// many. Where the browser says that its memory is full, up to so many.
const KEEP_SOUND: f64 = 10.0;
const SOUND_STEP: f64 = 5.0;
const KEEP_SOUND_WHEN_FULL: f64 = 1.0;

/// What a session tells the player. Nothing is told from within a call to the session.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// The MediaSource has opened, or wants data again.
    Open,
    /// A source buffer has finished what it was given.
    Done(Track),
    /// The source buffer of this track refused what it was given, which ends the MediaSource.
    Refused(Track),
}

/// Why a session is at its end.
#[derive(Debug)]
pub(super) enum End {
    /// The browser's memory is full, and nothing in it can be spared.
    Full,
    /// In the browser's words.
    Broken(String),
}

impl End {
    /// For people who look for the cause.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Full => "the browser's buffer is full, and nothing in it can be removed".into(),
            Self::Broken(reason) => reason,
        }
    }
}

/// An initialisation segment with its type.
#[derive(Clone, Debug)]
pub(super) struct InitSegment {
    pub(super) mime: String,
    pub(super) data: ArrayBuffer,
}

pub(super) struct Session {
    video: HtmlVideoElement,
    source: MediaSource,
    object_url: String,
    tracks: [Option<TrackBuffer>; 2],
    tell: Rc<dyn Fn(Told)>,
    _listeners: Vec<Listener>,
}

struct TrackBuffer {
    queue: AppendQueue<ArrayBuffer>,
    /// The type that the source buffer has now.
    mime: String,
    buffer: Option<SourceBuffer>,
    shelf: Shelf,
    /// From here on decoding does not begin well at what was appended: that is for a decoder which goes on.
    goes_on_from: Option<f64>,
    /// Did not fit; goes first once something was removed.
    held: Option<ArrayBuffer>,
    remove_until: Option<f64>,
    full: u64,
    listeners: Vec<Listener>,
}

impl Session {
    /// Attaches a new MediaSource to the element, for those tracks whose initialisation segment is given.
    pub(super) fn new(
        video: &HtmlVideoElement,
        inits: [Option<InitSegment>; 2],
        tell: Rc<dyn Fn(Told)>,
    ) -> Result<Self, JsValue> {
        let source = browser::new_media_source()?;
        let listeners = ["sourceopen", "startstreaming"]
            .map(|event| {
                let tell = tell.clone();
                Listener::new(&source, event, move |_| tell(Told::Open))
            })
            .into();
        let tracks = inits.map(|init| {
            init.map(|init| {
                let mut queue = AppendQueue::default();
                queue.push_init(init.mime.clone(), init.data);
                TrackBuffer {
                    queue,
                    mime: init.mime,
                    buffer: None,
                    shelf: Shelf::default(),
                    goes_on_from: None,
                    held: None,
                    remove_until: None,
                    full: 0,
                    listeners: Vec::new(),
                }
            })
        });
        let object_url = Url::create_object_url_with_source(&source)?;
        video.set_src(&object_url);
        Ok(Self { video: video.clone(), source, object_url, tracks, tell, _listeners: listeners })
    }

    /// The tracks of this session.
    pub(super) fn tracks(&self) -> Tracks {
        Tracks { video: self.tracks[0].is_some(), audio: self.tracks[1].is_some() }
    }

    /// Makes the source buffers, all of them before the first segment, and begins to append.
    pub(super) fn open(&mut self) -> Result<(), End> {
        if self.source.ready_state() != MediaSourceReadyState::Open {
            return Ok(());
        }
        for track in Tracks::BOTH {
            let Some(this) = &mut self.tracks[track as usize] else { continue };
            if this.buffer.is_some() {
                continue;
            }
            let buffer =
                self.source.add_source_buffer(&this.mime).map_err(|error| broken("addSourceBuffer", &error))?;
            let (done, failed) = (self.tell.clone(), self.tell.clone());
            this.listeners = vec![
                Listener::new(&buffer, "updateend", move |_| done(Told::Done(track))),
                Listener::new(&buffer, "error", move |_| failed(Told::Refused(track))),
            ];
            this.buffer = Some(buffer);
        }
        Tracks::BOTH.into_iter().try_for_each(|track| self.pump(track))
    }

    /// A new initialisation segment in mid-stream.
    pub(super) fn push_init(&mut self, track: Track, init: InitSegment) -> Result<(), End> {
        if let Some(this) = &mut self.tracks[track as usize] {
            this.queue.push_init(init.mime, init.data);
        }
        self.pump(track)
    }

    /// A media segment, and the one in place of it for a decoder that begins at the last random access point.
    pub(super) fn push_media(
        &mut self,
        media: &Media,
        data: ArrayBuffer,
        anew: Option<ArrayBuffer>,
    ) -> Result<(), End> {
        let track = media.track;
        if let Some(this) = &mut self.tracks[track as usize] {
            let goes_on = !this.queue.begins_anew(data.byte_length() as usize, media.key) && anew.is_some();
            if media.key {
                this.goes_on_from = this.goes_on_from.or(Some(media.start)).filter(|_| goes_on);
            }
            let data = anew.filter(|_| !goes_on).unwrap_or(data);
            let bytes = data.byte_length() as usize;
            // A picture that refreshes gradually is a random access point behind those alone that are put before it.
            let key = media.key && !(media.gradual && goes_on);
            this.queue.push_media(data, bytes, key.then_some(media.start));
        }
        self.pump(track)
    }

    /// Gives the source buffer its next work, if it has none. `Err` says why the session is at its end.
    pub(super) fn pump(&mut self, track: Track) -> Result<(), End> {
        let position = self.video.current_time();
        let Some(this) = &mut self.tracks[track as usize] else { return Ok(()) };
        let Some(buffer) = this.buffer.clone() else { return Ok(()) };
        if buffer.updating() {
            return Ok(());
        }
        if let Some(until) = this.remove_until.take() {
            return buffer.remove(0.0, until).map_err(|error| broken("remove", &error));
        }
        if !browser::wants_data(&self.source) {
            return Ok(());
        }
        let data = match this.held.take() {
            Some(data) => data,
            None => match this.queue.take() {
                None => return Ok(()),
                Some(Append::Init { mime, data }) => {
                    if mime != this.mime {
                        buffer.change_type(&mime).map_err(|error| broken("changeType", &error))?;
                        this.mime = mime;
                    }
                    data
                }
                Some(Append::Media { segments, points }) => {
                    if track == Track::Video {
                        points.into_iter().for_each(|point| this.shelf.push(point));
                    }
                    joined(segments)
                }
            },
        };
        let Err(error) = buffer.append_buffer_with_array_buffer(&data) else { return Ok(()) };
        // Told by its name: the codes were given up, and newer browsers have it as a class of its own.
        if browser::thrown(&error).0 != "QuotaExceededError" {
            return Err(broken("appendBuffer", &error));
        }
        this.full += 1;
        let start = ranges(&buffer).start();
        let until = start.and_then(|start| match track {
            Track::Video => this.shelf.spare(start, position),
            Track::Audio => Some(position - KEEP_SOUND_WHEN_FULL).filter(|until| start < *until),
        });
        let Some(until) = until else { return Err(End::Full) };
        this.held = Some(data);
        buffer.remove(0.0, until).map_err(|error| broken("remove", &error))
    }

    /// What all tracks hold.
    pub(super) fn buffered(&self) -> Ranges {
        let all = self.tracks.iter().flatten().map(|track| track.buffer.as_ref().map_or_else(Ranges::default, ranges));
        all.reduce(|one, other| one.intersection(&other)).unwrap_or_default()
    }

    /// Lets go of what lies well behind the position.
    pub(super) fn trim(&mut self, position: f64) {
        for (track, this) in Tracks::BOTH.into_iter().zip(&mut self.tracks) {
            let Some(this) = this else { continue };
            let Some(start) = this.buffer.as_ref().and_then(|buffer| ranges(buffer).start()) else { continue };
            let until = match track {
                Track::Video => this.shelf.trim(start, position),
                Track::Audio => Some(position - KEEP_SOUND).filter(|until| start < until - SOUND_STEP),
            };
            this.remove_until = until.or(this.remove_until);
        }
    }

    /// From where on decoding does not begin well at what was appended.
    pub(super) fn goes_on_from(&self) -> Option<f64> {
        self.tracks[Track::Video as usize].as_ref().and_then(|video| video.goes_on_from)
    }

    /// The last key frame of the picture that was appended.
    pub(super) fn last_key(&self) -> Option<f64> {
        self.tracks[Track::Video as usize].as_ref().and_then(|video| video.shelf.last())
    }

    /// How often a bound was met: the queues' and the browser's.
    pub(super) fn overflows(&self) -> u64 {
        self.tracks.iter().flatten().map(|track| track.queue.overflows() + track.full).sum()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = Url::revoke_object_url(&self.object_url);
    }
}

fn broken(what: &str, error: &JsValue) -> End {
    let (name, message) = browser::thrown(error);
    End::Broken(format!("{what}: {name}: {message}"))
}

fn joined(mut segments: Vec<ArrayBuffer>) -> ArrayBuffer {
    if segments.len() == 1
        && let Some(only) = segments.pop()
    {
        return only;
    }
    let total = segments.iter().map(ArrayBuffer::byte_length).sum();
    let whole = Uint8Array::new_with_length(total);
    let mut offset = 0;
    for segment in &segments {
        whole.set(&Uint8Array::new(segment), offset);
        offset += segment.byte_length();
    }
    whole.buffer()
}

/// The ranges of a source buffer; empty where it is no longer part of its MediaSource.
fn ranges(buffer: &SourceBuffer) -> Ranges {
    let pair = |ranges: &TimeRanges, index| Some((ranges.start(index).ok()?, ranges.end(index).ok()?));
    buffer.buffered().map_or_else(
        |_| Ranges::default(),
        |ranges| Ranges::new((0..ranges.length()).filter_map(|index| pair(&ranges, index)).collect()),
    )
}
