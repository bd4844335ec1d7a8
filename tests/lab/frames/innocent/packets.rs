//! IP packets of other protocols and to other ports.

use std::net::Ipv4Addr;

use super::super::carried::{Carried, ether_type, oui};
use super::super::ipv4::{Ipv4, MORE_FRAGMENTS, Udp, UdpChecksum, protocol};
use super::super::message::{Message, port};
use super::{Innocent, framed};

const HERE: Ipv4Addr = Ipv4Addr::new(10, 66, 64, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(10, 66, 64, 2);

pub(super) fn all() -> Vec<Innocent> {
    let mut all = udp();
    all.extend(fragments());
    all.extend(others());
    all.extend(tagged());
    all
}

fn udp() -> Vec<Innocent> {
    let datagram =
        |name: &str, from: u16, to: u16, payload: &[u8]| Innocent::new(name, framed(&udp_packet(from, to, payload)));
    // A reply within a tunnel is between the tunnel's ends.
    let vxlan = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &Message::offer().frame()].concat();
    let dns = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
    let mut all = vec![
        datagram("udp-dns", 40000, 53, dns),
        datagram("udp-mdns", 5353, 5353, dns),
        datagram("udp-tftp-read", 2070, 69, b"\0\x01ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0"),
        datagram("udp-tftp-data", 3456, 2070, &[&[0, 3, 0, 1][..], &[0x5a; 1408]].concat()),
        datagram("udp-nfs", 800, 2049, &[0x5a; 1400]),
        datagram("udp-vxlan-with-offer", 50000, 4789, &vxlan),
        datagram("udp-empty", 40000, 9, b""),
        datagram("udp-to-69", 40000, 69, &[2; 300]),
        datagram("udp-to-4010", 40000, 4010, &[2; 300]),
        datagram("udp-to-17408", 40000, port::CLIENT.swap_bytes(), &[2; 300]),
    ];
    for from in [port::SERVER, port::CLIENT, port::PXE] {
        all.push(datagram(&format!("udp-from-{from}"), from, 5000, &Message::offer().bootp.bytes()));
    }
    let ip = Ipv4 { options: vec![1; 12], ..ip(protocol::UDP) };
    let unsummed = Udp { checksum: UdpChecksum::Zero, ..Udp::new(40000, 53) };
    let with_options = Carried::ipv4(ip.packet(&unsummed.datagram(&ip, dns)));
    all.push(Innocent::new("udp-ip-options", framed(&with_options)));
    all
}

fn fragments() -> Vec<Innocent> {
    let mut all = Vec::new();
    let ip_udp = ip(protocol::UDP);
    let nfs = Udp::new(800, 2049).datagram(&ip_udp, &[0x5a; 4000]);
    for (number, fragment) in ip_udp.fragments(&nfs, &[1480, 1480]).into_iter().enumerate() {
        all.push(Innocent::new(format!("fragment-nfs-{number}"), framed(&Carried::ipv4(fragment))));
    }
    let mut add = |name: &str, ip: &Ipv4, payload: &[u8]| {
        all.push(Innocent::new(name, framed(&Carried::ipv4(ip.packet(payload)))));
    };
    // By chance it has port 68 where a UDP header would, but no DHCP message.
    let chance = [&[0, port::SERVER as u8, 0, port::CLIENT as u8][..], &[0x5a; 1000]].concat();
    add("fragment-later-with-68", &ip_udp.at(1480, MORE_FRAGMENTS), &chance);
    add("fragment-later-tiny", &ip_udp.at(2960, 0), &[0x5a; 3]);
    add("fragment-icmp", &ip(protocol::ICMP).at(0, MORE_FRAGMENTS), &[8, 0, 0, 0, 0, 0, 0, 0]);
    add("fragment-tcp-later", &ip(protocol::TCP).at(1480, 0), &chance);
    all
}

fn others() -> Vec<Innocent> {
    let offer = Message::offer().packet();
    let igmp = Ipv4 { options: vec![0x94, 4, 0, 0], ttl: 1, ..ip(protocol::IGMP) };
    let packet = |name: &str, protocol: u8, payload: &[u8]| {
        Innocent::new(name, framed(&Carried::ipv4(ip(protocol).packet(payload))))
    };
    let tcp_options = Ipv4 { options: vec![1; 40], ..ip(protocol::TCP) };
    let unreachable = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &offer[..28]].concat();
    vec![
        packet("tcp", protocol::TCP, &tcp(443)),
        packet("tcp-to-68", protocol::TCP, &tcp(port::CLIENT)),
        packet("icmp-echo", protocol::ICMP, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0]),
        packet("icmp-unreachable-about-offer", protocol::ICMP, &unreachable),
        packet("esp", protocol::ESP, &[0x5a; 100]),
        packet("gre-with-offer", protocol::GRE, &[&[0, 0, 8, 0][..], &offer].concat()),
        Innocent::new("igmp-ip-options", framed(&Carried::ipv4(igmp.packet(&[0x16, 0, 9, 4, 224, 0, 0, 251])))),
        Innocent::new("tcp-ip-options", framed(&Carried::ipv4(tcp_options.packet(&tcp(80))))),
    ]
}

fn tagged() -> Vec<Innocent> {
    let tcp = || Carried::ipv4(ip(protocol::TCP).packet(&tcp(443)));
    let (q, ad) = (ether_type::VLAN, ether_type::SERVICE_VLAN);
    // Label 16, bottom of stack; session 1 and the protocol IPv4.
    let mpls = [&[0, 1, 1, 64][..], &tcp().bytes].concat();
    let length = (tcp().bytes.len() as u16 + 2).to_be_bytes();
    let pppoe = [&[0x11, 0, 0, 1][..], &length, &[0, 0x21], &tcp().bytes].concat();
    let dns = udp_packet(40000, 53, b"\x12\x34");
    [
        ("vlan-0-tcp", tcp().tag(q, 0)),
        ("vlan-5-tcp", tcp().tag(q, 5)),
        ("vlan-7-5-tcp", tcp().tags(&[(ad, 7), (q, 5)])),
        ("vlan-5-udp", dns.clone().tag(q, 5)),
        ("vlan-7-5-udp", dns.tags(&[(ad, 7), (q, 5)])),
        ("snap-tcp", tcp().snap(oui::RFC1042)),
        ("mpls-tcp", Carried::new(ether_type::MPLS, mpls)),
        ("pppoe-tcp", Carried::new(ether_type::PPPOE_SESSION, pppoe)),
    ]
    .map(|(name, carried)| Innocent::new(name, framed(&carried)))
    .into()
}

fn ip(protocol: u8) -> Ipv4 {
    Ipv4::new(HERE, THERE, protocol)
}

fn udp_packet(from: u16, to: u16, payload: &[u8]) -> Carried {
    let ip = ip(protocol::UDP);
    Carried::ipv4(ip.packet(&Udp::new(from, to).datagram(&ip, payload)))
}

/// A SYN; its checksum is not looked at on the way.
fn tcp(to: u16) -> Vec<u8> {
    let [high, low] = to.to_be_bytes();
    vec![0x9c, 0x40, high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]
}
