//! What both threads need of the browser: listeners and timers that end with their value, and the few
//! interfaces that web-sys does not bind.

use js_sys::{Function, Object, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, EventTarget, HtmlVideoElement, MediaSource};

/// An event listener; dropping it unregisters it.
#[must_use = "a listener that is dropped hears nothing"]
#[derive(Debug)]
pub struct Listener {
    target: EventTarget,
    event: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Calls `heard` for every `event` at `target`.
    pub fn new(target: &EventTarget, event: &'static str, heard: impl FnMut(Event) + 'static) -> Self {
        let closure = Closure::<dyn FnMut(Event)>::new(heard);
        // It throws only where the callback is no function, which a closure is.
        let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
        Self { target: target.clone(), event, closure }
    }

    /// The same, with the event as the type that this kind of event has.
    pub fn typed<E: JsCast>(target: &EventTarget, event: &'static str, mut heard: impl FnMut(E) + 'static) -> Self {
        Self::new(target, event, move |event| heard(event.unchecked_into()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let callback = self.closure.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.event, callback);
    }
}

/// A timer; dropping it stops it. It works in the page and in a worker.
#[must_use = "a timer that is dropped never rings"]
#[derive(Debug)]
pub struct Timer {
    id: i32,
    repeats: bool,
    _closure: Closure<dyn FnMut()>,
}

// The functions of the global scope, which web-sys binds to windows and workers apart.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(ring: &Function, milliseconds: f64) -> i32;
    #[wasm_bindgen(js_name = setInterval)]
    fn set_interval(ring: &Function, milliseconds: f64) -> i32;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: i32);
    #[wasm_bindgen(js_name = clearInterval)]
    fn clear_interval(id: i32);

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    // Safari's (17.1): the only Media Source Extensions on an iPhone.
    type ManagedMediaSource;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<ManagedMediaSource, JsValue>;
    #[wasm_bindgen(static_method_of = ManagedMediaSource, js_name = isTypeSupported, catch)]
    fn is_type_supported(mime: &str) -> Result<bool, JsValue>;

    // Intl.DisplayNames (ECMA-402).
    #[wasm_bindgen(js_namespace = Intl)]
    type DisplayNames;
    #[wasm_bindgen(constructor, catch, js_namespace = Intl)]
    fn new(locale: &str, options: &JsValue) -> Result<DisplayNames, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn of(this: &DisplayNames, code: &str) -> Result<JsValue, JsValue>;

    // HTMLVideoElement.requestVideoFrameCallback.
    #[derive(Clone, Debug)]
    type FrameCallbacks;
    #[wasm_bindgen(method, js_name = requestVideoFrameCallback)]
    fn request_video_frame_callback(this: &FrameCallbacks, callback: &Function) -> u32;
    #[wasm_bindgen(method, js_name = cancelVideoFrameCallback)]
    fn cancel_video_frame_callback(this: &FrameCallbacks, id: u32);
}

impl Timer {
    /// Rings once, after so many milliseconds.
    pub fn once(milliseconds: f64, ring: impl FnMut() + 'static) -> Self {
        let closure = Closure::<dyn FnMut()>::new(ring);
        let id = set_timeout(closure.as_ref().unchecked_ref(), milliseconds);
        Self { id, repeats: false, _closure: closure }
    }

    /// Rings again and again.
    pub fn every(milliseconds: f64, ring: impl FnMut() + 'static) -> Self {
        let closure = Closure::<dyn FnMut()>::new(ring);
        let id = set_interval(closure.as_ref().unchecked_ref(), milliseconds);
        Self { id, repeats: true, _closure: closure }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.repeats { clear_interval(self.id) } else { clear_timeout(self.id) }
    }
}

/// Milliseconds of a clock that never goes back; its zero says nothing.
#[must_use]
pub fn monotonic_ms() -> f64 {
    performance_now()
}

/// A number property; 0 where there is none.
#[must_use]
pub fn number(object: &JsValue, name: &str) -> f64 {
    Reflect::get(object, &name.into()).ok().and_then(|value| value.as_f64()).unwrap_or_default()
}

/// The name and the message of something that was thrown.
#[must_use]
pub fn thrown(error: &JsValue) -> (String, String) {
    let text = |name: &str| Reflect::get(error, &name.into()).ok().and_then(|value| value.as_string());
    (text("name").unwrap_or_default(), text("message").unwrap_or_else(|| format!("{error:?}")))
}

/// A new MediaSource, or a ManagedMediaSource where the browser has only that.
///
/// # Errors
/// Where the browser has neither.
pub fn new_media_source() -> Result<MediaSource, JsValue> {
    if has_global("MediaSource") { MediaSource::new() } else { ManagedMediaSource::new().map(JsCast::unchecked_into) }
}

/// Whether the browser can play this type.
#[must_use]
pub fn is_type_supported(mime: &str) -> bool {
    if has_global("MediaSource") {
        MediaSource::is_type_supported(mime)
    } else {
        has_global("ManagedMediaSource") && ManagedMediaSource::is_type_supported(mime).unwrap_or(false)
    }
}

/// Whether the browser has Media Source Extensions in any form.
#[must_use]
pub fn has_media_source() -> bool {
    has_global("MediaSource") || has_global("ManagedMediaSource")
}

/// Whether a ManagedMediaSource asks for data now; an ordinary MediaSource always does.
#[must_use]
pub fn wants_data(source: &MediaSource) -> bool {
    Reflect::get(source, &"streaming".into()).ok().and_then(|streaming| streaming.as_bool()).unwrap_or(true)
}

/// Whether changes of the playback rate keep the pitch.
pub fn set_preserves_pitch(video: &HtmlVideoElement, preserves: bool) {
    // A browser that knows it by no name keeps the pitch, which costs delay and nothing else.
    let _ = Reflect::set(video, &"preservesPitch".into(), &preserves.into());
}

/// The language of an ISO 639 code in words, in the language of the page; `None` where it has no name.
#[must_use]
pub fn language_name(code: &str) -> Option<String> {
    let options = Object::new();
    for (name, value) in [("type", "language"), ("fallback", "none")] {
        Reflect::set(&options, &name.into(), &value.into()).ok()?;
    }
    DisplayNames::new("en", &options).ok()?.of(code).ok()?.as_string()
}

/// A time of day as people write it here: `20:15`.
#[must_use]
pub fn time_of_day(unix_seconds: i64) -> String {
    let date = js_sys::Date::new(&(unix_seconds as f64 * 1000.0).into());
    format!("{:02}:{:02}", date.get_hours(), date.get_minutes())
}

/// Shows a video element alone on the whole screen: on an iPhone there is no other full screen.
pub fn enter_native_full_screen(video: &HtmlVideoElement) {
    let enter = Reflect::get(video, &"webkitEnterFullscreen".into()).ok();
    if let Some(enter) = enter.and_then(|enter| enter.dyn_into::<Function>().ok()) {
        let _ = enter.call0(video);
    }
}

fn has_global(name: &str) -> bool {
    Reflect::has(&js_sys::global(), &name.into()).unwrap_or(false)
}

/// What is known of a frame when it goes to the screen.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShownFrame {
    /// Its presentation time on the media timeline, in seconds.
    pub media_time: f64,
    /// When it is expected on the screen, by [`monotonic_ms`].
    pub display_ms: f64,
}

/// Tells of every frame that goes to the screen, until it is dropped.
#[must_use = "dropping it ends the calls"]
#[derive(Debug)]
pub struct FrameWatch {
    element: FrameCallbacks,
    id: std::rc::Rc<std::cell::Cell<u32>>,
    _closure: std::rc::Rc<Closure<dyn FnMut(f64, Object)>>,
}

impl FrameWatch {
    /// `None` where the browser cannot tell.
    pub fn new(video: &HtmlVideoElement, mut shown: impl FnMut(ShownFrame) + 'static) -> Option<Self> {
        if !Reflect::has(video, &"requestVideoFrameCallback".into()).unwrap_or(false) {
            return None;
        }
        let element: FrameCallbacks = video.clone().unchecked_into();
        let id = std::rc::Rc::new(std::cell::Cell::new(0));
        let closure = std::rc::Rc::new_cyclic(|itself: &std::rc::Weak<Closure<dyn FnMut(f64, Object)>>| {
            let (itself, element, id) = (itself.clone(), element.clone(), id.clone());
            Closure::<dyn FnMut(f64, Object)>::new(move |_, metadata: Object| {
                shown(ShownFrame {
                    media_time: number(&metadata, "mediaTime"),
                    display_ms: number(&metadata, "expectedDisplayTime"),
                });
                if let Some(closure) = itself.upgrade() {
                    id.set(element.request_video_frame_callback((*closure).as_ref().unchecked_ref()));
                }
            })
        });
        id.set(element.request_video_frame_callback((*closure).as_ref().unchecked_ref()));
        Some(Self { element, id, _closure: closure })
    }
}

impl Drop for FrameWatch {
    fn drop(&mut self) {
        self.element.cancel_video_frame_callback(self.id.get());
    }
}
