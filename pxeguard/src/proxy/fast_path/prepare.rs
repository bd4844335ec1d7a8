//! Prepares a reply for each kind of plain request: by asking what a client of that kind would be answered.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Instant;

use pxeguard_common::arch::{ARCHES, ArchEntry, Transport};
use pxeguard_common::net::Mac;
use pxeguard_common::request::{Ask, Asker, Kind, MAX_LEN};
use pxeguard_common::responder::{MAX_REPLIES, Prepared, Variant};
use pxeguard_common::template::{BOOT_ITEM, UUID};

use crate::boot::{AskingProgram, Client, ClientSettings, NoOffer, Offer, Offers, Settings};
use crate::dataplane::Reply;
use crate::networks::{Network, Networks};
use crate::proxy::Strategy;
use crate::proxy::answer::{Arrival, Policy, answer, port};
use crate::proxy::learning::{Learning, Learnt};
use crate::proxy::request::{self, Request};
use crate::trust::MacAddress;

/// Nobody has it, and nobody has said anything of it.
const NOBODY: Mac = *b"\x02proxy";

/// Clients that get the same replies.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Group {
    /// What the operator says of each of them.
    pub own: ClientSettings,
    /// The strategy that has worked for them, if another than the first of all; then they are firmware.
    pub settled: Option<Strategy>,
}

impl Group {
    /// The groups of clients of whom the operator says nothing; the first one is that of unknown clients.
    pub fn of_all() -> [Self; 3] {
        [None, Some(Strategy::Binl), Some(Strategy::Menu)].map(|settled| Self { settled, ..Self::default() })
    }
}

/// So many replies are prepared, and for so many groups at the most; a policy is put in the place of one with as many.
pub const MOST: usize = MAX_REPLIES as usize / 2;

/// All replies of a policy, to these groups; the place of a group is its variant's number, and that of unknown clients
/// comes first.  From the first one on for which there is no room they have none, and cost no time either.
///
/// Where this host has several addresses, the address that a client asks for may decide: that is left to user space.
pub fn replies(networks: &Networks, settings: &Settings, offers: &dyn Offers, groups: &[Group]) -> Vec<Reply> {
    let is_only = |network: &&Network| {
        let same = |other: &&Network| (other.iface, other.vlan) == (network.iface, network.vlan);
        networks.own.iter().filter(same).count() == 1
    };
    let served: Vec<_> = networks.own.iter().filter(is_only).collect();
    let mut all = Vec::new();
    for (variant, group) in (Variant::COMMON..).zip(groups) {
        let asked = Asked::by(group, networks, settings, offers);
        let replies: Vec<_> = served.iter().flat_map(|network| asked.in_network(network, variant)).collect();
        if all.len() + replies.len() > MOST {
            break;
        }
        all.extend(replies);
    }
    all
}

/// Asks as a client of a group, of whom nothing is known but that.
struct Asked<'a> {
    group: &'a Group,
    networks: &'a Networks,
    settings: Settings,
    offers: AsIf<'a>,
}

impl<'a> Asked<'a> {
    fn by(group: &'a Group, networks: &'a Networks, settings: &Settings, offers: &'a dyn Offers) -> Self {
        let clients = BTreeMap::from([(MacAddress(NOBODY), group.own.clone())]);
        Self { group, networks, settings: Settings { clients, ..settings.clone() }, offers: AsIf(offers, &group.own) }
    }

    fn in_network(&self, network: &Network, variant: u16) -> Vec<Reply> {
        let is_asked = |asker: Asker| match self.group.settled {
            Some(_) => asker == Asker::Pxe,
            None => !self.settings.chain_ipxe || !is_ipxe(asker),
        };
        let kinds = ARCHES.iter().flat_map(kinds).filter(|(_, asker)| is_asked(*asker));
        let replies = kinds.filter_map(|(kind, asker)| {
            let prepared = self.reply(kind, asker, network)?;
            Some(Reply { iface: network.iface, vlan: network.vlan, variant, kind, prepared })
        });
        replies.collect()
    }

    /// `None` if there is none: nothing fits, say.
    fn reply(&self, kind: Kind, asker: Asker, network: &Network) -> Option<Prepared> {
        let server = network.address.addr();
        let (request, at) = if kind.ask == Ask::Offer as u8 {
            let (from, to) = (SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port::CLIENT), Ipv4Addr::BROADCAST);
            let to = SocketAddrV4::new(to, port::SERVER);
            let at =
                Arrival { iface: network.iface, vlan: network.vlan, from_mac: NOBODY, to_mac: [0xff; 6], from, to };
            (request(kind, asker, NOBODY, Ipv4Addr::UNSPECIFIED), at)
        } else {
            let client = network.address.hosts().find(|address| self.networks.has_client(*address))?;
            let (from, to) =
                (SocketAddrV4::new(client, port::BOOT_SERVER), SocketAddrV4::new(server, port::BOOT_SERVER));
            let at =
                Arrival { iface: network.iface, vlan: network.vlan, from_mac: NOBODY, to_mac: network.mac, from, to };
            (request(kind, asker, NOBODY, client), at)
        };
        let learnt = self.group.settled.map(|strategy| (MacAddress(NOBODY), strategy));
        let mut learning = Learning::new(&Learnt(learnt.into_iter().collect()));
        let mut policy =
            Policy { networks: self.networks, settings: &self.settings, offers: &self.offers, learning: &mut learning };
        let answer = answer(&request, &at, &mut policy, Instant::now()).ok()?;
        let message = answer.shape.template().ok()?;
        let from = answer.from;
        let prefix_len = network.address.prefix_len();
        Some(Prepared::new(message, answer.from_mac, from.ip().octets(), from.port(), prefix_len))
    }
}

/// Offers what the operator wants for clients of whom he says this.
struct AsIf<'a>(&'a dyn Offers, &'a ClientSettings);

impl Offers for AsIf<'_> {
    fn offer(&self, client: &Client) -> Result<Offer, NoOffer> {
        self.0.offer_as_if(client, self.1)
    }

    fn offer_as_if(&self, client: &Client, own: &ClientSettings) -> Result<Offer, NoOffer> {
        self.0.offer_as_if(client, own)
    }

    fn generation(&self) -> u64 {
        self.0.generation()
    }
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
