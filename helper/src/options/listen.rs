//! Where and to whom the page is served.

use super::RelayPorts;
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The port of the page, the WebSocket and the status.
pub const DEFAULT_PORT: u16 = 8081;

/// Where and to whom the page is served.
#[derive(Debug, Args)]
#[command(next_help_heading = "Serving the page")]
pub struct Listen {
    /// Address and port to serve the page on; anything other than a loopback address needs --token
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "127.0.0.1:8081", value_parser = parse_listen)]
    pub listen: SocketAddr,
    /// Also let pages from this origin use the helper, like http://tv.example:8000; can be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    pub allow_origin: Vec<String>,
    /// UDP ports, besides 2268, of relays that a link may name; addresses typed into the page can name any port
    #[arg(long, value_name = "PORT[-PORT][,…]", default_value = "2268")]
    pub relay_ports: RelayPorts,
    /// A secret that pages must present as ?token=SECRET
    #[arg(long, value_name = "SECRET", value_parser = parse_token)]
    pub token: Option<String>,
    /// Serve over TLS with this certificate: a PEM file with the server's own certificate first, then its chain
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key: a PEM file, read before root privileges are dropped
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

impl Listen {
    /// What does not fit together, in a sentence.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => Some("--tls-cert also needs the certificate's private key: add --tls-key."),
            (None, Some(_)) => Some("--tls-key also needs the certificate: add --tls-cert."),
            _ => None,
        }
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    text.parse()
        .or_else(|_| port.map(|port| SocketAddr::new(local, port)))
        .or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DEFAULT_PORT)))
        .map_err(|_| "expected an address and a port, like 127.0.0.1:8081 or [::1]:8081, or just a port".to_owned())
}

/// An origin as browsers send it (RFC 6454, 6.2): scheme, host, and the port where it is not the scheme's own.
fn parse_origin(text: &str) -> Result<String, String> {
    let origin = text.trim_end_matches('/').to_ascii_lowercase();
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']) => Ok(origin),
        _ => Err("expected scheme, host and port as browsers write them, like http://tv.example:8000".to_owned()),
    }
}

fn parse_token(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.len() >= 8 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected at least eight characters: letters, digits or any of -._~".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_their_default_ports() {
        assert_eq!(parse_listen("9000"), Ok("127.0.0.1:9000".parse().unwrap()));
        assert_eq!(parse_listen("::1"), Ok("[::1]:8081".parse().unwrap()));
        assert!(parse_listen("everywhere").is_err());
    }
}
