//! One interface.

use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressHeader, AddressMessage, AddressScope};
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkLayerType, LinkMessage};
use nix::libc;
use pxeguard_common::net::{Ifindex, Mac};

use super::netlink::{Attributes, Table, number, text};
use super::{Device, Kind};

/// Length of `struct ifinfomsg` (linux/rtnetlink.h), after which the attributes of an interface begin.
const IFINFOMSG: usize = 16;
/// Length of `struct ifaddrmsg` (linux/if_addr.h).
const IFADDRMSG: usize = 8;

/// One interface, as the kernel tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Its number, which it keeps until it is deleted; a new interface of the same name has another.
    pub index: Ifindex,
    /// Its name; can change while it exists.
    pub name: String,
    /// Other names of it, which udev gives to cards; `--iface` takes them, too.
    pub alternative_names: Vec<String>,
    /// What it is.
    pub kind: Kind,
    /// Whether its frames have Ethernet headers.
    pub is_ethernet: bool,
    /// Whether a device is behind it, rather than software.
    pub physical: bool,
    /// The bridge, bond, VRF or Open vSwitch datapath that it is a port of.
    pub master: Option<Ifindex>,
    /// Of a VLAN device: the interface that it is one VLAN of.
    pub vlan_of: Option<VlanOf>,
    /// Of a bridge: whether it filters VLANs, and so gives and takes tags by its ports' rules.
    pub filters_vlans: bool,
    /// Its Ethernet address; `None` where it has none.
    pub mac: Option<Mac>,
    /// The longest packet that it takes, in bytes, without the Ethernet header.
    pub mtu: u32,
    /// The XDP program on it, whoever put it there.
    pub xdp: Option<XdpAttached>,
    /// Whether it is up (`IFF_UP`); says nothing about its cable.
    pub up: bool,
    /// The host's addresses on it, without IPv6 link-local ones.
    pub addresses: Vec<Address>,
}

/// Of what interface a VLAN device is which VLAN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VlanOf {
    /// The interface with the tagged frames.
    pub trunk: Ifindex,
    /// The VLAN, 0 to 4095.
    pub vlan: u16,
}

/// An address of the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Address {
    /// The address itself.
    pub ip: IpAddr,
    /// Length of its network's prefix, in bits.
    pub prefix_len: u8,
}

/// An XDP program on an interface (`IFLA_XDP`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct XdpAttached {
    /// The program's id, as in `bpftool prog`.
    pub prog_id: u32,
    /// Where it runs.
    pub mode: XdpMode,
}

/// Where an XDP program runs (`XDP_ATTACHED_*` of linux/if_link.h).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// In the stack, behind the driver.
    Generic,
    /// In the card.
    Hardware,
    /// Several programs, one in the card.
    Multiple,
}

impl Link {
    /// One that is up, and nothing else is to be said of.
    #[cfg(test)]
    pub(crate) fn plain(index: u32, name: &str, kind: Kind) -> Self {
        Self {
            index: Ifindex(index),
            name: name.to_owned(),
            alternative_names: Vec::new(),
            is_ethernet: true,
            physical: kind == Kind::Physical,
            kind,
            master: None,
            vlan_of: None,
            filters_vlans: false,
            mac: None,
            mtu: 1500,
            xdp: None,
            up: true,
            addresses: Vec::new(),
        }
    }

    /// Whether the host itself has an address here, and so may route from here.
    pub fn has_address(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// What is behind it.  Asks the kernel, in the network namespace that the calling thread is in.
    pub fn device(&self) -> Device {
        Device::of(self)
    }

    pub(super) fn table() -> Table<Self> {
        let mut request = LinkMessage::default();
        // Sums up per-CPU counters otherwise: most of the work, for nothing.
        request.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let request = RouteNetlinkMessage::GetLink(request);
        Table { name: "network interfaces", request, row: Self::parse }
    }

    /// Reads `RTM_NEWLINK` behind its netlink header.
    fn parse(message: &[u8]) -> Option<Self> {
        let header = LinkHeader::parse(message).ok()?;
        let layer = header.link_layer_type;
        let (mut info, mut has_parent, mut trunk, mut vlan, mut filters_vlans) = (None, false, None, None, false);
        let mut link = Self {
            index: Ifindex(header.index),
            name: String::new(),
            alternative_names: Vec::new(),
            kind: Kind::Physical,
            is_ethernet: layer == LinkLayerType::Ether,
            physical: false,
            master: None,
            vlan_of: None,
            filters_vlans: false,
            mac: None,
            mtu: 0,
            xdp: None,
            up: header.flags.contains(LinkFlags::Up),
            addresses: Vec::new(),
        };
        for (kind, value) in Attributes(&message[IFINFOMSG..]) {
            match kind {
                libc::IFLA_IFNAME => link.name = text(value),
                libc::IFLA_ADDRESS => link.mac = value.try_into().ok(),
                libc::IFLA_MTU => link.mtu = number(value).unwrap_or_default(),
                libc::IFLA_MASTER => link.master = number(value).map(Ifindex),
                libc::IFLA_LINK => trunk = number(value).map(Ifindex),
                libc::IFLA_LINKINFO => {
                    info = nested(value, libc::IFLA_INFO_KIND).next().map(text);
                    vlan = nested(value, libc::IFLA_INFO_DATA).find_map(vlan_id);
                    filters_vlans = nested(value, libc::IFLA_INFO_DATA).any(has_vlan_filter);
                }
                libc::IFLA_XDP => link.xdp = XdpAttached::parse(value),
                libc::IFLA_PARENT_DEV_NAME => has_parent = true,
                libc::IFLA_PROP_LIST => {
                    link.alternative_names = nested(value, libc::IFLA_ALT_IFNAME).map(text).collect();
                }
                _ => {}
            }
        }
        link.kind = Kind::new(info.as_deref(), layer);
        if link.kind == Kind::Vlan {
            link.vlan_of = trunk.zip(vlan).map(|(trunk, vlan)| VlanOf { trunk, vlan });
        }
        link.filters_vlans = link.kind == Kind::Bridge && filters_vlans;
        // Kernels before 5.14 do not tell the parent; there, what no software made is a device.
        link.physical = has_parent || link.kind == Kind::Physical;
        Some(link)
    }
}

impl XdpAttached {
    /// `IFLA_XDP_ATTACHED` and the `_PROG_ID` attributes of linux/if_link.h; the last three are for [`XdpMode::Multiple`].
    const ATTACHED: u16 = 2;
    const PROG_ID: u16 = 4;
    const DRV_PROG_ID: u16 = 5;
    const SKB_PROG_ID: u16 = 6;
    const HW_PROG_ID: u16 = 7;

    fn parse(nested: &[u8]) -> Option<Self> {
        let (mut mode, mut prog_id) = (None, None);
        for (kind, value) in Attributes(nested) {
            match kind {
                Self::ATTACHED => mode = XdpMode::of(*value.first()?),
                Self::PROG_ID => prog_id = number(value),
                Self::DRV_PROG_ID | Self::SKB_PROG_ID | Self::HW_PROG_ID => {
                    prog_id = prog_id.or(number(value));
                }
                _ => {}
            }
        }
        Some(Self { prog_id: prog_id?, mode: mode? })
    }
}

impl XdpMode {
    /// `None` for `XDP_ATTACHED_NONE`, which every interface without a program says.
    fn of(attached: u8) -> Option<Self> {
        match attached {
            1 => Some(Self::Native),
            2 => Some(Self::Generic),
            3 => Some(Self::Hardware),
            4 => Some(Self::Multiple),
            _ => None,
        }
    }
}

impl Address {
    pub(super) fn table() -> Table<(Ifindex, Self)> {
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        Table { name: "addresses", request, row: Self::parse }
    }

    /// Reads `RTM_NEWADDR` behind its netlink header; IPv6 link-local addresses are left out, which every interface has.
    fn parse(message: &[u8]) -> Option<(Ifindex, Self)> {
        let header = AddressHeader::parse(message).ok()?;
        let attributes = || Attributes(&message[IFADDRMSG..]);
        let find = |wanted| attributes().find_map(|(kind, value)| (kind == wanted).then_some(value));
        // IFA_ADDRESS is the other side's where there is an IFA_LOCAL (linux/if_addr.h).
        let ip = ip(find(libc::IFA_LOCAL).or_else(|| find(libc::IFA_ADDRESS))?)?;
        let everywhere = ip.is_ipv6() && header.scope == AddressScope::Link;
        let address = Self { ip, prefix_len: header.prefix_len };
        (!everywhere).then_some((Ifindex(header.index), address))
    }
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(value).ok().map(IpAddr::from);
    v4().or_else(|| <[u8; 16]>::try_from(value).ok().map(IpAddr::from))
}

/// `IFLA_BR_VLAN_FILTERING` of linux/if_link.h, in the data of a bridge.
fn has_vlan_filter(data: &[u8]) -> bool {
    const IFLA_BR_VLAN_FILTERING: u16 = 7;
    Attributes(data).any(|(kind, value)| kind == IFLA_BR_VLAN_FILTERING && value.first().is_some_and(|on| *on != 0))
}

/// `IFLA_VLAN_ID` of linux/if_link.h, in the data of a VLAN device.
fn vlan_id(data: &[u8]) -> Option<u16> {
    const IFLA_VLAN_ID: u16 = 1;
    let id = nested(data, IFLA_VLAN_ID).next()?;
    id.try_into().ok().map(u16::from_ne_bytes)
}

fn nested(value: &[u8], wanted: u16) -> impl Iterator<Item = &[u8]> {
    Attributes(value).filter_map(move |(kind, value)| (kind == wanted).then_some(value))
}
