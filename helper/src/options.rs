//! What the command line and the environment may say, and what each of it means to a person.
#![allow(rustdoc::bare_urls, reason = "these comments are the text of --help")]

use amt_shared::AmtUrl;
use amt_shared::amt_url::{RelayAddress, UrlError, parse_relays};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The port of the page, the WebSocket and the status.
pub const DEFAULT_PORT: u16 = 8081;
const AMT_PORT: u16 = 2268;

const EXAMPLES: &str = "\
Examples:
  Serve the page and wait for an address typed there:
    amt-helper
  Tune in at once; a page that opens plays it:
    amt-helper 'amt://192.0.2.1@232.0.2.1:1234?relay=relay.example'
  The same, with the relay from the environment:
    AMT_RELAY=relay.example amt-helper amt://192.0.2.1@232.0.2.1
  With raw packets from port 2268; root is given up before anything is read:
    sudo -E amt-helper
  Without a page, into a file or another player:
    amt-helper receive amt://192.0.2.1@232.0.2.1 --relay R --output out.ts --duration 10
    amt-helper receive amt://192.0.2.1@232.0.2.1 --relay R --output - | ffplay -
    amt-helper receive amt://192.0.2.1@232.0.2.1 --relay R --output udp://127.0.0.1:3000
  A channel of our own, through a relay of our own:
    amt-helper demo

Exit status: 0 when all went well (for receive: when data came), 1 when not, 2 when the
command line is wrong. RUST_LOG=amt_helper=debug prints more.";

/// An AMT gateway (RFC 7450) that brings multicast television into the browser.
///
/// It serves a page on http://127.0.0.1:8081. The page asks for an AMT URL, such as
/// amt://SOURCE@GROUP:PORT?relay=RELAY, and plays it.
#[derive(Debug, Parser)]
#[command(name = "amt-helper", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Options {
    /// What to do instead of serving the page.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Serving the page.
    #[command(flatten)]
    pub serve: Serve,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive a channel without a page, for other players and for scripts
    #[command(after_help = "Exit status: 0 when data came, 1 when none came or the output failed, 2 when the command \
                            line is wrong. Ends with a summary: packets, bytes, losses by continuity counter, join time.")]
    Receive(Receive),
    /// Play an embedded clip through a relay on this machine, and serve the page tuned to it
    Demo(Demo),
}

/// Serving the page: the command without a subcommand.
#[derive(Debug, Args)]
pub struct Serve {
    /// The channel to tune in at once, like amt://SOURCE@GROUP:PORT?relay=RELAY; without it the page asks
    #[arg(env = "AMT_URL")]
    pub url: Option<String>,
    /// Where and to whom to serve.
    #[command(flatten)]
    pub listen: Listen,
    /// The way to the relay.
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

/// Where and to whom the page is served.
#[derive(Debug, Args)]
pub struct Listen {
    /// Address and port to serve the page on; an address other than this machine's own needs --token
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "127.0.0.1:8081", value_parser = parse_listen)]
    pub listen: SocketAddr,
    /// Let pages of this origin use the helper as well, like http://tv.example:8000; may be given several times
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    pub allow_origin: Vec<String>,
    /// A secret that pages must bring as ?token=SECRET
    #[arg(long, value_name = "SECRET", value_parser = parse_token)]
    pub token: Option<String>,
}

/// The way to the relay.
#[derive(Debug, Args)]
pub struct Tunnel {
    /// Relays to use instead of the URL's, in the order to try them, separated by commas
    #[arg(long, env = "AMT_RELAY", value_name = "RELAY[,RELAY…]")]
    pub relay: Option<RelayList>,
    /// The sockets to use.
    #[command(flatten)]
    pub sockets: Sockets,
}

/// The sockets to use, and as whom.
#[derive(Debug, Args)]
pub struct Sockets {
    /// How to send: ordinary UDP, or raw packets from port 2268 (needs root, or CAP_NET_RAW)
    #[arg(long, value_enum, default_value_t)]
    pub transport: TransportChoice,
    /// The user to become when started as root [default: who called sudo, else nobody]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// `amt-helper receive`.
#[derive(Debug, Args)]
pub struct Receive {
    /// The channel, like amt://SOURCE@GROUP:PORT?relay=RELAY
    pub url: AmtUrl,
    /// Where the transport stream goes: a file, - for standard output, or udp://HOST:PORT
    #[arg(long, short, value_name = "FILE | - | udp://HOST:PORT")]
    pub output: Output,
    /// Stop after so many seconds of data, or of waiting for the first of it
    #[arg(long, short, value_name = "SECONDS", value_parser = parse_seconds)]
    pub duration: Option<Duration>,
    /// The way to the relay.
    #[command(flatten)]
    pub tunnel: Tunnel,
}

/// `amt-helper demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Run only the clip and the relay, so that another gateway can be pointed at it
    #[arg(long)]
    pub relay_only: bool,
    /// Where the demo's relay listens
    #[arg(long, value_name = "ADDR[:PORT]", default_value = "127.0.0.1:2268", value_parser = parse_relay_address)]
    pub relay_address: SocketAddr,
    /// Forward the native multicast of this interface instead of the clip (needs root, or CAP_NET_RAW)
    #[arg(long, value_name = "IFACE")]
    pub upstream_interface: Option<String>,
    /// Write a line "FRAME_NUMBER UNIX_MICROS" when the last packet of a video frame was sent
    #[arg(long, value_name = "FILE")]
    pub frame_log: Option<PathBuf>,
    /// Where and to whom to serve.
    #[command(flatten)]
    pub listen: Listen,
    /// The sockets to use.
    #[command(flatten)]
    pub sockets: Sockets,
}

/// `--transport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TransportChoice {
    /// Raw where the process may, else udp
    #[default]
    Auto,
    /// An ordinary UDP socket
    Udp,
    /// Packets built here and sent from port 2268
    Raw,
}

/// Relays separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayList(pub Vec<RelayAddress>);

impl FromStr for RelayList {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        parse_relays(text).map(Self)
    }
}

/// `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `-`
    Stdout,
    /// A file, written anew.
    File(PathBuf),
    /// Datagrams as they came, to this `HOST:PORT`.
    Udp(String),
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self::Stdout);
        }
        let Some(place) = text.strip_prefix("udp://") else {
            return Ok(Self::File(text.into()));
        };
        let place = place.trim_end_matches('/').trim_start_matches('@');
        match place.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) => {
                Ok(Self::Udp(place.to_owned()))
            }
            _ => Err("write it like udp://127.0.0.1:3000".to_owned()),
        }
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    text.parse()
        .or_else(|_| port.map(|port| SocketAddr::new(local, port)))
        .or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DEFAULT_PORT)))
        .map_err(|_| "write an address and a port, like 127.0.0.1:8081 or [::1]:8081, or a port alone".to_owned())
}

fn parse_relay_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, AMT_PORT)))
        .map_err(|_| "write an address, or an address and a port, like 127.0.0.1:2269".to_owned())
}

/// An origin as browsers send it (RFC 6454, 6.2): scheme, host, and the port where it is not the scheme's own.
fn parse_origin(text: &str) -> Result<String, String> {
    let origin = text.trim_end_matches('/').to_ascii_lowercase();
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']) => Ok(origin),
        _ => Err("write it as browsers do: scheme, host and port, like http://tv.example:8000".to_owned()),
    }
}

fn parse_token(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.len() >= 8 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("write at least eight letters, digits or any of -._~".to_owned())
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a number of seconds above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once(&"amt-helper").chain(arguments))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_url_alone_is_served() {
        let options = parse(&["amt://192.0.2.1@232.0.2.1", "--relay", "192.0.2.9,relay.example:2269"]).unwrap();
        assert!(options.command.is_none());
        assert_eq!(options.serve.url().unwrap().unwrap().to_string(), "amt://192.0.2.1@232.0.2.1:1234");
        assert_eq!(options.serve.tunnel.relay.unwrap().0.len(), 2);
        assert_eq!(options.serve.listen.listen, "127.0.0.1:8081".parse().unwrap());
    }

    #[test]
    fn outputs_are_told_apart() {
        assert_eq!("-".parse(), Ok(Output::Stdout));
        assert_eq!("a.ts".parse(), Ok(Output::File("a.ts".into())));
        assert_eq!("udp://127.0.0.1:3000".parse(), Ok(Output::Udp("127.0.0.1:3000".into())));
        assert_eq!("udp://@[::1]:3000".parse(), Ok(Output::Udp("[::1]:3000".into())));
        assert!("udp://127.0.0.1".parse::<Output>().is_err());
    }

    #[test]
    fn addresses_take_their_default_ports() {
        assert_eq!(parse_listen("9000"), Ok("127.0.0.1:9000".parse().unwrap()));
        assert_eq!(parse_listen("::1"), Ok("[::1]:8081".parse().unwrap()));
        assert_eq!(parse_relay_address("10.0.0.1"), Ok("10.0.0.1:2268".parse().unwrap()));
        assert!(parse_listen("everywhere").is_err());
    }

    #[test]
    fn wrong_arguments_are_usage_errors() {
        for arguments in [
            &["receive", "amt://232.0.2.1"][..],
            &["receive", "http://232.0.2.1", "--output", "-"],
            &["receive", "amt://232.0.2.1", "--output", "-", "--duration", "-1"],
            &["--allow-origin", "*"],
            &["--token", "short"],
            &["--transport", "carrier-pigeon"],
        ] {
            assert_eq!(parse(arguments).unwrap_err().exit_code(), 2, "{arguments:?}");
        }
    }
}
