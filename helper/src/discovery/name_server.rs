//! Asks name servers: the system's, or one that was given.
//!
//! Addresses are looked up as the system does it, with its hosts file, its search domains and “localhost”; where
//! DNS has nothing, the system is asked itself, which may know more ways (mDNS for `.local`, NIS, containers).
//! Everything else is one question to DNS, with the answer as it came.

use super::failure::Cause;
use super::pace::Pace;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer, RetryDnsHandle};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, Resolver, TlsConfig, TokioResolver, system_conf};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a lookup may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long IPv4 addresses wait for those of IPv6 (RFC 8305, 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Addresses of one name that are used.
const MAX_ADDRESSES: usize = 8;

/// The name servers of one round of lookups: the system's settings are read anew for each, since a machine that
/// changes networks changes them.
pub(super) struct NameServers {
    resolver: TokioResolver,
    pool: RetryDnsHandle<NameServerPool<TokioRuntimeProvider>>,
    options: DnsRequestOptions,
    search: Vec<Name>,
    /// Queries that a question makes at once.
    queries: usize,
    pace: Arc<Pace>,
    patience: Duration,
}

/// How name servers are asked.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// The name server, where it is not the system's.
    pub(super) given: Option<SocketAddr>,
    /// Search domains besides the system's.
    pub(super) search: Vec<Name>,
    /// How long a lookup may take.
    pub(super) patience: Duration,
    pub(super) pace: Arc<Pace>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { given: None, search: Vec::new(), patience: PATIENCE, pace: Arc::default() }
    }
}

impl NameServers {
    /// The one that was given, or the system's.
    ///
    /// # Errors
    /// Where the system has none.
    pub(super) fn new(manner: &Manner) -> Result<Self, Cause> {
        let (mut config, mut options) = match manner.given {
            Some(server) => {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                connections.iter_mut().for_each(|connection| connection.port = server.port());
                let server = NameServerConfig::new(server.ip(), true, connections);
                (ResolverConfig::from_name_servers(vec![server]), ResolverOpts::default())
            }
            None => system_conf::read_system_conf().map_err(|_| Cause::NoNameServer)?,
        };
        manner.search.iter().for_each(|domain| config.add_search(domain.clone()));
        options.use_hosts_file = ResolveHosts::Always;
        let queries = config.name_servers().len().clamp(1, options.num_concurrent_reqs.max(1));
        let mut request = DnsRequestOptions::default();
        (request.use_edns, request.edns_payload_len) = (options.edns0, options.edns_payload_len);
        let mut domains: Vec<Name> = config.domain().into_iter().chain(config.search()).cloned().collect();
        domains.dedup();
        let provider = TokioRuntimeProvider::default;
        let tls = TlsConfig::new().map_err(|_| Cause::NoNameServer)?;
        let context = Arc::new(PoolContext::new(options.clone(), tls));
        let pool = NameServerPool::from_config(config.name_servers().to_vec(), context, provider());
        let pool = RetryDnsHandle::new(pool, options.attempts);
        let mut builder = Resolver::builder_with_config(config, provider());
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(|_| Cause::NoNameServer)?;
        let (pace, patience) = (manner.pace.clone(), manner.patience);
        Ok(Self { resolver, pool, options: request, search: domains, queries, pace, patience })
    }

    /// The domains that this machine is in, as far as it knows.
    pub(super) fn domains(&self) -> &[Name] {
        &self.search
    }

    /// One question, and the answer as it came.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Result<DnsResponse, Cause> {
        self.pace.wait(self.queries).await;
        let answer = self.pool.lookup(Query::query(name.clone(), kind), self.options).first_answer();
        let answer = timeout(self.patience, answer).await.map_err(|_| Cause::NoAnswer)?;
        answer.and_then(|answer| DnsError::from_response(answer).map_err(NetError::from)).map_err(|error| cause(&error))
    }

    /// The addresses of a name, each version of IP as soon as it is known, but IPv6 first where both are.
    pub(super) async fn addresses(&self, name: &Name, found: &mut impl FnMut(Vec<IpAddr>)) -> Result<(), Cause> {
        let (mut v6, mut v4) = (pin!(self.version(name, RecordType::AAAA)), pin!(self.version(name, RecordType::A)));
        let (six, four) = tokio::select! {
            biased;
            six = &mut v6 => {
                six.iter().for_each(|addresses| found(addresses.clone()));
                let four = v4.await;
                four.iter().for_each(|addresses| found(addresses.clone()));
                (six, four)
            }
            four = &mut v4 => {
                let soon = timeout(RESOLUTION_DELAY, &mut v6).await;
                soon.iter().flatten().for_each(|addresses| found(addresses.clone()));
                four.iter().for_each(|addresses| found(addresses.clone()));
                let six = match soon {
                    Ok(six) => six,
                    Err(_) => {
                        let six = v6.await;
                        six.iter().for_each(|addresses| found(addresses.clone()));
                        six
                    }
                };
                (six, four)
            }
        };
        match (six, four) {
            (Ok(_), _) | (_, Ok(_)) => Ok(()),
            // The name exists, whatever the other says.
            (Err(Cause::NoRecord), Err(_)) | (Err(_), Err(Cause::NoRecord)) => Err(Cause::NoRecord),
            (Err(_), Err(cause)) => Err(cause),
        }
    }

    /// Never empty.
    async fn version(&self, name: &Name, kind: RecordType) -> Result<Vec<IpAddr>, Cause> {
        self.pace.wait(self.queries).await;
        let lookup =
            timeout(self.patience, self.resolver.lookup(name.clone(), kind)).await.map_err(|_| Cause::NoAnswer)?;
        let lookup = lookup.map_err(|error| cause(&error))?;
        let addresses = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::from(address.0)),
            RData::AAAA(address) => Some(IpAddr::from(address.0)),
            _ => None,
        });
        let addresses: Vec<_> = addresses.take(MAX_ADDRESSES).collect();
        if addresses.is_empty() { Err(Cause::NoRecord) } else { Ok(addresses) }
    }
}

/// What the system itself says, without the name servers' help.
pub(super) async fn ask_system(name: &str) -> Option<Vec<IpAddr>> {
    let found = timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await.ok()?.ok()?;
    let mut addresses: Vec<_> = found.map(|address| address.ip()).take(MAX_ADDRESSES).collect();
    addresses.dedup();
    Some(addresses).filter(|addresses| !addresses.is_empty())
}

fn cause(error: &NetError) -> Cause {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => {
            Cause::NoSuchName
        }
        NetError::Dns(DnsError::NoRecordsFound(_)) => Cause::NoRecord,
        NetError::Dns(DnsError::ResponseCode(code)) => Cause::Refused((*code).into()),
        NetError::Timeout => Cause::NoAnswer,
        NetError::Io(_) | NetError::NoConnections => Cause::Unreachable,
        _ => Cause::Garbage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_network_that_is_down_is_not_a_name_server_that_is_mute() {
        let down = NetError::from(io::Error::from(io::ErrorKind::NetworkUnreachable));
        assert_eq!([cause(&down), cause(&NetError::Timeout)], [Cause::Unreachable, Cause::NoAnswer]);
    }
}
