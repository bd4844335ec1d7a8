//! A reply of proxyDHCP, made once: its bytes, and the few places that differ from client to client.
//!
//! User space and the kernel programs answer by copying a template and filling in those places, so that both send the
//! same bytes.  The sum of the bytes that stay is kept as well: the UDP checksum of a reply costs the places only.

use crate::net::Mac;
use crate::pod::pod;

/// The longest reply that a template holds.
///
/// A name of 255 bytes in option 67 beside a whole option 43 fits; so it does into one Ethernet frame.
pub const CAPACITY: usize = 1012;

/// Offsets of fields in a BOOTP message (RFC 2131, figure 1).
mod at {
    pub const XID: usize = 4;
    pub const FLAGS: usize = 10;
    pub const CIADDR: usize = 12;
    pub const GIADDR: usize = 24;
    pub const CHADDR: usize = 28;
}

/// A BOOTP message, ready but for one client's values; these are zero in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Template {
    /// The sum of its bytes (RFC 1071), not folded.
    sum: u32,
    /// Its length.
    len: u16,
    /// Where the value of option 97 stands; 0 where it has none.
    uuid: u16,
    /// Where the value of option 43.71 stands; 0 where it has none.
    boot_item: u16,
    /// Where END stands: options of a relay go before it.
    end: u16,
    bytes: [u8; CAPACITY],
}

pod!(Template, 4, 2, 2, 2, 2, CAPACITY);

/// Length of option 97's value: a type, and the identifier (RFC 4578 §2.3).
pub const UUID: usize = 17;
/// Length of option 43.71's value: a type, and a layer (PXE 2.1, table 2-1).
pub const BOOT_ITEM: usize = 4;

/// Where the values of options stand in a message; 0 where it has none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Places {
    /// That of option 97, [`UUID`] bytes.
    pub uuid: usize,
    /// That of option 43.71, [`BOOT_ITEM`] bytes.
    pub boot_item: usize,
    /// END.
    pub end: usize,
}

/// What is one client's own in a reply.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Values {
    /// The transaction.
    pub xid: [u8; 4],
    /// The flags; only the first means anything: broadcast.
    pub flags: [u8; 2],
    /// The address that the client has.
    pub ciaddr: [u8; 4],
    /// The relay.
    pub giaddr: [u8; 4],
    /// The client's Ethernet address.
    pub chaddr: Mac,
    /// The value of option 97.
    pub uuid: [u8; UUID],
    /// The value of option 43.71.
    pub boot_item: [u8; BOOT_ITEM],
}

pod!(Values, 4, 2, 4, 4, 6, UUID, BOOT_ITEM);

impl Values {
    /// Nobody's.
    pub const NONE: Self = Self {
        xid: [0; 4],
        flags: [0; 2],
        ciaddr: [0; 4],
        giaddr: [0; 4],
        chaddr: [0; 6],
        uuid: [0; UUID],
        boot_item: [0; BOOT_ITEM],
    };
}

impl Template {
    /// From a message whose places are zero; `None` if it is too long, or a place is not in it.
    pub fn new(message: &[u8], places: Places) -> Option<Self> {
        let mut bytes = [0; CAPACITY];
        bytes.get_mut(..message.len())?.copy_from_slice(message);
        let is_inside = |at: usize, len: usize| at + len <= message.len();
        if !is_inside(places.uuid, UUID) || !is_inside(places.boot_item, BOOT_ITEM) || !is_inside(places.end, 1) {
            return None;
        }
        Some(Self {
            sum: sum(message, 0),
            len: message.len() as u16,
            uuid: places.uuid as u16,
            boot_item: places.boot_item as u16,
            end: places.end as u16,
            bytes,
        })
    }

    /// Length of the message.
    #[inline(always)]
    pub fn message_len(&self) -> usize {
        usize::from(self.len)
    }

    /// Where END stands.
    pub fn end(&self) -> usize {
        usize::from(self.end)
    }

    /// The message as far as its fields are of a fixed place and one client's own: to the end of `chaddr`.
    #[inline(always)]
    pub fn fields(&self) -> &[u8; 44] {
        self.bytes.first_chunk().expect("there are as many")
    }

    /// The whole message, with zeroes for one client's values, and room behind it.
    #[inline(always)]
    pub const fn bytes(&self) -> &[u8; CAPACITY] {
        &self.bytes
    }

    /// Where the value of option 97 stands; 0 where there is none.
    #[inline(always)]
    pub const fn uuid_at(&self) -> usize {
        self.uuid as usize
    }

    /// Where the value of option 43.71 stands; 0 where there is none.
    #[inline(always)]
    pub const fn boot_item_at(&self) -> usize {
        self.boot_item as usize
    }

    /// The sum of the bytes of one client's message (RFC 1071), not folded; nobody is behind a relay here.
    #[inline(always)]
    pub fn sum_with(&self, values: &Values) -> u32 {
        let mut total = self.sum + sum(&values.xid, 0) + sum(&values.flags, 0) + sum(&values.ciaddr, 0);
        total += sum(&values.chaddr, 0);
        if self.uuid != 0 {
            total += if self.uuid.is_multiple_of(2) { sum(&values.uuid, 0) } else { sum(&values.uuid, 1) };
        }
        if self.boot_item != 0 {
            total +=
                if self.boot_item.is_multiple_of(2) { sum(&values.boot_item, 0) } else { sum(&values.boot_item, 1) };
        }
        total
    }

    /// Writes one client's message to the beginning of `out`.  Returns the sum of its bytes (RFC 1071), not folded;
    /// `None` if `out` is too short.
    pub fn fill(&self, values: &Values, out: &mut [u8]) -> Option<u32> {
        let out = out.get_mut(..self.message_len())?;
        out.copy_from_slice(self.bytes.get(..self.message_len())?);
        let mut total = self.sum;
        let mut put = |at: usize, value: &[u8]| {
            out.get_mut(at..at + value.len())?.copy_from_slice(value);
            total += sum(value, at);
            Some(())
        };
        put(at::XID, &values.xid)?;
        put(at::FLAGS, &values.flags)?;
        put(at::CIADDR, &values.ciaddr)?;
        put(at::GIADDR, &values.giaddr)?;
        put(at::CHADDR, &values.chaddr)?;
        if self.uuid != 0 {
            put(usize::from(self.uuid), &values.uuid)?;
        }
        if self.boot_item != 0 {
            put(usize::from(self.boot_item), &values.boot_item)?;
        }
        Some(total)
    }
}

/// The sum of bytes that stand at an offset of a message, as big-endian words (RFC 1071 §1), not folded: good for 64 KiB.
#[inline(always)]
pub fn sum(bytes: &[u8], at: usize) -> u32 {
    let (odd, even) = match (at % 2, bytes) {
        (1, [first, rest @ ..]) => (u32::from(*first), rest),
        _ => (0, bytes),
    };
    let words = even.chunks_exact(2);
    let last = words.remainder().first().map_or(0, |last| u32::from(*last) << 8);
    words.map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u32>() + odd + last
}

/// The checksum of what has a sum (RFC 1071 §1).
#[inline(always)]
pub const fn checksum(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfcs_example() {
        // RFC 1071 §3.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(sum(&bytes, 0)), !0xddf2);
    }

    #[test]
    fn parts_of_a_message_add_up_wherever_they_are_cut() {
        let bytes: [u8; 33] = core::array::from_fn(|index| (index * 37) as u8);
        for cut in 0..=bytes.len() {
            let (one, two) = bytes.split_at(cut);
            assert_eq!(checksum(sum(one, 0) + sum(two, cut)), checksum(sum(&bytes, 0)), "{cut}");
        }
    }

    #[test]
    fn a_filled_template_has_the_sum_of_its_bytes() {
        let mut message = [0x5a_u8; 301];
        message[4..8].fill(0);
        message[10..16].fill(0);
        message[24..34].fill(0);
        message[251..268].fill(0);
        message[270..274].fill(0);
        let template = Template::new(&message, Places { uuid: 251, boot_item: 270, end: 300 }).unwrap();
        let values = Values {
            xid: [1, 2, 3, 4],
            flags: [0x80, 0],
            ciaddr: [10, 0, 0, 2],
            giaddr: [10, 0, 0, 3],
            chaddr: [2, 3, 4, 5, 6, 7],
            uuid: [9; UUID],
            boot_item: [0x80, 1, 0, 0],
        };
        let mut out = [0xa5; 301];
        let total = template.fill(&values, &mut out).unwrap();
        assert_eq!(checksum(total), checksum(sum(&out, 0)));
        assert_eq!((&out[4..8], &out[251..268]), (&[1, 2, 3, 4][..], &[9; 17][..]));
    }

    #[test]
    fn a_message_that_is_too_long_or_lacks_its_places_is_refused() {
        assert!(Template::new(&[0; CAPACITY + 1], Places::default()).is_none());
        assert!(Template::new(&[0; 300], Places { uuid: 290, ..Places::default() }).is_none());
    }
}
