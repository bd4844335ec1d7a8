//! Disguises by the IPv4 and UDP headers, and by fragments.

use std::net::Ipv4Addr;

use macaddr::MacAddr6;

use super::super::bootp::{BOOTREPLY, BOOTREQUEST};
use super::super::ipv4::{DONT_FRAGMENT, Ipv4, MORE_FRAGMENTS, UdpChecksum};
use super::super::message::{Message, port};
use super::Mutation;

pub(super) fn of(reply: &Message) -> Vec<Mutation> {
    let mut all = addresses(reply);
    all.extend(ports(reply));
    all.extend(options(reply));
    all.extend(lies(reply));
    all.extend(cut_off(reply));
    all.extend(fragments(reply));
    all
}

fn addresses(reply: &Message) -> Vec<Mutation> {
    let to_macs = [
        ("broadcast", MacAddr6::broadcast()),
        ("multicast", MacAddr6::new(1, 0, 0x5e, 0, 0, 1)),
        ("unicast", reply.bootp.chaddr),
    ];
    let to_ips = [
        ("broadcast", Ipv4Addr::BROADCAST),
        ("subnet", Ipv4Addr::new(10, 66, 255, 255)),
        ("multicast", Ipv4Addr::new(224, 0, 0, 1)),
        ("unicast", reply.bootp.yiaddr),
    ];
    let mut all = Vec::new();
    for (mac_name, mac) in to_macs {
        for (ip_name, ip) in to_ips {
            all.push(Mutation::of(format!("to-mac-{mac_name}-ip-{ip_name}"), reply, |reply| {
                (reply.destination_mac, reply.ip.destination) = (mac, ip);
            }));
        }
    }
    let from = [
        ("zero", Ipv4Addr::UNSPECIFIED),
        ("loopback", Ipv4Addr::LOCALHOST),
        ("broadcast", Ipv4Addr::BROADCAST),
        ("trusted", crate::Pool::TRUSTED.server),
    ];
    for (name, source) in from {
        all.push(Mutation::of(format!("from-ip-{name}"), reply, |reply| {
            reply.ip.source = source;
        }));
    }
    let spoofed = MacAddr6::new(2, 0, 0, 0, 0, 0x99);
    all.push(Mutation::of("from-mac-spoofed", reply, |reply| {
        reply.source_mac = spoofed;
    }));
    all.push(Mutation::of("from-mac-of-client", reply, |reply| {
        reply.source_mac = reply.bootp.chaddr;
    }));
    all
}

fn ports(reply: &Message) -> Vec<Mutation> {
    let mut all = Vec::new();
    for source in [0, port::CLIENT, 53, port::PXE, 9999, 65535] {
        all.push(Mutation::of(format!("from-port-{source}"), reply, |reply| {
            reply.udp.source_port = source;
        }));
    }
    for to in [port::SERVER, port::PXE] {
        let other = reply.with(|reply| reply.udp.destination_port = to);
        all.push(Mutation::new(format!("to-port-{to}"), other.frame()));
        all.push(Mutation::of(format!("to-port-{to}-giaddr"), &other, |reply| {
            reply.bootp.giaddr = Ipv4Addr::new(10, 66, 0, 9);
        }));
        let tagged = other.carried().tags(&[(0x8100, 0); 2]);
        all.push(Mutation::new(format!("to-port-{to}-vlan-q-q"), other.framed(&tagged)));
        all.push(Mutation::of(format!("to-port-{to}-ip-options-40"), &other, |reply| {
            reply.ip.options = vec![1; 40];
        }));
        all.push(Mutation::of(format!("to-port-{to}-more-fragments"), &other, |reply| {
            reply.ip.fragment = MORE_FRAGMENTS;
        }));
        let snap = other.carried().snap([0; 3]);
        all.push(Mutation::new(format!("to-port-{to}-snap"), other.framed(&snap)));
    }
    // To a client's port everything is a reply.
    for op in [0, BOOTREQUEST, BOOTREPLY + 1, 0xff] {
        all.push(Mutation::of(format!("to-port-68-op-{op}"), reply, |reply| reply.bootp.op = op));
    }
    all
}

fn options(reply: &Message) -> Vec<Mutation> {
    let router_alert = [0x94, 4, 0, 0];
    // Loose source route to nowhere: type 131, 7 bytes, pointer behind them; then END.
    let source_route = [131, 7, 8, 10, 66, 0, 1, 0];
    let options = [
        ("ip-options-4", vec![1; 4]),
        ("ip-options-40", vec![1; 40]),
        ("ip-option-router-alert", router_alert.to_vec()),
        ("ip-option-source-route", source_route.to_vec()),
    ];
    let named = options.into_iter();
    named.map(|(name, bytes)| Mutation::of(name, reply, |reply| reply.ip.options = bytes)).collect()
}

/// Headers that say what is not so: a receiver may believe another field, or none.
fn lies(reply: &Message) -> Vec<Mutation> {
    let mut all = Vec::new();
    let mut add = |name: String, change: &dyn Fn(&mut Message)| {
        all.push(Mutation::of(name, reply, change));
    };
    add("udp-checksum-zero".into(), &|reply| {
        reply.udp.checksum = UdpChecksum::Zero;
    });
    add("udp-checksum-wrong".into(), &|reply| {
        reply.udp.checksum = UdpChecksum::Wrong;
    });
    add("ip-checksum-wrong".into(), &|reply| {
        reply.ip.checksum_is_right = false;
    });
    for length in [0, 7, 8, 100, 0xffff] {
        add(format!("udp-length-{length}"), &|reply| {
            reply.udp.length = Some(length);
        });
    }
    for length in [0, 19, 20, 28, 100, 0xffff] {
        add(format!("ip-length-{length}"), &|reply| {
            reply.ip.total_length = Some(length);
        });
    }
    for version in [0, 5, 6, 15] {
        add(format!("ip-version-{version}"), &|reply| {
            reply.ip.version = version;
        });
    }
    for words in [0, 1, 4] {
        add(format!("ip-header-words-{words}"), &|reply| {
            reply.ip.header_words = Some(words);
        });
    }
    add("ip-ttl-0".into(), &|reply| reply.ip.ttl = 0);
    add("ip-dont-fragment".into(), &|reply| {
        reply.ip.fragment = DONT_FRAGMENT;
    });
    add("ip-reserved-flag".into(), &|reply| {
        reply.ip.fragment = 0x8000;
    });
    all
}

/// Frames that end before one can tell what they are.
fn cut_off(reply: &Message) -> Vec<Mutation> {
    let frame = reply.frame();
    let ends = [
        ("cut-off-in-ip-header", 14 + 10),
        ("cut-off-before-udp", 14 + 20),
        ("cut-off-in-source-port", 14 + 20 + 1),
        ("cut-off-after-source-port", 14 + 20 + 2),
        ("cut-off-in-destination-port", 14 + 20 + 3),
        ("cut-off-after-destination-port", 14 + 20 + 4),
        ("cut-off-after-udp", 14 + 20 + 8),
        ("cut-off-in-bootp", 14 + 20 + 8 + 100),
        ("cut-off-before-cookie", 14 + 20 + 8 + 236),
    ];
    let mut all: Vec<_> = ends.map(|(name, end)| Mutation::new(name, frame[..end].to_vec())).into();
    for to in [port::SERVER, port::PXE] {
        let other = reply.with(|reply| reply.udp.destination_port = to).frame();
        all.push(Mutation::new(format!("cut-off-after-udp-to-{to}"), other[..14 + 20 + 8].to_vec()));
    }
    all
}

fn fragments(reply: &Message) -> Vec<Mutation> {
    let datagram = reply.datagram();
    let ip = &reply.ip;
    let add = |name: &str, packets| Mutation::packets(name, reply, packets);
    // Some clients do not look at flags and offset at all.
    let alone = |name: &str, at, flags| add(name, vec![ip.at(at, flags).packet(&datagram)]);
    let (in_two, in_three) = (ip.fragments(&datagram, &[8]), ip.fragments(&datagram, &[8, 200]));
    let reversed = in_two.iter().rev().cloned().collect();
    vec![
        alone("fragment-offset-0-more", 0, MORE_FRAGMENTS),
        alone("fragment-offset-8", 8, 0),
        alone("fragment-offset-8-more", 8, MORE_FRAGMENTS),
        alone("fragment-offset-1480", 1480, 0),
        alone("fragment-offset-1480-more", 1480, MORE_FRAGMENTS),
        alone("fragment-offset-65528", 65528, 0),
        add("fragments-8-rest", in_two.clone()),
        add("fragments-8-200-rest", in_three),
        add("fragments-24-rest", ip.fragments(&datagram, &[24])),
        add("fragments-248-rest", ip.fragments(&datagram, &[248])),
        Mutation { telling: 1, ..add("fragments-later-first", reversed) },
        add("fragments-with-options", with_options(ip).fragments(&datagram, &[8])),
        Mutation { telling: 1, ..add("fragments-rewritten-start", rewritten_start(reply)) },
    ]
}

fn with_options(ip: &Ipv4) -> Ipv4 {
    Ipv4 { options: vec![1; 40], ..ip.clone() }
}

/// A first fragment to another port, and then the same bytes anew: EDK II trims overlaps, Linux discards.
fn rewritten_start(reply: &Message) -> Vec<Vec<u8>> {
    let elsewhere = reply.with(|reply| reply.udp.destination_port = 9).datagram();
    let decoy = reply.ip.at(0, MORE_FRAGMENTS).packet(&elsewhere[..8]);
    let mut packets = reply.ip.fragments(&reply.datagram(), &[8]);
    packets.insert(0, decoy);
    packets
}
