//! A channel's native paths: joined by the operating system, read by a task for each.

use super::changes::Changes;
use super::flow::{Flow, Way};
use super::search::{Channel, Copy};
use super::{Consumer, Network};
use crate::transport::native::Native;
use crate::transport::{Batch, Received};
use crate::tunnel::{Line, News, Tally};
use futures_util::FutureExt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;
use tokio::time::{interval, sleep};

/// After how much silence a channel is joined anew although nothing is known to have changed. It costs the network a leave
/// and a join each time; what takes a membership away is noticed within two seconds.
const REJOIN: Duration = Duration::from_secs(10);

/// Between two attempts, where a join fails or comes to grief.
const AGAIN: Duration = Duration::from_secs(2);

/// Between two looks at the socket's counters and at the way to the source.
const LOOK: Duration = Duration::from_secs(1);

/// Joined until it is dropped.
pub(super) struct NativePaths(Vec<AbortHandle>);

impl NativePaths {
    /// Joins a channel, and its second copy where it has one.
    pub(super) fn join<C: Consumer>(channel: &Channel, network: &Network, flow: &Arc<Flow<C>>) -> Self {
        let copies = channel.copies().map(|Copy { membership, port }| {
            let (tunnels, interface) = (network.tunnels.clone(), network.interface.clone());
            let join =
                move || tunnels.transports().join(membership.group(), membership.source(), port, interface.as_ref());
            let changes = Changes::new(&network.attachment);
            tokio::spawn(stay(join, flow.path(Way::Native), changes)).abort_handle()
        });
        Self(copies.collect())
    }
}

impl Drop for NativePaths {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Keeps joined what `join` joins, also after a mistake of ours on the way of the data.
async fn stay(join: impl Fn() -> io::Result<Native> + Send, line: Arc<impl Line>, mut changes: Changes) {
    while AssertUnwindSafe(stay_joined(&join, &*line, &mut changes)).catch_unwind().await.is_err() {
        line.news(News::Gone);
        sleep(AGAIN).await;
    }
}

async fn stay_joined(join: &(impl Fn() -> io::Result<Native> + Send), line: &impl Line, changes: &mut Changes) {
    let mut said = String::new();
    let mut batch = Batch::default();
    loop {
        let ended = match join() {
            Ok(native) => read(&native, &mut batch, line, changes).await,
            Err(error) => Some(error),
        };
        if let Some(error) = ended {
            // The same every few seconds is no news.
            let error = error.to_string();
            if error != said {
                line.news(News::Broken(error.clone()));
                said = error;
            }
            sleep(AGAIN).await;
        }
    }
}

/// Reads until nothing comes any more, the way to the source changes, or the socket fails.
async fn read(native: &Native, batch: &mut Batch, line: &impl Line, changes: &mut Changes) -> Option<io::Error> {
    let mut dropped_before = 0;
    let mut last = Instant::now();
    // When the machine changed networks, until it is known whether data still comes.
    let mut changed: Option<Instant> = None;
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            received = native.receive(batch) => {
                match received {
                    Ok(Received::Datagrams) => {}
                    Ok(Received::Unreachable) => continue,
                    Err(error) => return Some(error),
                }
                let now = Instant::now();
                native.for_each(batch, |arrival| {
                    last = now;
                    line.datagram(now, arrival.payload, arrival.micros);
                });
                line.flush(now);
            }
            () = changes.next() => {
                changed.get_or_insert_with(Instant::now);
            }
            _ = look.tick() => {
                let dropped = native.dropped().unwrap_or(0);
                let socket_dropped = dropped.saturating_sub(dropped_before);
                dropped_before = dropped;
                if socket_dropped > 0 {
                    line.news(News::Tally(Tally { socket_dropped, remedy: native.remedy(), ..Tally::default() }));
                }
                // An interface that went away has taken the membership with it.
                let known = changed.filter(|at| at.elapsed() >= LOOK);
                if known.is_some_and(|at| last < at) || last.elapsed() >= REJOIN || native.moved() {
                    return None;
                }
                changed = changed.xor(known);
            }
        }
    }
}
