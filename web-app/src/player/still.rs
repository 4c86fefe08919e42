//! The last picture, on a canvas over the element while a new source has none to show yet.

use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement};

/// A canvas that is shown while it holds a picture.
pub(super) struct Still {
    canvas: HtmlCanvasElement,
    holds: bool,
}

impl Still {
    pub(super) fn new(canvas: HtmlCanvasElement) -> Self {
        canvas.set_hidden(true);
        Self { canvas, holds: false }
    }

    /// Takes the picture that the element shows; without one it keeps what it has.
    pub(super) fn take(&mut self, video: &HtmlVideoElement) {
        let (width, height) = (video.video_width(), video.video_height());
        const HAVE_CURRENT_DATA: u16 = 2;
        if width == 0 || height == 0 || video.ready_state() < HAVE_CURRENT_DATA {
            return;
        }
        let context = self.canvas.get_context("2d").ok().flatten();
        let Some(context) = context.and_then(|context| context.dyn_into::<CanvasRenderingContext2d>().ok()) else {
            return;
        };
        // Setting its size empties it.
        self.canvas.set_width(width);
        self.canvas.set_height(height);
        self.holds = context.draw_image_with_html_video_element(video, 0.0, 0.0).is_ok();
        self.canvas.set_hidden(!self.holds);
    }

    pub(super) const fn holds(&self) -> bool {
        self.holds
    }

    /// A new picture is there, or none is wanted: lets go of the old one, and of its memory.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.holds) {
            self.canvas.set_hidden(true);
            self.canvas.set_width(0);
            self.canvas.set_height(0);
        }
    }
}
