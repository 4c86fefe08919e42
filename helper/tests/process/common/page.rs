//! What a page does, without a browser.

use super::PATIENCE;
use amt_shared::stats::ChannelStats;
use amt_shared::wire::{FrameHeader, FromHelper, FromPage, Phase, Status};
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) struct Page {
    socket: WebSocketStream<TcpStream>,
}

#[derive(Debug)]
pub(crate) enum Received {
    Message(FromHelper),
    Frame(FrameHeader, Vec<u8>),
}

impl Page {
    /// Connects, and takes the greeting.
    pub(crate) async fn open(helper: SocketAddr) -> Self {
        let stream = TcpStream::connect(helper).await.unwrap();
        Self::over(stream, helper).await
    }

    /// Tunes in to these one after the other, until the helper says that it has has reached its channel limit.
    pub(crate) async fn fill(&mut self, urls: impl Iterator<Item = String>) {
        for url in urls {
            self.tune(&url).await;
        }
        let bounded = timeout(PATIENCE, async {
            loop {
                if let Received::Message(FromHelper::Status(status)) = self.next().await
                    && status.sentence.contains("has reached its channel limit")
                {
                    return;
                }
            }
        });
        bounded.await.expect("the helper says that it has too many channels");
    }

    /// A page whose system takes little that it does not read.
    pub(crate) async fn open_slow(helper: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::over(socket.connect(helper).await.unwrap(), helper).await
    }

    async fn over(stream: TcpStream, helper: SocketAddr) -> Self {
        let url = format!("ws://{helper}/ws");
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.expect("the helper takes the page");
        let mut page = Self { socket };
        assert!(matches!(page.next().await, Received::Message(FromHelper::Hello { protocol: 1, .. })));
        page
    }

    /// Asks for a WebSocket with these headers: what the helper says to it.
    pub(crate) async fn knock(
        helper: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(), (u16, String)> {
        let stream = TcpStream::connect(helper).await.unwrap();
        let mut request = format!("ws://{helper}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, stream).await {
            Ok(_) => Ok(()),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn tune(&mut self, url: &str) {
        let tune = serde_json::to_string(&FromPage::Tune { url: url.to_owned(), request: None, typed: true }).unwrap();
        self.say(&tune).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Received {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            match message.expect("the socket is open").expect("the socket works") {
                Message::Text(text) => return Received::Message(serde_json::from_str(&text).unwrap()),
                Message::Binary(bytes) => {
                    let (header, ts) = FrameHeader::decode(&bytes).unwrap();
                    return Received::Frame(header, ts.to_vec());
                }
                _ => {}
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> (FrameHeader, Vec<u8>) {
        loop {
            if let Received::Frame(header, ts) = self.next().await {
                return (header, ts);
            }
        }
    }

    /// Takes everything up to a status of this phase.
    pub(crate) async fn wait_for(&mut self, phase: Phase) -> Status {
        loop {
            if let Received::Message(FromHelper::Status(status)) = self.next().await
                && status.phase == phase
            {
                return status;
            }
        }
    }

    pub(crate) async fn stats(&mut self) -> ChannelStats {
        loop {
            if let Received::Message(FromHelper::Stats(stats)) = self.next().await {
                return stats;
            }
        }
    }
}
