//! What the helper serves over HTTP: the page, the WebSocket, the status and the metrics; to whom, see `origin`.

mod connections;
mod guesses;
mod listener;
mod metrics;
mod negotiation;
mod origin;
mod page;
mod places;
mod socket;
mod stall;
mod targets;
mod tls;

pub use listener::{Listening, listen};
pub use origin::Admission;

use crate::channel::{ChannelReport, Channels};
use crate::options::Listen;
use crate::reinject;
use amt_shared::AmtUrl;
use amt_shared::wire::{PROTOCOL, WEBSOCKET_PATH};
use connections::{Counts, Limits, Peer, WrongToken};
use guesses::Guesses;
use metrics::Format;
use origin::{Refused, check_site};
use serde::Serialize;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    rules: targets::Rules,
    began: Instant,
    pages: AtomicUsize,
    connections: Arc<Counts>,
    guesses: Mutex<Guesses>,
}

/// `/api/status`, and in other words `/metrics`.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    protocol: u32,
    uptime_seconds: u64,
    transport: &'static str,
    pages: usize,
    connections: ConnectionReport,
    /// With `--reinject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reinjected: Option<reinject::Figures>,
    channels: Vec<ChannelReport>,
}

/// What came to the server's door, since the start.
#[derive(Debug, Serialize)]
struct ConnectionReport {
    accepted: u64,
    refused: u64,
    given_up: u64,
    tls_handshakes_failed: u64,
    tokens_refused: u64,
}

impl Server {
    /// A server of these channels, for pages of which the options say what they may.
    #[must_use]
    pub fn new(channels: Channels, admission: Admission, options: &Listen, url: Option<AmtUrl>) -> Self {
        let mut own = channels.relays().to_vec();
        let only_own = !own.is_empty();
        own.extend(url.iter().flat_map(|url| url.relays.iter().cloned()));
        let rules = targets::Rules { ports: options.relay_ports.clone(), own, only_own };
        let (pages, connections) = (AtomicUsize::new(0), Arc::default());
        let guesses = Mutex::default();
        Self(Arc::new(Shared { channels, admission, url, rules, began: Instant::now(), pages, connections, guesses }))
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// Where the listener cannot be used by the runtime.
    pub async fn run(self, listening: Listening) -> std::io::Result<()> {
        let Listening { socket, tls } = listening;
        let listener = tokio::net::TcpListener::from_std(socket)?;
        let counts = Arc::clone(&self.0.connections);
        connections::serve(listener, tls, Limits::default(), counts, self.routes()).await;
        Ok(())
    }

    fn routes(self) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
        let pages = self.clone();
        let socket = warp::path(WEBSOCKET_PATH.trim_start_matches('/'))
            .and(warp::path::end())
            .and(warp::ws())
            .map(move |ws| upgrade(&pages, ws));

        let reporter = self.clone();
        let status = warp::path!("api" / "status").map(move || warp::reply::json(&reporter.report()).into_response());

        let reporter = self.clone();
        let metrics = warp::path!("metrics")
            .and(warp::header::headers_cloned())
            .map(move |headers: HeaderMap| exposition(reporter.report(), &headers));

        let scheme = self.0.admission.scheme();
        let page = warp::path::full()
            .and(warp::header::headers_cloned())
            .map(move |path: FullPath, headers: HeaderMap| page::reply(path.as_str(), &headers, scheme));

        // Admission stands before all of them: a request that one refuses must not reach the next.
        let readable = warp::get().or(warp::head()).unify();
        let routes = socket.or(status).unify().or(metrics).unify().or(page).unify();
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

    /// Lets a request pass, or rejects it with the reason. The page's files are no secret; all else is, under
    /// whatever spelling of its path the routes would take it.
    fn admitted(self) -> impl Filter<Extract = (), Error = Rejection> + Clone {
        let query = warp::query::raw().or(warp::any().map(String::new)).unify();
        let peer = warp::ext::optional::<Peer>();
        warp::path::full()
            .and(warp::header::headers_cloned())
            .and(query)
            .and(peer)
            .and_then(move |path: FullPath, headers: HeaderMap, query: String, peer: Option<Peer>| {
                let server = self.clone();
                async move {
                    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| address);
                    server.admit(path.as_str(), &headers, &query, peer).await.map_err(warp::reject::custom)
                }
            })
            .untuple_one()
            // A request line with a host of its own (RFC 9112, 3.2.2) must name the one that was checked.
            .and(warp::host::optional())
            .map(drop)
            .untuple_one()
    }

    async fn admit(&self, path: &str, headers: &HeaderMap, query: &str, peer: IpAddr) -> Result<(), Refused> {
        let Shared { admission, guesses, connections, .. } = &*self.0;
        admission.check(headers)?;
        if page::has(path) {
            return Ok(());
        }
        check_site(headers)?;
        // Changed in one step, so that a panic elsewhere leaves it whole.
        let guesses = || guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if admission.brings_token(query, headers) {
            let wait = guesses().wait(Instant::now(), peer);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
        let checked = admission.check_token(query, headers);
        if checked == Err(Refused::Guess) {
            guesses().wrong(Instant::now(), peer);
            connections.tokens_refused.fetch_add(1, Ordering::Relaxed);
        }
        checked
    }

    fn report(&self) -> Report {
        Report {
            version: env!("CARGO_PKG_VERSION"),
            protocol: PROTOCOL,
            uptime_seconds: self.0.began.elapsed().as_secs(),
            transport: self.0.channels.transport(),
            pages: self.0.pages.load(Ordering::Relaxed),
            connections: self.0.connections.report(),
            reinjected: self.0.channels.reinjected(),
            channels: self.0.channels.report(),
        }
    }
}

impl Counts {
    fn report(&self) -> ConnectionReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ConnectionReport {
            accepted: count(&self.accepted),
            refused: count(&self.refused),
            given_up: count(&self.given_up),
            tls_handshakes_failed: count(&self.handshakes_failed),
            tokens_refused: count(&self.tokens_refused),
        }
    }
}

fn exposition(report: Report, headers: &HeaderMap) -> Response {
    let format = Format::negotiate(&negotiation::list(headers, header::ACCEPT));
    let mut response = metrics::text(report, format).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn upgrade(server: &Server, ws: warp::ws::Ws) -> Response {
    let Some(place) = Place::take(server) else {
        // An answer, as after a rejection the next route would be asked.
        return refuse(&Refused::Full);
    };
    let ws = ws.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).max_write_buffer_size(MAX_WRITE_BUFFER);
    let server = server.clone();
    let upgraded = ws.on_upgrade(move |socket| async move {
        socket::serve(socket, server.0.channels.clone(), server.0.url.as_ref(), server.0.rules.clone()).await;
        drop(place);
    });
    upgraded.into_response()
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

fn refuse(refused: &Refused) -> Response {
    let code = match refused {
        Refused::Full => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    let mut response = warp::reply::with_status(format!("{refused}\n"), code).into_response();
    if *refused == Refused::Guess {
        response.extensions_mut().insert(WrongToken);
    }
    response
}

/// Why a request got nothing, in a sentence.
async fn explain(rejection: Rejection) -> Result<Response, Infallible> {
    if let Some(refused) = rejection.find::<Refused>() {
        return Ok(refuse(refused));
    }
    let (code, sentence) = if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "There is nothing here. The page is at /.".to_owned())
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        (StatusCode::METHOD_NOT_ALLOWED, "The helper answers only GET and HEAD. The page is at /.".to_owned())
    } else {
        (StatusCode::BAD_REQUEST, "The helper does not understand this request. The page is at /.".to_owned())
    };
    let mut response = warp::reply::with_status(sentence + "\n", code).into_response();
    if code == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    Ok(response)
}
