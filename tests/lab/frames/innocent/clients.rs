//! What DHCP and PXE clients and relays send.

use std::net::Ipv4Addr;

use super::super::bootp::{code, kind};
use super::super::carried::ether_type;
use super::super::message::{Message, port};
use super::Innocent;

pub(super) fn all() -> Vec<Innocent> {
    let discover = Message::discover();
    let client = Ipv4Addr::new(10, 66, 64, 1);
    let to_server = |message: &mut Message| {
        (message.ip.source, message.ip.destination) = (client, super::super::SERVER);
        message.bootp.ciaddr = client;
    };
    let of_kind = |kind: u8| {
        discover.with(|message| {
            to_server(message);
            message.bootp.set(code::MESSAGE_TYPE, [kind]);
        })
    };
    let relayed = discover.with(|message| {
        to_server(message);
        message.bootp.ciaddr = Ipv4Addr::UNSPECIFIED;
        message.bootp.giaddr = client;
        message.bootp.hops = 1;
        message.udp.source_port = port::SERVER;
    });
    let boot_server = |source: u16| {
        Message::pxe_discover().with(|message| {
            to_server(message);
            message.bootp.set(code::MESSAGE_TYPE, [kind::REQUEST]);
            message.udp.source_port = source;
            message.udp.destination_port = port::PXE;
        })
    };
    let mut all: Vec<_> = [
        ("discover", discover.clone()),
        ("discover-pxe", Message::pxe_discover()),
        ("request", Message::request()),
        ("request-renewing", of_kind(kind::REQUEST)),
        ("inform", of_kind(kind::INFORM)),
        ("release", of_kind(kind::RELEASE)),
        ("decline", of_kind(kind::DECLINE)),
        ("discover-relayed", relayed),
        ("discover-from-port-9999", discover.with(|message| message.udp.source_port = 9999)),
        ("discover-without-type", discover.with(|message| message.bootp.options.clear())),
        ("discover-ip-options", discover.with(|message| message.ip.options = vec![1; 8])),
        // As iPXE asks, and as EDK II does.
        ("boot-server-request-from-68", boot_server(port::CLIENT)),
        ("boot-server-request-from-4011", boot_server(port::PXE)),
    ]
    .into_iter()
    .map(|(name, message)| Innocent::new(name, message.frame()))
    .collect();
    for (name, vlan) in [("discover-vlan-0", 0), ("discover-vlan-5", 5)] {
        let tagged = discover.carried().tag(ether_type::VLAN, vlan);
        all.push(Innocent::new(name, discover.framed(&tagged)));
    }
    all
}
