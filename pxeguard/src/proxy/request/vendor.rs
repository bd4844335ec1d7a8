//! What makers of firmware and of iPXE put into options of their own.

use dhcproto::v4::borrowed::DhcpOptionIterator;
use pxeguard_common::arch::Arch;

/// Option 43.71, PXE_BOOT_ITEM (PXE 2.1, table 2-1).
pub const BOOT_ITEM: u8 = 71;
/// Option 175: iPXE's own options, one in another (iPXE, `src/include/ipxe/dhcp.h`).
pub const IPXE: u8 = 175;
/// Option 175.19: iPXE can fetch by HTTP (`src/include/ipxe/features.h`).
const IPXE_HTTP: u8 = 0x13;

/// What option 60 says of a client that boots from the network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// PXE.
    Pxe,
    /// UEFI HTTP boot.
    Http,
}

impl Class {
    /// Of option 60, which goes on behind these names: `PXEClient:Arch:00007:UNDI:003016`.
    pub fn of(value: &[u8]) -> Option<Self> {
        match value {
            [b'P', b'X', b'E', b'C', b'l', b'i', b'e', b'n', b't', ..] => Some(Self::Pxe),
            [b'H', b'T', b'T', b'P', b'C', b'l', b'i', b'e', b'n', b't', ..] => Some(Self::Http),
            _ => None,
        }
    }
}

/// The architecture in option 93: of several (RFC 4578 §2.1) the first that the table knows, else the first.
pub fn arch(value: &[u8]) -> Option<Arch> {
    let mut arches = value.chunks_exact(2).map(|number| Arch(u16::from_be_bytes([number[0], number[1]])));
    let known = arches.clone().find(|arch| arch.entry().is_some());
    known.or_else(|| arches.next())
}

/// Whether option 77 says iPXE: as bare text, which iPXE sends, or as one of RFC 3004's counted strings.
pub fn is_ipxe(value: &[u8]) -> bool {
    const NAME: &[u8] = b"iPXE";
    if value == NAME {
        return true;
    }
    let mut rest = value;
    while let [len, more @ ..] = rest {
        let Some((class, after)) = more.split_at_checked(usize::from(*len)) else { return false };
        if class == NAME {
            return true;
        }
        rest = after;
    }
    false
}

/// What an iPXE can do: the ROM of a card may lack what a newer one has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IpxeFeatures {
    /// Fetch by HTTP.
    pub http: bool,
}

impl IpxeFeatures {
    /// Of option 175.
    pub fn of(value: &[u8]) -> Self {
        let has = |feature| {
            let mut options = DhcpOptionIterator::new(value);
            options.any(|option| u8::from(option.code()) == feature && option.data() != [0])
        };
        Self { http: has(IPXE_HTTP) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_architectures_the_first_known_one_counts() {
        for (value, expected) in [
            (&[0, 7][..], Some(7)),
            (&[0, 2, 0, 7], Some(7)),
            (&[0, 7, 0, 11], Some(7)),
            (&[0, 2, 0, 3], Some(2)),
            (&[0], None),
            (&[], None),
        ] {
            assert_eq!(arch(value), expected.map(Arch), "{value:?}");
        }
    }

    #[test]
    fn ipxe_is_known_by_either_form_of_its_user_class() {
        for (value, expected) in [
            (&b"iPXE"[..], true),
            (b"\x04iPXE", true),
            (b"\x05other\x04iPXE", true),
            (b"iPXE2", false),
            (b"\x05iPXE", false),
            (b"", false),
        ] {
            assert_eq!(is_ipxe(value), expected, "{value:?}");
        }
    }
}
