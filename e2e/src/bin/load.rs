//! The other side of the benches, each part a process of its own: see `amt_e2e::load`.

use amt_e2e::load::tool::BEGAN;
use amt_e2e::load::watcher::Watched;
use amt_e2e::load::{bare, sender, watcher};
use anyhow::Result;
use clap::Parser;
use serde::Serialize;
use std::net::{SocketAddr, SocketAddrV4};
use std::rc::Rc;

/// Sends, receives or watches for a benchmark. Prints "began", and its result as JSON at the end.
#[derive(Parser)]
enum Options {
    /// A relay that sends a stream to the first gateway that joins.
    Send {
        /// Address to listen on.
        #[arg(long)]
        bind: SocketAddrV4,
        /// Send to this address at once, without a gateway.
        #[arg(long)]
        to: Option<SocketAddrV4>,
        /// Datagrams of 1,316 bytes per second.
        #[arg(long)]
        rate: u32,
        /// Duration in seconds.
        #[arg(long)]
        seconds: f64,
    },
    /// A bare receive loop.
    Bare {
        /// Address to listen on.
        #[arg(long)]
        bind: SocketAddr,
        /// Receive buffer size in bytes.
        #[arg(long)]
        buffer: usize,
    },
    /// Pages that only count frames.
    Watch {
        /// Address of the helper.
        #[arg(long)]
        helper: SocketAddr,
        /// The channel.
        #[arg(long)]
        url: String,
        /// Number of pages.
        #[arg(long, default_value_t = 1)]
        pages: usize,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let began = || println!("{BEGAN}");
    match Options::parse() {
        Options::Send { bind, to, rate, seconds } => sender::run(bind, to, rate, seconds, began, |sent| print(&sent)),
        Options::Bare { bind, buffer } => {
            print(&bare::run(bind, buffer, began)?);
            Ok(())
        }
        Options::Watch { helper, url, pages } => {
            let local = tokio::task::LocalSet::new();
            // The last page to hold it says that all have begun.
            let all = Rc::new(AllBegan(began));
            let watching: Vec<_> = (0..pages)
                .map(|_| {
                    let (url, all) = (url.clone(), all.clone());
                    local.spawn_local(async move { watcher::watch(helper, &url, move || drop(all)).await })
                })
                .collect();
            drop(all);
            let watched: Vec<Watched> = local
                .run_until(async {
                    let mut watched = Vec::new();
                    for page in watching {
                        watched.push(page.await??);
                    }
                    anyhow::Ok(watched)
                })
                .await?;
            print(&watched);
            Ok(())
        }
    }
}

struct AllBegan<F: Fn()>(F);

impl<F: Fn()> Drop for AllBegan<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn print(result: &impl Serialize) {
    println!("{}", serde_json::to_string(result).expect("plain numbers have a JSON form"));
}
