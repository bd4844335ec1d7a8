//! Random encapsulations of a server's reply: all of them are within what some client or host goes through.

use std::net::Ipv4Addr;

use macaddr::MacAddr6;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use pxeguard_common::net::MAX_LINK_HEADERS;
use pxeguard_lab::frames::{
    BOOTREPLY, Bootp, COOKIE, Carried, Ipv4, MORE_FRAGMENTS, Message, Udp, UdpChecksum, ether_type, port, protocol,
};

/// Layers that the guard goes through; a frame with more of them is dropped, whatever it carries.
pub const MOST_LAYERS: usize = MAX_LINK_HEADERS - 1;

/// A header between the MAC addresses and the IPv4 packet.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A VLAN tag: its TPID and its tag control information.
    Tag(u16, u16),
    /// LLC and SNAP of an organization; the length before them is true, a lie, or the EtherType of jumbo LLC.
    Snap([u8; 3], Option<u16>),
    /// IEEE 802a.
    OuiExtended([u8; 3]),
}

/// Whole headers of a reply; whatever a filter could look at is random.
#[derive(Clone, Debug)]
pub struct Encapsulation {
    /// From the outside to the inside.
    pub layers: Vec<Layer>,
    /// IPv4 right behind LLC, as Windows takes it: DSAP, SSAP and control.
    pub llc: Option<[u8; 3]>,
    pub reply: Message,
    /// Behind the options.
    pub trailer: Vec<u8>,
}

impl Encapsulation {
    pub fn frame(&self) -> Vec<u8> {
        let payload = [self.reply.bootp.bytes(), self.trailer.clone()].concat();
        let packet = self.reply.ip.packet(&self.reply.udp.datagram(&self.reply.ip, &payload));
        let innermost = match self.llc {
            None => Carried::ipv4(packet),
            Some(header) => Carried::llc(header, packet),
        };
        let around = |inner: Carried, layer: &Layer| match layer {
            Layer::Tag(tpid, tag) => inner.tag(*tpid, *tag),
            Layer::Snap(oui, None) => inner.snap(*oui),
            Layer::Snap(oui, Some(kind)) => inner.snap(*oui).kind(*kind),
            Layer::OuiExtended(oui) => inner.oui_extended(*oui),
        };
        self.reply.framed(&self.layers.iter().rev().fold(innermost, around))
    }
}

/// Any of them; not longer than a link's frames.
pub fn encapsulation() -> impl Strategy<Value = Encapsulation> {
    // Plain ones as often as all stacks together.
    let layers = prop_oneof![Just(Vec::new()), vec(layer(), 1..13)];
    let llc = proptest::option::weighted(0.1, (6..=7_u8, any::<u8>(), any::<u8>()).prop_map(<[u8; 3]>::from));
    (layers, llc, reply(), vec(any::<u8>(), 0..100)).prop_map(|(layers, llc, reply, trailer)| {
        let encapsulation = Encapsulation { layers, llc, reply, trailer };
        assert!(encapsulation.frame().len() <= 1500, "every length fits an IEEE 802.3 length, and the link");
        encapsulation
    })
}

fn layer() -> impl Strategy<Value = Layer> {
    let tpid = select(vec![ether_type::VLAN, ether_type::SERVICE_VLAN, 0x9100]);
    let vlan = prop_oneof![Just(0), any::<u16>()];
    let length = prop_oneof![Just(None), (0..=0x05ff_u16).prop_map(Some), Just(Some(ether_type::JUMBO_LLC))];
    prop_oneof![
        3 => (tpid, vlan).prop_map(|(tpid, tag)| Layer::Tag(tpid, tag)),
        1 => (any::<[u8; 3]>(), length).prop_map(|(oui, length)| Layer::Snap(oui, length)),
        1 => any::<[u8; 3]>().prop_map(Layer::OuiExtended),
    ]
}

fn reply() -> impl Strategy<Value = Message> {
    let from = any::<[u8; 5]>();
    let to = select(vec![MacAddr6::broadcast(), MacAddr6::new(1, 0, 0x5e, 0, 0, 1), Message::offer().bootp.chaddr]);
    (from, to, ip(), udp(), bootp()).prop_map(|([a, b, c, d, e], destination_mac, ip, udp, mut bootp)| {
        if udp.destination_port != port::CLIENT {
            bootp.op = BOOTREPLY;
        }
        if ip.fragment & 0x1fff != 0 {
            // Busybox takes a later fragment for what looks like a message, and looks at the cookie.
            bootp.cookie = COOKIE;
        }
        // A host's own MAC, as a bridge asks for.
        Message { source_mac: MacAddr6::new(2, a, b, c, d, e), destination_mac, ip, udp, bootp }
    })
}

fn ip() -> impl Strategy<Value = Ipv4> {
    let options = (0..=10_usize).prop_flat_map(|words| vec(any::<u8>(), words * 4));
    // Don't fragment and the reserved bit; more fragments; the offset.
    let fragment = prop_oneof![
        3 => select(vec![0, 0x4000, 0x8000, 0xc000]),
        1 => select(vec![MORE_FRAGMENTS, 0x4000 | MORE_FRAGMENTS]),
        1 => 1..0x4000_u16,
    ];
    let lies = (0..16_u8, proptest::option::of(any::<u16>()), any::<bool>());
    let addresses = any::<[u32; 2]>().prop_map(|addresses| addresses.map(Ipv4Addr::from));
    (addresses, options, fragment, any::<(u8, u16)>(), lies).prop_map(
        |([source, destination], options, fragment, (ttl, identification), (version, total_length, checksum))| Ipv4 {
            options,
            fragment,
            ttl,
            identification,
            version,
            total_length,
            checksum_is_right: checksum,
            ..Ipv4::new(source, destination, protocol::UDP)
        },
    )
}

fn udp() -> impl Strategy<Value = Udp> {
    let to = select(vec![port::CLIENT, port::SERVER, port::PXE]);
    let length = proptest::option::of(any::<u16>());
    let checksum = select(vec![UdpChecksum::Right, UdpChecksum::Zero, UdpChecksum::Wrong]);
    (any::<u16>(), to, length, checksum).prop_map(|(from, to, length, checksum)| Udp {
        length,
        checksum,
        ..Udp::new(from, to)
    })
}

fn bootp() -> impl Strategy<Value = Bootp> {
    let of_kind = select(vec![Message::offer(), Message::ack(), Message::nak(), Message::proxy_offer()]);
    let cookie = prop_oneof![Just(COOKIE), any::<[u8; 4]>()];
    let options = vec((any::<u8>(), vec(any::<u8>(), 0..20)), 0..12);
    let fields = (any::<[u8; 4]>(), any::<(u32, u16, u16)>(), any::<[u32; 4]>());
    let rest = (cookie, 0..40_usize, options, any::<bool>());
    (of_kind, fields, rest).prop_map(|(of_kind, (bytes, words, addresses), rest)| {
        let mut bootp = of_kind.bootp;
        [bootp.op, bootp.htype, bootp.hlen, bootp.hops] = bytes;
        (bootp.xid, bootp.secs, bootp.flags) = words;
        [bootp.ciaddr, bootp.yiaddr, bootp.siaddr, bootp.giaddr] = addresses.map(Ipv4Addr::from);
        let options;
        (bootp.cookie, bootp.pads, options, bootp.end) = rest;
        bootp.options.splice(0..0, options);
        bootp
    })
}
