//! DHCP messages with all their headers.

use std::net::Ipv4Addr;

use macaddr::MacAddr6;

use super::bootp::{BOOTREPLY, BOOTREQUEST, Bootp, COOKIE, code, kind};
use super::carried::Carried;
use super::ipv4::{Ipv4, Udp, protocol};

/// UDP ports.
pub mod port {
    /// Where servers and relays listen.
    pub const SERVER: u16 = 67;
    /// Where clients listen.
    pub const CLIENT: u16 = 68;
    /// Where PXE boot servers listen (PXE 2.1 §2.2.3).
    pub const PXE: u16 = 4011;
}

/// The server of [`Message::offer`], rogue as [`crate::Pool::ROGUE`] is.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);
/// The server of [`Message::proxy_offer`].
pub const PROXY: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 2);

const SERVER_MAC: MacAddr6 = MacAddr6::new(0x02, 0, 0, 0, 0x66, 0x01);
const CLIENT_MAC: MacAddr6 = MacAddr6::new(0x02, 0, 0, 0, 0x68, 0x01);
const YIADDR: Ipv4Addr = Ipv4Addr::new(10, 66, 64, 1);
const XID: u32 = 0x7078_6567;

/// A DHCP message; every header can be changed before it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The frame's source.
    pub source_mac: MacAddr6,
    /// The frame's destination.
    pub destination_mac: MacAddr6,
    /// The packet's header.
    pub ip: Ipv4,
    /// The datagram's header.
    pub udp: Udp,
    /// The datagram's payload.
    pub bootp: Bootp,
}

/// What a server has to know about a client's message to answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRequest {
    /// To be repeated in the reply.
    pub xid: u32,
    /// To be repeated in the reply.
    pub chaddr: MacAddr6,
    /// Option 53.
    pub kind: u8,
}

impl Message {
    /// A plain, broadcast OFFER of [`SERVER`].
    pub fn offer() -> Self {
        Self::reply(kind::OFFER, XID, CLIENT_MAC)
    }

    /// A plain, broadcast ACK of [`SERVER`].
    pub fn ack() -> Self {
        Self::reply(kind::ACK, XID, CLIENT_MAC)
    }

    /// A plain, broadcast NAK of [`SERVER`].
    pub fn nak() -> Self {
        let mut nak = Self::reply(kind::NAK, XID, CLIENT_MAC);
        nak.bootp.yiaddr = Ipv4Addr::UNSPECIFIED;
        nak.bootp.unset(code::LEASE_TIME).unset(code::SUBNET_MASK).unset(code::ROUTER);
        nak
    }

    /// A broadcast OFFER of [`PROXY`] without an address, that bids a PXE client to boot from there.
    pub fn proxy_offer() -> Self {
        let mut offer = Self::nak();
        offer.ip.source = PROXY;
        offer.bootp.siaddr = PROXY;
        offer.bootp.file = b"ipxe.efi".to_vec();
        offer.bootp.set(code::MESSAGE_TYPE, [kind::OFFER]);
        offer.bootp.set(code::SERVER_ID, PROXY.octets());
        offer.bootp.set(code::VENDOR_CLASS, *b"PXEClient");
        // PXE_DISCOVERY_CONTROL (6): take the boot file from this offer.
        offer.bootp.set(code::VENDOR_SPECIFIC, [6, 1, 8, 255]);
        offer
    }

    /// A plain answer of [`SERVER`] to a client's message: an OFFER to a DISCOVER, else an ACK.
    pub fn answer(request: &ClientRequest) -> Self {
        let kind = if request.kind == kind::DISCOVER { kind::OFFER } else { kind::ACK };
        Self::reply(kind, request.xid, request.chaddr)
    }

    /// A plain, broadcast DISCOVER.
    pub fn discover() -> Self {
        Self::request_of(kind::DISCOVER)
    }

    /// A plain, broadcast REQUEST for what [`Message::offer`] offers.
    pub fn request() -> Self {
        let mut request = Self::request_of(kind::REQUEST);
        request.bootp.set(code::REQUESTED_ADDRESS, YIADDR.octets());
        request.bootp.set(code::SERVER_ID, SERVER.octets());
        request
    }

    /// A DISCOVER of a PXE client: UEFI on x64 (RFC 4578).
    pub fn pxe_discover() -> Self {
        let mut discover = Self::discover();
        let uuid = [&[0][..], &[0x55; 16]].concat();
        discover.bootp.set(code::VENDOR_CLASS, *b"PXEClient:Arch:00007:UNDI:003016");
        discover.bootp.set(code::ARCHITECTURE, [0, 7]);
        discover.bootp.set(code::NETWORK_INTERFACE, [1, 3, 0]).set(code::CLIENT_UUID, uuid);
        discover
    }

    fn reply(kind: u8, xid: u32, chaddr: MacAddr6) -> Self {
        let mut bootp = Bootp::new(BOOTREPLY, xid, chaddr);
        bootp.yiaddr = YIADDR;
        bootp.siaddr = SERVER;
        bootp.set(code::MESSAGE_TYPE, [kind]).set(code::SERVER_ID, SERVER.octets());
        bootp.set(code::LEASE_TIME, 3600_u32.to_be_bytes());
        bootp.set(code::SUBNET_MASK, [255, 255, 0, 0]).set(code::ROUTER, SERVER.octets());
        Self {
            source_mac: SERVER_MAC,
            destination_mac: MacAddr6::broadcast(),
            ip: Ipv4::new(SERVER, Ipv4Addr::BROADCAST, protocol::UDP),
            udp: Udp::new(port::SERVER, port::CLIENT),
            bootp,
        }
    }

    fn request_of(kind: u8) -> Self {
        let mut bootp = Bootp::new(BOOTREQUEST, XID, CLIENT_MAC);
        bootp.set(code::MESSAGE_TYPE, [kind]).set(code::PARAMETER_LIST, [1, 3, 6, 43, 60, 66, 67]);
        Self {
            source_mac: CLIENT_MAC,
            destination_mac: MacAddr6::broadcast(),
            ip: Ipv4::new(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, protocol::UDP),
            udp: Udp::new(port::CLIENT, port::SERVER),
            bootp,
        }
    }

    /// The UDP datagram.
    pub fn datagram(&self) -> Vec<u8> {
        self.udp.datagram(&self.ip, &self.bootp.bytes())
    }

    /// The IPv4 packet.
    pub fn packet(&self) -> Vec<u8> {
        self.ip.packet(&self.datagram())
    }

    /// The packet, to be put behind more headers.
    pub fn carried(&self) -> Carried {
        Carried::ipv4(self.packet())
    }

    /// The Ethernet frame, without padding and check sequence.
    pub fn frame(&self) -> Vec<u8> {
        self.framed(&self.carried())
    }

    /// A frame of this sender to this receiver.
    pub fn framed(&self, carried: &Carried) -> Vec<u8> {
        carried.frame(self.source_mac, self.destination_mac)
    }

    /// This message after a change.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}

impl ClientRequest {
    /// What a plain frame asks a server; `None` if it is not a client's DHCP message.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let ip = frame.strip_prefix(frame.get(..12)?)?.strip_prefix(&[8, 0])?;
        let datagram = ip.get(usize::from(ip.first()? & 0xf) * 4..)?;
        let bootp = datagram.get(8..)?;
        let to_server = datagram[2..4] == port::SERVER.to_be_bytes();
        if ip.get(9) != Some(&protocol::UDP) || !to_server || bootp.first() != Some(&BOOTREQUEST) {
            return None;
        }
        let chaddr: [u8; 6] = bootp.get(28..34)?.try_into().ok()?;
        let mut options = bootp.get(236..)?.strip_prefix(&COOKIE)?;
        while let [code, length, rest @ ..] = options {
            if *code == code::PAD {
                options = &options[1..];
                continue;
            }
            if *code == code::MESSAGE_TYPE {
                let xid = u32::from_be_bytes(bootp.get(4..8)?.try_into().ok()?);
                return Some(Self { xid, chaddr: chaddr.into(), kind: *rest.first()? });
            }
            options = rest.get(usize::from(*length)..)?;
        }
        None
    }
}
