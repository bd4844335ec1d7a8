//! Whether a frame is a DHCP server's reply.
//!
//! The rule comes from what real clients take, not from what the RFCs say: any IPv4 UDP datagram to port 68, and one to
//! 67 or 4011 whose BOOTP `op` is 2.  Source port, message type, checksums, addresses and options are not looked at,
//! because udhcpc, dhclient, dhcpcd, iPXE or edk2 take replies in which they are false.

use crate::dhcp::{BOOT_REPLY, COOKIE, COOKIE_AT, Header, MessageType, Said, UdpPort};
use crate::frame::Frame;
use crate::net::{Carrier, ETHER_TYPE, ETHERNET, EtherType, Link, Mac};

/// IP protocol number of UDP.
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const MIN_IPV4_HEADER: usize = 20;

/// Why a frame is not the guard's business.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ignore {
    /// Not IPv4, however carried.
    NotIpv4,
    /// Not UDP.
    NotUdp,
    /// UDP to another port, or a later fragment that nobody takes for a DHCP message.
    OtherPort,
    /// To 67 or 4011, by a client or by a relay that forwards a client's message.
    FromClient,
}

/// How well a reply can be read.  All but the first is what the guard cannot see through and does not let pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Form {
    /// A whole datagram.
    Plain,
    /// A datagram's first fragment.
    Fragment,
    /// A later fragment that holds a whole message where the UDP header would stand: busybox takes it.
    LaterFragment,
    /// Its IPv4, UDP or BOOTP header is cut off, or shorter than it may be.
    Truncated,
    /// More link headers than are read.
    TooDeep,
    /// In LLC or SNAP: Windows takes it.
    Llc,
}

/// A reply by a DHCP or PXE server, or what may be one.  Its existence proves that some client might take the frame.
///
/// The order of the fields matters: the verifier keeps track of numbers that are written at multiples of eight, and
/// would follow every combination of what the parser found through all that comes after (600,000 steps and four
/// seconds on Linux 6.18).  What is written elsewhere it forgets.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct ServerReply {
    /// Source of the frame.
    pub mac: Mac,
    /// The VLAN, 0 where there is none.
    pub vlan: u16,
    /// Source of the datagram; 0.0.0.0 where it could not be read.
    pub source: [u8; 4],
    /// Destination port; 0 where it could not be read.
    pub to: UdpPort,
    /// How well it can be read.
    pub form: Form,
    /// `op` of the message's header; 0 where that is cut off.
    pub op: u8,
    /// `yiaddr` of the message's header.
    pub yiaddr: [u8; 4],
    /// `giaddr` of the message's header.
    pub giaddr: [u8; 4],
    _not_at_eight: u8,
    has_header: bool,
    /// Option 53; 0 where there is none that can be read.
    pub type_code: u8,
    _pad: u8,
    /// Option 54 (RFC 2132 §9.7); 0.0.0.0 where there is none that can be read.
    pub server_id: [u8; 4],
}

impl ServerReply {
    /// Tells a server's reply from everything else.
    ///
    /// What most frames are (TCP, UDP to other ports, ARP, IPv6) is told at fixed offsets, by two to four direct reads.
    #[inline(always)]
    pub fn parse(frame: &impl Frame) -> Result<Self, Ignore> {
        let ether_type = frame.read(ETHER_TYPE).ok_or(Ignore::NotIpv4)?;
        let ether_type = EtherType(u16::from_be_bytes(ether_type));
        if ether_type == EtherType::IPV4 {
            if let Some(why) = Self::ignore_at_once(frame) {
                return Err(why);
            }
        } else if !ether_type.is_carrier() {
            return Err(Ignore::NotIpv4);
        }
        let mut reply = Self {
            mac: [0; 6],
            vlan: 0,
            source: [0; 4],
            to: UdpPort(0),
            form: Form::Plain,
            op: 0,
            yiaddr: [0; 4],
            giaddr: [0; 4],
            _not_at_eight: 0,
            has_header: false,
            type_code: 0,
            _pad: 0,
            server_id: [0; 4],
        };
        reply.read(frame, ether_type)?;
        Ok(reply)
    }

    /// Tells what is not a reply as soon as fixed offsets show it; `None` where they do not.
    #[inline(always)]
    fn ignore_at_once(frame: &impl Frame) -> Option<Ignore> {
        let [protocol] = frame.read(ETHERNET + 9)?;
        if protocol != UDP {
            return Some(Ignore::NotUdp);
        }
        let [version_ihl] = frame.read(ETHERNET)?;
        let fragment: [u8; 2] = frame.read(ETHERNET + 6)?;
        if version_ihl & 0x0f != 5 || u16::from_be_bytes(fragment) & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0 {
            return None;
        }
        let to = frame.read(ETHERNET + MIN_IPV4_HEADER + 2)?;
        (!UdpPort(u16::from_be_bytes(to)).takes_replies()).then_some(Ignore::OtherPort)
    }

    /// The long way, for the few frames that are left.
    #[inline(never)]
    fn read(&mut self, frame: &impl Frame, ether_type: EtherType) -> Result<(), Ignore> {
        let link = if ether_type == EtherType::IPV4 {
            Link::untagged(frame)
        } else {
            Link::parse(frame).ok_or(Ignore::NotIpv4)?
        };
        self.mac = frame.load(6).ok_or(Ignore::NotIpv4)?;
        self.vlan = link.vlan;
        self.form = match link.carrier {
            Carrier::EtherType => Form::Plain,
            Carrier::Llc => Form::Llc,
            Carrier::TooDeep => {
                self.form = Form::TooDeep;
                return Ok(());
            }
        };
        let Some(ip) = frame.load::<MIN_IPV4_HEADER>(link.ipv4) else {
            self.form = Form::Truncated;
            return Ok(());
        };
        // The version is not looked at: dhclient does not, either.
        if ip[9] != UDP {
            return Err(Ignore::NotUdp);
        }
        self.source = [ip[12], ip[13], ip[14], ip[15]];
        let header_len = usize::from(ip[0] & 0x0f) * 4;
        if header_len < MIN_IPV4_HEADER {
            self.form = Form::Truncated;
            return Ok(());
        }
        let udp = link.ipv4 + header_len;
        let Some(to) = frame.load(udp + 2).map(u16::from_be_bytes) else {
            self.form = Form::Truncated;
            return Ok(());
        };
        self.to = UdpPort(to);
        if !self.to.takes_replies() {
            return Err(Ignore::OtherPort);
        }
        let bootp = udp + UDP_HEADER;
        if let Some(header) = Header::parse(frame, bootp) {
            self.has_header = true;
            self.op = header.op();
            self.yiaddr = header.yiaddr();
            self.giaddr = header.giaddr();
        }
        let fragment = u16::from_be_bytes([ip[6], ip[7]]);
        if fragment & FRAGMENT_OFFSET != 0 {
            self.later_fragment(frame, bootp)?;
        } else if self.to != UdpPort::DHCP_CLIENT && self.is_from_client(frame, bootp) {
            return Err(Ignore::FromClient);
        } else if fragment & MORE_FRAGMENTS != 0 {
            self.form = Form::Fragment;
        } else if !self.has_header {
            self.form = Form::Truncated;
        }
        let said = Said::parse(frame, bootp);
        self.type_code = said.type_code();
        self.server_id = said.server_id();
        Ok(())
    }

    /// What a server gets: `op` says so, even where the header is cut off behind it.
    #[inline(always)]
    fn is_from_client(&self, frame: &impl Frame, bootp: usize) -> bool {
        if self.has_header {
            self.op != BOOT_REPLY
        } else {
            frame.load(bootp).is_some_and(|[op]| op != BOOT_REPLY)
        }
    }

    /// A later fragment is somebody's data, unless its bytes are a message from the UDP header on: then busybox, which
    /// reads a packet socket and does not look at the fragment offset, takes it.
    #[inline(always)]
    fn later_fragment(&mut self, frame: &impl Frame, bootp: usize) -> Result<(), Ignore> {
        if !self.has_header || frame.load(bootp + COOKIE_AT) != Some(COOKIE) {
            return Err(Ignore::OtherPort);
        }
        if self.to != UdpPort::DHCP_CLIENT && self.op != BOOT_REPLY {
            return Err(Ignore::FromClient);
        }
        self.form = Form::LaterFragment;
        Ok(())
    }

    /// Whether it can give a client an address: not so where `yiaddr` is 0.0.0.0, and not at port 4011, where no DHCP
    /// client listens.
    #[inline(always)]
    pub fn gives_address(&self) -> bool {
        self.to != UdpPort::PXE_BOOT_SERVER && !(self.has_header && self.yiaddr == [0; 4])
    }

    /// Whether it came, or is to go, through a relay.
    #[inline(always)]
    pub fn is_relayed(&self) -> bool {
        self.giaddr != [0; 4]
    }

    /// Whether it is an answer to a PXE client: it gives no address, and refuses none.
    #[inline(always)]
    pub fn is_pxe(&self) -> bool {
        self.has_header && !self.gives_address() && self.message_type() != MessageType::Nak
    }

    /// What kind of message it is, by what it says.
    #[inline(always)]
    pub fn message_type(&self) -> MessageType {
        MessageType::of(self.type_code)
    }
}

/// The flag of RFC 791 §3.1.
const MORE_FRAGMENTS: u16 = 0x2000;
/// In units of eight bytes (RFC 791 §3.1).
const FRAGMENT_OFFSET: u16 = 0x1fff;
