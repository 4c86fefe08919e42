//! Network namespaces: hosts of their own, as far as IP can tell.

use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A network namespace, removed on drop.
pub struct Namespace {
    name: String,
}

/// Why this machine cannot make namespaces; `None` where it can.
#[must_use]
pub fn unavailable() -> Option<String> {
    let probe = Namespace::new("probe").and_then(|probe| probe.run("true", &[]));
    probe.err().map(|error| format!("needs root and iproute2: {error:#}"))
}

impl Namespace {
    /// A namespace with nothing but loopback.
    ///
    /// # Errors
    /// Without root, or without `ip`.
    pub fn new(label: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("amt-e2e-{}-{count}-{label}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name };
        namespace.run("ip", &["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// A program that will run on this host. It keeps its process id: `ip` becomes it.
    #[must_use]
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs a program on this host to its end.
    ///
    /// # Errors
    /// Where it fails; with what it said.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        run(self.program(program).args(arguments))
    }

    /// Gives an interface one more address, with prefix length; an IPv6 one can be used at once.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn add_address(&self, interface: &str, address: &str) -> Result<()> {
        let at_once: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
        self.run("ip", &[&["address", "add", address, "dev", interface], at_once].concat())
    }

    /// Lays a cable to another host: `interface` here, `other_interface` there, an address with prefix length each.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn wire(
        &self,
        interface: &str,
        address: &str,
        other: &Self,
        other_interface: &str,
        other_address: &str,
    ) -> Result<()> {
        let peer = ["peer", "name", other_interface, "netns", &other.name];
        run(Command::new("ip").args(["-n", &self.name, "link", "add", interface, "type", "veth"]).args(peer))?;
        for (host, interface, address) in [(self, interface, address), (other, other_interface, other_address)] {
            host.add_address(interface, address)?;
            host.run("ip", &["link", "set", interface, "up"])?;
            // A virtual cable leaves checksums to hardware that is not there; a receiver of raw packets sees that.
            host.run("ethtool", &["-K", interface, "tx", "off"])?;
        }
        Ok(())
    }
}

impl Namespace {
    /// Its name, as `ip netns` lists it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A switch, in a namespace of its own: whoever is plugged in is in one local network with the others.
///
/// It learns nothing about groups (no IGMP snooping): every port gets all multicast.
pub struct Switch {
    namespace: Namespace,
    ports: Cell<u32>,
}

/// Where a host is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(u32);

impl Switch {
    /// A switch with no cable in it.
    ///
    /// # Errors
    /// As [`Namespace::new`].
    pub fn new() -> Result<Self> {
        let namespace = Namespace::new("switch")?;
        namespace.run("ip", &["link", "add", "switch", "type", "bridge", "mcast_snooping", "0"])?;
        namespace.run("ip", &["link", "set", "switch", "up"])?;
        Ok(Self { namespace, ports: Cell::new(0) })
    }

    /// Lays a cable to a host: `interface` there, with these addresses and prefix lengths.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn plug(&self, host: &Namespace, interface: &str, addresses: &[&str]) -> Result<Port> {
        let port = Port(self.ports.get());
        self.ports.set(port.0 + 1);
        let name = port.name();
        let peer = ["peer", "name", interface, "netns", &host.name];
        run(Command::new("ip").args(["-n", &self.namespace.name, "link", "add", &name, "type", "veth"]).args(peer))?;
        self.namespace.run("ip", &["link", "set", &name, "master", "switch", "up"])?;
        host.run("ip", &["link", "set", interface, "up"])?;
        for address in addresses {
            host.add_address(interface, address)?;
        }
        // As in `wire`.
        host.run("ethtool", &["-K", interface, "tx", "off"])?;
        Ok(port)
    }

    /// Lets multicast out to a host, or keeps it from it; all else still comes and goes.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn carry_multicast(&self, port: Port, carry: bool) -> Result<()> {
        let carry = if carry { "on" } else { "off" };
        self.namespace.run("bridge", &["link", "set", "dev", &port.name(), "mcast_flood", carry])
    }
}

impl Port {
    fn name(self) -> String {
        format!("port{}", self.0)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
