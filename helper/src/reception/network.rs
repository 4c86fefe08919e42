//! What all channels of the process share: the tunnels, and what is known about ways to receive.

use crate::discovery::{Discovery, HoldDowns, Parts};
use crate::options::{self, PathChoice};
use crate::reinject::Reinjector;
use crate::transport::{Attachment, Interface, Transports};
use crate::tunnel::{Settings, Tunnels};
use amt_shared::amt_url::RelayAddress;
use anyhow::bail;
use std::sync::Arc;
use std::time::Duration;

/// What all channels of the process share.
pub struct Network {
    pub(crate) tunnels: Tunnels,
    pub(super) discovery: Discovery,
    /// Relays that brought nothing, and until when they are passed over (RFC 8777, 3.3.4.1).
    pub(super) holds: Arc<HoldDowns>,
    /// Whether the machine has changed networks.
    pub(super) attachment: Arc<Attachment>,
    /// Which ways may be tried.
    pub(super) path: PathChoice,
    /// Where native multicast is joined, unless by the route to the source.
    pub(super) interface: Option<Interface>,
    /// The user's relays, which override those of every URL.
    pub(crate) relays: Vec<RelayAddress>,
}

impl Network {
    /// The network as the options describe it, with what was opened while the process still had its rights.
    ///
    /// # Errors
    /// A sentence, where `--interface` names none.
    pub fn new(
        options: &options::Tunnel,
        transports: Transports,
        reinjector: Option<Reinjector>,
    ) -> anyhow::Result<Self> {
        let interface = options.interface.as_deref().map(Interface::named).transpose()?;
        let settings = Settings { refresh: options.refresh, ecn: options.ecn };
        let discovery = Discovery::new(options.discovery);
        let path = match options.path {
            // What the system joins comes without its inner packets, which are what is sent on.
            PathChoice::Native if reinjector.is_some() => {
                bail!(
                    "--reinject forwards what arrives through a tunnel, so it does not work with --path native: \
                     remove one of them."
                )
            }
            PathChoice::Auto if reinjector.is_some() => PathChoice::Amt,
            path => path,
        };
        Ok(Self {
            tunnels: Tunnels::new(transports, settings, reinjector),
            discovery: match options.dns_server {
                Some(server) => discovery.with_name_server(server),
                None => discovery,
            },
            holds: Arc::default(),
            attachment: Arc::default(),
            path,
            interface,
            relays: options.relay.as_ref().map(|list| list.0.clone()).unwrap_or_default(),
        })
    }

    /// The network of the demo, whose relay is on this machine: nothing else is asked or joined.
    #[must_use]
    pub fn of_the_demo(transports: Transports, reinjector: Option<Reinjector>) -> Self {
        let settings = Settings { refresh: Duration::from_secs(30), ecn: false };
        Self {
            tunnels: Tunnels::new(transports, settings, reinjector),
            discovery: Discovery::new(Parts { named: true, ..Parts::NONE }),
            holds: Arc::default(),
            attachment: Arc::default(),
            path: PathChoice::Amt,
            interface: None,
            relays: Vec::new(),
        }
    }
}
