//! What a DHCP or PXE server said to a client, as the guard saw it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use dhcproto::v4::OptionCode;
use dhcproto::v4::borrowed::Message;
use pxeguard_common::dhcp::MessageType;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::server::ServerKey;
use pxeguard_common::template::{checksum, sum};
use pxeguard_common::verdict::Judgement;

use crate::proxy::frame;
use crate::report::printable;

/// Bytes that are kept of a text that a server makes up.
const MAX_TEXT: usize = 128;

/// One server's reply to one client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// To whom: `chaddr`.
    pub client: Mac,
    /// Source of the frame.
    pub server: Mac,
    /// Source of the datagram.
    pub ip: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// The port by which it came in.
    pub port: Ifindex,
    /// Its name.
    pub port_name: Arc<str>,
    /// The VLAN, 0 for none.
    pub vlan: u16,
    /// What kind of message it is.
    pub kind: MessageType,
    /// What became of it, and why.
    pub judgement: Judgement,
    /// The address that it gives.
    pub address: Option<Ipv4Addr>,
    /// The relay through which it came, or is to go.
    pub relay: Option<Ipv4Addr>,
    /// Option 60: a server that repeats `PXEClient` says that it knows what there is to boot.
    pub class: Option<Arc<str>>,
    /// The file that it names, in option 67 or in the header.
    pub file: Option<Arc<str>>,
    /// Where that file is: option 66, or `siaddr`.
    pub file_server: Option<Arc<str>>,
    /// Whether it has option 43, the PXE vendor options among others.
    pub has_vendor_options: bool,
    /// Option 56: why it refuses.
    pub message: Option<Arc<str>>,
    /// How its UDP checksum is.
    pub checksum: Checksum,
}

/// A UDP checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checksum {
    /// It is right, or there is none (RFC 768).
    Right,
    /// It is the sum of the pseudo header alone, which Linux leaves there for a card to complete
    /// (`CHECKSUM_PARTIAL`, include/linux/skbuff.h).
    Uncomputed,
    /// It is wrong in another way.
    Wrong,
}

impl Reply {
    /// Reads what the kernel has told of a frame; `None` where the frame is not whole, or names no client.
    pub fn read(bytes: &[u8], sender: &ServerKey, port_name: &str, judgement: Judgement) -> Option<Self> {
        // The VLAN was read by the kernel.
        let (envelope, payload) = frame::read(bytes, None)?;
        let message = Message::new(payload).ok()?;
        let mut reply = Self {
            client: message.chaddr().try_into().ok()?,
            server: sender.mac,
            ip: *envelope.from.ip(),
            server_id: None,
            port: Ifindex(sender.port),
            port_name: port_name.into(),
            vlan: sender.vlan,
            kind: MessageType::Other,
            judgement,
            address: given(message.yiaddr()),
            relay: given(message.giaddr()),
            class: None,
            file: None,
            file_server: given(message.siaddr()).map(|server| server.to_string().into()),
            has_vendor_options: false,
            message: None,
            checksum: Checksum::of(bytes, payload),
        };
        // The header's field may be full of options (RFC 2132 §9.3).
        let mut file = text(message.fname());
        for option in message.opts() {
            if option.code() == OptionCode::OptionOverload && option.data().first().is_some_and(|it| it & 1 != 0) {
                file = None;
            }
            reply.take(option.code(), option.data());
        }
        reply.file = reply.file.or(file);
        Some(reply)
    }

    fn take(&mut self, code: OptionCode, value: &[u8]) {
        match code {
            OptionCode::MessageType => self.kind = MessageType::of(value.first().map_or(0, |first| *first)),
            OptionCode::ServerIdentifier => {
                self.server_id = value.first_chunk().and_then(|ip: &[u8; 4]| given((*ip).into()));
            }
            OptionCode::ClassIdentifier => self.class = text(value),
            OptionCode::BootfileName => self.file = text(value),
            OptionCode::TFTPServerName => self.file_server = text(value).or(self.file_server.take()),
            OptionCode::VendorExtensions => self.has_vendor_options = true,
            OptionCode::Message => self.message = text(value),
            _ => {}
        }
    }

    /// Whether it says what to boot: by its class, or by a file.
    pub fn is_about_booting(&self) -> bool {
        self.says_pxe() || self.file.is_some()
    }

    /// Whether it says that its sender answers PXE or HTTP boot clients.
    pub fn says_pxe(&self) -> bool {
        self.class.as_deref().is_some_and(|class| class.starts_with("PXEClient") || class.starts_with("HTTPClient"))
    }
}

fn given(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then_some(address)
}

/// A text as people can read it; `None` for an empty one.
fn text(bytes: &[u8]) -> Option<Arc<str>> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = printable(&String::from_utf8_lossy(&bytes[..end.min(MAX_TEXT)]));
    (!text.is_empty()).then(|| text.into())
}

impl Checksum {
    /// Of the datagram whose payload is the end of what IP says of its length.
    fn of(bytes: &[u8], payload: &[u8]) -> Self {
        const UDP: usize = 8;
        let end = payload.as_ptr() as usize - bytes.as_ptr() as usize + payload.len();
        let udp = end - payload.len() - UDP;
        // Twenty bytes, or more with options: what counts are its last eight without them.
        let Some(ip) =
            (0..=10).map(|words| udp - 20 - words * 4).find(|at| bytes[*at] == 0x45 + ((udp - 20 - at) / 4) as u8)
        else {
            return Self::Right;
        };
        let said = u16::from_be_bytes([bytes[udp + 6], bytes[udp + 7]]);
        let len = u16::from_be_bytes([bytes[udp + 4], bytes[udp + 5]]);
        let pseudo = sum(&bytes[ip + 12..ip + 20], 0) + 17 + u32::from(len);
        if said == 0 || checksum(pseudo + sum(&bytes[udp..end], 0)) == 0 {
            Self::Right
        } else if said == !checksum(pseudo) {
            Self::Uncomputed
        } else {
            Self::Wrong
        }
    }
}
