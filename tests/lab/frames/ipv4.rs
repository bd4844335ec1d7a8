//! IPv4 packets and UDP datagrams, true ones and lying ones (RFC 791, RFC 768).

use std::net::Ipv4Addr;

/// The flag "don't fragment", as in the 16 bits of [`Ipv4::fragment`].
pub const DONT_FRAGMENT: u16 = 0x4000;
/// The flag "more fragments".
pub const MORE_FRAGMENTS: u16 = 0x2000;

/// IP protocol numbers.
pub mod protocol {
    #![expect(missing_docs, reason = "the names are IANA's")]
    pub const ICMP: u8 = 1;
    pub const IGMP: u8 = 2;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const ICMPV6: u8 = 58;
}

/// An IPv4 header; what is `None` is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// See [`protocol`].
    pub protocol: u8,
    /// Hops left.
    pub ttl: u8,
    /// What the fragments of a packet have in common.
    pub identification: u16,
    /// Three flags, and the offset in units of 8 bytes.
    pub fragment: u16,
    /// Options, a multiple of 4 bytes.
    pub options: Vec<u8>,
    /// The version: 4.
    pub version: u8,
    /// Length of the header in words of 4 bytes.
    pub header_words: Option<u8>,
    /// Length of header and payload in bytes.
    pub total_length: Option<u16>,
    /// Whether the header's checksum is right.
    pub checksum_is_right: bool,
}

impl Ipv4 {
    /// A plain header.
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8) -> Self {
        Self {
            source,
            destination,
            protocol,
            ttl: 64,
            identification: 0x7078,
            fragment: 0,
            options: Vec::new(),
            version: 4,
            header_words: None,
            total_length: None,
            checksum_is_right: true,
        }
    }

    /// Header and payload.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let length = 20 + self.options.len();
        assert!(length.is_multiple_of(4) && length <= 60, "an IP header of {length} bytes");
        let words = self.header_words.unwrap_or(length as u8 / 4);
        let total = self.total_length.unwrap_or((length + payload.len()) as u16);
        let mut packet = vec![self.version << 4 | words, 0];
        packet.extend(total.to_be_bytes());
        packet.extend(self.identification.to_be_bytes());
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([self.ttl, self.protocol, 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(&self.options);
        let checksum = internet_checksum(&[&packet]) ^ if self.checksum_is_right { 0 } else { 0x5555 };
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend(payload);
        packet
    }

    /// Splits a payload into fragments, each but the last of so many bytes as `lengths` says.
    pub fn fragments(&self, payload: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
        let mut fragments = Vec::new();
        let mut at = 0;
        for length in lengths {
            assert!(length.is_multiple_of(8), "a fragment of {length} bytes");
            let part = &payload[at..at + length];
            fragments.push(self.at(at, MORE_FRAGMENTS).packet(part));
            at += length;
        }
        fragments.push(self.at(at, 0).packet(&payload[at..]));
        fragments
    }

    /// The header of a fragment whose payload begins at byte `at`.
    pub fn at(&self, at: usize, flags: u16) -> Self {
        Self { fragment: flags | (at / 8) as u16, ..self.clone() }
    }
}

/// The checksum of a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpChecksum {
    /// As RFC 768 says.
    Right,
    /// Not computed by the sender.
    Zero,
    /// Computed wrongly.
    Wrong,
}

/// A UDP header; what is `None` is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Length of header and payload in bytes.
    pub length: Option<u16>,
    /// What the checksum is.
    pub checksum: UdpChecksum,
}

impl Udp {
    /// A plain header.
    pub fn new(source_port: u16, destination_port: u16) -> Self {
        Self { source_port, destination_port, length: None, checksum: UdpChecksum::Right }
    }

    /// Header and payload, to be sent in packets with this header.
    pub fn datagram(&self, ip: &Ipv4, payload: &[u8]) -> Vec<u8> {
        let length = (8 + payload.len()) as u16;
        let mut datagram = Vec::new();
        datagram.extend(self.source_port.to_be_bytes());
        datagram.extend(self.destination_port.to_be_bytes());
        datagram.extend(self.length.unwrap_or(length).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(payload);
        let [high, low] = length.to_be_bytes();
        let pseudo = [0, protocol::UDP, high, low];
        let parts = [&ip.source.octets()[..], &ip.destination.octets(), &pseudo, &datagram];
        let checksum = match (self.checksum, internet_checksum(&parts)) {
            (UdpChecksum::Zero, _) => 0,
            // Zero would say that there is none.
            (UdpChecksum::Right, 0) => 0xffff,
            (UdpChecksum::Right, right) => right,
            (UdpChecksum::Wrong, right) => (right ^ 0x5555).max(1),
        };
        datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
        datagram
    }
}

/// The ones' complement of the ones' complement sum (RFC 1071); only the last part may have an odd length.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
