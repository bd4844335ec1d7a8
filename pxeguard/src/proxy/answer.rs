//! Who is answered, with what, and where to: one function of a request, of what is known, and of the time.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use pxeguard_common::arch::Transport;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::template::Values;

use super::learning::{Learning, Stage, Told};
use super::reply::{Says, Shape};
use super::request::{Ask, Ignore, Request};
use super::{Strategy, url};
use crate::boot::{AskingProgram, Offer, Offers, Settings};
use crate::networks::{Network, Networks};
use crate::trust::MacAddress;

/// UDP ports.
pub mod port {
    /// Where DHCP servers and relays listen (RFC 2131 §4.1).
    pub const SERVER: u16 = 67;
    /// Where DHCP clients listen.
    pub const CLIENT: u16 = 68;
    /// Where PXE boot servers listen, and UEFI's PXE client for their answers (PXE 2.1 §2.2.3).
    pub const BOOT_SERVER: u16 = 4011;
}

/// Where a request came from, and where it was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// The guarded interface by which it came.
    pub iface: Ifindex,
    /// Its VLAN, 0 for none.
    pub vlan: u16,
    /// The frame's source: the client, or a relay or router.
    pub from_mac: Mac,
    /// The frame's destination.
    pub to_mac: Mac,
    /// The datagram's source.
    pub from: SocketAddrV4,
    /// The datagram's destination.
    pub to: SocketAddrV4,
}

/// What decides an answer, apart from the request.
pub struct Policy<'a> {
    /// Where clients are.
    pub networks: &'a Networks,
    /// What the operator says.
    pub settings: &'a Settings,
    /// What there is to boot.
    pub offers: &'a dyn Offers,
    /// What is known of each client.
    pub learning: &'a mut Learning,
}

/// A reply, and where it goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What it says.
    pub shape: Shape,
    /// What in it is the client's own.
    pub values: Values,
    /// Option 82 of the relay, to be repeated.
    pub relay_information: Option<Vec<u8>>,
    /// The way it was chosen: `direct`, `binl`, `menu`, `http` or `script`.
    pub strategy: &'static str,
    /// The frame's source.
    pub from_mac: Mac,
    /// The frame's destination.
    pub to_mac: Mac,
    /// Its VLAN, 0 for none.
    pub vlan: u16,
    /// The datagram's source: the port says to clients what answers.
    pub from: SocketAddrV4,
    /// The datagram's destination.
    pub to: SocketAddrV4,
}

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Silence {
    /// It is none of ours.
    Ignored(Ignore),
    /// The client boots from the network, and we have nothing for it; why, in plain words.
    Refused(Arc<str>),
}

impl From<Ignore> for Silence {
    fn from(why: Ignore) -> Self {
        Self::Ignored(why)
    }
}

/// Answers a request.
///
/// No address is ever given: `yiaddr` is 0.0.0.0 in offers and acknowledgements.
pub fn answer(request: &Request, at: &Arrival, policy: &mut Policy<'_>, now: Instant) -> Result<Answer, Silence> {
    let network = network(policy.networks, request, at).ok_or(Ignore::NotServed)?;
    if !is_for_us(policy.networks, network, at) {
        return Err(Ignore::ForAnother.into());
    }
    let is_ack = match (request.ask, at.to.port()) {
        (Ask::Discover, port::SERVER) => false,
        (Ask::Request, port::SERVER) => return Err(Ignore::ForDhcpServer.into()),
        (Ask::Discover, _) => return Err(Ignore::OddPort.into()),
        (Ask::Request | Ask::Inform, _) => true,
    };
    if is_ack && !may_reach(policy, request) {
        return Err(Ignore::NotServed.into());
    }
    let offer = policy.offers.offer(&request.client).map_err(|why| Silence::Refused(why.to_string().into()))?;
    let server = network.address.addr();
    let file = told_file(request, &offer, server, policy.settings.http_port);
    let (says, strategy) = match is_ack {
        true => boot_server_says(request, &file, policy),
        false => offer_says(request, &offer, &file, policy, now),
    };
    let shape = Shape {
        says,
        is_ack,
        server,
        file,
        has_uuid: request.uuid.is_some(),
        has_boot_item: is_ack && request.boot_item.is_some(),
    };
    let (to_mac, to) = destination(request, at);
    Ok(Answer {
        shape,
        values: values(request),
        relay_information: request.relay_information.clone(),
        strategy,
        from_mac: network.mac,
        to_mac,
        vlan: at.vlan,
        from: SocketAddrV4::new(server, at.to.port()),
        to,
    })
}

/// Ours in the client's network: of its VLAN where a device has that, else the interface's own; of several the one to
/// which the request was sent (a relay names one), else the one that the client's address or its relay's is in, else the
/// first.
fn network<'a>(networks: &'a Networks, request: &Request, at: &Arrival) -> Option<&'a Network> {
    let of = |vlan| networks.own.iter().filter(move |network| network.iface == at.iface && network.vlan == vlan);
    let near = [request.ciaddr, request.giaddr, request.requested.unwrap_or(Ipv4Addr::UNSPECIFIED)];
    let is_near = |network: &&Network| near.iter().any(|address| network.address.contains(address));
    let is_asked = |network: &&Network| network.address.addr() == *at.to.ip();
    let choose = |vlan| of(vlan).find(is_asked).or_else(|| of(vlan).find(is_near)).or_else(|| of(vlan).next());
    choose(at.vlan).or_else(|| choose(0))
}

/// Whether a datagram is sent to everybody, or to an address of ours.
fn is_for_us(networks: &Networks, network: &Network, at: &Arrival) -> bool {
    let is_group = at.to_mac[0] & 1 != 0;
    if !is_group && at.to_mac != network.mac {
        return false;
    }
    let to = at.to.ip();
    let is_ours = networks.own.iter().any(|network| network.iface == at.iface && network.address.addr() == *to);
    is_ours || to.is_broadcast() || *to == network.address.broadcast()
}

/// Whether a client that has an address can be reached: it is in a network of ours, or it was told by way of a relay
/// to come here.
fn may_reach(policy: &Policy<'_>, request: &Request) -> bool {
    let has_relay = !request.giaddr.is_unspecified();
    has_relay || policy.networks.has_client(request.ciaddr) || policy.learning.is_remote(request.client.mac)
}

/// What an offer says, and by which strategy.
fn offer_says(
    request: &Request,
    offer: &Offer,
    told_file: &str,
    policy: &mut Policy<'_>,
    now: Instant,
) -> (Says, &'static str) {
    let client = &request.client;
    let (stage, only) = match (client.program, client.transport) {
        (AskingProgram::Ipxe { .. }, _) => (Stage::Ipxe, Some((Says::File, ipxe_strategy(told_file)))),
        (AskingProgram::Firmware, Transport::Http) => (Stage::Http, Some((Says::Url, "http"))),
        (AskingProgram::Firmware, Transport::Tftp) => (Stage::Pxe, None),
    };
    let platform = client.arch.platform();
    let own = policy.settings.clients.get(&MacAddress(client.mac)).and_then(|client| client.strategy);
    let chosen = own.or_else(|| platform.and_then(|platform| policy.settings.strategies.get(&platform).copied()));
    let told = Told {
        mac: client.mac,
        stage,
        xid: request.xid,
        platform,
        chosen: if only.is_some() { Some(Strategy::Direct) } else { chosen },
        is_remote: !request.giaddr.is_unspecified(),
        file: &offer.file,
    };
    let strategy = policy.learning.strategy(&told, now);
    only.unwrap_or_else(|| match strategy {
        Strategy::Direct => (Says::File, strategy.name()),
        Strategy::Binl => (Says::AskAgain, strategy.name()),
        Strategy::Menu => (Says::Menu, strategy.name()),
    })
}

/// What an acknowledgement says: the file, whatever the offer said.  Some firmware asks on port 4011 in any case.
fn boot_server_says(request: &Request, file: &str, policy: &mut Policy<'_>) -> (Says, &'static str) {
    policy.learning.has_address(request.client.mac);
    match (request.client.program, request.client.transport, request.boot_item) {
        (AskingProgram::Ipxe { .. }, ..) => (Says::BootServer, ipxe_strategy(file)),
        (_, Transport::Http, _) => (Says::Url, "http"),
        (_, _, Some(_)) => (Says::BootServer, Strategy::Menu.name()),
        (_, _, None) => (Says::BootServer, Strategy::Binl.name()),
    }
}

/// An iPXE is told a script, or another program as firmware is.
fn ipxe_strategy(file: &str) -> &'static str {
    if file.contains("://") { "script" } else { Strategy::Direct.name() }
}

/// The name as the client is told it: below the root for PXE; a URL for HTTP boot, with the address as a number (edk2
/// prefers those, `HttpBootDhcp4.c`); a URL for iPXE's scripts, which have no next-server of their own then.
///
/// Other programs that an iPXE loads get a plain name: pxelinux and GRUB look for their files beside it by TFTP.
fn told_file(request: &Request, offer: &Offer, server: Ipv4Addr, http_port: u16) -> Arc<str> {
    match (request.client.program, request.client.transport) {
        (AskingProgram::Ipxe { http }, _) if offer.file.ends_with(".ipxe") => match http {
            true => url::http(server, http_port, &offer.file),
            false => url::tftp(server, &offer.file),
        },
        (AskingProgram::Firmware, Transport::Http) => url::http(server, http_port, &offer.file),
        _ => Arc::clone(&offer.file),
    }
}

/// What is the client's own.  Of the flags only "broadcast" is repeated: the others must be zero (RFC 2131 §2).
fn values(request: &Request) -> Values {
    Values {
        xid: request.xid.to_be_bytes(),
        flags: if request.broadcast { [0x80, 0] } else { [0, 0] },
        ciaddr: if request.ask == Ask::Discover { [0; 4] } else { request.ciaddr.octets() },
        giaddr: request.giaddr.octets(),
        chaddr: request.client.mac,
        uuid: request.uuid.unwrap_or_default(),
        boot_item: request.boot_item.unwrap_or_default(),
    }
}

/// Where the answer goes (RFC 2131 §4.1): to the relay; to the address that the client has, and to the port from which
/// it asked (iPXE asks port 4011 from 68, edk2 from 4011); else to everybody.
///
/// "Everybody" is only the packet's address where the client does not want a broadcast: the frame is the client's own
/// then, so that a hall of clients that boot at once does not hear every answer.  Another address than
/// 255.255.255.255 there is none, because the client has none yet and gets none of us.
///
/// The frame's destination is always that of the asking one: who names another address in a message makes us send nothing
/// there.  They are different where a wireless bridge asks for the machines behind it.
fn destination(request: &Request, at: &Arrival) -> (Mac, SocketAddrV4) {
    if !request.giaddr.is_unspecified() {
        return (at.from_mac, SocketAddrV4::new(request.giaddr, port::SERVER));
    }
    if request.ask != Ask::Discover && !request.ciaddr.is_unspecified() {
        return (at.from_mac, SocketAddrV4::new(request.ciaddr, at.from.port()));
    }
    let mac = if request.broadcast { [0xff; 6] } else { at.from_mac };
    (mac, SocketAddrV4::new(Ipv4Addr::BROADCAST, port::CLIENT))
}
