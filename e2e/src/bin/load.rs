//! The other side of the benches, each part a process of its own: see `amt_e2e::load`.

use amt_e2e::load::tool::BEGAN;
use amt_e2e::load::watcher::Watched;
use amt_e2e::load::{bare, sender, watcher};
use anyhow::Result;
use clap::Parser;
use serde::Serialize;
use std::net::{SocketAddr, SocketAddrV4};
use std::rc::Rc;

/// Sends, receives or watches for a bench. Prints "began", and its result as JSON at the end.
#[derive(Parser)]
enum Options {
    /// A relay that sends a stream to the first gateway that joins.
    Send {
        /// Where it listens.
        #[arg(long)]
        bind: SocketAddrV4,
        /// Sends here at once, without a gateway.
        #[arg(long)]
        to: Option<SocketAddrV4>,
        /// Datagrams of 1,316 bytes a second.
        #[arg(long)]
        rate: u32,
        /// How long.
        #[arg(long)]
        seconds: f64,
    },
    /// A bare receive loop.
    Bare {
        /// Where it listens.
        #[arg(long)]
        bind: SocketAddr,
        /// Bytes of receive buffer.
        #[arg(long)]
        buffer: usize,
    },
    /// Pages that only count.
    Watch {
        /// Where the helper serves.
        #[arg(long)]
        helper: SocketAddr,
        /// The channel.
        #[arg(long)]
        url: String,
        /// How many pages.
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
