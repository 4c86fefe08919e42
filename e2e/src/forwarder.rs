//! Somebody between the browser and the helper: passes on what they say, until it is told to hang, or to answer for
//! the helper.

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The longest head of a request.
const HEAD_MAX: usize = 16 << 10;

/// A forwarder, until it is dropped.
pub struct Forwarder {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    helper: SocketAddr,
    port: u16,
    hangs: watch::Sender<bool>,
    /// Answers to requests for paths that hold these words.
    answers: Mutex<Vec<(&'static str, Answer)>>,
}

/// What is answered for the helper.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// 404.
    Missing,
    /// This script.
    Script(&'static str),
}

impl Forwarder {
    /// Passes on to this helper from a port of its own.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn start(helper: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port for a forwarder")?;
        let address = listener.local_addr()?;
        let (hangs, answers) = (watch::Sender::new(false), Mutex::default());
        let shared = Arc::new(Shared { helper, port: address.port(), hangs, answers });
        let accepts = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = accepts.clone();
                tokio::spawn(async move {
                    // A browser ends connections as it likes.
                    let _ = serve(stream, &shared).await;
                });
            }
        });
        Ok(Self { address, shared, accepting })
    }

    /// The page's address through it.
    #[must_use]
    pub fn page(&self) -> String {
        format!("http://localhost:{}/", self.address.port())
    }

    /// From now on nothing passes, and nothing is closed: connections that there are, and new ones, are half-open.
    pub fn hang(&self) {
        self.shared.hangs.send_replace(true);
    }

    /// New connections pass again; those that hung do for ever.
    pub fn go_on(&self) {
        self.shared.hangs.send_replace(false);
    }

    /// Answers requests for paths that hold this word.
    pub fn answer(&self, word: &'static str, answer: Answer) {
        self.answers().push((word, answer));
    }

    /// Leaves all answers to the helper again.
    pub fn leave_answers(&self) {
        self.answers().clear();
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, Answer)>> {
        self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut browser: TcpStream, shared: &Shared) -> Result<()> {
    let mut hangs = shared.hangs.subscribe();
    let mut head = Vec::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        anyhow::ensure!(head.len() < HEAD_MAX && browser.read_buf(&mut head).await? > 0, "no request");
    };
    if *hangs.borrow() {
        return std::future::pending().await;
    }
    let text = String::from_utf8_lossy(&head[..end]).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default();
    let answer = {
        let answers = shared.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.iter().find(|(word, _)| path.contains(word)).map(|(_, answer)| *answer)
    };
    if let Some(answer) = answer {
        let (status, body) = match answer {
            Answer::Missing => ("404 Not Found", ""),
            Answer::Script(script) => ("200 OK", script),
        };
        let reply = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/javascript\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        return Ok(browser.write_all(reply.as_bytes()).await?);
    }
    // The helper knows itself by its own port. One request a connection: the next one is looked at, too.
    let own = text.replace(&format!(":{}", shared.port), &format!(":{}", shared.helper.port()));
    let own = own.replace("Connection: keep-alive", "Connection: close");
    let mut helper = TcpStream::connect(shared.helper).await?;
    helper.write_all(own.as_bytes()).await?;
    helper.write_all(&head[end..]).await?;
    let hung = tokio::select! {
        copied = copy_bidirectional(&mut browser, &mut helper) => copied.map(|_| false)?,
        hung = hangs.wait_for(|hangs| *hangs) => hung.is_ok(),
    };
    // What hangs stays open and is not read any more.
    if hung { std::future::pending().await } else { Ok(()) }
}
