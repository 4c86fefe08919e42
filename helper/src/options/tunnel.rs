//! The way to the channel: native multicast or a tunnel, which relay, which sockets.

use crate::discovery::Parts;
use amt_shared::amt_url::{RelayAddress, UrlError, parse_relays};
use clap::{Args, ValueEnum};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

const DNS_PORT: u16 = 53;
/// What `--refresh` may say, in seconds: the shortest query interval that does not burden a relay, and an hour.
const REFRESH_SECONDS: std::ops::RangeInclusive<u64> = 5..=3600;

/// The way to the channel.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reaching the channel")]
pub struct Tunnel {
    /// Relays to use instead of those in the URL, separated by commas, in order of preference
    #[arg(long, env = "AMT_RELAY", value_name = "RELAY[,RELAY…]")]
    pub relay: Option<RelayList>,
    /// How to receive the channel: as native multicast, through an AMT tunnel, or whichever works better
    #[arg(long, value_enum, value_name = "WAY", default_value_t)]
    pub path: PathChoice,
    /// Where to look for relays, separated by commas: named (URL, --relay), dns (the source's AMTRELAY records),
    /// dns-sd (the local network), anycast; or all, or none
    #[arg(long, value_name = "PART[,PART…]", default_value = "all")]
    pub discovery: Parts,
    /// Longest time between membership refreshes, 5 to 3600 seconds; a NAT on the path needs them to keep its mapping
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_refresh)]
    pub refresh: Duration,
    /// Tell relays that congestion marks are understood (ECN, RFC 9601); the Linux kernel's relay then does not answer
    #[arg(long)]
    pub ecn: bool,
    /// Network interface to join native multicast on [default: the one with the route to the source]
    #[arg(long, value_name = "IFACE", value_parser = parse_interface)]
    pub interface: Option<String>,
    /// Name server to look up relays and their addresses with [default: the system's]
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_dns_server)]
    pub dns_server: Option<SocketAddr>,
    /// The sockets to use.
    #[command(flatten)]
    pub sockets: Sockets,
}

/// The sockets to use, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sockets and privileges")]
pub struct Sockets {
    /// How to send: ordinary UDP, or raw packets from port 2268 (needs root or CAP_NET_RAW)
    #[arg(long, value_enum, default_value_t)]
    pub transport: TransportChoice,
    /// User to run as when started as root [default: the user who ran sudo, otherwise nobody]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// `--path`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PathChoice {
    /// Only native multicast
    Native,
    /// Only an AMT tunnel
    Amt,
    /// Both at once; native as soon as it delivers data
    #[default]
    Auto,
}

/// `--transport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TransportChoice {
    /// Raw if permitted, otherwise udp
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

fn parse_refresh(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| REFRESH_SECONDS.contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "expected whole seconds from 5 to 3600".to_owned())
}

/// A name that the kernel could know (`IFNAMSIZ` is 16, its end included).
pub(super) fn parse_interface(text: &str) -> Result<String, String> {
    let possible = (1..16).contains(&text.len()) && !text.contains(|c: char| c == '/' || c.is_whitespace());
    if possible {
        Ok(text.to_owned())
    } else {
        Err("expected an interface as listed by “ip link”, like eth0".to_owned())
    }
}

fn parse_dns_server(text: &str) -> Result<SocketAddr, String> {
    let server = text.parse().or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT)));
    server
        .ok()
        .filter(|server| !server.ip().is_unspecified() && !server.ip().is_multicast() && server.port() != 0)
        .ok_or_else(|| {
            "expected the address of a name server, like 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53".into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_is_an_address_that_can_be_asked() {
        assert_eq!(parse_dns_server("192.0.2.53"), Ok("192.0.2.53:53".parse().unwrap()));
        assert_eq!(parse_dns_server("192.0.2.53:5353"), Ok("192.0.2.53:5353".parse().unwrap()));
        assert_eq!(parse_dns_server("2001:db8::53"), Ok("[2001:db8::53]:53".parse().unwrap()));
        for wrong in ["", "dns.example", "0.0.0.0", "224.0.0.251", "192.0.2.53:0"] {
            assert!(parse_dns_server(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refresh_is_neither_a_burden_nor_forgotten() {
        assert_eq!(parse_refresh("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_refresh("3600"), Ok(Duration::from_secs(3600)));
        for wrong in ["4", "3601", "-5", "30s", ""] {
            assert!(parse_refresh(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn interfaces_have_names_the_kernel_could_know() {
        assert_eq!(parse_interface("eth0.100"), Ok("eth0.100".to_owned()));
        for wrong in ["", "a name", "../eth0", "sixteen-letters-"] {
            assert!(parse_interface(wrong).is_err(), "{wrong}");
        }
    }
}
