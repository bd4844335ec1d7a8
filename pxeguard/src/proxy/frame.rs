//! Ethernet frames with UDP datagrams in them: read, and written with whole checksums.

use std::net::{Ipv4Addr, SocketAddrV4};

use pxeguard_common::net::{ETHERNET, EtherType, Mac};
use pxeguard_common::template::{checksum, sum};

/// What stands before a datagram's payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// The frame's source.
    pub from_mac: Mac,
    /// The frame's destination.
    pub to_mac: Mac,
    /// The VLAN, 0 for none.
    pub vlan: u16,
    /// The datagram's source.
    pub from: SocketAddrV4,
    /// The datagram's destination.
    pub to: SocketAddrV4,
}

const TAG: usize = 4;
const C_TAG: u16 = 0x8100;
/// The VLAN identifier in tag control information.
const VLAN_ID: u16 = 0x0fff;
const IPV4: usize = 20;
const UDP: usize = 8;
/// IANA's number of UDP.
const PROTOCOL_UDP: u8 = 17;
/// "More fragments", and the fragment's offset.
const FRAGMENT: u16 = 0x3fff;
const TTL: u8 = 64;

/// The most that stands before a payload in frames of ours.
pub const HEADERS: usize = ETHERNET + TAG + IPV4 + UDP;

/// Reads a frame; `tag` is the tag control information that the kernel took out of it.  `None` if it is no whole UDP
/// datagram.
///
/// Checksums are not looked at: virtual machines and containers leave UDP's to a card that is none, and Ethernet has
/// its own.
pub fn read(frame: &[u8], tag: Option<u16>) -> Option<(Envelope, &[u8])> {
    let (to_mac, rest) = frame.split_first_chunk()?;
    let (from_mac, rest) = rest.split_first_chunk()?;
    let (vlan, ip) = untag(rest, tag)?;
    let (header, datagram) = datagram(ip)?;
    let payload = &datagram[UDP..];
    let from = SocketAddrV4::new(address(header, 12)?, word(datagram, 0)?);
    let to = SocketAddrV4::new(address(header, 16)?, word(datagram, 2)?);
    Some((Envelope { from_mac: *from_mac, to_mac: *to_mac, vlan, from, to }, payload))
}

/// An IPv4 header, and the whole UDP datagram behind it.
fn datagram(ip: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = ip.get(..usize::from(ip.first()? & 0xf) * 4).filter(|header| header.len() >= IPV4)?;
    let total = usize::from(word(ip, 2)?);
    let is_udp = ip[0] >> 4 == 4 && header[9] == PROTOCOL_UDP && word(ip, 6)? & FRAGMENT == 0;
    let datagram = ip.get(header.len()..total).filter(|_| is_udp)?;
    let datagram = datagram.get(..usize::from(word(datagram, 4)?)).filter(|datagram| datagram.len() >= UDP)?;
    Some((header, datagram))
}

/// A UDP checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checksum {
    /// It is right, or there is none (RFC 768).
    Right,
    /// It is the sum of the pseudo header alone, which Linux leaves there for a card to complete
    /// (`CHECKSUM_PARTIAL`, include/linux/skbuff.h).
    Uncomputed,
    /// It is wrong in another way.
    Wrong,
}

impl Checksum {
    /// Of a frame's datagram; `None` if it is no whole one.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let (_, ip) = untag(frame.get(12..)?, None)?;
        let (header, datagram) = datagram(ip)?;
        let said = word(datagram, 6)?;
        let pseudo_header = sum(header.get(12..20)?, 0) + u32::from(PROTOCOL_UDP) + datagram.len() as u32;
        Some(if said == 0 || checksum(pseudo_header + sum(datagram, 0)) == 0 {
            Self::Right
        } else if said == !checksum(pseudo_header) {
            Self::Uncomputed
        } else {
            Self::Wrong
        })
    }
}

/// Goes through at most one tag in the frame, beside one that was taken out.
fn untag(rest: &[u8], tag: Option<u16>) -> Option<(u16, &[u8])> {
    let taken = tag.map_or(0, |tag| tag & VLAN_ID);
    match word(rest, 0)? {
        ether_type if ether_type == EtherType::IPV4.0 => Some((taken, &rest[2..])),
        // A second identifier would be a customer's network in a provider's: nothing that we have an address in.
        C_TAG if taken == 0 && word(rest, 4)? == EtherType::IPV4.0 => Some((word(rest, 2)? & VLAN_ID, rest.get(6..)?)),
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk().map(|octets: &[u8; 4]| (*octets).into())
}

impl Envelope {
    /// How many bytes stand before the payload.
    pub fn headers_len(&self) -> usize {
        if self.vlan == 0 { HEADERS - TAG } else { HEADERS }
    }

    /// Writes the headers before a payload that stands in `frame` already, behind [`Envelope::headers_len`] bytes; `payload_sum`
    /// is the sum of its bytes, not folded.
    pub fn write(&self, frame: &mut [u8], payload_sum: u32) {
        let (headers, payload) = frame.split_at_mut(self.headers_len());
        let (ethernet, rest) = headers.split_at_mut(headers.len() - IPV4 - UDP);
        let (ipv4, udp) = rest.split_at_mut(IPV4);
        self.write_ethernet(ethernet);
        // Both fit: a payload of ours is shorter than a frame.
        let udp_len = ((UDP + payload.len()) as u16).to_be_bytes();
        let total = ((IPV4 + UDP + payload.len()) as u16).to_be_bytes();

        ipv4.fill(0);
        ipv4[0] = 0x45;
        ipv4[2..4].copy_from_slice(&total);
        ipv4[8] = TTL;
        ipv4[9] = PROTOCOL_UDP;
        ipv4[12..16].copy_from_slice(&self.from.ip().octets());
        ipv4[16..20].copy_from_slice(&self.to.ip().octets());
        let addresses = sum(&ipv4[12..20], 0);
        let whole = checksum(sum(ipv4, 0));
        ipv4[10..12].copy_from_slice(&whole.to_be_bytes());

        udp[..2].copy_from_slice(&self.from.port().to_be_bytes());
        udp[2..4].copy_from_slice(&self.to.port().to_be_bytes());
        udp[4..6].copy_from_slice(&udp_len);
        udp[6..].fill(0);
        let pseudo_header = addresses + u32::from(PROTOCOL_UDP) + sum(&udp_len, 0);
        let whole = match checksum(pseudo_header + sum(udp, 0) + payload_sum) {
            // 0 would say that there is none (RFC 768).
            0 => 0xffff,
            whole => whole,
        };
        udp[6..].copy_from_slice(&whole.to_be_bytes());
    }

    fn write_ethernet(&self, ethernet: &mut [u8]) {
        ethernet[..6].copy_from_slice(&self.to_mac);
        ethernet[6..12].copy_from_slice(&self.from_mac);
        if self.vlan != 0 {
            ethernet[12..14].copy_from_slice(&C_TAG.to_be_bytes());
            ethernet[14..16].copy_from_slice(&self.vlan.to_be_bytes());
        }
        let ether_type = ethernet.len() - 2;
        ethernet[ether_type..].copy_from_slice(&EtherType::IPV4.0.to_be_bytes());
    }
}
