//! Who may talk to the helper.
//!
//! Any page that the user opens can send requests to this machine, and a name that its owner points at
//! 127.0.0.1 (DNS rebinding) makes them look like the helper's own. So `Host` must be one the helper is really
//! known by, and `Origin`, where a browser sends it, must be the helper's own or one that the user allowed.

use super::tls::Tls;
use crate::options::Listen;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use warp::http::{HeaderMap, header};

/// The port of `trunk serve`, whose proxy passes requests on.
const TRUNK_PORT: u16 = 8080;
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("Refused: the helper is not known by the name “{0}”. Open it as {1}.")]
    Host(String, String),
    #[error("Refused: pages from {0} may not use this helper. Start it with --allow-origin {0} to allow them.")]
    Origin(String),
    #[error(
        "Refused: the token is missing or wrong. Open the page with ?token= and the secret given to --token, or send it as Authorization: Bearer."
    )]
    Token,
    #[error("The helper has reached its page limit. Close another page first.")]
    Full,
}

impl warp::reject::Reject for Refused {}

/// The rules, from the command line.
#[derive(Clone)]
pub struct Admission {
    hosts: Vec<String>,
    origins: Vec<String>,
    /// The token's hash: however long it takes to compare two of them, it tells nothing of the token.
    token: Option<[u8; 32]>,
    /// With TLS: names that the certificate carries are the helper's own.
    tls: Option<Tls>,
    /// Where other machines are served, at this port; a name can be pointed anywhere, an address cannot.
    any_address: Option<u16>,
    port: u16,
}

impl Admission {
    /// The rules for a server that listens at `local`.
    #[must_use]
    pub fn new(options: &Listen, local: SocketAddr, tls: Option<Tls>) -> Self {
        let scheme = scheme_of(tls.as_ref());
        // trunk's proxy is for whoever works on the page, without TLS.
        let ports = [Some(local.port()), tls.is_none().then_some(TRUNK_PORT)].into_iter().flatten();
        let mut hosts: Vec<String> = ports.flat_map(|port| LOOPBACK.map(|host| format!("{host}:{port}"))).collect();
        if local.port() == default_port(scheme) {
            hosts.extend(LOOPBACK.map(str::to_owned));
        }
        if local.ip().is_loopback() {
            hosts.push(local.to_string());
        }
        let own = hosts.iter().map(|host| format!("{scheme}://{host}"));
        let origins = own.chain(options.allow_origin.iter().cloned()).collect();
        let any_address = (!local.ip().is_loopback()).then_some(local.port());
        let token = options.token.as_ref().map(Sha256::digest).map(Into::into);
        Self { hosts, origins, token, tls, any_address, port: local.port() }
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        scheme_of(self.tls.as_ref())
    }

    /// Looks at `Host` and `Origin`.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |value: &warp::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let mut hosts = headers.get_all(header::HOST).iter().map(text);
        let host = hosts.next().unwrap_or_default();
        if hosts.next().is_some() || !self.knows(&host) {
            return Err(Refused::Host(host, format!("{}://127.0.0.1:{}/", self.scheme(), self.port)));
        }
        // Programs that are no browsers send none.
        for origin in headers.get_all(header::ORIGIN).iter().map(text) {
            // A name without a port is a proxy's, and says nothing of the page's own address.
            let own = || origin.strip_prefix(self.scheme())?.strip_prefix("://").filter(|own| *own == host);
            let own = !without_port(&host) && own().is_some();
            if !own && !self.origins.contains(&origin) {
                return Err(Refused::Origin(origin));
            }
        }
        Ok(())
    }

    fn knows(&self, host: &str) -> bool {
        let by_address = self.any_address.is_some_and(|port| {
            let address = host.parse::<SocketAddr>().map(|address| (address.ip(), address.port()));
            let address = address.or_else(|_| {
                host.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| (ip, default_port(self.scheme())))
            });
            address.is_ok_and(|(_, of_host)| of_host == port)
        });
        // trunk's proxy leaves the port out. It is the name that tells a foreign page, not the port.
        by_address || without_port(host) || self.is_certified(host) || self.hosts.iter().any(|known| known == host)
    }

    fn is_certified(&self, host: &str) -> bool {
        let Some(tls) = &self.tls else { return false };
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port.parse().ok()),
            _ => (host, Some(default_port("https"))),
        };
        port == Some(self.port) && tls.carries(name)
    }

    /// Looks at the token in a query or an `Authorization` (RFC 6750, 2.1), where one is needed. A foreign page can
    /// write neither: the one it does not know, the other no browser lets it send.
    pub(super) fn check_token(&self, query: &str, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(token) = &self.token else { return Ok(()) };
        let in_query = query.split('&').find_map(|parameter| parameter.strip_prefix("token="));
        let in_header = || headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ");
        let given: [u8; 32] = Sha256::digest(in_query.or_else(in_header).unwrap_or_default()).into();
        if given == *token { Ok(()) } else { Err(Refused::Token) }
    }
}

fn scheme_of(tls: Option<&Tls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

fn without_port(host: &str) -> bool {
    LOOPBACK.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(listen: &str, allow: &[&str], token: Option<&str>) -> Admission {
        let options = Listen {
            listen: listen.parse().unwrap(),
            allow_origin: allow.iter().map(|origin| (*origin).to_owned()).collect(),
            token: token.map(str::to_owned),
            tls_cert: None,
            tls_key: None,
        };
        Admission::new(&options, options.listen, None)
    }

    fn check(admission: &Admission, host: &str, origin: Option<&str>) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        admission.check(&headers)
    }

    #[test]
    fn the_helpers_own_names_and_trunks_are_let_in() {
        let admission = admission("127.0.0.1:8081", &[], None);
        for host in ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "LOCALHOST:8081", "localhost:8080", "127.0.0.1"]
        {
            assert_eq!(check(&admission, host, None), Ok(()), "{host}");
        }
        for origin in ["http://localhost:8081", "http://127.0.0.1:8081", "http://localhost:8080"] {
            assert_eq!(check(&admission, "127.0.0.1:8081", Some(origin)), Ok(()), "{origin}");
        }
        assert_eq!(check(&admission, "127.0.0.1", Some("http://localhost:8080")), Ok(()), "through trunk's proxy");
        assert!(check(&admission, "127.0.0.1", Some("http://127.0.0.1")).is_err(), "another server's page through it");
    }

    #[test]
    fn foreign_names_and_origins_are_refused() {
        let admission = admission("127.0.0.1:8081", &[], None);
        for host in ["evil.example:8081", "evil.example", "127.0.0.1:9999", "", "localhost:8081.evil"] {
            assert!(matches!(check(&admission, host, None), Err(Refused::Host(..))), "{host}");
        }
        for origin in
            ["http://evil.example", "https://localhost:8081", "null", "http://localhost:80810", "http://localhost"]
        {
            assert!(matches!(check(&admission, "localhost:8081", Some(origin)), Err(Refused::Origin(_))), "{origin}");
        }
        assert!(matches!(admission.check(&HeaderMap::new()), Err(Refused::Host(..))));
    }

    #[test]
    fn a_second_host_or_origin_does_not_slip_through() {
        let admission = admission("127.0.0.1:8081", &[], None);
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost:8081".parse().unwrap());
        headers.append(header::ORIGIN, "http://localhost:8081".parse().unwrap());
        headers.append(header::ORIGIN, "http://evil.example".parse().unwrap());
        assert!(matches!(admission.check(&headers), Err(Refused::Origin(_))));
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(matches!(admission.check(&headers), Err(Refused::Host(..))));
    }

    #[test]
    fn origins_can_be_allowed() {
        let admission = admission("127.0.0.1:8081", &["http://tv.example:8000"], None);
        assert_eq!(check(&admission, "127.0.0.1:8081", Some("http://tv.example:8000")), Ok(()));
        assert!(check(&admission, "127.0.0.1:8081", Some("http://tv.example")).is_err());
    }

    #[test]
    fn beyond_this_machine_addresses_are_taken_but_no_names() {
        let admission = admission("0.0.0.0:8081", &[], Some("correct-horse"));
        assert_eq!(check(&admission, "192.0.2.7:8081", Some("http://192.0.2.7:8081")), Ok(()));
        assert!(check(&admission, "evil.example:8081", Some("http://evil.example:8081")).is_err());
        assert!(check(&admission, "192.0.2.7:8081", Some("http://evil.example:8081")).is_err());
        assert_eq!(admission.check_token("a=b&token=correct-horse", &HeaderMap::new()), Ok(()));
        for query in ["", "token=", "token=correct-hors", "token=correct-horsf", "token=correct-horse2"] {
            assert_eq!(admission.check_token(query, &HeaderMap::new()), Err(Refused::Token), "{query}");
        }
    }
}
