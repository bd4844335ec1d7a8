//! What the kernel needs to answer PXE clients by itself: prepared frames, and who gets others than all or is left to user
//! space.

use crate::net::{ETHERNET, Mac};
use crate::pod::pod;
use crate::request::{Destination, Kind, Request};
use crate::template::{Template, Values, checksum, sum};

const IPV4: usize = 20;
const UDP: usize = 8;
/// What stands before a message of ours; a VLAN's tag is not in the frame, but beside it.
pub const HEADERS: usize = ETHERNET + IPV4 + UDP;
/// As far as a message holds fields that are the client's own, but for those in options: to the end of `chaddr`.
const FIELDS: usize = 44;
/// The first part of a frame: all that is written anew for each client, but for two options.
pub const HEAD: usize = HEADERS + FIELDS;

/// Key of the `REPLIES` map.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(C)]
pub struct ReplyKey {
    /// Of the replies: a policy's are of one, and come into force with it, all at once.
    pub generation: u32,
    /// The guarded interface by which user space would have received the request.
    pub iface: u32,
    /// What kind of request.
    pub kind: Kind,
    /// Its VLAN, 0 for none.
    pub vlan: u16,
    /// [`Variant::number`], [`Variant::COMMON`] for what all others get.
    pub variant: u16,
}
pod!(ReplyKey, 4, 4, size_of::<Kind>(), 2, 2);

/// Value of the `REPLIES` map: a frame, ready but for one client's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Prepared {
    /// The message.
    pub message: Template,
    /// Sum of the IPv4 header without the destination.
    ip_sum: u32,
    /// Sum of the pseudo header and of UDP's, without the destination.
    udp_sum: u32,
    /// This host's address.
    pub server: [u8; 4],
    /// The network in which it is.
    pub network: [u8; 4],
    /// That network's mask.
    pub mask: [u8; 4],
    headers: [u8; HEADERS],
    _pad: [u8; 2],
}
pod!(Prepared, size_of::<Template>(), 4, 4, 4, 4, 4, HEADERS, 2);

impl Prepared {
    /// A frame from `server`, an address in the network with this prefix, and from its `port`.
    pub fn new(message: Template, mac: Mac, server: [u8; 4], port: u16, prefix_len: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0);
        let udp_len = (UDP + message.message_len()) as u16;
        let mut headers = [0; HEADERS];
        headers[6..12].copy_from_slice(&mac);
        headers[12..14].copy_from_slice(&[0x08, 0x00]);
        headers[14] = 0x45;
        headers[16..18].copy_from_slice(&(IPV4 as u16 + udp_len).to_be_bytes());
        headers[22] = 64;
        headers[23] = 17;
        headers[26..30].copy_from_slice(&server);
        headers[34..36].copy_from_slice(&port.to_be_bytes());
        headers[38..40].copy_from_slice(&udp_len.to_be_bytes());
        Self {
            message,
            ip_sum: sum(&headers[14..34], 0),
            udp_sum: sum(&server, 0) + 17 + u32::from(udp_len) + sum(&headers[34..42], 0),
            server,
            network: (u32::from_be_bytes(server) & mask).to_be_bytes(),
            mask: mask.to_be_bytes(),
            headers,
            _pad: [0; 2],
        }
    }

    /// This host's Ethernet address.
    #[inline(always)]
    pub fn mac(&self) -> Mac {
        let [a, b, c, d, e, f] = [6, 7, 8, 9, 10, 11].map(|at| self.headers[at]);
        [a, b, c, d, e, f]
    }

    /// Length of the frame.
    #[inline(always)]
    pub fn frame_len(&self) -> usize {
        HEADERS + self.message.message_len()
    }

    /// Whether an address can be a client's: it is in the network, and neither this host's nor everybody's.
    #[inline(always)]
    pub fn has_client(&self, address: [u8; 4]) -> bool {
        let [address, mask, network] = [address, self.mask, self.network].map(u32::from_be_bytes);
        let is_special = mask < 0xffff_fffe && (address == network || address == network | !mask);
        address & mask == network && !is_special && address != u32::from_be_bytes(self.server)
    }

    /// Writes the head of one client's frame, with both checksums; behind it stands the message from [`HEAD`] on, with
    /// the values of options 97 and 43.71 written into it.
    #[inline(always)]
    pub fn write_head(&self, values: &Values, to: &Destination, head: &mut [u8; HEAD]) {
        let address = sum(&to.address, 0);
        let ip_sum = checksum(self.ip_sum + address);
        let whole = match checksum(self.udp_sum + address + u32::from(to.port) + self.message.sum_with(values)) {
            // 0 would say that there is none (RFC 768).
            0 => 0xffff,
            whole => whole,
        };
        head[..HEADERS].copy_from_slice(&self.headers);
        head[HEADERS..].copy_from_slice(self.message.fields());
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &to.mac);
        put(24, &ip_sum.to_be_bytes());
        put(30, &to.address);
        put(36, &to.port.to_be_bytes());
        put(40, &whole.to_be_bytes());
        put(46, &values.xid);
        put(52, &values.flags);
        put(54, &values.ciaddr);
        put(70, &values.chaddr);
    }
}

/// Value of the `RESPONDER` map: one entry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Responder {
    /// That of the replies in force; 0 if the kernel answers nobody.
    pub generation: u32,
}
pod!(Responder, 4);

/// Key of the `SPECIAL` map: a client that is not answered as all others are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(C)]
pub struct Special {
    /// Who.
    pub mac: Mac,
    /// What of it: a [`crate::request::Asker`].
    pub asker: u8,
    _pad: u8,
}
pod!(Special, 6, 1, 1);

impl Special {
    /// A key.
    #[inline(always)]
    pub const fn new(mac: Mac, asker: u8) -> Self {
        Self { mac, asker, _pad: 0 }
    }
}

/// Value of the `SPECIAL` map: by which replies a client is answered.
///
/// It holds for one generation of replies.  Under any other the client is left to user space, so that nobody gets what
/// the number meant before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Variant {
    /// Of which generation.
    pub generation: u32,
    /// Which of its variants.
    pub number: u16,
    _pad: [u8; 2],
}
pod!(Variant, 4, 2, 2);

impl Variant {
    /// The replies to everybody else.
    pub const COMMON: u16 = 0;
    /// None: user space answers.  No replies in force have this generation.
    pub const LEFT: Self = Self::new(0, Self::COMMON);

    /// A variant.
    pub const fn new(generation: u32, number: u16) -> Self {
        Self { generation, number, _pad: [0; 2] }
    }
}

/// The mark of a request that goes on to its DHCP server though the kernel has answered it ("PXE" and a bit that
/// others do not use).
pub const ANSWERED: u32 = 0x8050_5845;

/// Most prepared replies at once: two generations, one of which is being put in the place of the other.
pub const MAX_REPLIES: u32 = 8192;
/// Most clients at once that are not answered as all others are, each for one [`crate::request::Asker`].
pub const MAX_SPECIAL: u32 = 16_384;

/// Entry of the `ANSWERED` ring: a request that the kernel has answered.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Told {
    /// The guarded interface.
    pub iface: u32,
    /// Its VLAN.
    pub vlan: u16,
    /// The port from which it asked.
    pub from_port: u16,
    /// The request.
    pub request: Request,
}
pod!(Told, 4, 2, 2, size_of::<Request>());

/// Size of that ring.
pub const TOLD_BYTES: u32 = 1 << 20;
/// So many answers are told by each CPU in one tick of the kernel; more come only in a flood.
pub const TOLD_A_TICK: u32 = 64;

/// What the kernel counts of its answers; each CPU for itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Answers {
    /// Offers.
    pub offers: u64,
    /// Answers of port 4011.
    pub boot_server: u64,
    /// Replies that could not be sent for want of memory.
    pub failed: u64,
    /// Answers that user space was not told.
    pub untold: u64,
    /// The tick in which was told last.
    pub tick: u64,
    /// How many were in that.
    pub told: u64,
}
pod!(Answers, 8, 8, 8, 8, 8, 8);
