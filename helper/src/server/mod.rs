//! What the helper serves over HTTP: the page, the WebSocket and the status; to whom, see `origin`.

mod origin;
mod page;
mod socket;

pub use origin::Admission;

use crate::channel::{ChannelReport, Channels};
use crate::options::Listen;
use amt_shared::AmtUrl;
use amt_shared::wire::{PROTOCOL, WEBSOCKET_PATH};
use anyhow::bail;
use origin::Refused;
use serde::Serialize;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use warp::filters::path::FullPath;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

/// Bytes of one message from a page at most: an AMT URL is short.
const MAX_MESSAGE: usize = 1 << 16;
/// Bytes that may wait inside the WebSocket, besides the page's mailbox.
const MAX_WRITE_BUFFER: usize = 4 << 20;
/// Pages at the same time.
const MAX_PAGES: usize = 256;

/// What the server works with.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    channels: Channels,
    admission: Admission,
    /// What a page without an address of its own plays.
    url: Option<AmtUrl>,
    began: Instant,
    pages: AtomicUsize,
}

/// `/api/status`.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    protocol: u32,
    uptime_seconds: u64,
    transport: &'static str,
    pages: usize,
    channels: Vec<ChannelReport>,
}

/// Opens the server's socket, so that what is wrong with the address is known before anything else starts.
///
/// # Errors
/// A sentence with what to do.
pub fn listen(options: &Listen) -> anyhow::Result<TcpListener> {
    let address = options.listen;
    if !address.ip().is_loopback() && options.token.is_none() {
        bail!(
            "{address} can be reached from other machines: choose a secret with --token SECRET and open the page \
             with ?token=SECRET, or listen on 127.0.0.1."
        );
    }
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(error) => bail!(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "Port {} is in use, perhaps by another amt-helper. End that one, or choose another port with \
                 --listen {}.",
                address.port(),
                SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(8081))
            ),
            ErrorKind::PermissionDenied => {
                format!("Port {} is kept for root. Choose one above 1023 with --listen.", address.port())
            }
            ErrorKind::AddrNotAvailable => {
                format!("This machine has no address {}. Choose another with --listen.", address.ip())
            }
            _ => format!("{address} cannot be listened on: {error}. Choose another with --listen."),
        }),
    };
    listener.set_nonblocking(true)?;
    // Every connection takes it from here: a frame that waits for the page's word on the one before is 40 ms late.
    socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
    Ok(listener)
}

impl Server {
    /// A server of these channels.
    #[must_use]
    pub fn new(channels: Channels, admission: Admission, url: Option<AmtUrl>) -> Self {
        Self(Arc::new(Shared { channels, admission, url, began: Instant::now(), pages: AtomicUsize::new(0) }))
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// Where the listener cannot be used by the runtime.
    pub async fn run(self, listener: TcpListener) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        warp::serve(self.routes()).incoming(listener).run().await;
        Ok(())
    }

    fn routes(self) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
        let pages = self.clone();
        let socket =
            warp::path("ws").and(warp::path::end()).and(warp::ws()).and_then(move |ws| upgrade(pages.clone(), ws));

        let reporter = self.clone();
        let status = warp::path!("api" / "status").map(move || warp::reply::json(&reporter.report()).into_response());

        let page = warp::path::full()
            .and(warp::header::headers_cloned())
            .map(|path: FullPath, headers: HeaderMap| page::reply(path.as_str(), &headers));

        // Admission stands before all of them: a request that one refuses must not reach the next.
        let readable = warp::get().or(warp::head()).unify();
        let routes = socket.or(status).unify().or(page).unify();
        self.admitted().and(readable).and(routes).recover(explain).map(|reply| {
            let mut response = Reply::into_response(reply);
            let headers = response.headers_mut();
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
            response
        })
    }

    /// Lets a request pass, or rejects it with the reason. The page itself is no secret; what it talks to is.
    fn admitted(self) -> impl Filter<Extract = (), Error = Rejection> + Clone {
        let query = warp::query::raw().or(warp::any().map(String::new)).unify();
        warp::path::full()
            .and(warp::header::headers_cloned())
            .and(query)
            .and_then(move |path: FullPath, headers: HeaderMap, query: String| {
                let admission = &self.0.admission;
                let secret = path.as_str() == WEBSOCKET_PATH || path.as_str().starts_with("/api/");
                let token = || if secret { admission.check_token(&query) } else { Ok(()) };
                let checked = admission.check(&headers).and_then(|()| token());
                std::future::ready(checked.map_err(warp::reject::custom))
            })
            .untuple_one()
    }

    fn report(&self) -> Report {
        Report {
            version: env!("CARGO_PKG_VERSION"),
            protocol: PROTOCOL,
            uptime_seconds: self.0.began.elapsed().as_secs(),
            transport: self.0.channels.transport(),
            pages: self.0.pages.load(Ordering::Relaxed),
            channels: self.0.channels.report(),
        }
    }
}

async fn upgrade(server: Server, ws: warp::ws::Ws) -> Result<Response, Rejection> {
    let Some(place) = Place::take(&server) else {
        return Err(warp::reject::custom(Refused::Full));
    };
    let ws = ws.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).max_write_buffer_size(MAX_WRITE_BUFFER);
    let upgraded = ws.on_upgrade(move |socket| async move {
        socket::serve(socket, server.0.channels.clone(), server.0.url.as_ref()).await;
        drop(place);
    });
    Ok(upgraded.into_response())
}

/// One of the pages that may be connected.
struct Place(Server);

impl Place {
    fn take(server: &Server) -> Option<Self> {
        let place = Self(server.clone());
        (server.0.pages.fetch_add(1, Ordering::Relaxed) < MAX_PAGES).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.pages.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a request got nothing, in a sentence.
async fn explain(rejection: Rejection) -> Result<Response, Infallible> {
    let (code, sentence) = if let Some(refused) = rejection.find::<Refused>() {
        let code = match refused {
            Refused::Full => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::FORBIDDEN,
        };
        (code, refused.to_string())
    } else if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "There is nothing here. The page is at /.".to_owned())
    } else {
        (StatusCode::BAD_REQUEST, "The helper does not understand this request. The page is at /.".to_owned())
    };
    Ok(warp::reply::with_status(sentence + "\n", code).into_response())
}
