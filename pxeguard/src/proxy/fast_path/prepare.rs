//! Prepares a reply for each kind of plain request: by asking what an unknown client of that kind would be answered.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Instant;

use pxeguard_common::arch::{ARCHES, ArchEntry, Transport};
use pxeguard_common::net::Mac;
use pxeguard_common::request::{Ask, Asker, Kind, MAX_LEN};
use pxeguard_common::responder::Prepared;
use pxeguard_common::template::{BOOT_ITEM, UUID};

use crate::boot::{AskingProgram, Client, Offers, Settings};
use crate::dataplane::Reply;
use crate::networks::{Network, Networks};
use crate::proxy::answer::{Arrival, Policy, answer, port};
use crate::proxy::learning::Learning;
use crate::proxy::request::{self, Request};

/// Nobody has it, and nobody has said anything of it.
const NOBODY: Mac = *b"\x02proxy";

/// All replies of a policy.  Where this host has several addresses, the address that a client asks for may decide:
/// that is left to user space.
pub fn replies(networks: &Networks, settings: &Settings, offers: &dyn Offers) -> Vec<Reply> {
    let is_only = |network: &&Network| {
        let same = |other: &&Network| (other.iface, other.vlan) == (network.iface, network.vlan);
        networks.own.iter().filter(same).count() == 1
    };
    let mut replies = Vec::new();
    for network in networks.own.iter().filter(is_only) {
        let kinds = ARCHES.iter().flat_map(kinds).filter(|(_, asker)| !settings.chain_ipxe || !is_ipxe(*asker));
        for (kind, asker) in kinds {
            replies.extend(reply(kind, asker, network, networks, settings, offers));
        }
    }
    replies
}

fn is_ipxe(asker: Asker) -> bool {
    matches!(asker, Asker::Ipxe | Asker::IpxeHttp)
}

/// The kinds of requests that are made on an architecture.
fn kinds(entry: &ArchEntry) -> impl Iterator<Item = (Kind, Asker)> + use<> {
    let arch = entry.arch;
    let askers: &[Asker] = match entry.transport {
        Transport::Tftp => &[Asker::Pxe, Asker::Ipxe, Asker::IpxeHttp],
        Transport::Http => &[Asker::Http],
    };
    let asks = [(Ask::Offer, false), (Ask::BootServer, false), (Ask::BootServer, true)];
    let askers_and_asks = askers.iter().flat_map(move |asker| asks.map(|ask| (*asker, ask)));
    askers_and_asks.flat_map(move |(asker, (ask, has_item))| {
        [false, true].map(|has_uuid| (Kind::new(arch, ask, asker, has_uuid, has_item), asker))
    })
}

/// `None` if there is none: nothing fits, say.
fn reply(
    kind: Kind,
    asker: Asker,
    network: &Network,
    networks: &Networks,
    settings: &Settings,
    offers: &dyn Offers,
) -> Option<Reply> {
    let server = network.address.addr();
    let (request, at) = if kind.ask == Ask::Offer as u8 {
        let (from, to) = (SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port::CLIENT), Ipv4Addr::BROADCAST);
        let to = SocketAddrV4::new(to, port::SERVER);
        let at = Arrival { iface: network.iface, vlan: network.vlan, from_mac: NOBODY, to_mac: [0xff; 6], from, to };
        (request(kind, asker, NOBODY, Ipv4Addr::UNSPECIFIED), at)
    } else {
        let client = network.address.hosts().find(|address| networks.has_client(*address))?;
        let (from, to) = (SocketAddrV4::new(client, port::BOOT_SERVER), SocketAddrV4::new(server, port::BOOT_SERVER));
        let at = Arrival { iface: network.iface, vlan: network.vlan, from_mac: NOBODY, to_mac: network.mac, from, to };
        (request(kind, asker, NOBODY, client), at)
    };
    let mut learning = Learning::default();
    let mut policy = Policy { networks, settings, offers, learning: &mut learning };
    let answer = answer(&request, &at, &mut policy, Instant::now()).ok()?;
    let message = answer.shape.template().ok()?;
    let from = answer.from;
    let prepared =
        Prepared::new(message, answer.from_mac, from.ip().octets(), from.port(), network.address.prefix_len());
    Some(Reply { iface: network.iface, vlan: network.vlan, kind, prepared })
}

/// A request of a kind, as [`request::Reading`] would have read it.
pub(super) fn request(kind: Kind, asker: Asker, mac: Mac, ciaddr: Ipv4Addr) -> Request {
    let (program, transport) = match asker {
        Asker::Pxe => (AskingProgram::Firmware, Transport::Tftp),
        Asker::Http => (AskingProgram::Firmware, Transport::Http),
        Asker::Ipxe => (AskingProgram::Ipxe { http: false }, Transport::Tftp),
        Asker::IpxeHttp => (AskingProgram::Ipxe { http: true }, Transport::Tftp),
    };
    let arch = pxeguard_common::arch::Arch(kind.arch);
    Request {
        ask: if kind.ask == Ask::Offer as u8 { request::Ask::Discover } else { request::Ask::Request },
        client: Client { mac, arch, transport, program },
        xid: 0,
        broadcast: false,
        ciaddr,
        giaddr: Ipv4Addr::UNSPECIFIED,
        requested: None,
        uuid: (kind.has_uuid != 0).then_some([0; UUID]),
        boot_item: (kind.has_boot_item != 0).then_some([0; BOOT_ITEM]),
        relay_information: None,
        max_len: usize::from(*MAX_LEN.end()),
    }
}
