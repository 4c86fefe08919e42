//! What the command line and the environment may say, and what each of it means to a person.
#![allow(rustdoc::bare_urls, reason = "these comments are the text of --help")]

mod config;
pub mod documents;
mod listen;
mod logs;
mod output;
mod relay_ports;
#[cfg(test)]
mod tests;
mod tunnel;

pub use listen::{DEFAULT_PORT, Listen};
pub use logs::{General, LogFormat, LogLevel};
pub use output::Output;
pub use relay_ports::RelayPorts;
pub use tunnel::{PathChoice, RelayList, Sockets, TransportChoice, Tunnel};

use crate::amt;
use amt_shared::AmtUrl;
use amt_shared::amt_url::UrlError;
use amt_shared::nearest::nearest;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Nothing is looked at or received for longer.
const SECONDS_MAX: f64 = 31_536_000.0;
/// The longest `--cache-seconds`.
const MAX_CACHE_SECONDS: u64 = 60;

const EXAMPLES: &str = "\
Examples:
  Serve the page and enter the channel there:
    amt-helper
  Tune in at once; the page plays the channel when it opens:
    amt-helper 'amt://192.0.2.1@232.0.2.1:1234?relay=relay.example'
  The same, with the relay taken from the environment:
    AMT_RELAY=relay.example amt-helper amt://192.0.2.1@232.0.2.1
  With raw packets from port 2268; root privileges are dropped before anything is read:
    sudo -E amt-helper
  Without a page, into a file or another player:
    amt-helper receive amt://192.0.2.1@232.0.2.1 --relay R --output out.ts --duration 10
    amt-helper receive amt://192.0.2.1@232.0.2.1 --relay R --output - | ffplay -
    amt-helper receive amt://192.0.2.1@232.0.2.1 --relay R --output udp://127.0.0.1:3000
  Find out what is wrong with a channel:
    amt-helper probe amt://192.0.2.1@232.0.2.1 --relay R
  Play a built-in channel through a built-in relay:
    amt-helper demo

Exit status: 0 on success (for receive: when data arrived), 1 on failure, 2 when the
command line is wrong. --log-level debug (or RUST_LOG=amt_helper=debug) prints more.";

/// An AMT gateway (RFC 7450) that brings multicast television to the browser.
///
/// It serves a page on http://127.0.0.1:8081. The page asks for an AMT URL, such as
/// amt://SOURCE@GROUP:PORT?relay=RELAY, and plays it.
#[derive(Debug, Parser)]
#[command(
    name = "amt-helper",
    version,
    after_help = EXAMPLES,
    override_usage = "amt-helper [OPTIONS] [URL]\n       amt-helper <COMMAND>"
)]
pub struct Options {
    /// What to do instead of serving the page.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Serving the page.
    #[command(flatten)]
    pub serve: Serve,
    /// What every command takes; the help has it last.
    #[command(flatten)]
    pub general: General,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive a channel without the page, for other players and for scripts
    #[command(
        after_help = "Exit status: 0 when data arrived, 1 when none arrived or the output failed, 2 when the command \
                      line is wrong. Ends with a summary: packets, bytes, losses by continuity counter, join time."
    )]
    Receive(Receive),
    /// Play a built-in clip through a relay on this machine, and serve a page tuned to it
    Demo(Demo),
    /// Check a channel step by step and say what is wrong with it
    #[command(
        after_help = "Exit status: 0 when all is well, 1 when nothing arrived, 2 when the command line is wrong, 3 \
                      when the channel arrived with errors: failed ETSI TR 101 290 checks, losses, or data that is \
                      not a transport stream. Ctrl-C stops early and prints the report so far. The last line is the \
                      verdict."
    )]
    Probe(Probe),
    /// Print a shell completion script, for example for
    /// /usr/share/bash-completion/completions/amt-helper
    Completions(Completions),
    /// Print the man page, for example for /usr/share/man/man1/amt-helper.1
    Man,
}

/// Serving the page: the command without a subcommand.
#[derive(Debug, Args)]
pub struct Serve {
    /// The channel to tune in at once, like amt://SOURCE@GROUP:PORT?relay=RELAY; without it, the page asks for one
    #[arg(env = "AMT_URL")]
    pub url: Option<String>,
    /// Where and to whom to serve.
    #[command(flatten)]
    pub listen: Listen,
    /// Whom a channel goes to besides.
    #[command(flatten)]
    pub distribution: Distribution,
    /// The way to the channel.
    #[command(flatten)]
    pub tunnel: Tunnel,
}

impl Serve {
    /// The URL to tune in at once, where one was given; an empty `AMT_URL` is none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(&self) -> Result<Option<AmtUrl>, UrlError> {
        self.url.as_deref().filter(|url| !url.trim().is_empty()).map(str::parse).transpose()
    }
}

/// What is kept of a channel for new viewers, and where else it goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Caching and re-injection")]
pub struct Distribution {
    /// Seconds of a channel to cache at most, so that a new viewer starts at once; 0 turns the cache off
    #[arg(long, value_name = "N", default_value = "12", value_parser = parse_cache_seconds)]
    pub cache_seconds: Duration,
    /// Re-inject what is received as native multicast into the network on this interface (needs root or CAP_NET_RAW)
    #[arg(long, value_name = "IFACE", value_parser = tunnel::parse_interface)]
    pub reinject: Option<String>,
    /// With --reinject: only while a receiver in that network has joined the channel
    #[arg(long)]
    pub reinject_only_when_asked: bool,
}

impl Distribution {
    /// What does not fit together, in a sentence.
    fn contradiction(&self) -> Option<&'static str> {
        (self.reinject_only_when_asked && self.reinject.is_none())
            .then_some("--reinject-only-when-asked also needs an interface: add --reinject.")
    }
}

/// `amt-helper receive`.
#[derive(Debug, Args)]
pub struct Receive {
    /// The channel, like amt://SOURCE@GROUP:PORT?relay=RELAY
    pub url: AmtUrl,
    /// Where the transport stream goes: a file, - for standard output, or udp://HOST:PORT
    #[arg(long, short, value_name = "FILE | - | udp://HOST:PORT")]
    pub output: Output,
    /// Stop after this many seconds of data, or of waiting for the first data
    #[arg(long, short, value_name = "SECONDS", value_parser = parse_seconds)]
    pub duration: Option<Duration>,
    /// The way to the channel.
    #[command(flatten)]
    pub tunnel: Tunnel,
}

/// `amt-helper probe`.
#[derive(Debug, Args)]
pub struct Probe {
    /// The channel, like amt://SOURCE@GROUP:PORT?relay=RELAY
    pub url: AmtUrl,
    /// Print one JSON object to standard output instead of the report
    #[arg(long)]
    pub json: bool,
    /// Print only the verdict (with --json, only the object) and no progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Seconds to probe, counted from the first packet; also how long to wait for that packet
    #[arg(long, value_name = "N", default_value = "10", value_parser = parse_seconds)]
    pub seconds: Duration,
    /// The way to the channel.
    #[command(flatten)]
    pub tunnel: Tunnel,
}

/// `amt-helper completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell to generate the script for
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `amt-helper demo`. Its channel always comes through its own relay: nothing is joined natively.
#[derive(Debug, Args)]
pub struct Demo {
    /// Run only the clip and the relay, for use with another gateway
    #[arg(long)]
    pub relay_only: bool,
    /// Address for the demo relay to listen on
    #[arg(long, value_name = "ADDR[:PORT]", default_value = "127.0.0.1:2268", value_parser = parse_relay_address)]
    pub relay_address: SocketAddr,
    /// Forward native multicast from this interface instead of the clip (needs root or CAP_NET_RAW)
    #[arg(long, value_name = "IFACE")]
    pub upstream_interface: Option<String>,
    /// Write a line "FRAME_NUMBER UNIX_MICROS" whenever the last packet of a video frame has been sent
    #[arg(long, value_name = "FILE")]
    pub frame_log: Option<PathBuf>,
    /// Where and to whom to serve.
    #[command(flatten)]
    pub listen: Listen,
    /// Whom the channel goes to besides.
    #[command(flatten)]
    pub distribution: Distribution,
    /// The sockets to use.
    #[command(flatten)]
    pub sockets: Sockets,
}

impl Options {
    /// What this process was told. Where that is wrong it says so and ends the process.
    #[must_use]
    pub fn read() -> Self {
        Self::from_arguments(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// What these arguments, of which the first is the program's name, the environment and the file of `--config`
    /// say; the earlier goes before the later.
    ///
    /// # Errors
    /// What is wrong with them; also what `--help` and `--version` print.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let command = match config_file(&arguments) {
            Some(path) => config::apply(Self::command(), &path)
                .map_err(|sentence| clap::Error::raw(ErrorKind::ValueValidation, sentence + "\n"))?,
            None => Self::command(),
        };
        let matches = command.clone().try_get_matches_from(arguments)?;
        let wrong = |kind, sentence: String| command.clone().error(kind, sentence);
        if let Some(sentence) = before_subcommand(&command, &matches) {
            return Err(wrong(ErrorKind::ArgumentConflict, sentence));
        }
        let options = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command.clone()))?;
        if let Some(sentence) = options.mistyped_command(&command) {
            return Err(wrong(ErrorKind::InvalidSubcommand, sentence));
        }
        match options.contradiction() {
            Some(sentence) => Err(wrong(ErrorKind::MissingRequiredArgument, sentence.to_owned())),
            None => Ok(options),
        }
    }

    /// A word in the place of the URL that is nearly a command.
    fn mistyped_command(&self, command: &clap::Command) -> Option<String> {
        let word = self.serve.url.as_deref().filter(|word| word.parse::<AmtUrl>() == Err(UrlError::Scheme))?;
        let meant = nearest(word, command.get_subcommands().map(clap::Command::get_name))?;
        Some(format!("there is no command “{word}”. Did you mean “{meant}”?"))
    }

    fn contradiction(&self) -> Option<&'static str> {
        let (listen, distribution) = match &self.command {
            None => (&self.serve.listen, &self.serve.distribution),
            Some(Command::Demo(demo)) => (&demo.listen, &demo.distribution),
            Some(_) => return None,
        };
        listen.contradiction().or_else(|| distribution.contradiction())
    }
}

/// The file that `--config` names. What else is wrong is told when all is read: the file may bring what is missing.
fn config_file(arguments: &[OsString]) -> Option<PathBuf> {
    let matches = Options::command().ignore_errors(true).try_get_matches_from(arguments).ok()?;
    matches.get_one::<PathBuf>("config").cloned()
}

/// An option of serving the page that was given before a subcommand, where it would go unheard. clap's own
/// `args_conflicts_with_subcommands` would refuse the options that every command takes as well.
fn before_subcommand(command: &clap::Command, matches: &ArgMatches) -> Option<String> {
    let subcommand = matches.subcommand_name()?;
    let misplaced = command.get_arguments().find(|argument| {
        let given = matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine);
        given && !argument.is_global_set()
    })?;
    let name = misplaced.get_long().map_or_else(|| "a URL".to_owned(), |long| format!("--{long}"));
    Some(format!("“{subcommand}” must come first: write its options after it, including {name}."))
}

fn parse_relay_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, amt::PORT)))
        .map_err(|_| "expected an address, or an address and a port, like 127.0.0.1:2269".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    // A clock may be added to it.
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= SECONDS_MAX);
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("expected a number of seconds above 0 and at most {SECONDS_MAX}, which is a year"))
}

fn parse_cache_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= MAX_CACHE_SECONDS);
    seconds.map(Duration::from_secs).ok_or_else(|| "expected whole seconds from 0 to 60".to_owned())
}
