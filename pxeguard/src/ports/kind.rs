//! What an interface is.

use std::fmt;

use netlink_packet_route::link::LinkLayerType;

/// What an interface is, by `IFLA_INFO_KIND` and its link layer.
///
/// Where hypervisors have them:
///
/// | kind | Proxmox VE | libvirt |
/// | --- | --- | --- |
/// | bridge | `vmbr0`; `fwbr100i0`, one for each guest with a firewall | `virbr0` |
/// | physical | `eno1`, the uplink | the same |
/// | bond | `bond0`, two uplinks as one | the same |
/// | vlan | `bond0.5`, `vmbr0.5` | `eno1.5` |
/// | tap | `tap100i0`, a virtual machine | `vnet0` |
/// | veth | `veth100i0`, a container; `fwln100i0` in `fwbr100i0` and `fwpr100p0` in `vmbr0`, the cable between them | containers |
/// | macvlan | | `macvtap0`, a guest that is on the card itself |
/// | vxlan | `vxlan_vnet1`, an SDN zone across hosts | the same |
/// | openvswitch | `vmbr1` of an Open vSwitch, and its internal ports | `ovsbr0` |
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A Linux bridge.
    Bridge,
    /// A network card, also a virtual machine's own.
    Physical,
    /// Several interfaces as one, by the bonding driver.
    Bond,
    /// Several interfaces as one, by the team driver.
    Team,
    /// One VLAN of another interface.
    Vlan,
    /// The tun driver with Ethernet frames: a virtual machine; also a bridge of Open vSwitch's userspace datapath.
    Tap,
    /// The tun driver with IP packets: a VPN.
    Tun,
    /// One end of a cable between two network namespaces, or within one.
    Veth,
    /// Another address on an interface.
    Macvlan,
    /// A tunnel of Ethernet frames over UDP.
    Vxlan,
    /// An interface that nothing is behind.
    Dummy,
    /// Open vSwitch's kernel datapath, its bridges and internal ports.
    OpenVswitch,
    /// The host's loopback.
    Loopback,
    /// Anything else, by the name that the kernel has for it.
    Other(String),
}

impl Kind {
    /// `info` is `IFLA_INFO_KIND`, which interfaces of real devices do not have.
    pub(super) fn new(info: Option<&str>, layer: LinkLayerType) -> Self {
        match info {
            None if layer == LinkLayerType::Loopback => Self::Loopback,
            None if layer == LinkLayerType::Ether => Self::Physical,
            None => Self::Other(layer.to_string().to_lowercase()),
            Some("bridge") => Self::Bridge,
            Some("bond") => Self::Bond,
            Some("team") => Self::Team,
            Some("vlan") => Self::Vlan,
            Some("tun") if layer == LinkLayerType::Ether => Self::Tap,
            Some("tun") => Self::Tun,
            Some("veth") => Self::Veth,
            Some("macvlan") => Self::Macvlan,
            Some("vxlan") => Self::Vxlan,
            Some("dummy") => Self::Dummy,
            Some("openvswitch") => Self::OpenVswitch,
            Some(other) => Self::Other(other.to_owned()),
        }
    }

    /// As in `pxeguard ports`: `physical`, `bond`, `tap`.
    pub fn name(&self) -> &str {
        match self {
            Self::Bridge => "bridge",
            Self::Physical => "physical",
            Self::Bond => "bond",
            Self::Team => "team",
            Self::Vlan => "vlan",
            Self::Tap => "tap",
            Self::Tun => "tun",
            Self::Veth => "veth",
            Self::Macvlan => "macvlan",
            Self::Vxlan => "vxlan",
            Self::Dummy => "dummy",
            Self::OpenVswitch => "openvswitch",
            Self::Loopback => "loopback",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_of_a_kind_unknown_keeps_the_kernels_name_for_it() {
        let kind = Kind::new(Some("netkit"), LinkLayerType::Ether);
        assert_eq!(kind.name(), "netkit");
    }

    #[test]
    fn kinds_that_this_kernel_may_lack_are_known_by_name() {
        for name in ["bond", "team", "vlan", "macvlan", "vxlan", "dummy", "openvswitch"] {
            let kind = Kind::new(Some(name), LinkLayerType::Ether);
            assert!(!matches!(kind, Kind::Other(_)), "{name}");
            assert_eq!(kind.name(), name);
        }
    }
}
