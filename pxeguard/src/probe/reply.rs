//! What a server says: its message, read as far as it matters to who boots.
//!
//! All of it is a stranger's: texts are bounded and printable from here on.

use std::net::Ipv4Addr;

use dhcproto::v4::borrowed::{DhcpOptionIterator, Message};
use dhcproto::v4::{HType, Opcode};
use pxeguard_common::net::Mac;

use crate::report::printable;

/// Longest text of a server's that is shown, in characters: a name of a file has at most 255 bytes.
const TEXT_LIMIT: usize = 255;
/// Addresses of a list that are shown.
const LIST_LIMIT: usize = 8;

/// Option codes (RFC 2132, RFC 3046).
mod code {
    pub const MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const VENDOR: u8 = 43;
    pub const LEASE: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const CLASS: u8 = 60;
    pub const TFTP_SERVER: u8 = 66;
    pub const BOOT_FILE: u8 = 67;
}

/// A server's message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The transaction.
    pub xid: u32,
    /// The client that it is for.
    pub chaddr: Mac,
    /// Option 53.
    pub kind: Option<Kind>,
    /// The address that is given.
    pub yiaddr: Ipv4Addr,
    /// The next server.
    pub siaddr: Ipv4Addr,
    /// The relay.
    pub giaddr: Ipv4Addr,
    /// The name of the boot file: option 67, else the field.
    pub file: String,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// Option 1.
    pub mask: Option<Ipv4Addr>,
    /// Option 3.
    pub routers: Vec<Ipv4Addr>,
    /// Option 6.
    pub dns: Vec<Ipv4Addr>,
    /// Option 51, in seconds.
    pub lease_s: Option<u32>,
    /// Option 60.
    pub class: Option<String>,
    /// Option 66.
    pub tftp_server: Option<String>,
    /// Option 43, where option 60 says PXE.
    pub pxe: Option<PxeOptions>,
}

/// The kind of a server's message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// OFFER.
    Offer,
    /// ACK.
    Ack,
    /// NAK.
    Nak,
}

/// What option 43 of a PXE server says (PXE 2.1 table 2-1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PxeOptions {
    /// 43.6, PXE_DISCOVERY_CONTROL.
    pub control: Option<u8>,
    /// 43.8: addresses of boot servers.
    pub servers: Vec<Ipv4Addr>,
    /// The first type of boot server in the menu (43.9), apart from the local disk.
    pub item: Option<u16>,
}

impl PxeOptions {
    const DISCOVERY_CONTROL: u8 = 6;
    const BOOT_SERVERS: u8 = 8;
    const BOOT_MENU: u8 = 9;
    /// Bit 3 of 43.6: the file that stands in this very packet is to be loaded.
    const THIS_FILE: u8 = 0b1000;

    fn read(value: &[u8]) -> Self {
        let mut options = Self::default();
        for option in DhcpOptionIterator::new(value) {
            match (u8::from(option.code()), option.data()) {
                (Self::DISCOVERY_CONTROL, [control, ..]) => options.control = Some(*control),
                (Self::BOOT_SERVERS, list) => options.servers = boot_servers(list),
                (Self::BOOT_MENU, menu) => options.item = first_item(menu),
                _ => {}
            }
        }
        options
    }

    /// Whether the client loads the file at once.
    pub fn is_direct(&self) -> bool {
        self.control.is_some_and(|control| control & Self::THIS_FILE != 0)
    }
}

/// A menu is a list of a type, a length, and so much text; type 0 is the local disk.
fn first_item(menu: &[u8]) -> Option<u16> {
    let mut rest = menu;
    while let [high, low, len, more @ ..] = rest {
        match u16::from_be_bytes([*high, *low]) {
            0 => rest = more.get(usize::from(*len)..)?,
            item => return Some(item),
        }
    }
    None
}

/// A list of a type, a count, and so many addresses.
fn boot_servers(list: &[u8]) -> Vec<Ipv4Addr> {
    let (mut servers, mut rest) = (Vec::new(), list);
    while let [_, _, count, more @ ..] = rest {
        let Some((addresses_of_one, after)) = more.split_at_checked(usize::from(*count) * 4) else { break };
        servers.extend(addresses(addresses_of_one));
        rest = after;
    }
    servers.truncate(LIST_LIMIT);
    servers
}

impl Reply {
    /// Reads the payload of a datagram; `None` if it is no server's message to an Ethernet client.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let message = Message::new(payload).ok()?;
        if message.opcode() != Opcode::BootReply || message.htype() != HType::Eth || message.hlen() != 6 {
            return None;
        }
        let mut reply = Self {
            xid: message.xid(),
            chaddr: message.chaddr().try_into().ok()?,
            yiaddr: message.yiaddr(),
            siaddr: message.siaddr(),
            giaddr: message.giaddr(),
            file: text(message.fname()),
            kind: None,
            server_id: None,
            mask: None,
            routers: Vec::new(),
            dns: Vec::new(),
            lease_s: None,
            class: None,
            tftp_server: None,
            pxe: None,
        };
        let (mut vendor, mut boot_file, mut overload) = (None, None, 0);
        for option in message.opts() {
            let value = option.data();
            match u8::from(option.code()) {
                code::MASK => reply.mask = address(value),
                code::ROUTER => reply.routers = addresses(value).collect(),
                code::DNS => reply.dns = addresses(value).collect(),
                code::VENDOR => vendor = Some(PxeOptions::read(value)),
                code::LEASE => reply.lease_s = value.first_chunk().map(|s| u32::from_be_bytes(*s)),
                code::OVERLOAD => overload = value.first().copied().unwrap_or_default(),
                code::MESSAGE_TYPE => reply.kind = value.first().and_then(|kind| Kind::of(*kind)),
                code::SERVER => reply.server_id = address(value),
                code::CLASS => reply.class = Some(text(value)),
                code::TFTP_SERVER => reply.tftp_server = Some(text(value)),
                code::BOOT_FILE => boot_file = Some(text(value)),
                _ => {}
            }
        }
        // Bit 0: the field holds options (RFC 2132 §9.3).
        if overload & 1 != 0 {
            reply.file.clear();
        }
        reply.file = boot_file.unwrap_or(reply.file);
        reply.pxe = vendor.filter(|_| reply.is_pxe());
        Some(reply)
    }

    /// Whether it gives an address.
    pub fn gives_address(&self) -> bool {
        !self.yiaddr.is_unspecified()
    }

    /// Whether it says that it is a PXE server's.
    pub fn is_pxe(&self) -> bool {
        self.class.as_ref().is_some_and(|class| class.starts_with("PXEClient"))
    }

    /// Whether it says that it is for UEFI's HTTP boot.
    pub fn is_http(&self) -> bool {
        self.class.as_ref().is_some_and(|class| class.starts_with("HTTPClient"))
    }

    /// Whether a PXE client has all it needs without port 4011 (edk2: `PxeBcSelectBootPrompt`).
    pub fn is_direct(&self) -> bool {
        !self.file.is_empty() && self.pxe.as_ref().is_some_and(PxeOptions::is_direct)
    }

    /// The boot server that a PXE client asks on port 4011, and loads from: of the list in option 43 the first, else the
    /// next server, else the server's identifier (edk2: `PxeBcSelectBootMenu`, `PxeBcDiscover`).
    pub fn boot_server(&self) -> Option<Ipv4Addr> {
        let listed = self.pxe.as_ref().and_then(|pxe| pxe.servers.first().copied());
        let next = Some(self.siaddr).filter(|address| !address.is_unspecified());
        listed.or(next).or(self.server_id)
    }
}

impl Kind {
    fn of(option: u8) -> Option<Self> {
        match option {
            2 => Some(Self::Offer),
            5 => Some(Self::Ack),
            6 => Some(Self::Nak),
            _ => None,
        }
    }

    /// Whether it answers a REQUEST.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ack | Self::Nak)
    }

    /// As RFC 2131 writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offer => "OFFER",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
        }
    }
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    value.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
}

fn addresses(value: &[u8]) -> impl Iterator<Item = Ipv4Addr> {
    value.chunks_exact(4).filter_map(address).take(LIST_LIMIT)
}

/// Up to its first NUL, if it has one.
fn text(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    printable(&String::from_utf8_lossy(text)).chars().take(TEXT_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reply with these options.
    pub fn message(file: &[u8], options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 236];
        bytes[..3].copy_from_slice(&[2, 1, 6]);
        bytes[4..8].copy_from_slice(&7_u32.to_be_bytes());
        bytes[16..20].copy_from_slice(&[10, 0, 0, 9]);
        bytes[20..24].copy_from_slice(&[10, 0, 0, 2]);
        bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        bytes[108..108 + file.len()].copy_from_slice(file);
        bytes.extend([99, 130, 83, 99]);
        for (code, value) in options {
            bytes.extend([*code, value.len() as u8]);
            bytes.extend(*value);
        }
        bytes.push(255);
        bytes
    }

    #[test]
    fn a_pxe_server_that_names_its_file_is_direct_and_one_with_a_menu_is_asked_again() {
        let direct = [(53, &[2][..]), (60, b"PXEClient"), (43, &[6, 1, 8, 255])];
        let reply = Reply::read(&message(b"boot.efi", &direct)).unwrap();
        assert!(reply.is_direct() && reply.is_pxe() && reply.gives_address());
        assert_eq!(
            (reply.file.as_str(), reply.kind, reply.boot_server()),
            ("boot.efi", Some(Kind::Offer), Some([10, 0, 0, 2].into()))
        );
        let menu = [
            (60, &b"PXEClient"[..]),
            (43, &[6, 1, 3, 8, 7, 0x80, 0, 1, 10, 0, 0, 5, 9, 7, 0, 0, 1, b'x', 0x80, 0, 0, 255]),
        ];
        let reply = Reply::read(&message(b"", &menu)).unwrap();
        assert!(!reply.is_direct());
        assert_eq!(reply.boot_server(), Some([10, 0, 0, 5].into()));
        let expected = PxeOptions { control: Some(3), servers: vec![[10, 0, 0, 5].into()], item: Some(0x8000) };
        assert_eq!(reply.pxe, Some(expected));
    }

    #[test]
    fn option_43_of_another_maker_is_not_read_as_pxes() {
        let reply = Reply::read(&message(b"x", &[(43, &[6, 1, 8]), (60, b"MSFT 5.0")])).unwrap();
        assert_eq!(reply.pxe, None);
        assert!(!reply.is_direct());
    }

    #[test]
    fn option_67_goes_before_the_field_which_may_hold_options() {
        let name = |options: &[(u8, &[u8])]| Reply::read(&message(b"field", options)).unwrap().file;
        assert_eq!(name(&[]), "field");
        assert_eq!(name(&[(67, b"option\0")]), "option");
        assert_eq!(name(&[(52, &[1])]), "");
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        let reply = Reply::read(&message(b"\x1b[2Jx", &[(60, b"\x07")])).unwrap();
        assert_eq!(reply.file, "\u{fffd}[2Jx");
        assert_eq!(reply.class.as_deref(), Some("\u{fffd}"));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(file: [u8; 32], options: Vec<u8>, cut: usize) {
            let mut bytes = message(&file, &[]);
            bytes.pop();
            bytes.extend(options);
            let _ = Reply::read(&bytes);
            let _ = Reply::read(&bytes[..cut % bytes.len()]);
        }
    }
}
