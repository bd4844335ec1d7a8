//! Whether a frame is a DHCP server's reply.
//!
//! The rule comes from what real clients take, not from what the RFCs say: any IPv4 UDP datagram to port 68, and one to
//! 67 or 4011 whose BOOTP `op` is 2.  Source port, message type, checksums, addresses and options are not looked at,
//! because udhcpc, dhclient, dhcpcd, iPXE or edk2 take replies in which they are false.

use core::mem::MaybeUninit;

use crate::dhcp::{BOOT_REPLY, COOKIE, COOKIE_AT, Header, MessageType, Said, Start, UdpPort};
use crate::frame::{Bytes, Frame, NOWHERE, ReadAhead, Room};
use crate::net::{Carrier, ETHER_TYPE, ETHERNET, EtherType, Link};
use crate::server::ServerKey;

/// IP protocol number of UDP.
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const MIN_IPV4_HEADER: usize = 20;

/// As far as a frame without tags and IP options has to be read to tell that it is no reply: to the destination port.
const GLANCE: usize = ETHERNET + MIN_IPV4_HEADER + 4;
/// As far as such a reply has to be read, if it begins as those of most servers do.
const USUAL: usize = ETHERNET + MIN_IPV4_HEADER + UDP_HEADER + COOKIE_AT + size_of::<Start>();

/// The IPv4, UDP and BOOTP headers of such a reply, the latter as far as a verdict or a counter asks for it.
type Ahead<'a, F> = ReadAhead<'a, F, ETHERNET, { USUAL - ETHERNET }>;

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

impl Ignore {
    /// What most frames are (TCP, UDP to other ports, ARP, IPv6) fixed offsets show at once; `None` where they do not.
    #[inline(always)]
    pub fn at_a_glance(frame: &impl Frame) -> Option<Self> {
        let head = frame.head::<GLANCE>()?;
        if ether_type(head) != EtherType::IPV4 {
            return (!ether_type(head).is_carrier()).then_some(Self::NotIpv4);
        }
        if head[ETHERNET + 9] != UDP {
            return Some(Self::NotUdp);
        }
        let fragment = u16::from_be_bytes([head[ETHERNET + 6], head[ETHERNET + 7]]);
        if header_len(head[ETHERNET]) != MIN_IPV4_HEADER || fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0 {
            return None;
        }
        let to = UdpPort(u16::from_be_bytes([head[GLANCE - 2], head[GLANCE - 1]]));
        (!to.takes_replies()).then_some(Self::OtherPort)
    }
}

#[inline(always)]
fn ether_type<const N: usize>(head: &[u8; N]) -> EtherType {
    EtherType(u16::from_be_bytes([head[ETHER_TYPE], head[ETHER_TYPE + 1]]))
}

/// Length of an IPv4 header, by its first byte.
#[inline(always)]
fn header_len(version_ihl: u8) -> usize {
    usize::from(version_ihl & 0x0f) * 4
}

/// How well a reply can be read.  All but the first is what the guard cannot see through and does not let pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Form {
    /// A whole datagram.
    Plain = 1,
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
/// The order of the fields matters: the verifier keeps track of what is written to the first bytes of each eight, and
/// follows every combination of what it knows there through all that comes after.  So what the parser writes as a
/// constant stands elsewhere (that, and [`Form`] not beginning at 0, make 13,000 steps out of 33,000 on Linux 6.18).
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct ServerReply {
    /// Who sent it.
    pub sender: ServerKey,
    /// Destination port; 0 where it could not be read.
    pub to: UdpPort,
    /// Where the message begins whose options are not read yet; 0 where they are, or cannot be.
    unread: u16,
    /// `yiaddr` of the message's header.
    pub yiaddr: [u8; 4],
    /// `op` of the message's header; 0 where that is cut off.
    pub op: u8,
    has_header: bool,
    /// How well it can be read.
    pub form: Form,
    /// Option 53; 0 where there is none that can be read.
    pub type_code: u8,
    /// `giaddr` of the message's header.
    pub giaddr: [u8; 4],
}

impl ServerReply {
    /// Tells a server's reply from everything else.
    pub fn parse(frame: &impl Frame) -> Result<Self, Ignore> {
        if let Some(why) = Ignore::at_a_glance(frame) {
            return Err(why);
        }
        let mut reply = MaybeUninit::uninit();
        Self::read(frame, &mut reply)?;
        // SAFETY: written, because it did not fail.
        let mut reply = unsafe { reply.assume_init() };
        reply.read_options(frame);
        Ok(reply)
    }

    /// Of which nothing is known yet.
    const BLANK: Self = Self {
        sender: ServerKey { mac: [0; 6], vlan: 0, source: [0; 4], server_id: [0; 4], port: 0 },
        to: UdpPort(0),
        unread: 0,
        yiaddr: [0; 4],
        op: 0,
        has_header: false,
        form: Form::Truncated,
        type_code: 0,
        giaddr: [0; 4],
    };

    /// Tells a server's reply from everything else, of the few frames that a glance leaves over; writes it into
    /// `reply`, all but the options.
    ///
    /// The same three times: at offsets that the compiler knows, without one call of a helper; by one call, where all
    /// but the Ethernet header lies elsewhere; and wherever the fields may be.
    #[inline(always)]
    pub fn read<F: Frame>(frame: &F, reply: &mut MaybeUninit<Self>) -> Result<(), Ignore> {
        if let Some(head) = frame.head::<USUAL>()
            && ether_type(head) == EtherType::IPV4
            && header_len(head[ETHERNET]) == MIN_IPV4_HEADER
        {
            return Self::read_in_place(frame, head, reply);
        }
        if F::SPLITS
            && let Some(head) = frame.head::<ETHERNET>()
            && ether_type(head) == EtherType::IPV4
            && let Some(outcome) = Self::read_ahead(frame, reply)
        {
            return outcome;
        }
        Self::read_anywhere(frame, reply)
    }

    #[inline(never)]
    fn read_in_place(frame: &impl Frame, head: &[u8; USUAL], reply: &mut MaybeUninit<Self>) -> Result<(), Ignore> {
        reply.write(Self::of_packet(&Bytes::new(head), Link::untagged(frame), |_| MIN_IPV4_HEADER)?);
        Ok(())
    }

    /// `None` where the IPv4 header has options, or the frame ends too soon.
    #[inline(never)]
    fn read_ahead(frame: &impl Frame, reply: &mut MaybeUninit<Self>) -> Option<Result<(), Ignore>> {
        let mut room = Room::default();
        let ahead = Ahead::new(frame, &mut room)?;
        let [version_ihl] = ahead.load(ETHERNET)?;
        if header_len(version_ihl) != MIN_IPV4_HEADER {
            return None;
        }
        match Self::of_packet(&ahead, Link::untagged(frame), |_| MIN_IPV4_HEADER) {
            Ok(read) => reply.write(read),
            Err(why) => return Some(Err(why)),
        };
        Some(Ok(()))
    }

    #[inline(never)]
    fn read_anywhere(frame: &impl Frame, reply: &mut MaybeUninit<Self>) -> Result<(), Ignore> {
        let mut link = Link::untagged(frame);
        if !link.search(frame) {
            return Err(Ignore::NotIpv4);
        }
        reply.write(Self::of_packet(frame, link, header_len)?);
        Ok(())
    }

    /// Reads the IPv4 packet behind the link headers.
    #[inline(always)]
    fn of_packet(frame: &impl Frame, link: Link, header_len: impl Fn(u8) -> usize) -> Result<Self, Ignore> {
        let at = if link.carrier == Carrier::TooDeep { NOWHERE } else { link.ipv4.into() };
        let ip = frame.near::<MIN_IPV4_HEADER>(at);
        // The version is not looked at: dhclient does not, either.
        let protocol = ip.map_or_else(|| frame.load(at + 9), |ip| Some([ip[9]]));
        if protocol.is_some_and(|protocol| protocol != [UDP]) {
            return Err(Ignore::NotUdp);
        }
        // No such header stands nowhere, and so does a header behind it.
        let header_len = ip.map_or(0, |ip| header_len(ip[0]));
        let udp = if header_len < MIN_IPV4_HEADER { NOWHERE } else { at + header_len };
        let ip = ip.unwrap_or_default();
        let mut reply = Self {
            sender: ServerKey {
                mac: frame.near(6).ok_or(Ignore::NotIpv4)?,
                vlan: link.vlan,
                source: [ip[12], ip[13], ip[14], ip[15]],
                ..Self::BLANK.sender
            },
            form: if link.carrier == Carrier::TooDeep { Form::TooDeep } else { Form::Truncated },
            ..Self::BLANK
        };
        let fragment = u16::from_be_bytes([ip[6], ip[7]]);
        let Some(to) = frame.near(udp + 2).map(u16::from_be_bytes).map(UdpPort) else {
            // Where a header would end within a later fragment, it is the last bytes of somebody's data.
            let is_end = udp != NOWHERE && fragment & FRAGMENT_OFFSET != 0;
            return if is_end { Err(Ignore::OtherPort) } else { Ok(reply) };
        };
        if !to.takes_replies() {
            return Err(Ignore::OtherPort);
        }
        reply.to = to;
        let bootp = udp + UDP_HEADER;
        if let Some(header) = Header::parse(frame, bootp) {
            reply.has_header = true;
            reply.op = header.op();
            reply.yiaddr = header.yiaddr();
            reply.giaddr = header.giaddr();
        }
        if fragment & FRAGMENT_OFFSET != 0 {
            reply.later_fragment(frame, bootp)?;
        } else if to != UdpPort::DHCP_CLIENT && reply.is_from_client(frame, bootp) {
            return Err(Ignore::FromClient);
        } else if fragment & MORE_FRAGMENTS != 0 {
            reply.form = Form::Fragment;
        } else if reply.has_header {
            reply.form = if link.carrier == Carrier::Llc { Form::Llc } else { Form::Plain };
        }
        match frame.near(bootp + COOKIE_AT).and_then(Said::at_start) {
            Some(said) => reply.say(said),
            None => reply.unread = bootp as u16,
        }
        Ok(reply)
    }

    /// Reads the options, unless they stood where most servers put them.
    #[inline(always)]
    pub fn read_options(&mut self, frame: &impl Frame) {
        if self.unread != 0 {
            self.say(Said::parse(frame, self.unread.into()));
        }
    }

    #[inline(always)]
    fn say(&mut self, said: Said) {
        self.type_code = said.type_code();
        self.sender.server_id = said.server_id();
    }

    /// What a server gets: `op` says so, even where the header is cut off behind it.
    #[inline(always)]
    fn is_from_client(&self, frame: &impl Frame, bootp: usize) -> bool {
        if self.has_header { self.op != BOOT_REPLY } else { frame.load(bootp).is_some_and(|[op]| op != BOOT_REPLY) }
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
