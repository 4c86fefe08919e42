//! Who may talk to the helper.
//!
//! Any page that the user opens can send requests to this machine, and a name that its owner points at
//! 127.0.0.1 (DNS rebinding) makes them look like the helper's own. So `Host` must be one the helper is really
//! known by, and `Origin`, where a browser sends it, must be the helper's own or one that the user allowed.
//!
//! The page of `trunk serve` has another origin, `http://localhost:8080`, which any other development server may have as
//! well. What tells them apart is the way: requests of trunk's page come through trunk's proxy, which names the helper
//! without its port. No browser leaves the port out, so no other page at 8080 can send such a request.

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
        "Refused: the token is missing. Open the page with ?token= and the secret given to --token, or send it as Authorization: Bearer."
    )]
    Token,
    #[error("Refused: the token is wrong. It is the secret given to --token.")]
    Guess,
    #[error("Refused: this request came from a page of another site.")]
    CrossSite,
    #[error("The helper has reached its page limit. Close another page first.")]
    Full,
}

impl warp::reject::Reject for Refused {}

/// The rules, from the command line.
#[derive(Clone)]
pub struct Admission {
    hosts: Vec<String>,
    origins: Vec<String>,
    /// Those of `trunk serve`, for requests that come through its proxy.
    through_proxy: Vec<String>,
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
        let is_trunks = |host: &&String| local.port() != TRUNK_PORT && host.ends_with(&format!(":{TRUNK_PORT}"));
        let origin = |host: &String| format!("{scheme}://{host}");
        let own = hosts.iter().filter(|host| !is_trunks(host)).map(origin);
        // At the scheme's own port every browser leaves the port out.
        let has_proxy = local.port() != default_port(scheme);
        let through_proxy = hosts.iter().filter(|host| has_proxy && is_trunks(host)).map(origin).collect();
        let origins = own.chain(options.allow_origin.iter().cloned()).collect();
        // With a certificate for many names, these are the ones that were meant.
        hosts.extend(options.allow_origin.iter().filter_map(|origin| {
            let host = origin.strip_prefix("https://")?;
            tls.as_ref()?.fits(split_port(host, local.port())?).then(|| host.to_owned())
        }));
        let any_address = (!local.ip().is_loopback()).then_some(local.port());
        let token = options.token.as_ref().map(Sha256::digest).map(Into::into);
        Self { hosts, origins, through_proxy, token, tls, any_address, port: local.port() }
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
            let through_proxy = without_port(&host) && self.through_proxy.contains(&origin);
            if !own && !through_proxy && !self.origins.contains(&origin) {
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
        split_port(host, self.port).is_some_and(|name| tls.carries(name))
    }

    /// Looks at the token in a query or an `Authorization` (RFC 6750, 2.1), where one is needed.
    pub(super) fn check_token(&self, query: &str, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(token) = &self.token else { return Ok(()) };
        let Some(given) = given_token(query, headers) else { return Err(Refused::Token) };
        let given: [u8; 32] = Sha256::digest(given).into();
        if given == *token { Ok(()) } else { Err(Refused::Guess) }
    }

    /// Whether a request brings a token where one is needed: it has to wait where its peer has guessed.
    pub(super) fn brings_token(&self, query: &str, headers: &HeaderMap) -> bool {
        self.token.is_some() && given_token(query, headers).is_some()
    }
}

/// A foreign page can have requests sent without an `Origin`, as for an image. It could not read the answer; but neither
/// is it to guess tokens in the user's name.
pub(super) fn check_site(headers: &HeaderMap) -> Result<(), Refused> {
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if cross_site && !headers.contains_key(header::ORIGIN) { Err(Refused::CrossSite) } else { Ok(()) }
}

fn given_token<'a>(query: &'a str, headers: &'a HeaderMap) -> Option<&'a str> {
    let in_query = query.split('&').find_map(|parameter| parameter.strip_prefix("token="));
    let in_header = || headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ");
    in_query.or_else(in_header).filter(|token| !token.is_empty())
}

/// The host without its port, where that is `port`, or where it is left out and `port` is that of https.
fn split_port(host: &str, port: u16) -> Option<&str> {
    let (name, of_host) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port.parse().ok()),
        _ => (host, Some(default_port("https"))),
    };
    (of_host == Some(port)).then_some(name)
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
    use super::super::tls::tests::certificate;
    use super::*;
    use crate::options::RelayPorts;

    fn admission(listen: &str, allow: &[&str], token: Option<&str>) -> Admission {
        let options = Listen {
            listen: listen.parse().unwrap(),
            allow_origin: allow.iter().map(|origin| (*origin).to_owned()).collect(),
            relay_ports: RelayPorts::default(),
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
        for origin in ["http://localhost:8081", "http://127.0.0.1:8081"] {
            assert_eq!(check(&admission, "127.0.0.1:8081", Some(origin)), Ok(()), "{origin}");
        }
        assert_eq!(check(&admission, "127.0.0.1", Some("http://localhost:8080")), Ok(()), "through trunk's proxy");
        assert!(check(&admission, "127.0.0.1", Some("http://127.0.0.1")).is_err(), "another server's page through it");
    }

    #[test]
    fn another_page_at_trunks_port_is_refused() {
        let trunk = "http://localhost:8080";
        for host in ["127.0.0.1:8081", "localhost:8081", "[::1]:8081"] {
            let refused = check(&admission("127.0.0.1:8081", &[], None), host, Some(trunk));
            assert_eq!(refused, Err(Refused::Origin(trunk.into())), "{host}: not through trunk's proxy");
            assert_eq!(check(&admission("127.0.0.1:8081", &[trunk], None), host, Some(trunk)), Ok(()), "if allowed");
        }
        // There browsers leave the port out as well.
        assert!(check(&admission("127.0.0.1:80", &[], None), "127.0.0.1", Some(trunk)).is_err());
        assert_eq!(check(&admission("127.0.0.1:8080", &[], None), "localhost:8080", Some(trunk)), Ok(()));
    }

    #[test]
    fn what_a_foreign_page_has_sent_for_an_image_is_no_guess() {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert_eq!(check_site(&headers), Err(Refused::CrossSite));
        // With an origin, that is what counts.
        headers.insert(header::ORIGIN, "https://tv.example".parse().unwrap());
        assert_eq!(check_site(&headers), Ok(()));
        headers.clear();
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        assert_eq!(check_site(&headers), Ok(()));
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
    fn of_the_names_under_a_wildcard_those_are_known_that_were_given() {
        let (tls, _) = certificate(&["tv.example", "*.screens.example"]);
        let own = "https://tv.example:8443";
        let given = "https://one.screens.example:8443";
        let options = |allow: &[&str]| {
            let allow_origin = allow.iter().map(|origin| (*origin).to_owned()).collect();
            let listen = "0.0.0.0:8443".parse().unwrap();
            Listen {
                listen,
                allow_origin,
                relay_ports: RelayPorts::default(),
                token: None,
                tls_cert: None,
                tls_key: None,
            }
        };
        let admission = |allow: &[&str]| {
            let options = options(allow);
            Admission::new(&options, options.listen, Some(tls.clone()))
        };
        let check = |allow: &[&str], origin: &str| {
            check(&admission(allow), origin.strip_prefix("https://").unwrap(), Some(origin))
        };
        assert_eq!(check(&[], own), Ok(()));
        assert!(matches!(check(&[], given), Err(Refused::Host(..))));
        assert_eq!(check(&[given], given), Ok(()));
        assert!(matches!(check(&[given], "https://two.screens.example:8443"), Err(Refused::Host(..))));
        // A name that the certificate does not fit is an origin, and none of the helper's own.
        let foreign = "https://evil.example:8443";
        assert!(matches!(check(&[foreign], foreign), Err(Refused::Host(..))));
    }

    #[test]
    fn beyond_this_machine_addresses_are_taken_but_no_names() {
        let admission = admission("0.0.0.0:8081", &[], Some("correct-horse"));
        assert_eq!(check(&admission, "192.0.2.7:8081", Some("http://192.0.2.7:8081")), Ok(()));
        assert!(check(&admission, "evil.example:8081", Some("http://evil.example:8081")).is_err());
        assert!(check(&admission, "192.0.2.7:8081", Some("http://evil.example:8081")).is_err());
        assert_eq!(admission.check_token("a=b&token=correct-horse", &HeaderMap::new()), Ok(()));
        for query in ["token=correct-hors", "token=correct-horsf", "token=correct-horse2"] {
            assert_eq!(admission.check_token(query, &HeaderMap::new()), Err(Refused::Guess), "{query}");
            assert!(admission.brings_token(query, &HeaderMap::new()));
        }
        for query in ["", "token=", "tokens=correct-horse"] {
            assert_eq!(admission.check_token(query, &HeaderMap::new()), Err(Refused::Token), "{query}");
            assert!(!admission.brings_token(query, &HeaderMap::new()));
        }
    }
}
