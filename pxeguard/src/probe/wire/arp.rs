//! ARP (RFC 826) for Ethernet and IPv4: as much as it takes to be reached at an address.

use std::net::Ipv4Addr;

use pxeguard_common::net::Mac;

const ETHER_TYPE: [u8; 2] = [0x08, 0x06];
/// Ethernet, IPv4, and the lengths of their addresses.
const KINDS: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: usize = 14;
const LEN: usize = 28;
/// What Ethernet wants at least, without its checksum.
const SHORTEST: usize = 60;

/// What somebody says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Said {
    /// Whether it is an answer, else a question.
    pub is_reply: bool,
    /// Who says so.
    pub sender_mac: Mac,
    /// Its address.
    pub sender_ip: Ipv4Addr,
    /// The address that is asked for.
    pub target_ip: Ipv4Addr,
}

impl Said {
    /// Reads a frame without a tag; `None` of what is no ARP.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let message = frame.get(ETHERNET..ETHERNET + LEN).filter(|_| frame[12..14] == ETHER_TYPE)?;
        let address = |at: usize| Some(Ipv4Addr::from(*message.get(at..)?.first_chunk::<4>()?));
        let is_reply = match (message.strip_prefix(&KINDS)?, message[7]) {
            (_, REQUEST) => false,
            (_, REPLY) => true,
            _ => return None,
        };
        let sender_mac = *message[8..].first_chunk()?;
        Some(Self { is_reply, sender_mac, sender_ip: address(14)?, target_ip: address(24)? })
    }
}

/// Who has `wanted`?
pub fn question(mac: Mac, own: Ipv4Addr, wanted: Ipv4Addr, vlan: u16) -> Vec<u8> {
    message(REQUEST, (mac, own), ([0; 6], wanted), [0xff; 6], vlan)
}

/// We have what was asked for.
pub fn answer(mac: Mac, own: Ipv4Addr, asked: &Said, vlan: u16) -> Vec<u8> {
    message(REPLY, (mac, own), (asked.sender_mac, asked.sender_ip), asked.sender_mac, vlan)
}

fn message(operation: u8, from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr), to_mac: Mac, vlan: u16) -> Vec<u8> {
    let mut frame = [to_mac, from.0].concat();
    if vlan != 0 {
        frame.extend([0x81, 0x00]);
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(ETHER_TYPE);
    frame.extend(KINDS);
    frame.extend([0, operation]);
    for (mac, ip) in [from, to] {
        frame.extend(mac);
        frame.extend(ip.octets());
    }
    frame.resize(frame.len().max(SHORTEST), 0);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_asked_and_answered_to_who_asked() {
        let (asker, asked) = (([2, 0, 0, 0, 0, 1], [10, 0, 0, 1].into()), ([2, 0, 0, 0, 0, 2], [10, 0, 0, 2].into()));
        let question = Said::read(&question(asker.0, asker.1, asked.1, 0)).unwrap();
        let expected = Said { is_reply: false, sender_mac: asker.0, sender_ip: asker.1, target_ip: asked.1 };
        assert_eq!(question, expected);
        let frame = answer(asked.0, asked.1, &question, 0);
        assert_eq!(frame[..6], asker.0);
        let expected = Said { is_reply: true, sender_mac: asked.0, sender_ip: asked.1, target_ip: asker.1 };
        assert_eq!(Said::read(&frame), Some(expected));
    }

    #[test]
    fn what_is_short_or_of_another_kind_is_no_arp() {
        let frame = question([2; 6], Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 0);
        for len in 0..ETHERNET + LEN {
            assert_eq!(Said::read(&frame[..len]), None, "{len}");
        }
        let mut other = frame.clone();
        other[ETHERNET + 1] = 6;
        assert_eq!(Said::read(&other), None);
        assert_eq!(Said::read(&question([2; 6], Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 5)), None, "a tag");
    }
}
