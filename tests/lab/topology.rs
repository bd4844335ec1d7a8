//! The lab's network: a hypervisor with a bridge, and hosts behind its ports.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use macaddr::MacAddr6;

use crate::bad_wire::{Trouble, bad};
use crate::client_wire::of_clients;
use crate::packet_socket::Raw;
use crate::slow_wire::slow;
use crate::wire::{Manner, Wire};
use crate::{Host, Tap, until};

/// The bridge that every lab has.
pub const BRIDGE: &str = "vmbr0";

/// The longest name of a network device (`IFNAMSIZ` without its NUL).
const NAME_LIMIT: usize = 15;

/// A hypervisor with the bridge [`BRIDGE`], to which guests are attached.
#[derive(Debug)]
pub struct Lab {
    hypervisor: Host,
    guests: AtomicU8,
}

/// A host behind a port of the hypervisor's: `eth0` here, `p-NAME` there.
#[derive(Debug)]
pub struct Guest {
    host: Host,
    port: String,
    mac: MacAddr6,
    _wire: Option<Wire>,
}

impl Lab {
    /// Makes the hypervisor and its bridge, which forwards at once and floods multicast.
    pub fn new() -> Result<Self> {
        let lab = Self { hypervisor: Host::new("hypervisor")?, guests: AtomicU8::new(0) };
        lab.add_bridge(BRIDGE)?;
        Ok(lab)
    }

    /// The machine that holds the bridge; the guard runs there.
    pub fn hypervisor(&self) -> &Host {
        &self.hypervisor
    }

    /// A new host behind the port `p-NAME` of [`BRIDGE`].
    pub fn attach(&self, name: &str) -> Result<Guest> {
        let guest = self.attach_detached(name)?;
        self.join(&guest, BRIDGE)?;
        Ok(guest)
    }

    /// A new host whose port is in no bridge yet; both ends are up.
    pub fn attach_detached(&self, name: &str) -> Result<Guest> {
        let (host, mac) = (Host::new(name)?, self.next_mac());
        let port = port_name(name)?;
        self.hypervisor.ip(&format!(
            "link add {port} type veth peer name eth0 address {mac} netns {}\nlink set {port} up\n",
            host.pid()
        ))?;
        host.ip("link set eth0 up\n")?;
        Ok(Guest { host, port, mac, _wire: None })
    }

    /// A new host of [`BRIDGE`] whose frames to the bridge are on the way for `delay`.
    ///
    /// A DHCP server there always loses against one behind an ordinary port.
    pub fn attach_slow(&self, name: &str, delay: Duration) -> Result<Guest> {
        self.attach_by_wire(name, slow(delay))
    }

    /// A new host of [`BRIDGE`] behind a bad cable.
    pub fn attach_bad(&self, name: &str, trouble: Trouble) -> Result<Guest> {
        self.attach_by_wire(name, bad(trouble))
    }

    /// A new host of [`BRIDGE`] that asks as a relay does, behind a cable that makes its messages its clients' own
    /// (perfdhcp); and how many offers without an address it was not given, because it would take them for leases.
    pub fn attach_as_clients(&self, name: &str) -> Result<(Guest, Arc<AtomicU64>)> {
        let proxy_offers = Arc::new(AtomicU64::new(0));
        let mac = self.next_mac();
        let guest = self.attach_by_wire_of(name, mac, of_clients(mac, Arc::clone(&proxy_offers)))?;
        Ok((guest, proxy_offers))
    }

    fn attach_by_wire(&self, name: &str, manners: [Manner; 2]) -> Result<Guest> {
        self.attach_by_wire_of(name, self.next_mac(), manners)
    }

    fn attach_by_wire_of(&self, name: &str, mac: MacAddr6, manners: [Manner; 2]) -> Result<Guest> {
        let host = Host::new(name)?;
        let port = port_name(name)?;
        let wire = Wire::new(name, &host, mac, (&self.hypervisor, &port), manners)?;
        let guest = Guest { host, port, mac, _wire: Some(wire) };
        self.join(&guest, BRIDGE)?;
        Ok(guest)
    }

    /// A virtual machine's port: a tap device in [`BRIDGE`] whose other end is the value.
    pub fn attach_tap(&self, port: &str) -> Result<Tap> {
        let tap = Tap::new(&self.hypervisor, port)?;
        self.join_port(port, BRIDGE)?;
        Ok(tap)
    }

    /// Puts a guest's port into a bridge, and waits until it forwards.
    pub fn join(&self, guest: &Guest, bridge: &str) -> Result<()> {
        self.join_port(&guest.port, bridge)
    }

    /// Puts a device of the hypervisor into a bridge, and waits until it forwards.
    pub fn join_port(&self, port: &str, bridge: &str) -> Result<()> {
        self.hypervisor.ip(&format!("link set {port} up master {bridge}\n"))?;
        // BR_STATE_FORWARDING of linux/if_bridge.h.
        let state = format!("/sys/class/net/{port}/brport/state");
        until(Duration::from_secs(10), &format!("{port} forwards"), || {
            self.hypervisor.read(&state).is_ok_and(|state| state.trim() == "3")
        })
    }

    /// Takes a guest's port out of its bridge.
    pub fn leave(&self, guest: &Guest) -> Result<()> {
        self.hypervisor.ip(&format!("link set {} nomaster\n", guest.port))
    }

    /// Gives a guest's port another name, as a hypervisor's configuration may.
    pub fn rename(&self, guest: &mut Guest, port: &str) -> Result<()> {
        self.hypervisor.ip(&format!("link set {} name {port}\n", guest.port))?;
        port.clone_into(&mut guest.port);
        Ok(())
    }

    /// Adds another bridge to the hypervisor.
    pub fn add_bridge(&self, bridge: &str) -> Result<()> {
        self.hypervisor.ip(&format!(
            "link add {bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0\nlink set {bridge} up\n"
        ))
    }

    /// The MAC that a device of the hypervisor has, such as a bridge.
    pub fn hypervisor_mac(&self, device: &str) -> Result<MacAddr6> {
        let mac = self.hypervisor.read(format!("/sys/class/net/{device}/address"))?;
        Ok(mac.trim().parse()?)
    }

    pub(crate) fn next_mac(&self) -> MacAddr6 {
        let number = self.guests.fetch_add(1, Ordering::Relaxed) + 1;
        MacAddr6::new(0x02, b'p', b'x', b'e', 0, number)
    }
}

impl Guest {
    /// The hypervisor's end of its cable.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// The MAC of its `eth0`.
    pub fn mac(&self) -> MacAddr6 {
        self.mac
    }

    /// Gives its `eth0` another MAC.
    pub fn set_mac(&mut self, mac: MacAddr6) -> Result<()> {
        self.host.ip(&format!("link set eth0 address {mac}\n"))?;
        self.mac = mac;
        Ok(())
    }

    /// Gives its `eth0` one more address, such as `10.77.0.9/16`.
    pub fn add_address(&self, address: &str) -> Result<()> {
        self.host.ip(&format!("address replace {address} dev eth0\n"))
    }

    /// A packet socket on its `eth0`.
    pub fn raw(&self) -> Result<Raw> {
        Raw::open(&self.host, "eth0")
    }
}

impl Deref for Guest {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

fn port_name(guest: &str) -> Result<String> {
    let port = format!("p-{guest}");
    ensure!(port.len() <= NAME_LIMIT, "{port} is too long a name for a network device");
    Ok(port)
}
