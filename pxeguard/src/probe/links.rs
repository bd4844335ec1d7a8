//! Interfaces made, joined and given addresses, by rtnetlink.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, Parseable,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    AfSpecBridge, AfSpecInet6, AfSpecUnspec, BridgePortState, BridgeVlanInfo, BridgeVlanInfoFlags, In6AddrGenMode,
    InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoVeth, LinkAttribute, LinkFlags, LinkHeader, LinkInfo,
    LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::sys::socket::{MsgFlags, SockFlag, send};
use pxeguard_common::net::{Ifindex, Mac};

use crate::ports::netlink::{answers, listen_to_kernel, open};

/// The interfaces of one network namespace: the one that the thread was in which opened it.
#[derive(Debug)]
pub struct Links {
    socket: OwnedFd,
    sequence: u32,
}

/// A cable with one end here and one in another network namespace.
#[derive(Debug)]
pub struct Cable<'a> {
    /// The name of the end here.
    pub name: &'a str,
    /// Its address.
    pub mac: Mac,
    /// The name of the other end.
    pub other_name: &'a str,
    /// Its address.
    pub other_mac: Mac,
    /// The other end's namespace.
    pub other_namespace: BorrowedFd<'a>,
    /// The longest packet of both, in bytes.
    pub mtu: u32,
}

impl Links {
    /// Of the calling thread's network namespace.
    pub fn open() -> io::Result<Self> {
        let socket = open(SockFlag::empty()).map_err(io::Error::other)?;
        listen_to_kernel(&socket)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Makes a cable; both ends are down.  `AlreadyExists` if the name is taken.
    pub fn add_cable(&mut self, cable: &Cable<'_>) -> io::Result<()> {
        let mut peer = end(cable.other_name, cable.other_mac, cable.mtu);
        peer.attributes.push(LinkAttribute::NetNsFd(cable.other_namespace.as_raw_fd()));
        let mut link = end(cable.name, cable.mac, cable.mtu);
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// The number of an interface.
    pub fn index_of(&mut self, name: &str) -> io::Result<Ifindex> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let mut index = None;
        self.request(RouteNetlinkMessage::GetLink(message), 0, |message| {
            index = index.or(LinkHeader::parse(message).ok().map(|header| Ifindex(header.index)));
        })?;
        index.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Keeps IPv6 from giving an interface an address; fails where there is no IPv6.
    pub fn without_ipv6(&mut self, link: Ifindex) -> io::Result<()> {
        let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
        let mut message = numbered(link);
        message.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]));
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Makes an interface a port of a bridge.
    pub fn join(&mut self, link: Ifindex, bridge: Ifindex) -> io::Result<()> {
        let mut message = numbered(link);
        message.attributes.push(LinkAttribute::Controller(bridge.0));
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Lets a port of a bridge that filters VLANs take and give the frames of one, with their tag.
    pub fn add_vlan(&mut self, port: Ifindex, vid: u16) -> io::Result<()> {
        let mut message = numbered(port);
        message.header.interface_family = AddressFamily::Bridge;
        let vlan = AfSpecBridge::VlanInfo(BridgeVlanInfo { flags: BridgeVlanInfoFlags::empty(), vid });
        message.attributes.push(LinkAttribute::AfSpecBridge(vec![vlan]));
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Takes an interface into use.
    pub fn up(&mut self, link: Ifindex) -> io::Result<()> {
        let mut message = numbered(link);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Deletes an interface, and with one end of a cable the other.
    pub fn delete(&mut self, link: Ifindex) -> io::Result<()> {
        self.change(RouteNetlinkMessage::DelLink(numbered(link)), 0)
    }

    /// Gives an interface an address.
    pub fn add_address(&mut self, link: Ifindex, address: Ipv4Addr, prefix_len: u8) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = prefix_len;
        message.header.index = link.0;
        message.attributes =
            vec![AddressAttribute::Local(IpAddr::V4(address)), AddressAttribute::Address(IpAddr::V4(address))];
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Names the router for all that is not on an interface.
    pub fn add_default_route(&mut self, router: Ipv4Addr) -> io::Result<()> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Boot;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(router))];
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Whether a port of a bridge forwards.
    pub fn is_forwarding(&mut self, port: Ifindex) -> io::Result<bool> {
        let mut forwards = false;
        self.request(RouteNetlinkMessage::GetLink(numbered(port)), 0, |message| {
            let link = LinkMessage::parse(message).unwrap_or_default();
            forwards |= port_state(&link) == Some(BridgePortState::Forwarding);
        })?;
        Ok(forwards)
    }

    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.request(message, flags, |_| {})
    }

    /// Asks, and shows each message of the answer without its netlink header.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16, each: impl FnMut(&[u8])) -> io::Result<()> {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, message.into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        send(self.socket.as_raw_fd(), &bytes, MsgFlags::empty())?;
        answers(&self.socket, self.sequence, each)?;
        Ok(())
    }
}

fn end(name: &str, mac: Mac, mtu: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes =
        vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::Address(mac.to_vec()), LinkAttribute::Mtu(mtu)];
    message
}

fn numbered(link: Ifindex) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = link.0;
    message
}

fn port_state(link: &LinkMessage) -> Option<BridgePortState> {
    let infos = link.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    let ports = infos.flatten().filter_map(|info| match info {
        LinkInfo::PortData(InfoPortData::BridgePort(port)) => Some(port),
        _ => None,
    });
    ports.flatten().find_map(|part| match part {
        InfoBridgePort::State(state) => Some(*state),
        _ => None,
    })
}
