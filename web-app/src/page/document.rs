//! The elements of index.html, by the ids that scripts and assistive tools find them by too.

use wasm_bindgen::JsCast;
use web_sys::{
    Document, Element, HtmlButtonElement, HtmlCanvasElement, HtmlDetailsElement, HtmlElement, HtmlInputElement,
    HtmlSelectElement, HtmlVideoElement, Window,
};

/// The document and its elements.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    pub(super) window: Window,
    pub(super) document: Document,
    pub(super) tune: HtmlElement,
    pub(super) url: HtmlInputElement,
    pub(super) play: HtmlButtonElement,
    pub(super) url_hint: HtmlElement,
    pub(super) datalist: HtmlElement,
    pub(super) stage: HtmlElement,
    pub(super) video: HtmlVideoElement,
    pub(super) still: HtmlCanvasElement,
    pub(super) steps: HtmlElement,
    pub(super) notice: HtmlElement,
    pub(super) consent: HtmlElement,
    pub(super) question: HtmlElement,
    pub(super) consent_play: HtmlButtonElement,
    pub(super) consent_refuse: HtmlButtonElement,
    pub(super) unmute: HtmlButtonElement,
    pub(super) unmute_label: HtmlElement,
    pub(super) channel: HtmlElement,
    pub(super) service: HtmlElement,
    pub(super) present: HtmlElement,
    pub(super) following: HtmlElement,
    pub(super) program_choice: HtmlElement,
    pub(super) program: HtmlSelectElement,
    pub(super) sound_choice: HtmlElement,
    pub(super) sound: HtmlSelectElement,
    pub(super) status: HtmlElement,
    pub(super) sentence: HtmlElement,
    pub(super) advice: HtmlElement,
    pub(super) now: HtmlElement,
    pub(super) live: HtmlButtonElement,
    pub(super) stop: HtmlButtonElement,
    pub(super) mute: HtmlButtonElement,
    pub(super) volume: HtmlInputElement,
    pub(super) fullscreen: HtmlButtonElement,
    pub(super) history: HtmlElement,
    pub(super) history_list: HtmlElement,
    pub(super) details: HtmlDetailsElement,
    pub(super) figures: HtmlElement,
    pub(super) after_loss: HtmlSelectElement,
}

impl Elements {
    /// Finds them all; `None` where the document is not the one of index.html.
    pub(super) fn find() -> Option<Self> {
        let window = web_sys::window()?;
        let document = window.document()?;
        Some(Self {
            tune: by_id(&document, "tune")?,
            url: by_id(&document, "url")?,
            play: by_id(&document, "play")?,
            url_hint: by_id(&document, "url-hint")?,
            datalist: by_id(&document, "recent")?,
            stage: by_id(&document, "stage")?,
            video: by_id(&document, "video")?,
            still: by_id(&document, "still")?,
            steps: by_id(&document, "steps")?,
            notice: by_id(&document, "notice")?,
            consent: by_id(&document, "consent")?,
            question: by_id(&document, "question")?,
            consent_play: by_id(&document, "consent-play")?,
            consent_refuse: by_id(&document, "consent-refuse")?,
            unmute: by_id(&document, "unmute")?,
            unmute_label: by_id(&document, "unmute-label")?,
            channel: by_id(&document, "channel")?,
            service: by_id(&document, "service")?,
            present: by_id(&document, "present")?,
            following: by_id(&document, "following")?,
            program_choice: by_id(&document, "program-choice")?,
            program: by_id(&document, "program")?,
            sound_choice: by_id(&document, "sound-choice")?,
            sound: by_id(&document, "sound")?,
            status: by_id(&document, "status")?,
            sentence: by_id(&document, "sentence")?,
            advice: by_id(&document, "advice")?,
            now: by_id(&document, "now")?,
            live: by_id(&document, "live")?,
            stop: by_id(&document, "stop")?,
            mute: by_id(&document, "mute")?,
            volume: by_id(&document, "volume")?,
            fullscreen: by_id(&document, "fullscreen")?,
            history: by_id(&document, "history")?,
            history_list: by_id(&document, "history-list")?,
            details: by_id(&document, "details")?,
            figures: by_id(&document, "figures")?,
            after_loss: by_id(&document, "after-loss")?,
            window,
            document,
        })
    }

    /// Writes a figure for people.
    pub(super) fn set_figure(&self, name: &str, text: &str) {
        if let Some(element) = by_id::<HtmlElement>(&self.document, &format!("figure-{name}")) {
            set_text(&element, text);
        }
    }

    /// Writes text with code between backticks.
    pub(super) fn set_advice(&self, advice: &str) {
        // What was written last is kept as an attribute, so that nothing is read out twice.
        if self.advice.get_attribute("data-text").as_deref() == Some(advice) {
            return;
        }
        let _ = self.advice.set_attribute("data-text", advice);
        self.advice.set_text_content(None);
        for (index, part) in advice.split('`').enumerate() {
            let tag = if index % 2 == 1 { "code" } else { "span" };
            self.append(&self.advice, tag, part);
        }
    }

    /// Appends an element with this text.
    pub(super) fn append(&self, parent: &Element, tag: &str, text: &str) -> Option<HtmlElement> {
        let element = self.document.create_element(tag).ok()?;
        element.set_text_content((!text.is_empty()).then_some(text));
        parent.append_child(&element).ok()?;
        element.dyn_into().ok()
    }
}

/// Sets the text where it is not so already: a status line that is written again may be read out again.
pub(super) fn set_text(element: &HtmlElement, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Sets a data attribute where it is not so already.
pub(super) fn set_data(element: &HtmlElement, name: &str, value: &str) {
    let name = format!("data-{name}");
    if element.get_attribute(&name).as_deref() != Some(value) {
        // It throws only for a name that is none.
        let _ = element.set_attribute(&name, value);
    }
}

fn by_id<E: JsCast>(document: &Document, id: &str) -> Option<E> {
    document.get_element_by_id(id)?.dyn_into().ok()
}
