//! What the page remembers, in the browser's storage. Where that is forbidden, it forgets.

use web_sys::Storage;

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

/// What was remembered under this name.
pub(super) fn get(name: &str) -> Option<String> {
    storage()?.get_item(&format!("amt.{name}")).ok()?
}

/// Remembers this.
pub(super) fn set(name: &str, value: &str) {
    if let Some(storage) = storage() {
        // It throws when the storage is full: then it is not remembered.
        let _ = storage.set_item(&format!("amt.{name}"), value);
    }
}
