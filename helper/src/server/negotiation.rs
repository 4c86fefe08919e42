//! What a client takes, and how gladly (RFC 9110, 12.5).

use warp::http::{HeaderMap, HeaderName};

/// All fields of this name, as one list.
pub(super) fn list(headers: &HeaderMap, name: HeaderName) -> String {
    let fields = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    fields.collect::<Vec<_>>().join(",")
}

/// The weight of `wanted` in a list (12.4.2); 0 where it is not named.
pub(super) fn quality(list: &str, wanted: &str) -> f32 {
    let items = list.split(',').filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next()?.eq_ignore_ascii_case(wanted);
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        named.then_some(quality.unwrap_or(0.0))
    });
    items.fold(0.0, f32::max)
}
