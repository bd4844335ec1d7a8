//! The plain request of a PXE client: the kind that the kernel answers by itself.
//!
//! Everything else is left to user space, which reads the same messages with more patience: options twice, options in
//! the fields `sname` and `file`, several architectures, what came by a relay.  Where this parser reads a message at all,
//! user space's reads the same in it; the tests of the daemon compare them.

mod desk;
mod envelope;

use crate::arch::Arch;
use crate::pod::pod;
use crate::template::Values;

pub use desk::Desk;
pub use envelope::{Destination, Envelope};

/// The longest message that is read: firmware's have 300 to 590 bytes.
pub const ROOM: usize = 1024;

/// What a plain request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Ask {
    /// DISCOVER: an offer.
    Offer = 1,
    /// REQUEST, to port 4011: the boot server's answer.
    BootServer = 2,
}

/// What asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Asker {
    /// The machine's firmware, by PXE.
    Pxe = 1,
    /// The machine's firmware, by UEFI HTTP boot.
    Http = 2,
    /// An iPXE that cannot fetch by HTTP.
    Ipxe = 3,
    /// One that can.
    IpxeHttp = 4,
}

/// What requests have in common that get one reply, but for the client's own values.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(C)]
pub struct Kind {
    /// Option 93.
    pub arch: u16,
    /// [`Ask`].
    pub ask: u8,
    /// [`Asker`].
    pub asker: u8,
    /// 1 if option 97 is there.
    pub has_uuid: u8,
    /// 1 if option 43.71 is there.
    pub has_boot_item: u8,
    _pad: [u8; 2],
}
pod!(Kind, 2, 1, 1, 1, 1, 2);

impl Kind {
    /// A kind.
    pub const fn new(arch: Arch, ask: Ask, asker: Asker, has_uuid: bool, has_boot_item: bool) -> Self {
        Self {
            arch: arch.0,
            ask: ask as u8,
            asker: asker as u8,
            has_uuid: has_uuid as u8,
            has_boot_item: has_boot_item as u8,
            _pad: [0; 2],
        }
    }
}

/// A plain request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Request {
    /// What decides the reply.
    pub kind: Kind,
    /// The longest answer that it takes, in bytes of BOOTP.
    pub max_len: u16,
    /// What its reply repeats.
    pub values: Values,
    _pad: u8,
}
pod!(Request, size_of::<Kind>(), 2, size_of::<Values>(), 1);

/// Longest and shortest answer that is told by option 57, or not told (RFC 2131 §2, and an Ethernet frame's room).
pub const MAX_LEN: core::ops::RangeInclusive<u16> = 576 - HEADERS..=1500 - HEADERS;
/// Those of IPv4 and UDP.
const HEADERS: u16 = 20 + 8;

impl Request {
    pub(crate) const NONE: Self = Self {
        kind: Kind { arch: 0, ask: 0, asker: 0, has_uuid: 0, has_boot_item: 0, _pad: [0; 2] },
        max_len: 0,
        values: Values::NONE,
        _pad: 0,
    };

    /// Whether it wants its answer broadcast.
    #[inline(always)]
    pub const fn broadcast(&self) -> bool {
        self.values.flags[0] != 0
    }
}
