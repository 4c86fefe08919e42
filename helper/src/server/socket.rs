//! One page's WebSocket: what it asks for, and what it gets (see [`amt_shared::wire`]).
//!
//! Reading and writing go on side by side, so that a page that takes nothing for a while can still ask for
//! another channel, and a page that is gone is found out. Each is a task: in one, every write would try to read
//! as well, and tungstenite clears 128 KiB for each try, which was a third of what a viewer cost.

use super::targets::{Rules, Targets};
use crate::channel::{Channels, Mail, Mailbox, Subscription};
use amt_shared::AmtUrl;
use amt_shared::wire::{FromHelper, FromPage, PROTOCOL, Phase, Status};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use warp::ws::{Message, WebSocket};

/// How often a page is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);
/// A page hears something at least so often: it takes longer silence for a dead connection, as pings are not shown to
/// scripts.
const ALIVE: Duration = Duration::from_millis(1500);
/// How long a page may say nothing, answers to pings included.
const SILENCE: Duration = Duration::from_secs(30);
/// Messages that go out together at most.
const TOGETHER: usize = 64;
/// How long a page may take to take that many.
const SLOWNESS: Duration = Duration::from_secs(30);

/// Serves a page until it is gone. `url` is what a page without one of its own is to play.
pub(super) async fn serve(socket: WebSocket, channels: Channels, url: Option<&AmtUrl>, rules: Rules) {
    let (sink, stream) = socket.split();
    let mailbox = Arc::new(Mailbox::default());
    mailbox.send(&FromHelper::Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: url.map(ToString::to_string),
        alive_ms: u32::try_from(ALIVE.as_millis()).ok(),
    });
    // What one of them holds is dropped with it, and each ends with the other.
    let mut tasks = JoinSet::new();
    tasks.spawn(read(stream, channels, Arc::clone(&mailbox), rules));
    tasks.spawn(write(sink, mailbox));
    tasks.join_next().await;
}

async fn read(mut stream: SplitStream<WebSocket>, channels: Channels, mailbox: Arc<Mailbox>, rules: Rules) {
    let mut targets = Targets::new();
    // Held for its being dropped.
    let mut _subscription: Option<Subscription> = None;
    while let Ok(Some(Ok(message))) = timeout(SILENCE, stream.next()).await {
        if message.is_close() {
            return;
        }
        let Ok(text) = message.to_str() else { continue };
        // Whatever comes of it, the channel before is left; if it is the same one, its tunnel goes on.
        _subscription = None;
        mailbox.start_over();
        let tuned = match serde_json::from_str(text) {
            Ok(FromPage::Tune { url, request, typed }) => {
                let parsed = url.parse::<AmtUrl>().map_err(|error| failed(&error.to_string(), None));
                mailbox.send(&FromHelper::Tuned { url, request });
                parsed.and_then(|url| {
                    targets.admit(std::time::Instant::now(), &rules, &url, typed)?;
                    channels.tune(&url, Arc::clone(&mailbox))
                })
            }
            Ok(FromPage::Stop) => Err(status(Phase::Idle, "No channel is tuned in.", None)),
            Err(_) => Err(failed(
                "The helper does not understand this page.",
                Some("Reload the page; if that does not help, update both to the same version."),
            )),
        };
        match tuned {
            Ok(tuned) => _subscription = Some(tuned),
            Err(status) => mailbox.send(&FromHelper::Status(status)),
        }
    }
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mailbox: Arc<Mailbox>) {
    let mut ping = interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What was sent right after one of these is known at the next, and answered for at the one after it.
    let mut alive = interval_at(Instant::now() + ALIVE / 2, ALIVE / 2);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_spoken = false;
    loop {
        let message = tokio::select! {
            mail = mailbox.next() => {
                has_spoken = true;
                encode(mail)
            }
            _ = ping.tick() => Message::ping(Vec::new()),
            _ = alive.tick() => {
                if std::mem::take(&mut has_spoken) {
                    continue;
                }
                let Ok(json) = serde_json::to_string(&FromHelper::Alive) else { continue };
                Message::text(json)
            }
        };
        let sent = timeout(SLOWNESS, async {
            sink.feed(message).await?;
            // What waits already goes out with it.
            for mail in std::iter::from_fn(|| mailbox.take()).take(TOGETHER) {
                sink.feed(encode(mail)).await?;
            }
            sink.flush().await
        });
        if !matches!(sent.await, Ok(Ok(()))) {
            return;
        }
    }
}

fn encode(mail: Mail) -> Message {
    match mail {
        Mail::Message(json) => Message::text(json),
        Mail::Frame(bytes) => Message::binary(bytes),
    }
}

fn status(phase: Phase, sentence: &str, advice: Option<&str>) -> Status {
    Status { phase, sentence: sentence.to_owned(), advice: advice.map(str::to_owned), relay: None }
}

fn failed(sentence: &str, advice: Option<&str>) -> Status {
    status(Phase::Failed, sentence, advice)
}
