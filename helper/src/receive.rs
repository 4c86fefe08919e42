//! `amt-helper receive`: a channel without a page, into a file, a pipe or another player's socket.
//!
//! Files and pipes are written by a thread of their own behind a bounded queue, so that a slow disk or reader
//! costs data, which is counted, and never holds up the tunnel.

use crate::channel::feed::{rate_line, with_advice};
use crate::options::{Output, Receive};
use crate::privilege::create_output;
use crate::terminal::say;
use crate::transport::Transports;
use crate::tunnel::{self, Consumer, Plan};
use amt_shared::amt_url::RelayAddress;
use amt_shared::stats::ChannelStats;
use amt_shared::ts::PACKET_LEN;
use amt_shared::wire::{Phase, Status};
use anyhow::Context;
use bytes::Bytes;
use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::net::{ToSocketAddrs, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Datagrams that may wait for a slow disk or reader: about a second at 100 Mbit/s.
const QUEUE: usize = 8192;
/// The most that goes into one datagram: seven transport packets, as everywhere in IPTV.
const DATAGRAM: usize = 7 * PACKET_LEN;
const LINE_EVERY: u64 = 5;

/// Where the data goes, opened.
pub enum Sink {
    /// A file or a pipe.
    Stream(Box<dyn Write + Send>),
    /// Another player's socket.
    Udp(UdpSocket),
}

/// Opens an output, before root is given up.
///
/// # Errors
/// A sentence that says what cannot be opened.
pub fn open(output: &Output) -> anyhow::Result<Sink> {
    match output {
        Output::Stdout => Ok(Sink::Stream(Box::new(io::stdout()))),
        Output::File(path) => {
            let file = create_output(path).with_context(|| format!("{} cannot be written", path.display()))?;
            Ok(Sink::Stream(Box::new(file)))
        }
        Output::Udp(place) => {
            let found = place.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
            let to = found.with_context(|| format!("udp://{place} cannot be found; check its name"))?;
            let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any)?;
            socket.connect(to).with_context(|| format!("udp://{place} cannot be reached"))?;
            socket.set_nonblocking(true)?;
            Ok(Sink::Udp(socket))
        }
    }
}

/// Receives until `stop` is done, the duration is over or the output is closed, and says what came. Whether any
/// data came, and got where it should.
pub async fn run(
    options: &Receive,
    sink: Sink,
    transports: &Transports,
    relays: &[RelayAddress],
    stop: impl Future<Output = ()> + Send,
) -> bool {
    let (plan, followed) = watch::channel(Plan::new(options.url.clone(), relays));
    let began = Instant::now();
    let progress = watch::Sender::new(Progress::default());
    let mut recorder = Recorder {
        outlet: Outlet::new(sink, progress.clone()),
        progress: progress.clone(),
        stats: ChannelStats::default(),
        last: None,
        seconds: 0,
    };
    let end = async {
        let mut seen = progress.subscribe();
        tokio::select! {
            () = stop => {}
            _ = seen.wait_for(|progress| progress.closed) => {}
            () = over(options.duration, began, progress.subscribe()) => {}
        }
        progress.send_modify(|progress| progress.took = began.elapsed());
    };
    tunnel::run(followed, transports, &mut recorder, end).await;
    drop(plan);
    let Recorder { outlet, stats, .. } = recorder;
    let left_out = outlet.finish();
    let Progress { failure, took, .. } = progress.borrow().clone();
    summarise(&stats, left_out, took);
    if let Some(failure) = &failure {
        say(format_args!("The output failed: {failure}."));
    }
    stats.datagrams > 0 && failure.is_none()
}

/// Done when so much data has been received; without any, when so long was waited for it.
async fn over(duration: Option<Duration>, began: Instant, mut progress: watch::Receiver<Progress>) {
    let Some(duration) = duration else { return std::future::pending().await };
    let first = tokio::time::timeout(duration, progress.wait_for(|progress| progress.first.is_some())).await;
    let first = first.ok().and_then(|progress| progress.ok()?.first).unwrap_or(began);
    tokio::time::sleep_until((first + duration).into()).await;
}

fn summarise(stats: &ChannelStats, left_out: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    let Some(join) = stats.join_ms else {
        say(format_args!("No data came in {seconds:.1} s."));
        for (reason, count) in &stats.discarded {
            say(format_args!("Refused {count} times: {reason}."));
        }
        return;
    };
    say(format_args!(
        "Received {} packets in {} datagrams, {} bytes; {} packets lost by continuity counter; joined in {join} ms; \
         {seconds:.1} s in all.",
        stats.ts_packets, stats.datagrams, stats.bytes, stats.continuity_lost,
    ));
    if stats.rtp {
        say(format_args!("RTP: {} packets lost by sequence number.", stats.rtp_lost));
    }
    if stats.socket_dropped > 0 {
        say(format_args!("{} datagrams found no room in the socket's buffer.", stats.socket_dropped));
    }
    if left_out > 0 {
        say(format_args!("{left_out} datagrams were left out, as the output took them too slowly."));
    }
    for (reason, count) in &stats.discarded {
        say(format_args!("Refused {count} times: {reason}."));
    }
}

#[derive(Clone, Debug, Default)]
struct Progress {
    first: Option<Instant>,
    /// From the beginning to the reason to end.
    took: Duration,
    /// Nobody takes the data any more.
    closed: bool,
    failure: Option<String>,
}

/// Takes what the tunnel brings.
struct Recorder {
    outlet: Outlet,
    progress: watch::Sender<Progress>,
    stats: ChannelStats,
    last: Option<String>,
    seconds: u64,
}

impl Consumer for Recorder {
    fn datagram(&mut self, ts: &[u8], _received_micros: u64) {
        self.progress.send_if_modified(|progress| {
            let first = progress.first.is_none();
            progress.first.get_or_insert_with(Instant::now);
            first
        });
        self.outlet.put(ts);
    }

    fn lost(&mut self) {}

    fn flush(&mut self) {}

    fn status(&mut self, status: Status) {
        if self.last.as_ref() != Some(&status.sentence) {
            say(with_advice(&status));
        }
        self.seconds = if status.phase == Phase::Receiving { 0 } else { self.seconds };
        self.last = Some(status.sentence);
    }

    fn step(&mut self, sentence: &str) {
        say(sentence);
    }

    fn stats(&mut self, stats: &ChannelStats) {
        self.stats = stats.clone();
        self.seconds += 1;
        if stats.silent_ms.is_some_and(|silent| silent < 1000) && self.seconds.is_multiple_of(LINE_EVERY) {
            say(format_args!("{}.", rate_line(stats)));
        }
    }
}

/// The way out of the tunnel's task.
enum Outlet {
    Queue { queue: SyncSender<Bytes>, writer: JoinHandle<()>, left_out: u64 },
    Udp { socket: UdpSocket, left_out: u64 },
}

impl Outlet {
    fn new(sink: Sink, progress: watch::Sender<Progress>) -> Self {
        match sink {
            Sink::Udp(socket) => Self::Udp { socket, left_out: 0 },
            Sink::Stream(stream) => {
                let (queue, waiting) = sync_channel(QUEUE);
                let writer = std::thread::spawn(move || {
                    if let Err(error) = write(stream, &waiting) {
                        progress.send_modify(|progress| {
                            progress.closed = true;
                            // Whoever reads a pipe may have had enough.
                            if error.kind() != ErrorKind::BrokenPipe {
                                progress.failure = Some(error.to_string());
                            }
                        });
                    }
                });
                Self::Queue { queue, writer, left_out: 0 }
            }
        }
    }

    fn put(&mut self, ts: &[u8]) {
        match self {
            Self::Queue { queue, left_out, .. } => {
                if let Err(TrySendError::Full(_)) = queue.try_send(Bytes::copy_from_slice(ts)) {
                    *left_out += 1;
                }
            }
            Self::Udp { socket, left_out } => {
                for datagram in ts.chunks(DATAGRAM) {
                    match socket.send(datagram) {
                        // Nobody listens there yet: a player may be started later.
                        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                        Err(_) => *left_out += 1,
                        Ok(_) => {}
                    }
                }
            }
        }
    }

    /// Waits until all is written; how many datagrams were left out.
    fn finish(self) -> u64 {
        match self {
            Self::Queue { queue, writer, left_out } => {
                drop(queue);
                let _ = writer.join();
                left_out
            }
            Self::Udp { left_out, .. } => left_out,
        }
    }
}

fn write(mut stream: Box<dyn Write + Send>, waiting: &Receiver<Bytes>) -> io::Result<()> {
    let mut together = Vec::with_capacity(1 << 16);
    while let Ok(first) = waiting.recv() {
        together.extend_from_slice(&first);
        while together.len() < 1 << 16
            && let Ok(more) = waiting.try_recv()
        {
            together.extend_from_slice(&more);
        }
        stream.write_all(&together)?;
        stream.flush()?;
        together.clear();
    }
    Ok(())
}
