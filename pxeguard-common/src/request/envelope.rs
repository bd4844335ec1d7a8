//! What stands before a plain request, and where its answer goes.

use super::{Ask, ROOM, Request};
use crate::dhcp::{COOKIE, COOKIE_AT, UdpPort};
use crate::net::Mac;
use crate::responder::{HEAD, HEADERS, Prepared};
use crate::template::{checksum, sum};

/// What stands before a request, as far as a plain one may differ from another.
pub struct Envelope {
    from_mac: Mac,
    to_mac: Mac,
    from: [u8; 4],
    to: [u8; 4],
    /// The client's port.
    pub from_port: u16,
    to_port: UdpPort,
    /// Length of the message behind it: it has a header, the cookie and an option, and fits a [`Desk`](crate::request::Desk).
    pub message_len: usize,
}

impl Envelope {
    /// Reads a whole datagram without IP options in an untagged frame, with its checksum computed.
    #[inline(always)]
    pub fn read(head: &[u8; HEAD]) -> Option<Self> {
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let total = word(16);
        let udp_len = word(38);
        let is_plain = word(12) == 0x0800 && head[14] == 0x45 && word(20) & 0x3fff == 0 && head[23] == 17;
        if !is_plain || total != udp_len.wrapping_add(20) {
            return None;
        }
        // What stands in a checksum that the sender left to its card: the card would write over ours.
        let started = sum(&head[26..34], 0) + 17 + u32::from(udp_len);
        if word(40) == !checksum(started) {
            return None;
        }
        let message_len = usize::from(udp_len.wrapping_sub(8));
        if message_len <= COOKIE_AT + COOKIE.len() || message_len > ROOM {
            return None;
        }
        Some(Self {
            from_mac: [head[6], head[7], head[8], head[9], head[10], head[11]],
            to_mac: [head[0], head[1], head[2], head[3], head[4], head[5]],
            from: [head[26], head[27], head[28], head[29]],
            to: [head[30], head[31], head[32], head[33]],
            from_port: word(34),
            to_port: UdpPort(word(36)),
            message_len,
        })
    }

    /// Where the answer goes, if the client takes one of this length and the request came as clients send it: to all from a client without an address, or from
    /// a client with an address in our network to ours.  Always to the sender itself, or to all behind its own port.
    #[inline(always)]
    pub fn destination(&self, request: &Request, prepared: &Prepared) -> Option<Destination> {
        let takes = usize::from(request.max_len);
        // Whoever asks for others gets little more than he sends.
        let is_much_longer = prepared.frame_len() * 2 > (HEADERS + self.message_len) * 3;
        if is_much_longer || self.from_mac != request.values.chaddr || prepared.message.message_len() > takes {
            return None;
        }
        if request.kind.ask == Ask::Offer as u8 {
            let is_usual = self.to_mac == [0xff; 6]
                && self.to_port == UdpPort::DHCP_SERVER
                && self.from_port == UdpPort::DHCP_CLIENT.0
                && self.to == [0xff; 4]
                && self.from == [0; 4]
                && request.values.ciaddr == [0; 4];
            let mac = if request.broadcast() { [0xff; 6] } else { request.values.chaddr };
            return is_usual.then_some(Destination { mac, address: [0xff; 4], port: UdpPort::DHCP_CLIENT.0 });
        }
        let is_usual = self.to_mac == prepared.mac()
            && self.to_port == UdpPort::PXE_BOOT_SERVER
            && matches!(UdpPort(self.from_port), UdpPort::DHCP_CLIENT | UdpPort::PXE_BOOT_SERVER)
            && self.to == prepared.server
            && self.from == request.values.ciaddr
            && prepared.has_client(request.values.ciaddr);
        is_usual.then_some(Destination {
            mac: request.values.chaddr,
            address: request.values.ciaddr,
            port: self.from_port,
        })
    }
}

/// Where a reply goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Destination {
    /// The frame's.
    pub mac: Mac,
    /// The datagram's.
    pub address: [u8; 4],
    /// The datagram's.
    pub port: u16,
}
