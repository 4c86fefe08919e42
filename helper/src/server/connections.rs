//! Connections: taken one by one, bounded in number and in time, with TLS where it is wanted.
//!
//! warp's own server waits for ever for a request that is never finished. Here a peer that sends its headers a byte
//! at a time, starts a handshake and leaves it, or takes no answer is shown out, and holds up nobody meanwhile.

use super::tls::Tls;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use warp::Filter;
use warp::hyper::server::conn::http1;
use warp::reply::Response;

/// How long to wait when the process can open nothing more.
const EXHAUSTED: Duration = Duration::from_millis(200);
/// The first byte of a TLS handshake: the record's content type (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// What somebody gets who speaks HTTP where TLS is spoken.
const SPEAK_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    This helper speaks TLS: open the same address with https://.\n";

/// How many, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at the same time, WebSockets not among them: those are counted as pages.
    pub(super) connections: usize,
    /// For the headers of a request; from the last answer on where the connection is kept.
    pub(super) headers: Duration,
    /// For the TLS handshake.
    pub(super) handshake: Duration,
    /// For a connection as long as it is no WebSocket.
    pub(super) lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // With as many pages as there may be it stays below the 1024 files that a process usually may open.
            connections: 512,
            headers: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            lifetime: Duration::from_secs(300),
        }
    }
}

/// What came, since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: AtomicU64,
    /// Closed unheard, as there were too many.
    pub(super) refused: AtomicU64,
    /// TLS handshakes that came to nothing.
    pub(super) handshakes_failed: AtomicU64,
}

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
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // The peer went before it was served.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => continue,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                sleep(EXHAUSTED).await;
                continue;
            }
        };
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("a connection is refused: there are too many");
            continue;
        };
        let (tls, counts, routes) = (tls.clone(), Arc::clone(&counts), routes.clone());
        tokio::spawn(async move {
            let _place = place;
            let Some(tls) = tls else { return answer(stream, limits, routes).await };
            match timeout(limits.handshake, shake_hands(stream, &tls)).await {
                Ok(Ok(stream)) => answer(stream, limits, routes).await,
                failed => {
                    counts.handshakes_failed.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(?failed, "a TLS handshake came to nothing");
                }
            }
        });
    }
}

async fn shake_hands(mut stream: TcpStream, tls: &Tls) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != TLS_HANDSHAKE {
        // With what was sent still unread the system would close with a reset, and the answer be lost.
        let _ = stream.read(&mut [0; 8192]).await?;
        stream.write_all(SPEAK_TLS).await?;
        return Err(io::Error::new(ErrorKind::InvalidData, "this is not TLS"));
    }
    tls.acceptor().accept(stream).await
}

/// Answers the requests of one connection. Done when it is over, or has become a WebSocket.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, limits: Limits, routes: impl Routes) {
    let service = TowerToHyperService::new(warp::service(routes));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    match timeout(limits.lifetime, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection broke"),
        Err(_) => tracing::debug!("a connection took too long"),
    }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
