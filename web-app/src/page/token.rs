//! The helper's token: where it stands in the page's address, and that it does not stay there.
//!
//! People share what the address bar says, and browsers keep it. So the token is kept for this tab, and the address goes
//! on without it.

/// The token in the query of an address, and the query without it.
#[must_use]
pub fn take(query: &str) -> (Option<&str>, String) {
    let parameters = || query.trim_start_matches('?').split('&').filter(|parameter| !parameter.is_empty());
    let token = parameters().find_map(|parameter| parameter.strip_prefix("token="));
    let rest: Vec<&str> = parameters().filter(|parameter| !parameter.starts_with("token=")).collect();
    (token, if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) })
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use web_sys::{Storage, Window};

    const NAME: &str = "amt.token";

    /// What goes behind an address of the helper: the token as a query, or nothing. Takes it out of the page's own address
    /// where it is kept elsewhere.
    pub(in crate::page) fn query(window: &Window) -> String {
        let location = window.location();
        let search = location.search().unwrap_or_default();
        let (given, rest) = super::take(&search);
        let storage = window.session_storage().ok().flatten();
        let Some(token) = given else {
            let kept = storage.and_then(|storage| storage.get_item(NAME).ok()?);
            return kept.map(|token| format!("?token={token}")).unwrap_or_default();
        };
        if storage.is_some_and(|storage| keeps(&storage, token)) {
            let path = location.pathname().unwrap_or_else(|_| "/".to_owned());
            let address = path + &rest + &location.hash().unwrap_or_default();
            if let Ok(history) = window.history() {
                // It throws only in documents without an address of their own.
                let state = history.state().unwrap_or_default();
                let _ = history.replace_state_with_url(&state, "", Some(&address));
            }
        }
        format!("?token={token}")
    }

    fn keeps(storage: &Storage, token: &str) -> bool {
        storage.set_item(NAME, token).is_ok()
    }
}

#[cfg(target_arch = "wasm32")]
pub(super) use browser::query;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_and_the_rest_stays() {
        assert_eq!(take(""), (None, String::new()));
        assert_eq!(take("?token=secret"), (Some("secret"), String::new()));
        assert_eq!(take("?a=b&token=secret&c"), (Some("secret"), "?a=b&c".to_owned()));
        assert_eq!(take("?a=b&tokens=x"), (None, "?a=b&tokens=x".to_owned()));
        // Of two the first counts, as for the helper, and neither stays.
        assert_eq!(take("?token=one&token=two"), (Some("one"), String::new()));
    }
}
