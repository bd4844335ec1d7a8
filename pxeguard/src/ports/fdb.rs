//! Behind which port a bridge has seen a MAC.

use netlink_packet_route::neighbour::{NeighbourFlags, NeighbourHeader, NeighbourMessage, NeighbourState};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::libc;
use pxeguard_common::net::{Ifindex, Mac};

use super::PortsError;
use super::netlink::{Attributes, Table, number};

/// Length of `struct ndmsg` (linux/neighbour.h).
const NDMSG: usize = 12;

/// `NDA_MASTER` of linux/neighbour.h, which libc has not for every C library.
const NDA_MASTER: u16 = 9;

/// A MAC that a bridge has learnt, or has been told, to be behind one of its ports.
struct Entry {
    mac: Mac,
    port: Ifindex,
    bridge: Ifindex,
}

/// The port with this MAC; see [`Watch::port_of`](super::Watch::port_of).
pub(super) async fn port_of(mac: Mac, within: &[Ifindex]) -> Result<Option<Ifindex>, PortsError> {
    let entries = Entry::table().read().await?;
    let asked = |entry: &Entry| within.contains(&entry.bridge) || within.contains(&entry.port);
    let mut ports = entries.iter().filter(|entry| entry.mac == mac && asked(entry)).map(|entry| entry.port);
    let port = ports.next();
    // A bridge has a MAC once for each VLAN.
    Ok(port.filter(|port| ports.all(|other| other == *port)))
}

impl Entry {
    fn table() -> Table<Self> {
        let mut request = NeighbourMessage::default();
        request.header.family = AddressFamily::Bridge;
        let request = RouteNetlinkMessage::GetNeighbour(request);
        Table { name: "MACs behind bridge ports", request, row: Self::parse }
    }

    /// Reads `RTM_NEWNEIGH` behind its netlink header.
    ///
    /// What has no bridge is a card's own filter or a tunnel's table, and what is permanent is a MAC of the host
    /// itself: net/bridge/br_fdb.c says `NUD_NOARP` of an entry that an operator made.
    fn parse(message: &[u8]) -> Option<Self> {
        let header = NeighbourHeader::parse(message).ok()?;
        if header.flags.contains(NeighbourFlags::Own) || header.state == NeighbourState::Permanent {
            return None;
        }
        let find = |wanted| Attributes(&message[NDMSG..]).find_map(|(kind, value)| (kind == wanted).then_some(value));
        Some(Self {
            mac: find(libc::NDA_LLADDR)?.try_into().ok()?,
            port: Ifindex(header.ifindex),
            bridge: Ifindex(number(find(NDA_MASTER)?)?),
        })
    }
}
