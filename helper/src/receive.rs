//! `amt-helper receive`: a channel without a page, into a file, a pipe or another player's socket.
//!
//! Files and pipes are written by a thread of their own behind a bounded queue, so that a slow disk or reader
//! costs data, which is counted, and never holds up the tunnel.

use crate::channel::feed::{rate_line, with_advice};
use crate::options::{Output, Receive};
use crate::privilege::create_output;
use crate::reception::{self, Consumer, Network, Plan};
use crate::terminal::{Line, say, show_progress};
use amt_shared::stats::ChannelStats;
use amt_shared::ts::PACKET_LEN;
use amt_shared::wire::Status;
use anyhow::Context;
use std::fs::File;
use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::net::{ToSocketAddrs, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Bytes that may wait for a slow disk or reader: more than a second at 100 Mbit/s.
const QUEUE: usize = 16 << 20;
/// Between two writes. To wake the writer for every receive call cost more than to receive.
const BETWEEN_WRITES: Duration = Duration::from_millis(5);
/// How long the last of them may take to be written.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// How long the tunnels may take to leave.
const GOODBYE: Duration = Duration::from_secs(2);
/// The most that goes into one datagram: seven transport packets, as everywhere in IPTV.
const DATAGRAM: usize = 7 * PACKET_LEN;

/// Where the data goes, opened.
pub enum Sink {
    /// A file or a pipe.
    Stream(File),
    /// Another player's socket.
    Udp(UdpSocket),
}

/// Creates the file of an output that is one, while root may still be there.
///
/// # Errors
/// A sentence that says what cannot be written.
pub fn create(output: &Output) -> anyhow::Result<Option<File>> {
    let Output::File(path) = output else { return Ok(None) };
    create_output(path).map(Some).with_context(|| format!("{} cannot be written", path.display()))
}

/// Opens an output whose file, where it has one, is [created](create). Root must be gone: a name may have to be
/// looked up, and what a name server says comes from the network.
///
/// # Errors
/// A sentence that says what cannot be opened.
pub fn open(output: &Output, file: Option<File>) -> anyhow::Result<Sink> {
    match output {
        Output::File(_) => Ok(Sink::Stream(file.context("The file was not created.")?)),
        // Not Rust's own standard output, which looks for the ends of lines.
        Output::Stdout => Ok(Sink::Stream(File::from(io::stdout().as_fd().try_clone_to_owned()?))),
        Output::Udp(place) => {
            let found = place.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
            let to = found.with_context(|| format!("Cannot resolve udp://{place}; check the name"))?;
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
pub async fn run(options: &Receive, sink: Sink, network: &Network, stop: impl Future<Output = ()> + Send) -> bool {
    let (plan, followed) = watch::channel(Plan::new(options.url.clone(), &network.relays));
    let began = Instant::now();
    let progress = watch::Sender::new(Progress::default());
    let recorder = Recorder {
        outlet: Outlet::new(sink, progress.clone()),
        progress: progress.clone(),
        began: false,
        stats: ChannelStats::default(),
        last: None,
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
    let recorder = reception::run(followed, network, recorder, end).await;
    drop(plan);
    network.tunnels.ended(GOODBYE).await;
    let Some(Recorder { outlet, stats, .. }) = recorder else { return false };
    let left_out = outlet.finish().await;
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
        say(format_args!("No data arrived in {seconds:.1} s."));
        for (reason, count) in &stats.discarded {
            say(format_args!("Discarded {count}: {reason}."));
        }
        return;
    };
    say(format_args!(
        "Received {} packets in {} datagrams, {} bytes; {} packets lost (continuity counter); joined in {join} ms; \
         {seconds:.1} s in total.",
        stats.ts_packets, stats.datagrams, stats.bytes, stats.continuity_lost,
    ));
    if stats.rtp {
        say(format_args!("RTP: {} packets lost (sequence number).", stats.rtp_lost));
    }
    if stats.socket_dropped > 0 {
        say(format_args!("{} datagrams dropped by the socket: its buffer was full.", stats.socket_dropped));
    }
    if left_out > 0 {
        say(format_args!("{left_out} datagrams dropped because the output was too slow."));
    }
    for (reason, count) in &stats.discarded {
        say(format_args!("Discarded {count}: {reason}."));
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
    began: bool,
    stats: ChannelStats,
    last: Option<String>,
}

impl Consumer for Recorder {
    fn datagram(&mut self, ts: &[u8], _received_micros: u64) {
        if !std::mem::replace(&mut self.began, true) {
            self.progress.send_modify(|progress| progress.first = Some(Instant::now()));
        }
        self.outlet.put(ts);
    }

    fn lost(&mut self, _missing: u16) {}

    fn flush(&mut self) {
        self.outlet.flush();
    }

    fn status(&mut self, status: Status) {
        if self.last.as_ref() != Some(&status.sentence) {
            say(with_advice(&status));
        }
        self.last = Some(status.sentence);
    }

    fn step(&mut self, sentence: &str) {
        say(sentence);
    }

    fn stats(&mut self, stats: &ChannelStats) {
        self.stats = stats.clone();
        if stats.silent_ms.is_some_and(|silent| silent < 1000) {
            show_progress(Line::new(format_args!("{}.", rate_line(stats))));
        }
    }
}

/// The way out of the tunnel's task.
enum Outlet {
    Queue(Queue),
    Udp { socket: UdpSocket, left_out: u64 },
}

impl Outlet {
    fn new(sink: Sink, progress: watch::Sender<Progress>) -> Self {
        match sink {
            Sink::Udp(socket) => Self::Udp { socket, left_out: 0 },
            Sink::Stream(file) => Self::Queue(Queue::new(file, progress)),
        }
    }

    fn put(&mut self, ts: &[u8]) {
        match self {
            Self::Queue(queue) => queue.put(ts),
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

    fn flush(&mut self) {
        if let Self::Queue(queue) = self {
            queue.flush();
        }
    }

    /// Ends it; how many datagrams were left out.
    async fn finish(self) -> u64 {
        match self {
            Self::Queue(queue) => queue.finish().await,
            Self::Udp { left_out, .. } => left_out,
        }
    }
}

/// To a thread that may wait for its file.
struct Queue {
    chunks: Sender<Vec<u8>>,
    /// `None` where there is no thread for it: the output is closed then.
    writer: Option<JoinHandle<()>>,
    /// Bytes handed over and not yet written.
    waiting: Arc<AtomicUsize>,
    /// What the receive call at work has brought so far: the writer is woken once for it.
    chunk: Vec<u8>,
    datagrams: u64,
    left_out: u64,
    progress: watch::Sender<Progress>,
}

impl Queue {
    fn new(file: File, progress: watch::Sender<Progress>) -> Self {
        let (chunks, handed_over) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = {
            let (waiting, progress) = (Arc::clone(&waiting), progress.clone());
            std::thread::Builder::new().name("output".into()).spawn(move || {
                if let Err(error) = write(file, &handed_over, &waiting) {
                    progress.send_modify(|progress| {
                        progress.closed = true;
                        // Whoever reads a pipe may have had enough.
                        if error.kind() != ErrorKind::BrokenPipe {
                            progress.failure = Some(error.to_string());
                        }
                    });
                }
            })
        };
        if let Err(error) = &writer {
            progress.send_modify(|progress| {
                progress.closed = true;
                progress.failure = Some(format!("no thread can be started for it ({error})"));
            });
        }
        Self { chunks, writer: writer.ok(), waiting, chunk: Vec::new(), datagrams: 0, left_out: 0, progress }
    }

    fn put(&mut self, ts: &[u8]) {
        self.chunk.extend_from_slice(ts);
        self.datagrams += 1;
    }

    fn flush(&mut self) {
        let datagrams = std::mem::take(&mut self.datagrams);
        let length = self.chunk.len();
        if self.waiting.load(Ordering::Relaxed) + length > QUEUE {
            self.left_out += datagrams;
            self.chunk.clear();
        } else if length > 0 {
            self.waiting.fetch_add(length, Ordering::Relaxed);
            // The next one is likely to be about as long. Where the writer has ended, that is known already.
            let _ = self.chunks.send(std::mem::replace(&mut self.chunk, Vec::with_capacity(length)));
        }
    }

    async fn finish(self) -> u64 {
        let Self { chunks, writer, left_out, progress, .. } = self;
        drop(chunks);
        let Some(writer) = writer else { return left_out };
        let written = tokio::task::spawn_blocking(move || writer.join());
        if tokio::time::timeout(LAST_WRITES, written).await.is_err() {
            let failure = "it stopped accepting data, and the last of it is lost";
            progress.send_modify(|progress| progress.failure = Some(failure.to_owned()));
        }
        left_out
    }
}

fn write(mut file: File, chunks: &Receiver<Vec<u8>>, waiting: &AtomicUsize) -> io::Result<()> {
    while let Ok(first) = chunks.recv() {
        for chunk in std::iter::once(first).chain(chunks.try_iter()) {
            file.write_all(&chunk)?;
            waiting.fetch_sub(chunk.len(), Ordering::Relaxed);
        }
        // Who sleeps need not be woken: what comes meanwhile goes out together.
        std::thread::sleep(BETWEEN_WRITES);
    }
    Ok(())
}
