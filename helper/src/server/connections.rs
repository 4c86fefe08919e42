//! Connections: taken one by one, bounded in number and in time, with TLS where it is wanted.
//!
//! warp's own server waits for ever for a request that is never finished. Here a peer that sends its headers a byte
//! at a time, starts a handshake and leaves it, or takes no answer is shown out, and holds up nobody meanwhile. What warp's
//! router cannot take is answered before it.

use super::places::{Place, Places};
use super::stall::Progressing;
use super::tls::Tls;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use warp::http::{HeaderValue, StatusCode, header};
use warp::hyper::body::Incoming;
use warp::hyper::server::conn::http1;
use warp::hyper::service::{Service, service_fn};
use warp::reply::Response;
use warp::{Filter, Reply};

/// How long to wait when the process can open nothing more.
const EXHAUSTED: Duration = Duration::from_millis(200);
/// Wrong tokens after which a connection is closed.
const WRONG_TOKENS: usize = 3;
/// The first byte of a TLS handshake: the record's content type (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// What somebody gets who speaks HTTP where TLS is spoken.
const SPEAK_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    This helper uses TLS: open the same address with https://.\n";

/// How many, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at the same time, WebSockets not among them: those are counted as pages.
    pub(super) connections: usize,
    /// The same from one address, or one network of IPv6: a browser opens six to a host.
    pub(super) from_one: usize,
    /// For the headers of a request; from the last answer on where the connection is kept.
    pub(super) headers: Duration,
    /// For the TLS handshake.
    pub(super) handshake: Duration,
    /// For a connection as long as it is no WebSocket.
    pub(super) lifetime: Duration,
    /// For which a peer may take nothing of an answer.
    pub(super) stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // With as many pages as there may be it stays below the 1024 files that a process usually may open.
            connections: 512,
            from_one: 64,
            headers: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            lifetime: Duration::from_secs(300),
            stall: Duration::from_secs(10),
        }
    }
}

/// What came, since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: AtomicU64,
    /// Closed unheard, as all the others were being answered.
    pub(super) refused: AtomicU64,
    /// Closed while they were idle, as others needed their places.
    pub(super) given_up: AtomicU64,
    /// TLS handshakes that came to nothing.
    pub(super) handshakes_failed: AtomicU64,
    /// Requests with a wrong token.
    pub(super) tokens_refused: AtomicU64,
}

/// Whose request it is, among a request's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Among a response's extensions: the request brought a wrong token.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrongToken;

/// What answers every request by itself.
pub(super) trait Routes:
    Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static
{
}

impl<F: Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static> Routes for F {}

/// Serves `routes` for ever.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: Limits,
    counts: Arc<Counts>,
    routes: impl Routes,
) {
    let places = Arc::new(Places::new(limits.connections, limits.from_one));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The peer went before it was served.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => continue,
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(EXHAUSTED).await;
                continue;
            }
        };
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        let Some((place, given_up)) = places.take(peer.ip()) else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("connection refused: too many are open");
            continue;
        };
        counts.given_up.fetch_add(given_up.into(), Ordering::Relaxed);
        let (tls, counts, routes) = (tls.clone(), Arc::clone(&counts), routes.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = place.given_up() => tracing::debug!("closed an idle connection to make room for another"),
                () = connection((stream, peer.ip()), tls, &place, limits, &counts, routes) => {}
            }
        });
    }
}

async fn connection(
    (stream, peer): (TcpStream, IpAddr),
    tls: Option<Tls>,
    place: &Place,
    limits: Limits,
    counts: &Counts,
    routes: impl Routes,
) {
    let Some(tls) = tls else { return answer((stream, peer), place, limits, routes).await };
    match timeout(limits.handshake, shake_hands(stream, &tls)).await {
        Ok(Ok(stream)) => answer((stream, peer), place, limits, routes).await,
        failed => {
            counts.handshakes_failed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(?failed, "TLS handshake failed");
        }
    }
}

async fn shake_hands(mut stream: TcpStream, tls: &Tls) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != TLS_HANDSHAKE {
        // With what was sent still unread the system would close with a reset, and the answer be lost.
        let _ = stream.read(&mut [0; 8192]).await?;
        stream.write_all(SPEAK_TLS).await?;
        return Err(io::Error::new(ErrorKind::InvalidData, "not a TLS handshake"));
    }
    tls.acceptor().accept(stream).await
}

/// Answers the requests of one connection. Done when it is over, or has become a WebSocket.
async fn answer(
    (stream, peer): (impl AsyncRead + AsyncWrite + Unpin + Send + 'static, IpAddr),
    place: &Place,
    limits: Limits,
    routes: impl Routes,
) {
    let upgraded = Arc::new(AtomicBool::new(false));
    let stream = Progressing::new(stream, limits.stall, Arc::clone(&upgraded));
    let router = TowerToHyperService::new(warp::service(routes));
    let guesses = Arc::new(AtomicUsize::new(0));
    let service = service_fn(move |mut request: warp::hyper::Request<Incoming>| {
        let at_work = place.request();
        let (router, upgraded, guesses) = (router.clone(), Arc::clone(&upgraded), Arc::clone(&guesses));
        request.extensions_mut().insert(Peer(peer));
        async move {
            let _at_work = at_work;
            // The other forms (RFC 9112, 3.2.3) have no path, without which warp's filters panic.
            if request.uri().path_and_query().is_none() {
                return Ok::<_, Infallible>(without_path());
            }
            let mut response = router.call(request).await?;
            if response.extensions().get::<WrongToken>().is_some()
                && guesses.fetch_add(1, Ordering::Relaxed) + 1 >= WRONG_TOKENS
            {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            upgraded.store(response.status() == StatusCode::SWITCHING_PROTOCOLS, Ordering::Relaxed);
            Ok(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    match timeout(limits.lifetime, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection failed"),
        Err(_) => tracing::debug!("connection timed out"),
    }
}

fn without_path() -> Response {
    let sentence = "The request has no path. The page is at /.\n";
    warp::reply::with_status(sentence, StatusCode::BAD_REQUEST).into_response()
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
