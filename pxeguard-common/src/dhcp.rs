//! The DHCP message (RFC 2131 §2), as far as the kernel looks into it.

use crate::frame::{Frame, MAX_OFFSET, NOWHERE};
use crate::steps::Steps;

/// UDP ports of DHCP and PXE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UdpPort(pub u16);

impl UdpPort {
    /// Servers and relays (RFC 2131 §4.1).
    pub const DHCP_SERVER: Self = Self(67);
    /// Clients (RFC 2131 §4.1).
    pub const DHCP_CLIENT: Self = Self(68);
    /// PXE boot servers, and the clients' source port there (PXE 2.1 §2.2.3).
    pub const PXE_BOOT_SERVER: Self = Self(4011);

    /// Whether a server's reply may be addressed to this port.
    #[inline(always)]
    pub const fn takes_replies(self) -> bool {
        matches!(self, Self::DHCP_CLIENT | Self::DHCP_SERVER | Self::PXE_BOOT_SERVER)
    }
}

/// `op` of a message by a server, BOOTREPLY.
pub const BOOT_REPLY: u8 = 2;
/// Where the magic cookie stands.
pub const COOKIE_AT: usize = 236;
/// The magic cookie (RFC 2131 §3), which busybox asks for.
pub const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
const OPTIONS_AT: usize = COOKIE_AT + COOKIE.len();
/// The option that has neither length nor value.
const PAD: u8 = 0;
/// The option behind the last one.
const END: u8 = 255;

/// The fixed header of a message as far as `giaddr`: what a verdict or a counter asks for.
#[derive(Clone, Copy, Debug)]
pub struct Header([u8; 28]);

impl Header {
    /// What stands for one that is cut off.
    pub const BLANK: Self = Self([0; 28]);

    /// Reads it where a UDP datagram's payload begins; `None` where it is cut off.
    #[inline(always)]
    pub fn parse(frame: &impl Frame, bootp: usize) -> Option<Self> {
        frame.near(bootp).map(Self)
    }

    /// Who speaks: 1 a client, 2 a server.
    pub const fn op(&self) -> u8 {
        self.0[0]
    }

    /// "Your" address: what the server gives the client; 0.0.0.0 in the replies of a proxy.
    pub const fn yiaddr(&self) -> [u8; 4] {
        [self.0[16], self.0[17], self.0[18], self.0[19]]
    }

    /// The relay's address; 0.0.0.0 where there is none.
    pub const fn giaddr(&self) -> [u8; 4] {
        [self.0[24], self.0[25], self.0[26], self.0[27]]
    }
}

/// What a server says, by option 53 (RFC 2132 §9.6); each is one column of counters.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u32)]
pub enum MessageType {
    /// DHCPOFFER, 2.
    Offer,
    /// DHCPACK, 5.
    Ack,
    /// DHCPNAK, 6.
    Nak,
    /// Anything else: BOOTP without option 53, one that is overloaded, false, or unreadable.
    Other,
}

impl MessageType {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Offer, Self::Ack, Self::Nak, Self::Other];

    /// By its number in option 53.
    pub const fn of(code: u8) -> Self {
        match code {
            2 => Self::Offer,
            5 => Self::Ack,
            6 => Self::Nak,
            _ => Self::Other,
        }
    }

    /// The name as the RFC has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offer => "OFFER",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
            Self::Other => "other",
        }
    }
}

/// What the options say.  An attacker writes them: they are read to count and to tell, never for a verdict.
///
/// One word, so that a kernel program's function can return it in a register.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Said(u64);

/// The magic cookie and two options: the first of type 53, the second of type 54 if most servers wrote them.
pub type Start = [u8; 13];

impl Said {
    /// Nothing could be read.
    pub const NOTHING: Self = Self(0);

    /// Option 53; 0 where there is none.
    #[inline(always)]
    pub const fn type_code(self) -> u8 {
        self.0 as u8
    }

    /// Option 54 (RFC 2132 §9.7); 0.0.0.0 where the server sent none.
    #[inline(always)]
    pub const fn server_id(self) -> [u8; 4] {
        ((self.0 >> 32) as u32).to_be_bytes()
    }

    #[inline(always)]
    const fn with_type(self, code: u8) -> Self {
        Self(self.0 & !0xff | code as u64)
    }

    #[inline(always)]
    const fn with_server_id(self, id: [u8; 4]) -> Self {
        Self(self.0 & 0xff | (u32::from_be_bytes(id) as u64) << 32)
    }

    /// Both, where most servers put them: first, right behind the cookie.
    #[inline(always)]
    pub const fn at_start(start: Start) -> Option<Self> {
        match start {
            [0x63, 0x82, 0x53, 0x63, 53, 1, code, 54, 4, a, b, c, d] => {
                Some(Self::NOTHING.with_type(code).with_server_id([a, b, c, d]))
            }
            _ => None,
        }
    }

    /// Walks the options of the message at `bootp` until both are found, and through 16 at the most (RFC 2132 sets no
    /// limit): most servers put 53 and 54 first, Kea sorts them.  What stands behind is counted as
    /// [`MessageType::Other`].
    #[inline(never)]
    pub fn parse(frame: &impl Frame, bootp: usize) -> Self {
        if frame.load(bootp + COOKIE_AT) != Some(COOKIE) {
            return Self::NOTHING;
        }
        let mut walk = Walk { frame, at: bootp + OPTIONS_AT, type_at: NOWHERE, server_id_at: NOWHERE };
        let _ended = walk.eight().and_then(|()| walk.eight());
        let [code] = frame.load(walk.type_at).unwrap_or_default();
        let server_id = frame.load(walk.server_id_at).unwrap_or_default();
        Self::NOTHING.with_type(code).with_server_id(server_id)
    }
}

/// A walk through the options.
struct Walk<'a, F> {
    frame: &'a F,
    at: usize,
    /// Where the value of option 53 stands.
    type_at: usize,
    /// Where the value of option 54 stands.
    server_id_at: usize,
}

impl<F: Frame> Steps for Walk<'_, F> {
    #[inline(always)]
    fn step(&mut self) -> Option<()> {
        let at = self.at & MAX_OFFSET;
        let [code, len] = self.frame.near(at)?;
        self.at = at + 2 + len as usize;
        match (code, len) {
            (PAD, _) => self.at = at + 1,
            (END, _) => return None,
            (53, 1) => self.type_at = at + 2,
            (54, 4) => self.server_id_at = at + 2,
            _ => {}
        }
        (self.type_at == NOWHERE || self.server_id_at == NOWHERE).then_some(())
    }
}
