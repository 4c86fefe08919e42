//! Why the helper cannot be reached: a WebSocket that is refused does not say, an ordinary request does.

use super::app::App;
use super::helper::{Helper, unreachable};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Response;

impl App {
    /// Asks the server that the page came from, and notes what that tells.
    pub(super) fn ask_why(&self, silent: bool) {
        if silent {
            return;
        }
        let (weak, window) = (self.itself.clone(), self.elements.window.clone());
        let address = format!("/api/status{}", self.token);
        spawn_local(async move {
            let response = JsFuture::from(window.fetch_with_str(&address)).await;
            let code = response.ok().and_then(|response| response.dyn_into::<Response>().ok()).map(|it| it.status());
            let Some(shared) = weak.upgrade() else { return };
            let mut app = shared.borrow_mut();
            if !matches!(app.helper, Helper::There | Helper::Silent | Helper::OtherVersion) {
                app.helper = unreachable(code);
                app.show();
            }
        });
    }
}
