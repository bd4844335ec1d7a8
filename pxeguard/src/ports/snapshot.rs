//! All interfaces at one moment.

use std::collections::{BTreeMap, HashMap};

use pxeguard_common::net::Ifindex;

use super::{Address, Kind, Link, PortsError, Target};

/// All interfaces of a network namespace at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    links: BTreeMap<Ifindex, Link>,
    /// By name and by alternative name.
    names: HashMap<String, Ifindex>,
}

impl Snapshot {
    /// Reads the kernel's tables, in the network namespace of the calling thread.
    pub(super) async fn take() -> Result<Self, PortsError> {
        let mut snapshot = Self::of(Link::table().read().await?);
        for (index, address) in Address::table().read().await? {
            if let Some(link) = snapshot.links.get_mut(&index) {
                link.addresses.push(address);
            }
        }
        Ok(snapshot)
    }

    pub(crate) fn of(links: Vec<Link>) -> Self {
        let mut names = HashMap::new();
        for link in &links {
            let all = link.alternative_names.iter().chain([&link.name]);
            names.extend(all.map(|name| (name.clone(), link.index)));
        }
        Self { links: links.into_iter().map(|link| (link.index, link)).collect(), names }
    }

    /// All interfaces, by number.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The interface with this number.
    pub fn link(&self, index: Ifindex) -> Option<&Link> {
        self.links.get(&index)
    }

    /// The interface of this name, or alternative name.
    pub fn link_named(&self, name: &str) -> Option<&Link> {
        self.link(self.index_of(name)?)
    }

    /// The number of the interface of this name, or alternative name.
    pub fn index_of(&self, name: &str) -> Option<Ifindex> {
        self.names.get(name).copied()
    }

    /// The name of the interface with this number.
    pub fn name_of(&self, index: Ifindex) -> Option<&str> {
        self.link(index).map(|link| link.name.as_str())
    }

    /// What is a port of this bridge, bond, VRF or Open vSwitch datapath.
    pub fn members(&self, master: Ifindex) -> impl Iterator<Item = &Link> {
        self.links().filter(move |link| link.master == Some(master))
    }

    /// The Linux bridge that an interface is a port of.
    pub fn bridge_of(&self, port: &Link) -> Option<&Link> {
        self.link(port.master?).filter(|master| master.kind == Kind::Bridge)
    }

    /// Interfaces on which the host has an address and which are not guarded ports; bridges are among them.
    ///
    /// What comes in there can be routed by the host to the guarded network without passing a guarded port.
    pub fn host_routed(&self, guarded: &[Target]) -> impl Iterator<Item = &Link> {
        self.links().filter(|link| {
            let is_guarded = guarded.iter().any(|target| target.link.index == link.index);
            link.has_address() && link.kind != Kind::Loopback && !is_guarded
        })
    }
}
