//! Reads a plain request.

use super::{Ask, Asker, HEADERS, MAX_LEN, ROOM, Request};
use crate::arch::{Arch, true_arch};
use crate::dhcp::{COOKIE, COOKIE_AT};
use crate::net::Mac;
use crate::pod::pod;
use crate::responder::HEAD;
use crate::steps::Steps;
use crate::template::{BOOT_ITEM, UUID};

/// Where options begin.
const OPTIONS_AT: usize = COOKIE_AT + COOKIE.len();

/// DISCOVER and REQUEST (RFC 2132 §9.6).
mod message_type {
    pub const DISCOVER: u8 = 1;
    pub const REQUEST: u8 = 3;
}

/// Options, by their numbers.
mod code {
    pub const PAD: u8 = 0;
    pub const VENDOR: u8 = 43;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const MAX_SIZE: u8 = 57;
    pub const CLASS: u8 = 60;
    pub const USER_CLASS: u8 = 77;
    pub const RELAY_INFORMATION: u8 = 82;
    pub const ARCH: u8 = 93;
    pub const UUID: u8 = 97;
    /// iPXE's own options, one in another.
    pub const IPXE: u8 = 175;
    pub const END: u8 = 255;
    /// In option 43 (PXE 2.1, table 2-1).
    pub const BOOT_ITEM: u8 = 71;
    /// In option 175: iPXE can fetch by HTTP.
    pub const IPXE_HTTP: u8 = 0x13;
}

/// Where a message is read and answered: too large for a kernel program's stack.
///
/// A walk keeps its state here, and volatile, for the verifier forgets what it knows of it there: it would else follow
/// each way through each option by itself, and all that comes after.  For the same reason each part of a message is read
/// by a function of its own that says no more than whether it is plain.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Desk {
    /// How often it was used, so that `places` need not be wiped.
    turn: u64,
    /// Where each option stands: the turn, and in the lowest 16 bits the place.
    places: [u64; 256],
    /// Where a walk is.
    at: u64,
    /// Where it ends.
    end: u64,
    /// Of a walk through inner options: where the value of the wanted one is, and in the upper half its length.
    found: u64,
    /// How it ended: [`PLAIN`], or not.
    outcome: u64,
    /// The message, from its first byte on.
    pub message: [u8; ROOM],
    /// Headers: of the request, and then of the reply.
    pub head: [u8; HEAD],
    /// What was read.
    pub request: Request,
    _pad: [u8; 6],
}
pod!(Desk, 8, 8 * 256, 8, 8, 8, 8, ROOM, HEAD, size_of::<Request>(), 6);

/// All options were seen, each once.
const PLAIN: u64 = 1;

impl Desk {
    /// An unused one.
    pub const fn new() -> Self {
        Self {
            turn: 0,
            places: [0; 256],
            at: 0,
            end: 0,
            found: 0,
            outcome: 0,
            message: [0; ROOM],
            head: [0; HEAD],
            request: Request::NONE,
            _pad: [0; 6],
        }
    }

    /// Reads the `len` bytes in `message` into `request`; whether they are a plain request.
    #[inline(never)]
    pub fn read(&mut self, len: usize) -> bool {
        len > OPTIONS_AT
            && len <= ROOM
            && self.is_plain_header()
            && self.walk(len)
            && self.option(code::OVERLOAD).is_none()
            && self.option(code::RELAY_INFORMATION).is_none()
            && self.read_arch()
            && self.read_ask()
            && self.read_asker()
            && self.read_uuid()
            && self.read_boot_item()
            && self.read_max_len()
            && self.read_fields()
    }

    /// A client's own message, on Ethernet, that no relay has touched; with the cookie.
    #[inline(always)]
    fn is_plain_header(&self) -> bool {
        let mac: Mac = self.bytes(28);
        let (is_group, is_nobody) = (mac[0] & 1 != 0, mac == [0; 6]);
        self.bytes(0) == [1, 1, 6, 0]
            && self.bytes(24) == [0; 4]
            && self.bytes(COOKIE_AT) == COOKIE
            && !is_group
            && !is_nobody
    }

    #[inline(always)]
    fn read_fields(&mut self) -> bool {
        let flags = [self.message[10] & 0x80, 0];
        let (xid, ciaddr, chaddr) = (self.bytes(4), self.bytes(12), self.bytes(28));
        let values = &mut self.request.values;
        (values.xid, values.flags, values.ciaddr, values.chaddr) = (xid, flags, ciaddr, chaddr);
        true
    }

    /// Notes where each option stands; whether each stands once, and they end with END.
    #[inline(never)]
    fn walk(&mut self, len: usize) -> bool {
        self.turn += 1;
        put(&mut self.at, OPTIONS_AT);
        put(&mut self.end, len);
        put(&mut self.outcome, 0);
        let mut walk = Walk(self);
        let _ended = walk.eight().and_then(|()| walk.eight()).and_then(|()| walk.eight()).and_then(|()| walk.eight());
        get(&self.outcome) == PLAIN as usize
    }

    /// Where an option's value begins, and its length.
    #[inline(always)]
    fn option(&self, code: u8) -> Option<(usize, usize)> {
        let place = self.places[usize::from(code)];
        let at = (place & 0xffff) as usize;
        (place >> 16 == self.turn).then(|| (at + 2, usize::from(self.byte(at + 1))))
    }

    #[inline(never)]
    fn read_ask(&mut self) -> bool {
        let Some((at, 1)) = self.option(code::MESSAGE_TYPE) else { return false };
        self.request.kind.ask = match self.byte(at) {
            message_type::DISCOVER => Ask::Offer as u8,
            message_type::REQUEST => Ask::BootServer as u8,
            _ => return false,
        };
        true
    }

    /// One architecture.
    #[inline(never)]
    fn read_arch(&mut self) -> bool {
        let Some((at, 2)) = self.option(code::ARCH) else { return false };
        let said = Arch(u16::from_be_bytes(self.bytes(at)));
        self.request.kind.arch = true_arch(said, self.bytes(28)).0;
        true
    }

    #[inline(never)]
    fn read_asker(&mut self) -> bool {
        let Some((at, len)) = self.option(code::CLASS) else { return false };
        let is_http = match (len, self.bytes::<9>(at), self.byte(at + 9)) {
            (9.., [b'P', b'X', b'E', b'C', b'l', b'i', b'e', b'n', b't'], _) => false,
            (10.., [b'H', b'T', b'T', b'P', b'C', b'l', b'i', b'e', b'n'], b't') => true,
            _ => return false,
        };
        let is_named_ipxe = match self.option(code::USER_CLASS) {
            Some((at, 4)) if self.bytes::<4>(at) == *b"iPXE" => true,
            Some(_) => return false,
            None => false,
        };
        let asker = match self.option(code::IPXE) {
            Some((at, len)) => {
                if !self.look_inside(at, len, code::IPXE_HTTP) {
                    return false;
                }
                let fetches_by_http = match self.inner() {
                    None => false,
                    Some((at, 1)) => self.byte(at) != 0,
                    Some(_) => return false,
                };
                if fetches_by_http { Asker::IpxeHttp } else { Asker::Ipxe }
            }
            None if is_named_ipxe => Asker::Ipxe,
            None if is_http => Asker::Http,
            None => Asker::Pxe,
        };
        self.request.kind.asker = asker as u8;
        // An iPXE that says HTTPClient is for user space to think about.
        !is_http || matches!(asker, Asker::Http)
    }

    #[inline(never)]
    fn read_uuid(&mut self) -> bool {
        let option = self.option(code::UUID);
        self.request.kind.has_uuid = option.is_some() as u8;
        match option {
            None => true,
            Some((at, UUID)) => {
                for index in 0..UUID {
                    self.request.values.uuid[index] = self.byte(at + index);
                }
                true
            }
            Some(_) => false,
        }
    }

    /// Option 43.71, on port 4011; one that asks for signed files (bit 15 of the layer) is not plain.
    #[inline(never)]
    fn read_boot_item(&mut self) -> bool {
        self.request.kind.has_boot_item = 0;
        let Some((at, len)) = self.option(code::VENDOR) else { return true };
        if !self.look_inside(at, len, code::BOOT_ITEM) {
            return false;
        }
        match self.inner() {
            None => true,
            Some((at, BOOT_ITEM)) if self.byte(at + 2) & 0x80 == 0 => {
                self.request.values.boot_item = self.bytes(at);
                self.request.kind.has_boot_item = (self.request.kind.ask == Ask::BootServer as u8) as u8;
                true
            }
            Some(_) => false,
        }
    }

    #[inline(never)]
    fn read_max_len(&mut self) -> bool {
        self.request.max_len = match self.option(code::MAX_SIZE) {
            None => *MAX_LEN.start(),
            Some((at, 2)) => {
                let said = u16::from_be_bytes(self.bytes(at)).saturating_sub(HEADERS);
                said.clamp(*MAX_LEN.start(), *MAX_LEN.end())
            }
            Some(_) => return false,
        };
        true
    }

    /// Looks for one option of those that an option's value holds; whether they are whole, and it is there once or not
    /// at all.
    #[inline(never)]
    fn look_inside(&mut self, at: usize, len: usize, wanted: u8) -> bool {
        put(&mut self.at, at);
        put(&mut self.end, at + len);
        put(&mut self.found, 0);
        put(&mut self.outcome, 0);
        let mut walk = InnerWalk(self, wanted);
        let _ended = walk.eight().and_then(|()| walk.eight()).and_then(|()| walk.eight()).and_then(|()| walk.eight());
        get(&self.outcome) == PLAIN as usize
    }

    /// Where the value is that was found, and its length.
    #[inline(always)]
    fn inner(&self) -> Option<(usize, usize)> {
        let found = get(&self.found);
        (found != 0).then_some((found & 0xffff_ffff, found >> 32))
    }

    /// Offsets are known to be inside; the mask is what the verifier sees of it.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.message[at & (ROOM - 1)]
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        core::array::from_fn(|index| self.byte(at + index))
    }
}

/// A walk through all options.
struct Walk<'a>(&'a mut Desk);

impl Steps for Walk<'_> {
    #[inline(always)]
    fn step(&mut self) -> Option<()> {
        let desk = &mut *self.0;
        let (at, len) = (get(&desk.at), get(&desk.end));
        if at >= len {
            return None;
        }
        let code = desk.byte(at);
        if code == code::END {
            put(&mut desk.outcome, PLAIN as usize);
            return None;
        }
        if code == code::PAD {
            put(&mut desk.at, at + 1);
            return Some(());
        }
        let next = at + 2 + usize::from(desk.byte(at + 1));
        put(&mut desk.at, next);
        let (turn, place) = (desk.turn, &mut desk.places[usize::from(code)]);
        if *place >> 16 == turn || next > len {
            return None;
        }
        *place = turn << 16 | at as u64;
        Some(())
    }
}

/// A walk through the options in another one, for one of them.
struct InnerWalk<'a>(&'a mut Desk, u8);

impl Steps for InnerWalk<'_> {
    #[inline(always)]
    fn step(&mut self) -> Option<()> {
        let desk = &mut *self.0;
        let (at, end) = (get(&desk.at), get(&desk.end));
        let code = desk.byte(at);
        if at >= end || code == code::END {
            put(&mut desk.outcome, if at > end { 0 } else { PLAIN as usize });
            return None;
        }
        if code == code::PAD {
            put(&mut desk.at, at + 1);
            return Some(());
        }
        let len = usize::from(desk.byte(at + 1));
        put(&mut desk.at, at + 2 + len);
        if code == self.1 {
            if get(&desk.found) != 0 {
                return None;
            }
            put(&mut desk.found, len << 32 | (at + 2));
        }
        Some(())
    }
}

/// Reads a part of a walk's state.
#[inline(always)]
fn get(from: &u64) -> usize {
    // SAFETY: a reference is valid.
    unsafe { core::ptr::read_volatile(from) as usize }
}

/// Writes a part of a walk's state.
#[inline(always)]
fn put(to: &mut u64, value: usize) {
    // SAFETY: a reference is valid.
    unsafe { core::ptr::write_volatile(to, value as u64) }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}
