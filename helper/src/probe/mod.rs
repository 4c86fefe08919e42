//! `amt-helper probe`: one look at a channel, for the person on call.
//!
//! [`stream`] looks into the transport stream, [`steps`] collects the way to it; [`report`] judges, and is what
//! scripts read as JSON; `words` puts it in front of a person. The helper's rule stays: what is looked into is never
//! changed, and the channel's own path needs none of this.

pub mod report;
pub mod steps;
pub mod stream;
mod words;

use crate::channel::feed::with_advice;
use crate::options::Probe;
use crate::reception::{self, Consumer, Happening, Network, Plan};
use crate::terminal::{finish, say};
use amt_shared::stats::ChannelStats;
use amt_shared::wire::Status;
use report::Report;
use std::future::Future;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};
use steps::Steps;
use stream::Analyser;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

/// How long the relay may take to be left.
const GOODBYE: Duration = Duration::from_secs(2);

/// Looks at a channel until `stop` is done or the time is over, and prints what was seen to standard output. Gives
/// the exit status.
///
/// The time begins with the first packet; where none comes, with the look.
pub async fn run(options: &Probe, network: &Network, stop: impl Future<Output = ()> + Send) -> u8 {
    let seconds = options.seconds.as_secs_f64();
    say(format_args!("Probing {} for {seconds} s; press Ctrl-C to stop early.", options.url));
    let (plan, followed) = watch::channel(Plan::new(options.url.clone(), &network.relays));
    let began = Instant::now();
    let (first, mut came) = watch::channel(None);
    let observer = Observer {
        steps: Steps::new(began),
        analyser: Analyser::default(),
        first: first.clone(),
        key_frame: false,
        counters: ChannelStats::default(),
        status: None,
    };
    let end = async {
        let over = async {
            let first = timeout(options.seconds, came.wait_for(Option::is_some)).await;
            let first = first.ok().and_then(|first| *first.ok()?).unwrap_or(began);
            sleep_until((first + options.seconds).into()).await;
        };
        tokio::select! {
            () = stop => {}
            () = over => {}
        }
    };
    let observer = reception::run(followed, network, observer, end).await;
    let since = first.borrow().unwrap_or(began).elapsed();
    drop(plan);
    let Some(Observer { steps, analyser, counters, status, .. }) = observer else { return 1 };
    let figures = analyser.figures(unix_micros());
    let channel = options.url.to_string();
    let report = Report::new(channel, since.as_secs_f64(), &steps, counters, figures, status.as_ref());
    let exit = report.verdict.exit;
    let text = match (options.json, options.quiet) {
        (true, _) => serde_json::to_string(&report).unwrap_or_default(),
        (false, false) => report.to_string(),
        (false, true) => report.verdict.sentence,
    };
    let print = tokio::task::spawn_blocking(move || print(&text));
    // The relay is left properly, and nobody waits for that to read the report.
    let _ = tokio::join!(print, network.tunnels.ended(GOODBYE));
    exit
}

fn print(text: &str) {
    finish();
    // Who closed standard output wants no report.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn unix_micros() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Sees what the reception brings, and on which way.
struct Observer {
    steps: Steps,
    analyser: Analyser,
    /// When the first datagram came.
    first: watch::Sender<Option<Instant>>,
    /// Whether a key frame came.
    key_frame: bool,
    counters: ChannelStats,
    status: Option<Status>,
}

impl Consumer for Observer {
    fn datagram(&mut self, ts: &[u8], received_micros: u64) {
        if self.first.borrow().is_none() {
            let now = Instant::now();
            self.first.send_replace(Some(now));
            self.steps.packet(now);
        }
        self.analyser.push(received_micros, ts);
        if !self.key_frame && self.analyser.first_key_frame().is_some() {
            self.key_frame = true;
            self.steps.key_frame(Instant::now());
        }
    }

    fn lost(&mut self, _missing: u16) {
        self.analyser.lost();
    }

    fn flush(&mut self) {}

    fn status(&mut self, status: Status) {
        if self.status.as_ref().is_none_or(|last| last.sentence != status.sentence) {
            say(with_advice(&status));
        }
        self.status = Some(status);
    }

    fn step(&mut self, sentence: &str) {
        say(sentence);
    }

    fn stats(&mut self, stats: &ChannelStats) {
        self.counters = stats.clone();
    }

    fn happened(&mut self, now: Instant, happening: &Happening) {
        match happening {
            Happening::LookedUp { what, took, found, error } => {
                let found = error.as_deref().map_or(Ok(&found[..]), Err);
                self.steps.looked_up(now, what, *took, found);
            }
            Happening::Candidate { relay, why } => self.steps.candidate(*relay, why),
            Happening::Tunnel { relay, event } => self.steps.tunnel(now, *relay, event),
            Happening::Path { path, relay, why } => self.steps.way(path, *relay, why),
        }
    }
}
