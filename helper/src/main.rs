//! Options, privileged sockets, giving root up, running: in this order. Nothing from the network is read before
//! root is gone.

use amt_helper::channel::Channels;
use amt_helper::demo::{Relay, RelayOptions, Upstream, demo_url};
use amt_helper::options::documents::man_page;
use amt_helper::options::{Command, Demo, Distribution, Listen, Options, Probe, Receive, Serve, Sockets};
use amt_helper::reception::Network;
use amt_helper::reinject::{ReinjectSocket, Reinjector};
use amt_helper::server::{Listening, Server, listen};
use amt_helper::terminal::{be_quiet, finish, keep_stdout_for_data, say};
use amt_helper::transport::Transports;
use amt_helper::{privilege, probe, receive, resources, terminal};
use amt_shared::AmtUrl;
use clap::CommandFactory;
use std::future::Future;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

fn main() -> ExitCode {
    let options = Options::read();
    terminal::start(&options.general);
    resources::ask_for_files();
    let done = match options.command {
        None => serve(&options.serve),
        Some(Command::Demo(demo)) => run_demo(&demo),
        Some(Command::Receive(receive)) => run_receive(&receive),
        Some(Command::Probe(probe)) => run_probe(&probe),
        Some(Command::Completions(completions)) => print(&completions.script()),
        Some(Command::Man) => print(&man_page()),
    };
    finish();
    done.unwrap_or_else(|error| {
        terminal::complain(&error);
        ExitCode::FAILURE
    })
}

fn serve(options: &Serve) -> anyhow::Result<ExitCode> {
    let url = match options.url() {
        Ok(url) => url,
        Err(error) => Options::command().error(clap::error::ErrorKind::ValueValidation, error).exit(),
    };
    let listening = listen(&options.listen)?;
    let mut transports = Transports::open(options.tunnel.sockets.transport)?;
    let reinject = open_reinjection(&options.distribution, &mut transports)?;
    give_up_root(&options.tunnel.sockets)?;
    say(transports.sentence());
    let network = Network::new(&options.tunnel, transports, start(reinject)?)?;
    let cache = options.distribution.cache_seconds;
    let page = Page { options: &options.listen, listening, url, cache };
    run(|stop| page.serve(network, stop))
}

fn run_demo(options: &Demo) -> anyhow::Result<ExitCode> {
    let upstream = options.upstream_interface.clone().map_or(Upstream::Clip, Upstream::Interface);
    let own_channel = matches!(upstream, Upstream::Clip);
    let frame_log = options.frame_log.clone();
    let relay = Relay::bind(&RelayOptions { bind: options.relay_address, upstream, frame_log })?;
    let address = relay.local_addr()?;
    // What an interface brings has addresses of its own.
    let url = own_channel.then(|| demo_url(address));
    let channel = url.as_ref().map(|url| format!(" Its channel: {url}")).unwrap_or_default();
    let relay_line = format!("The demo relay listens on {address}.{channel}");
    if options.relay_only {
        give_up_root(&options.sockets)?;
        say(relay_line);
        return run(async |stop| {
            relay.run(stop.stopped()).await?;
            Ok(ExitCode::SUCCESS)
        });
    }
    let listening = listen(&options.listen)?;
    let mut transports = Transports::open(options.sockets.transport)?;
    let reinject = open_reinjection(&options.distribution, &mut transports)?;
    give_up_root(&options.sockets)?;
    say(transports.sentence());
    say(relay_line);
    let network = Network::of_the_demo(transports, start(reinject)?);
    let cache = options.distribution.cache_seconds;
    let page = Page { options: &options.listen, listening, url, cache };
    run(async |stop| {
        // The relay outlives the tunnels, so that they end properly.
        let ended = watch::Sender::new(false);
        let mut over = ended.subscribe();
        let relay = async move {
            relay
                .run(async move {
                    let _ = over.wait_for(|ended| *ended).await;
                })
                .await
        };
        let served = async {
            let served = page.serve(network, stop).await;
            ended.send_replace(true);
            served
        };
        let ((), code) = tokio::try_join!(relay, served)?;
        Ok(code)
    })
}

fn run_receive(options: &Receive) -> anyhow::Result<ExitCode> {
    if options.output == amt_helper::options::Output::Stdout {
        keep_stdout_for_data();
    }
    let transports = Transports::open(options.tunnel.sockets.transport)?;
    let file = receive::create(&options.output)?;
    give_up_root(&options.tunnel.sockets)?;
    let sink = receive::open(&options.output, file)?;
    say(transports.sentence());
    let network = Network::new(&options.tunnel, transports, None)?;
    run_on(Builder::new_current_thread(), async |stop| {
        let came = receive::run(options, sink, &network, stop.stopped()).await;
        Ok(if came { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn run_probe(options: &Probe) -> anyhow::Result<ExitCode> {
    keep_stdout_for_data();
    if options.quiet {
        be_quiet();
    }
    let transports = Transports::open(options.tunnel.sockets.transport)?;
    give_up_root(&options.tunnel.sockets)?;
    say(transports.sentence());
    let network = Network::new(&options.tunnel, transports, None)?;
    run_on(Builder::new_current_thread(), async |stop| {
        Ok(ExitCode::from(probe::run(options, &network, stop.stopped()).await))
    })
}

/// Opens what `--reinject` needs, while the process has its rights.
fn open_reinjection(options: &Distribution, transports: &mut Transports) -> anyhow::Result<Option<ReinjectSocket>> {
    let Some(interface) = &options.reinject else { return Ok(None) };
    let socket = ReinjectSocket::open(interface, options.reinject_only_when_asked)?;
    transports.keep_off(socket.interface_index());
    Ok(Some(socket))
}

fn start(reinject: Option<ReinjectSocket>) -> anyhow::Result<Option<Reinjector>> {
    let Some(reinjector) = reinject.map(ReinjectSocket::start).transpose()? else { return Ok(None) };
    say(reinjector.sentence());
    Ok(Some(reinjector))
}

/// Prints a text made for other programs.
fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    io::stdout().write_all(text)?;
    Ok(ExitCode::SUCCESS)
}

fn give_up_root(options: &Sockets) -> anyhow::Result<()> {
    if let Some(sentence) = privilege::give_up(options.user.as_deref())? {
        say(sentence);
    }
    Ok(())
}

/// The page's server and what it serves.
struct Page<'a> {
    options: &'a Listen,
    listening: Listening,
    url: Option<AmtUrl>,
    cache: Duration,
}

impl Page<'_> {
    async fn serve(self, network: Network, stop: Stop) -> anyhow::Result<ExitCode> {
        let local = self.listening.local_addr()?;
        let channels = Channels::new(network, self.cache);
        // What is not a terminal may be kept: a journal, a file, a log that is sent on.
        let token = match &self.options.token {
            None => String::new(),
            Some(token) if terminal::is_watched() => format!("?token={token}"),
            Some(_) => "?token=… with the token of --token".to_owned(),
        };
        let here =
            if local.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, local.port())) } else { local };
        let scheme = self.listening.scheme();
        say(format_args!("Open {scheme}://{here}/{token} in a browser; press Ctrl-C to stop."));
        if !local.ip().is_loopback() {
            say(match scheme {
                "https" => "On other machines, replace the host with a name or address from the certificate.",
                _ => "On other machines, replace the host with this machine's IP address (not its name).",
            });
        }
        // Tuned in from the start, whether or not a page is there.
        let held = self.url.as_ref().map(|url| channels.hold(url));
        if let Some(Err(status)) = &held {
            say(&status.sentence);
        }
        let admission = self.listening.admission(self.options)?;
        let server = Server::new(channels.clone(), admission, self.options, self.url);
        tokio::select! {
            served = server.run(self.listening) => served?,
            () = stop.stopped() => {}
        }
        say("Stopping: leaving all channels.");
        channels.shut_down().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Ctrl-C, SIGTERM or SIGHUP.
#[derive(Clone)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Done at the first of them. At the second the process ends at once.
    async fn stopped(mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Runs `body` until it is done, on all processors.
fn run<F: Future<Output = anyhow::Result<ExitCode>>>(body: impl FnOnce(Stop) -> F) -> anyhow::Result<ExitCode> {
    run_on(Builder::new_multi_thread(), body)
}

/// The same on a runtime of this kind: where there is one channel and no page, each datagram that woke a second thread as well would
/// cost more than it gains.
fn run_on<F: Future<Output = anyhow::Result<ExitCode>>>(
    mut runtime: Builder,
    body: impl FnOnce(Stop) -> F,
) -> anyhow::Result<ExitCode> {
    resources::check()?;
    let runtime = runtime.enable_all().build()?;
    let done = runtime.block_on(async {
        let (sender, receiver) = watch::channel(false);
        let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .into_iter()
            .map(signal)
            .collect::<io::Result<Vec<_>>>()?;
        tokio::spawn(async move {
            loop {
                let [interrupt, terminate, hangup] = signals.as_mut_slice() else { return };
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if sender.send_replace(true) {
                    // The user will not wait for the leave to be sent again.
                    std::process::exit(130);
                }
            }
        });
        body(Stop(receiver)).await
    });
    // A name server that does not answer holds a thread: nobody waits for it.
    runtime.shutdown_background();
    done
}
