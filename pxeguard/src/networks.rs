//! The networks that are guarded: where a boot server's clients are, and the address by which they reach this host.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use pxeguard_common::net::{Ifindex, Mac};

/// An IPv4 address of a guarded interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Network {
    /// The interface: the bridge, or the network card, that `--iface` names; or a VLAN device on it.
    pub iface: Ifindex,
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its VLAN, 0 for none.
    pub vlan: u16,
    /// This host's address there, with the length of the network's prefix.
    pub address: Ipv4Net,
}

/// All of them; those of one interface in the order in which the kernel has them, so that the first is its main one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Networks(pub Vec<Network>);

impl Networks {
    /// Whether an address belongs to a client: to a machine in one of the networks, and not to this host.
    pub fn has_client(&self, address: Ipv4Addr) -> bool {
        self.0.iter().any(|network| {
            let net = &network.address;
            // A /31 has neither (RFC 3021).
            let is_special = net.prefix_len() < 31 && (address == net.network() || address == net.broadcast());
            net.contains(&address) && address != net.addr() && !is_special
        })
    }

    /// The address at which a client reaches this host: in the client's own network.
    pub fn server_for(&self, client: Ipv4Addr) -> Option<Ipv4Addr> {
        self.0.iter().find(|network| network.address.contains(&client)).map(|network| network.address.addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(address: &str) -> Networks {
        let address = address.parse().unwrap();
        Networks(vec![Network { iface: Ifindex(2), name: "br0".to_owned(), mac: [2; 6], vlan: 0, address }])
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
    fn the_other_end_of_a_network_of_two_is_a_client() {
        assert!(networks("10.0.0.0/31").has_client(Ipv4Addr::new(10, 0, 0, 1)));
    }
}
