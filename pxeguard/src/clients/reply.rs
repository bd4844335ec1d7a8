//! What a DHCP or PXE server said to a client, as the guard saw it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use dhcproto::v4::OptionCode;
use dhcproto::v4::borrowed::Message;
use pxeguard_common::dhcp::MessageType;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::server::ServerKey;
use pxeguard_common::verdict::Judgement;

use crate::proxy::frame::{self, Checksum};
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

impl Reply {
    /// Reads what the kernel has told of a frame; `None` where the frame is not whole, or names no client.
    pub fn read(bytes: &[u8], sender: &ServerKey, port_name: &str, judgement: Judgement) -> Option<Self> {
        // The VLAN was read by the kernel.
        let (envelope, payload) = frame::read(bytes, None)?;
        let message = Message::new(payload).ok()?;
        // The decoder takes a longer address at its word.
        if message.hlen() != 6 {
            return None;
        }
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
            checksum: Checksum::of(bytes)?,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pxeguard_common::template::{checksum, sum};
    use pxeguard_common::verdict::{Reason, Verdict};
    use pxeguard_lab::frames::{Message, code};

    use super::*;

    const SENDER: ServerKey =
        ServerKey { mac: [2, 0, 0, 0, 0x66, 1], vlan: 0, source: [10, 66, 0, 1], server_id: [0; 4], port: 7 };
    const JUDGEMENT: Judgement = Judgement { verdict: Verdict::Drop, reason: Reason::Untrusted };

    fn read(frame: &[u8]) -> Option<Reply> {
        Reply::read(frame, &SENDER, "tap1", JUDGEMENT)
    }

    #[test]
    fn a_reply_is_read_with_what_it_gives() {
        let offer = Message::offer().with(|offer| {
            offer.bootp.set(code::VENDOR_CLASS, *b"PXEClient").set(code::BOOT_FILE, *b"a\x1b[2J.efi");
        });
        let reply = read(&offer.frame()).unwrap();
        assert_eq!((reply.kind, reply.checksum), (MessageType::Offer, Checksum::Right));
        assert_eq!(reply.address, Some(offer.bootp.yiaddr));
        assert!(reply.says_pxe());
        assert_eq!(reply.file.as_deref(), Some("a\u{fffd}[2J.efi"));
    }

    #[test]
    fn a_reply_to_no_ethernet_address_names_no_client() {
        for hlen in [0, 5, 7, 16, 17, 255] {
            assert_eq!(read(&Message::offer().with(|offer| offer.bootp.hlen = hlen).frame()), None, "{hlen}");
        }
    }

    #[test]
    fn a_checksum_that_was_left_to_a_card_is_told_from_a_wrong_one() {
        let frame = Message::offer().frame();
        let (ip, udp) = (14, 34);
        let len = u32::from(u16::from_be_bytes([frame[udp + 4], frame[udp + 5]]));
        let partial = !checksum(sum(&frame[ip + 12..ip + 20], 0) + 17 + len);
        let with = |said: u16| {
            let mut frame = frame.clone();
            frame[udp + 6..udp + 8].copy_from_slice(&said.to_be_bytes());
            read(&frame).unwrap().checksum
        };
        assert_eq!([with(0), with(partial), with(1)], [Checksum::Right, Checksum::Uncomputed, Checksum::Wrong]);
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_is_fatal(
            changes in prop::collection::vec((0_usize..400, any::<u8>()), 0..12),
            cut in 0_usize..400,
            tag in any::<bool>(),
        ) {
            let mut frame = Message::offer().frame();
            if tag {
                frame.splice(12..12, [0x81, 0, 0, 5]);
            }
            for (at, byte) in changes {
                if let Some(there) = frame.get_mut(at) {
                    *there = byte;
                }
            }
            let _ = read(&frame);
            let _ = read(&frame[..cut.min(frame.len())]);
        }
    }
}
