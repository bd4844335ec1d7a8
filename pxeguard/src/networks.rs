//! The networks that are guarded: where a boot server's clients are, and the address by which they reach this host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use pxeguard_common::net::{Ifindex, Mac};

use crate::ports::{Address, Kind, Link, Snapshot};

/// An IPv4 address of a guarded interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Network {
    /// The interface by which the clients' frames come: the bridge or the network card that `--iface` names.
    pub iface: Ifindex,
    /// Its name.
    pub name: String,
    /// The VLAN whose device has the address; 0 where the interface itself has it, or its bridge.
    pub vlan: u16,
    /// The Ethernet address that belongs to it.
    pub mac: Mac,
    /// This host's address there, with the length of the network's prefix.
    pub address: Ipv4Net,
}

/// All of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Networks {
    /// This host's own; those of one interface in the order in which the kernel has them, so that the first is its main
    /// one.
    pub own: Vec<Network>,
    /// Further networks whose machines are clients, too, which come by a relay and a router.
    pub beyond: Vec<Ipv4Net>,
    /// By which interface of `own` this host hears what comes in by a port: a bridge's, or the interface itself.  Only
    /// where the frame is the same at both: not of a bridge that filters VLANs.
    pub heard_by: BTreeMap<Ifindex, Ifindex>,
    /// Names of guarded interfaces by which this host has no address.
    pub without_address: Vec<String>,
}

impl Networks {
    /// Those of the interfaces that `--iface` names, and of VLAN devices on them; and those `beyond`.
    ///
    /// A named port of a bridge has its bridge's addresses: there its clients reach this host.  Where the bridge is named
    /// as well, it stands for its ports: what comes by one of them comes by the bridge, too.
    pub fn of(snapshot: &Snapshot, ifaces: &[String], beyond: &[Ipv4Net]) -> Self {
        let mut networks = Self { beyond: beyond.to_vec(), ..Self::default() };
        let named: Vec<_> = ifaces.iter().filter_map(|iface| snapshot.link_named(iface)).collect();
        for &link in &named {
            let bridge = snapshot.bridge_of(link);
            if bridge.is_some_and(|bridge| named.iter().any(|link| link.index == bridge.index)) {
                continue;
            }
            networks.add(link, 0, link);
            bridge.into_iter().for_each(|bridge| networks.add(link, 0, bridge));
            for device in snapshot.links() {
                let of =
                    device.vlan_of.filter(|of| of.trunk == link.index || bridge.is_some_and(|b| b.index == of.trunk));
                of.into_iter().for_each(|of| networks.add(link, of.vlan, device));
            }
            let has_address = networks.own.iter().any(|network| network.iface == link.index);
            if has_address {
                networks.add_ports(snapshot, link);
            }
            if !has_address && !networks.without_address.contains(&link.name) {
                networks.without_address.push(link.name.clone());
            }
        }
        networks
    }

    fn add_ports(&mut self, snapshot: &Snapshot, iface: &Link) {
        let ports = snapshot.members(iface.index).filter(|_| iface.kind == Kind::Bridge).map(|port| port.index);
        let itself = Some(iface.index).filter(|_| iface.kind != Kind::Bridge);
        let bridge = snapshot.bridge_of(iface).or(Some(iface));
        if bridge.is_none_or(|bridge| !bridge.filters_vlans) {
            self.heard_by.extend(ports.chain(itself).map(|port| (port, iface.index)));
        }
    }

    /// Adds the addresses of `owner`, whose clients' frames come by `iface`; none twice.
    fn add(&mut self, iface: &Link, vlan: u16, owner: &Link) {
        let Some(mac) = owner.mac else { return };
        for address in owner.addresses.iter().filter_map(ipv4) {
            let network = Network { iface: iface.index, name: iface.name.clone(), vlan, mac, address };
            if !self.own.contains(&network) {
                self.own.push(network);
            }
        }
    }

    /// This host's addresses, each once: two named ports of a bridge share the bridge's.
    pub fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.own.iter().map(|network| network.address.addr()).collect()
    }

    /// Whether an address belongs to a client: to a machine in one of the networks, and not to this host.
    pub fn has_client(&self, address: Ipv4Addr) -> bool {
        let mut nets = self.own.iter().map(|network| &network.address).chain(&self.beyond);
        let is_in_one = nets.any(|net| {
            // A /31 has neither (RFC 3021).
            let is_special = net.prefix_len() < 31 && (address == net.network() || address == net.broadcast());
            net.contains(&address) && !is_special
        });
        is_in_one && self.own.iter().all(|network| network.address.addr() != address)
    }

    /// Why a machine that [`Networks::has_client`] does not know is served no file, in words for the operator.
    pub fn why_not(stranger: Ipv4Addr) -> String {
        format!("{stranger} is in no guarded network; if it is beyond a relay, name its network by networks in [boot]")
    }
}

fn ipv4(address: &Address) -> Option<Ipv4Net> {
    match address.ip {
        IpAddr::V4(ip) => Ipv4Net::new(ip, address.prefix_len).ok(),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::VlanOf;

    fn link(index: u32, name: &str, kind: Kind, addresses: &[&str]) -> Link {
        let address = |text: &&str| {
            let net: Ipv4Net = text.parse().unwrap();
            Address { ip: net.addr().into(), prefix_len: net.prefix_len() }
        };
        let mac = Some([2, 0, 0, 0, 0, index as u8]);
        Link { mac, addresses: addresses.iter().map(address).collect(), ..Link::plain(index, name, kind) }
    }

    fn host() -> Snapshot {
        let vlan_of = Some(VlanOf { trunk: Ifindex(2), vlan: 5 });
        Snapshot::of(vec![
            link(2, "vmbr0", Kind::Bridge, &["10.0.0.1/24", "10.0.9.1/24"]),
            Link { vlan_of, ..link(3, "vmbr0.5", Kind::Vlan, &["10.0.5.1/24"]) },
            Link { master: Some(Ifindex(2)), ..link(4, "eno1", Kind::Physical, &[]) },
            link(5, "eno2", Kind::Physical, &["10.0.2.1/24"]),
        ])
    }

    fn of(ifaces: &[&str]) -> Vec<(u32, u16, String)> {
        let ifaces: Vec<String> = ifaces.iter().map(|&iface| iface.to_owned()).collect();
        let networks = Networks::of(&host(), &ifaces, &[]).own;
        networks.iter().map(|network| (network.iface.0, network.vlan, network.address.to_string())).collect()
    }

    fn expected(rows: &[(u32, u16, &str)]) -> Vec<(u32, u16, String)> {
        rows.iter().map(|&(iface, vlan, address)| (iface, vlan, address.to_owned())).collect()
    }

    #[test]
    fn a_bridge_has_its_own_addresses_and_those_of_its_vlans() {
        let rows = [(2, 0, "10.0.0.1/24"), (2, 0, "10.0.9.1/24"), (2, 5, "10.0.5.1/24")];
        assert_eq!(of(&["vmbr0"]), expected(&rows));
        assert_eq!(of(&["vmbr0", "vmbr0"]), expected(&rows));
    }

    #[test]
    fn a_port_of_a_bridge_has_the_bridges_addresses() {
        let rows = [(4, 0, "10.0.0.1/24"), (4, 0, "10.0.9.1/24"), (4, 5, "10.0.5.1/24")];
        assert_eq!(of(&["eno1"]), expected(&rows));
        assert_eq!(of(&["eno2"]), expected(&[(5, 0, "10.0.2.1/24")]));
    }

    #[test]
    fn a_bridge_that_is_named_stands_for_its_ports() {
        for ifaces in [["vmbr0", "eno1"], ["eno1", "vmbr0"]] {
            assert_eq!(of(&ifaces), of(&["vmbr0"]));
        }
        assert_eq!(of(&["vmbr0", "eno2"]).len(), 4, "another card is none of its ports");
    }

    fn networks(address: &str) -> Networks {
        let address = address.parse().unwrap();
        let network = Network { iface: Ifindex(2), name: "br0".to_owned(), mac: [2; 6], vlan: 0, address };
        Networks { own: vec![network], ..Networks::default() }
    }

    #[test]
    fn a_client_is_in_a_network_and_is_neither_this_host_nor_everybody() {
        let networks = networks("10.0.0.1/24");
        for (address, is_client) in
            [("10.0.0.2", true), ("10.0.0.1", false), ("10.0.0.0", false), ("10.0.0.255", false), ("10.0.1.2", false)]
        {
            assert_eq!(networks.has_client(address.parse().unwrap()), is_client, "{address}");
        }
    }

    #[test]
    fn a_machine_beyond_a_relay_is_a_client_where_its_network_is_named() {
        let named = Networks { beyond: vec!["10.0.0.0/15".parse().unwrap()], ..networks("10.0.0.1/24") };
        for (address, is_client) in
            [("10.1.0.9", true), ("10.0.0.1", false), ("10.0.0.0", false), ("10.1.255.255", false), ("10.2.0.9", false)]
        {
            assert_eq!(named.has_client(address.parse().unwrap()), is_client, "{address}");
        }
        assert!(!networks("10.0.0.1/24").has_client(Ipv4Addr::new(10, 1, 0, 9)));
    }

    #[test]
    fn an_interface_without_an_address_is_told_from_one_whose_bridge_or_vlan_has_one() {
        let mut links: Vec<_> = host().links().cloned().collect();
        links.push(link(6, "vmbr1", Kind::Bridge, &[]));
        let ifaces = ["vmbr0", "eno1", "vmbr1", "vmbr1", "vmbr0.5"].map(str::to_owned);
        assert_eq!(Networks::of(&Snapshot::of(links), &ifaces, &[]).without_address, ["vmbr1"]);
    }

    #[test]
    fn the_other_end_of_a_network_of_two_is_a_client() {
        assert!(networks("10.0.0.0/31").has_client(Ipv4Addr::new(10, 0, 0, 1)));
    }
}
