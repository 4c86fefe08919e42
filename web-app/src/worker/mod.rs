//! The socket to the helper and the segmenter, off the page's thread.

/// Takes hold of the worker.
pub fn start() {
    console_error_panic_hook::set_once();
}
