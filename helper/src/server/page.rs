//! The page inside the binary: `trunk build --release` puts it into `dist/`, and the build takes it from there.
//!
//! A helper that was built without it says in the browser how to get it. In a debug build the files are read
//! from `dist/` when they are asked for; in a release build each is there packed as well (`build.rs`), for browsers that
//! take it so (RFC 9110, 12.5.3).

use super::negotiation::{list, quality};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;
use warp::http::{HeaderMap, HeaderValue, Response as HttpResponse, StatusCode, header};
use warp::hyper::body::Bytes;
use warp::reply::{Reply, Response};

const INDEX: &str = "index.html";
const WITHOUT: &str = include_str!("without_page.html");

#[cfg(feature = "page")]
#[derive(rust_embed::RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../dist"]
struct Dist;

#[cfg(feature = "page")]
#[derive(rust_embed::RustEmbed)]
#[folder = "$OUT_DIR/packed"]
struct Packed;

/// What a browser may take, and how the packed files' names end; the better one first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// A file of the page, and a tag that changes with it.
fn file(path: &str) -> Option<(Cow<'static, [u8]>, String)> {
    #[cfg(feature = "page")]
    {
        let file = <Dist as rust_embed::RustEmbed>::get(path)?;
        let hash = file.metadata.sha256_hash();
        Some((file.data, format!("\"{}\"", BASE64_STANDARD.encode(&hash[..12]))))
    }
    #[cfg(not(feature = "page"))]
    {
        let _ = path;
        None
    }
}

/// The same file packed, and how, where the browser takes it so.
fn packed(name: &str, headers: &HeaderMap) -> Option<(Cow<'static, [u8]>, &'static str)> {
    let accepted = list(headers, header::ACCEPT_ENCODING);
    ENCODINGS.into_iter().filter(|(encoding, _)| quality(&accepted, encoding) > 0.0).find_map(|(encoding, ending)| {
        #[cfg(feature = "page")]
        {
            let file = <Packed as rust_embed::RustEmbed>::get(&format!("{name}{ending}"))?;
            Some((file.data, encoding))
        }
        #[cfg(not(feature = "page"))]
        {
            let _ = (name, ending, encoding);
            None
        }
    })
}

fn name(path: &str) -> &str {
    let name = path.trim_start_matches('/');
    if name.is_empty() { INDEX } else { name }
}

/// Whether the path is a file's; the page has its place also where it was not built.
pub(super) fn has(path: &str) -> bool {
    name(path) == INDEX || file(name(path)).is_some()
}

/// Answers a request for a file.
pub(super) fn reply(path: &str, headers: &HeaderMap, scheme: &str) -> Response {
    let policy = |document: &[u8]| policy(document, headers, scheme);
    let name = name(path);
    let Some((bytes, tag)) = file(name) else {
        return if name == INDEX {
            respond(StatusCode::OK, INDEX, &policy(WITHOUT.as_bytes()), WITHOUT.as_bytes().into(), None, None)
        } else {
            let sentence = Cow::Borrowed(&b"There is no such file. The page is at /.\n"[..]);
            respond(StatusCode::NOT_FOUND, "missing.txt", "", sentence, None, None)
        };
    };
    let policy = match name.ends_with(".html") {
        true => policy(&bytes),
        // A worker is under the policy that comes with its own script.
        false => policy(b""),
    };
    let (bytes, encoding) = match packed(name, headers) {
        Some((packed, encoding)) => (packed, Some(encoding)),
        None => (bytes, None),
    };
    // Each form has a tag of its own (RFC 9110, 8.8.3.3).
    let tag = encoding.map_or_else(|| tag.clone(), |encoding| format!("{}-{encoding}\"", tag.trim_end_matches('"')));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return respond(StatusCode::NOT_MODIFIED, name, &policy, Cow::Borrowed(&[]), Some(&tag), None);
    }
    respond(StatusCode::OK, name, &policy, bytes, Some(&tag), encoding)
}

fn respond(
    code: StatusCode,
    name: &str,
    policy: &str,
    bytes: Cow<'static, [u8]>,
    tag: Option<&str>,
    encoding: Option<&'static str>,
) -> Response {
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let caching = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut builder = HttpResponse::builder()
        .status(code)
        .header(header::CONTENT_TYPE, content_type(name))
        .header(header::CACHE_CONTROL, caching)
        .header(header::VARY, "accept-encoding")
        .header("cross-origin-opener-policy", "same-origin");
    if let Ok(policy) = HeaderValue::from_str(policy)
        && !policy.is_empty()
    {
        builder = builder.header(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(encoding) = encoding {
        builder = builder.header(header::CONTENT_ENCODING, encoding);
    }
    if let Some(tag) = tag {
        builder = builder.header(header::ETAG, tag);
    }
    builder.body(bytes).map_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response(), Reply::into_response)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Whether trunk has put the hash of the contents into the name, as in `page-0123456789abcdef_bg.wasm`.
fn is_hashed(name: &str) -> bool {
    name.split(['-', '_', '.', '/']).any(|part| part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What the page may do: its own scripts, wasm, a worker, media from blobs, and the WebSocket of the address it was
/// opened at. Inline scripts and styles are named by their hashes (CSP level 2, 4.2.5).
fn policy(document: &[u8], headers: &HeaderMap, scheme: &str) -> String {
    let socket = if scheme == "https" { "wss" } else { "ws" };
    let document = String::from_utf8_lossy(document);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // `Host` has been checked, and is one of few.
    let socket = host.map(|host| format!(" {socket}://{host}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{}; style-src 'self'{}; worker-src 'self' blob:; \
         connect-src 'self'{socket}; media-src 'self' blob:; img-src 'self' data:; font-src 'self'; manifest-src \
         'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        hashes(&document, "script"),
        hashes(&document, "style"),
    )
}

/// The hashes of the inline elements of one kind.
fn hashes(document: &str, element: &str) -> String {
    let mut hashes = String::new();
    let mut rest = document;
    while let Some(found) = rest.find(&format!("<{element}")) {
        rest = &rest[found + 1 + element.len()..];
        let Some(end) = rest.find('>') else { break };
        let (attributes, body) = (&rest[..end], &rest[end + 1..]);
        let Some(length) = body.find(&format!("</{element}")) else { break };
        if !attributes.contains(" src=") {
            let hash = BASE64_STANDARD.encode(Sha256::digest(&body[..length]));
            let _ = write!(hashes, " 'sha256-{hash}'");
        }
        rest = &body[length..];
    }
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_scripts_are_named_by_their_hashes() {
        let document = "<head><script>alert('Hello, world.');</script><script src=\"a.js\"></script></head>";
        // The example of the specification (CSP level 2, 7.18).
        assert_eq!(hashes(document, "script"), " 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
        assert_eq!(hashes(document, "style"), "");
    }

    #[test]
    fn the_policy_lets_wasm_run_but_no_foreign_script() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8081"));
        let policy = policy(b"", &headers, "http");
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"));
        assert!(policy.contains("connect-src 'self' ws://127.0.0.1:8081;"));
        assert!(!policy.contains("unsafe-inline"));
    }

    #[test]
    fn a_browser_says_how_it_takes_files() {
        for (accepted, br, gzip) in [
            ("", false, false),
            ("gzip, deflate, br, zstd", true, true),
            ("gzip;q=0.5,BR;q=0", false, true),
            ("br; q=0.1", true, false),
            ("brotli, xgzip, gzip;q=nonsense", false, false),
        ] {
            let takes = |encoding| quality(accepted, encoding) > 0.0;
            assert_eq!((takes("br"), takes("gzip")), (br, gzip), "{accepted}");
        }
    }

    #[test]
    fn only_files_with_a_hash_in_their_name_are_kept_for_ever() {
        for name in ["page-0123456789abcdef.js", "page-0123456789abcdef_bg.wasm", "style-fedcba9876543210.css"] {
            assert!(is_hashed(name), "{name}");
        }
        for name in ["index.html", "segmenter_worker.js", "segmenter_worker_bg.wasm"] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn the_page_that_is_not_there_says_how_to_get_it() {
        assert!(WITHOUT.contains("trunk build --release"));
        assert!(policy(WITHOUT.as_bytes(), &HeaderMap::new(), "http").contains("style-src 'self' 'sha256-"));
    }
}
