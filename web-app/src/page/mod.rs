//! The document: form, controls, status line.

/// Takes hold of the document.
pub fn start() {
    console_error_panic_hook::set_once();
}
