//! Sound, full screen and the keyboard.

use super::document::{Elements, set_data};
use super::store;
use crate::browser::{self, Listener, Timer};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, HtmlSelectElement, KeyboardEvent};

/// A key press changes the volume by this much.
const VOLUME_STEP: f64 = 0.05;
/// In full screen, controls that are not touched for so long give way to the picture.
const IDLE_AFTER_MS: f64 = 2500.0;

/// The listeners of the controls.
pub(super) struct Controls {
    _listeners: Vec<Listener>,
}

/// What the controls ask of the page.
#[derive(Clone)]
pub(super) struct Actions {
    /// Play what stands in the field, or stop what plays.
    pub(super) toggle: Rc<dyn Fn()>,
    /// Play on at the live edge.
    pub(super) go_live: Rc<dyn Fn()>,
    /// The viewer has pressed something: the browser now lets sound and picture begin.
    pub(super) touched: Rc<dyn Fn()>,
}

impl Controls {
    pub(super) fn new(elements: &Elements, actions: &Actions) -> Self {
        restore(elements);
        let on = |target: &web_sys::EventTarget, event, act: fn(&Elements, &Actions)| {
            let (elements, actions) = (elements.clone(), actions.clone());
            Listener::new(target, event, move |_| act(&elements, &actions))
        };
        let idle: Rc<RefCell<Option<Timer>>> = Rc::default();
        let wakes = |event| {
            let (elements, idle) = (elements.clone(), idle.clone());
            Listener::new(&elements.stage.clone(), event, move |_| wake(&elements, &idle))
        };
        let keys = {
            let (elements, actions, idle) = (elements.clone(), actions.clone(), idle.clone());
            Listener::typed(&elements.document.clone(), "keydown", move |event: KeyboardEvent| {
                wake(&elements, &idle);
                if key(&elements, &actions, &event) {
                    event.prevent_default();
                }
            })
        };
        let full_screen = {
            let (elements, idle) = (elements.clone(), idle.clone());
            Listener::new(&elements.document.clone(), "fullscreenchange", move |_| {
                let full = elements.document.fullscreen_element().is_some();
                label(&elements.fullscreen, if full { "Exit full screen" } else { "Full screen" }, "f");
                // However it was entered, from now on the bar is to go.
                wake(&elements, &idle);
            })
        };
        let listeners = vec![
            on(&elements.mute, "click", toggle_mute),
            on(&elements.unmute, "click", |elements, actions| {
                set_muted(elements, false);
                (actions.touched)();
            }),
            on(&elements.volume, "input", |elements, actions| {
                set_volume(elements, elements.volume.value_as_number() / 100.0);
                (actions.touched)();
            }),
            on(&elements.fullscreen, "click", |elements, _| toggle_full_screen(elements)),
            on(&elements.video, "dblclick", |elements, _| toggle_full_screen(elements)),
            on(&elements.video, "volumechange", |elements, _| show_volume(elements)),
            full_screen,
            wakes("pointermove"),
            wakes("pointerdown"),
            wakes("focusin"),
            keys,
            on(&elements.program, "change", |elements, _| chosen(&elements.program)),
            on(&elements.sound, "change", |elements, _| chosen(&elements.sound)),
            on(&elements.after_loss, "change", |elements, _| chosen(&elements.after_loss)),
        ];
        show_volume(elements);
        Self { _listeners: listeners }
    }
}

/// A button's name and tooltip.
pub(super) fn label(button: &HtmlElement, text: &str, key: &str) {
    // They throw only for names that are none.
    let _ = button.set_attribute("aria-label", text);
    let _ = button.set_attribute("title", &format!("{text} ({key})"));
}

fn restore(elements: &Elements) {
    // The browser reads numbers as well as we would, and is there already.
    let volume = store::get("volume").map_or(1.0, |text| js_sys::parse_float(&text));
    elements.video.set_volume(if volume.is_finite() { volume.clamp(0.0, 1.0) } else { 1.0 });
    // Where the browser does not let sound begin by itself, the player goes back to muted.
    elements.video.set_muted(store::get("sound").as_deref() != Some("on"));
}

fn set_muted(elements: &Elements, muted: bool) {
    elements.video.set_muted(muted);
    if !muted && elements.video.volume() == 0.0 {
        elements.video.set_volume(0.5);
    }
    store::set("sound", if muted { "off" } else { "on" });
}

fn toggle_mute(elements: &Elements, actions: &Actions) {
    set_muted(elements, !elements.video.muted());
    (actions.touched)();
}

fn set_volume(elements: &Elements, volume: f64) {
    let volume = volume.clamp(0.0, 1.0);
    elements.video.set_volume(volume);
    store::set("volume", &volume.to_string());
    if (volume == 0.0) != elements.video.muted() {
        set_muted(elements, volume == 0.0);
    }
}

fn show_volume(elements: &Elements) {
    let muted = elements.video.muted();
    let _ = elements.mute.set_attribute("aria-pressed", if muted { "true" } else { "false" });
    let _ = elements.mute.set_attribute("title", if muted { "Muted: turn sound on (m)" } else { "Mute (m)" });
    let level = (elements.video.volume() * 100.0).round();
    elements.volume.set_value(&level.to_string());
    let muted = if muted { ", muted" } else { "" };
    let _ = elements.volume.set_attribute("aria-valuetext", &format!("{level} per cent{muted}"));
}

fn toggle_full_screen(elements: &Elements) {
    if elements.document.fullscreen_element().is_some() {
        elements.document.exit_fullscreen();
    } else if elements.document.fullscreen_enabled() {
        // Where it is refused, the page stays as it is.
        let _ = elements.stage.request_fullscreen();
    } else {
        browser::enter_native_full_screen(&elements.video);
    }
}

fn wake(elements: &Elements, idle: &Rc<RefCell<Option<Timer>>>) {
    set_data(&elements.stage, "idle", "false");
    let stage = elements.stage.clone();
    *idle.borrow_mut() = Some(Timer::once(IDLE_AFTER_MS, move || set_data(&stage, "idle", "true")));
}

/// Something was chosen in a list: keys are for the player again. Whoever uses the pointer is done with the list; whoever
/// uses the keyboard may go on in it by arrow keys.
fn chosen(list: &HtmlSelectElement) {
    set_data(list, "chosen", "true");
    if !list.matches(":focus-visible").unwrap_or(false) {
        let _ = list.blur();
    }
}

/// Goes to a chooser; whether it is there to be gone to.
fn reached(chooser: &HtmlSelectElement) -> bool {
    let there = chooser.offset_parent().is_some();
    if there {
        set_data(chooser, "chosen", "false");
        let _ = chooser.focus();
    }
    there
}

/// Whether the key was one of ours.
fn key(elements: &Elements, actions: &Actions, event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let input = target.as_ref().and_then(|target| target.dyn_ref::<HtmlInputElement>());
    let typing = input.is_some_and(|input| input.type_() != "range");
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return false;
    }
    if typing {
        if event.key() == "Escape" {
            let _ = elements.url.blur();
        }
        return false;
    }
    // A list that has the focus is searched by letters, until something in it has been chosen.
    if target.as_ref().is_some_and(|target| {
        target.has_type::<HtmlSelectElement>() && target.get_attribute("data-chosen").as_deref() != Some("true")
    }) {
        return false;
    }
    // Space and arrows belong to the control that has the focus.
    let on_control = target.as_ref().is_some_and(|target| {
        target.closest("button, summary, input, select, a").is_ok_and(|control| control.is_some())
    });
    let volume = |change: f64| {
        // Muted, the volume is kept: louder brings it back as it was, quieter is quiet already.
        match elements.video.muted() {
            true if change > 0.0 => set_muted(elements, false),
            true => {}
            false => set_volume(elements, elements.video.volume() + change),
        }
        (actions.touched)();
    };
    match event.key().as_str() {
        " " if !on_control => (actions.toggle)(),
        "k" | "K" => (actions.toggle)(),
        "l" | "L" => (actions.go_live)(),
        "m" | "M" => toggle_mute(elements, actions),
        "f" | "F" => toggle_full_screen(elements),
        "p" | "P" => return reached(&elements.program),
        "a" | "A" => return reached(&elements.sound),
        "ArrowUp" if !on_control => volume(VOLUME_STEP),
        "ArrowDown" if !on_control => volume(-VOLUME_STEP),
        "/" => {
            let _ = elements.url.focus();
            elements.url.select();
        }
        _ => return false,
    }
    true
}
