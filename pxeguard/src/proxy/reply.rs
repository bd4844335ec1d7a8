//! What a reply says, and its bytes: built with dhcproto once, as a template.

use std::net::Ipv4Addr;
use std::sync::Arc;

use dhcproto::v4::{DhcpOption, Encodable, HType, MIN_PACKET_SIZE, Message, MessageType, Opcode};
use pxeguard_common::template::{BOOT_ITEM, Places, Template, UUID, Values};

mod pxe_options;

use pxe_options::PxeOptions;

/// What a reply says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Says {
    /// `direct`: this file, and no boot server's discovery.
    File,
    /// `binl`: ask on port 4011.
    AskAgain,
    /// `menu`: choose from this, and ask the chosen one on port 4011.
    Menu,
    /// To UEFI HTTP boot: this URL.
    Url,
    /// On port 4011: this file.
    BootServer,
}

/// What replies have in common that are made from one template.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Shape {
    /// What it says.
    pub says: Says,
    /// Whether it is an ACK, else an OFFER.
    pub is_ack: bool,
    /// This host, as the client reaches it: options 54 and 43.8, and `siaddr`.
    pub server: Ipv4Addr,
    /// A name that TFTP serves, or a URL.
    pub file: Arc<str>,
    /// Whether option 97 is repeated.
    pub has_uuid: bool,
    /// Whether option 43.71 is repeated.
    pub has_boot_item: bool,
}

/// A reply cannot be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("its file's name is too long for a DHCP option")]
pub struct TooLong;

/// Length of `file` without the NUL that BIOS ROMs want (RFC 2131 §2 lets a name fill it).
const FILE: usize = 128 - 1;
/// The longest value of an option.
const OPTION: usize = 255;

impl Shape {
    /// The template of all replies of this shape.
    pub fn template(&self) -> Result<Template, TooLong> {
        let (message, places) = self.build(&Values::default(), None)?;
        Template::new(&message, places).ok_or(TooLong)
    }

    /// One reply, whole, with an option 82 before END where a relay wants its own back (RFC 3046 §2.2).
    pub fn build(&self, values: &Values, relay_information: Option<&[u8]>) -> Result<(Vec<u8>, Places), TooLong> {
        if self.file.len() > OPTION {
            return Err(TooLong);
        }
        let mut places = Places::default();
        let mut bytes = encode(&self.header(values));
        for option in self.options(values) {
            let value = bytes.len() + 2;
            match &option {
                DhcpOption::ClientMachineIdentifier(_) => places.uuid = value,
                // 43.71 comes first, behind its own code and length.
                DhcpOption::VendorExtensions(_) if self.has_boot_item => places.boot_item = value + 2,
                _ => {}
            }
            bytes.extend(encode(&option));
        }
        if let Some(value) = relay_information {
            bytes.extend([RELAY_INFORMATION, u8::try_from(value.len()).map_err(|_| TooLong)?]);
            bytes.extend(value);
        }
        places.end = bytes.len();
        bytes.extend(encode(&DhcpOption::End));
        // BOOTP's 64 bytes of vendor area (RFC 951 §3); some clients and relays drop what is shorter.
        bytes.resize(bytes.len().max(MIN_PACKET_SIZE), 0);
        Ok((bytes, places))
    }

    /// The fixed fields, and the cookie.
    fn header(&self, values: &Values) -> Message {
        let mut message = Message::default();
        message
            .set_opcode(Opcode::BootReply)
            .set_htype(HType::Eth)
            .set_chaddr(&values.chaddr)
            .set_xid(u32::from_be_bytes(values.xid))
            .set_flags(u16::from_be_bytes(values.flags).into())
            .set_ciaddr(values.ciaddr)
            .set_giaddr(values.giaddr)
            .set_siaddr(self.server)
            .set_sname_str(self.server.to_string());
        if self.tells_file() && self.file.len() <= FILE {
            message.set_fname(self.file.as_bytes());
        }
        message
    }

    /// In the order in which they are sent: the message type first, as every other server does; some ROMs count on it.
    fn options(&self, values: &Values) -> Vec<DhcpOption> {
        let message_type = if self.is_ack { MessageType::Ack } else { MessageType::Offer };
        let class: &[u8] = if self.says == Says::Url { b"HTTPClient" } else { b"PXEClient" };
        let mut options = vec![
            DhcpOption::MessageType(message_type),
            DhcpOption::ServerIdentifier(self.server),
            DhcpOption::ClassIdentifier(class.to_vec()),
        ];
        if self.has_uuid {
            options.push(DhcpOption::ClientMachineIdentifier(values.uuid.to_vec()));
        }
        options.extend(self.pxe_options(values).map(DhcpOption::VendorExtensions));
        // Where there is an option 67, edk2 does not look at `file`; HTTP clients are known to want it.
        if self.tells_file() && (self.says == Says::Url || self.file.len() > FILE) {
            options.push(DhcpOption::BootfileName(self.file.as_bytes().to_vec()));
        }
        options
    }

    /// Option 43.
    fn pxe_options(&self, values: &Values) -> Option<Vec<u8>> {
        let mut options = PxeOptions::default();
        if self.has_boot_item {
            options = options.boot_item(values.boot_item);
        }
        match self.says {
            Says::File => Some(options.boot_from_here()),
            Says::Menu => Some(options.menu(self.server, &self.file)),
            Says::BootServer if self.has_boot_item => Some(options.end()),
            Says::AskAgain | Says::Url | Says::BootServer => None,
        }
    }

    /// Whether the client is told the file, and not only where to ask for it.
    pub fn tells_file(&self) -> bool {
        match self.says {
            Says::File | Says::Url | Says::BootServer => true,
            Says::AskAgain | Says::Menu => false,
        }
    }
}

/// Option 82 (RFC 3046): an agent's own bytes, repeated without a look at them.
pub const RELAY_INFORMATION: u8 = 82;

/// Nothing here is longer than its field: [`Shape::build`] has looked.
fn encode(part: &impl Encodable) -> Vec<u8> {
    part.to_vec().expect("a buffer that grows takes any part")
}

const _: () = assert!(UUID == 17 && BOOT_ITEM == 4);
