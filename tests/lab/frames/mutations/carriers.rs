//! Stacks of headers between the MAC addresses and the IPv4 packet.
//!
//! Those of VLAN ID 0, LLC/SNAP, lying lengths, IEEE 802a and jumbo LLC are the stacks that the finder of
//! VU#855201 tests switches with, and some more.

use super::super::carried::{Carried, ether_type, oui};
use super::super::message::Message;
use super::Mutation;

const Q: (u16, u16) = (ether_type::VLAN, 0);
const AD: (u16, u16) = (ether_type::SERVICE_VLAN, 0);

const OUIS: [(&str, [u8; 3]); 2] = [("snap", oui::RFC1042), ("snap-f8", oui::BRIDGE_TUNNEL)];

/// The IP of the LLC registry, which Windows takes for IPv4.
const LLC_IP: [u8; 3] = [0x06, 0x06, 0x03];

/// An IEEE 802.3 length, other than the true one.
const FALSE_LENGTHS: [(&str, u16); 2] = [("length-0", 0), ("length-5ff", 0x05ff)];

/// Tags that a receiver without VLANs goes through, named.
const UNTAGGING: [(&str, &[(u16, u16)]); 4] = [("q", &[Q]), ("ad", &[AD]), ("q-x5", &[Q; 5]), ("ad-x5", &[AD; 5])];

pub(super) fn of(reply: &Message) -> Vec<Mutation> {
    let packet = reply.carried();
    let stacks = tags(&packet).into_iter().chain(llc(&packet)).chain(exotic(&packet));
    stacks.map(|(name, carried)| Mutation::new(name, reply.framed(&carried))).collect()
}

fn tags(packet: &Carried) -> Vec<(String, Carried)> {
    let q = ether_type::VLAN;
    let stacks: [(&str, &[(u16, u16)]); 23] = [
        ("q", &[Q]),
        ("q-q", &[Q; 2]),
        ("ad", &[AD]),
        ("ad-ad", &[AD; 2]),
        ("q-ad", &[Q, AD]),
        ("ad-q", &[AD, Q]),
        ("q-x3", &[Q; 3]),
        ("q-x4", &[Q; 4]),
        ("q-x5", &[Q; 5]),
        ("ad-x5", &[AD; 5]),
        ("ad-q-ad-q-ad", &[AD, Q, AD, Q, AD]),
        ("q-ad-q-ad-q", &[Q, AD, Q, AD, Q]),
        ("q-x8", &[Q; 8]),
        ("q-x9", &[Q; 9]),
        ("q-x40", &[Q; 40]),
        ("q-prio7", &[(q, 7 << 13)]),
        ("q-dei", &[(q, 1 << 12)]),
        ("q5", &[(q, 5)]),
        ("q4095", &[(q, 4095)]),
        ("ad5", &[(ether_type::SERVICE_VLAN, 5)]),
        ("q-q5", &[Q, (q, 5)]),
        ("q5-q", &[(q, 5), Q]),
        ("ad7-q5", &[(ether_type::SERVICE_VLAN, 7), (q, 5)]),
    ];
    stacks.into_iter().map(|(name, tags)| (format!("vlan-{name}"), packet.clone().tags(tags))).collect()
}

fn llc(packet: &Carried) -> Vec<(String, Carried)> {
    let mut stacks = Vec::new();
    for (snap, oui) in OUIS {
        let plain = packet.clone().snap(oui);
        stacks.push((snap.to_owned(), plain.clone()));
        for (tags, stack) in UNTAGGING {
            stacks.push((format!("vlan-{tags}-then-{snap}"), plain.clone().tags(stack)));
            let inside = packet.clone().tags(stack).snap(oui);
            stacks.push((format!("{snap}-then-vlan-{tags}"), inside.clone()));
            if stack.len() == 1 {
                let both = inside.tags(stack);
                stacks.push((format!("vlan-{tags}-then-{snap}-then-vlan-{tags}"), both));
            }
        }
        for (length, kind) in FALSE_LENGTHS {
            let lie = plain.clone().kind(kind);
            stacks.push((format!("{snap}-{length}"), lie.clone()));
            stacks.push((format!("vlan-q-then-{snap}-{length}"), lie.clone().tag(Q.0, 0)));
            stacks.push((format!("vlan-q-q-then-{snap}-{length}"), lie.tags(&[Q, Q])));
        }
    }
    let plain = Carried::llc(LLC_IP, &packet.bytes);
    stacks.push(("llc-06".to_owned(), plain.clone()));
    stacks.push(("vlan-q-then-llc-06".to_owned(), plain.clone().tag(Q.0, 0)));
    for (length, kind) in FALSE_LENGTHS {
        stacks.push((format!("llc-06-{length}"), plain.clone().kind(kind)));
    }
    stacks
}

fn exotic(packet: &Carried) -> Vec<(String, Carried)> {
    let mut stacks = Vec::new();
    for (name, oui) in OUIS {
        let extended = packet.clone().oui_extended(oui);
        stacks.push((format!("oui-extended-{name}"), extended.clone()));
        stacks.push((format!("vlan-q-then-oui-extended-{name}"), extended.clone().tag(Q.0, 0)));
        for (snap, outer) in OUIS {
            stacks.push((format!("{snap}-then-oui-extended-{name}"), extended.clone().snap(outer)));
        }
        let jumbo = packet.clone().snap(oui).kind(ether_type::JUMBO_LLC);
        stacks.push((format!("jumbo-{name}"), jumbo.clone()));
        stacks.push((format!("vlan-q-then-jumbo-{name}"), jumbo.tag(Q.0, 0)));
    }
    let jumbo = Carried::llc(LLC_IP, &packet.bytes).kind(ether_type::JUMBO_LLC);
    stacks.push(("jumbo-llc-06".to_owned(), jumbo));
    stacks
}
