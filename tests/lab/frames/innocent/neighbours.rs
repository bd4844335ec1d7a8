//! What is not IPv4.

use super::super::carried::{Carried, ether_type, oui};
use super::super::ipv4::protocol;
use super::{Innocent, framed};

pub(super) fn all() -> Vec<Innocent> {
    let arp = || Carried::new(ether_type::ARP, ARP);
    let solicitation = ipv6(protocol::ICMPV6, &[&[135, 0, 0, 0, 0, 0, 0, 0][..], &LINK_LOCAL].concat());
    let udp6 = |to: u8| ipv6(protocol::UDP, &[0x9c, 0x40, 0, to, 0, 12, 0, 1, 1, 2, 3, 4]);
    let tlv_end = [2, 7, 4, 2, 0, 0, 0, 0, 1, 4, 2, 5, b'e', 6, 2, 0, 120, 0, 0];
    [
        ("arp", arp()),
        ("arp-vlan-5", arp().tag(ether_type::VLAN, 5)),
        ("arp-snap", arp().snap(oui::RFC1042)),
        ("ipv6-neighbour-solicitation", solicitation),
        ("ipv6-echo", ipv6(protocol::ICMPV6, &[128, 0, 0, 0, 0, 1, 0, 1])),
        ("ipv6-udp-dns", udp6(53)),
        ("ipv6-udp-dns-vlan-5", udp6(53).tag(ether_type::VLAN, 5)),
        ("ipv6-tcp", ipv6(protocol::TCP, &[0x50; 20])),
        ("llc-spanning-tree", Carried::llc([0x42, 0x42, 3], [0; 35])),
        ("llc-netbeui", Carried::llc([0xf0, 0xf0, 3], [0x5a; 44])),
        ("raw-ipx", Carried::new(40, vec![0xff; 40])),
        // Cisco's CDP: SNAP of another organization.
        ("snap-cdp", Carried::new(0x2000, vec![2; 60]).snap([0, 0, 0x0c])),
        ("lldp", Carried::new(ether_type::LLDP, tlv_end)),
        ("lacp", Carried::new(ether_type::SLOW, vec![1; 110])),
        ("eapol", Carried::new(ether_type::EAPOL, vec![1, 1, 0, 0])),
        ("ptp", Carried::new(ether_type::PTP, vec![0; 44])),
        ("unknown-ether-type", Carried::new(0x9000, vec![0x5a; 46])),
    ]
    .map(|(name, carried)| Innocent::new(name, framed(&carried)))
    .into()
}

/// Who has 10.66.0.1?
const ARP: [u8; 28] = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0x68, 1, 10, 66, 64, 1, 0, 0, 0, 0, 0, 0, 10, 66, 0, 1];

/// fe80::1
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A packet within one link; checksums of the payload are not looked at on the way.
fn ipv6(next_header: u8, payload: &[u8]) -> Carried {
    let length = (payload.len() as u16).to_be_bytes();
    let header = [&[0x60, 0, 0, 0][..], &length, &[next_header, 255], &LINK_LOCAL, &LINK_LOCAL];
    Carried::new(ether_type::IPV6, [&header.concat()[..], payload].concat())
}
