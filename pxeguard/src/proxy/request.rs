//! What a client asks: its DHCP message, read so far that it can be answered.
//!
//! Options are read lazily and in place by dhcproto's borrowed decoder.  The owned one takes the first of several
//! architectures only, and goes on in the middle of an option whose length is not the expected one.

use std::net::Ipv4Addr;

use dhcproto::v4::borrowed::{DhcpOptionIterator, Message};
use dhcproto::v4::{HType, MessageType, Opcode, OptionCode};
use pxeguard_common::arch::{Arch, Transport, true_arch};
use pxeguard_common::net::Mac;
use pxeguard_common::template::{BOOT_ITEM, UUID};

use crate::boot::{AskingProgram, Client};
use crate::trust::MacAddress;

mod ignore;
mod vendor;

pub use ignore::Ignore;

/// What a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// DISCOVER: an offer.
    Discover,
    /// REQUEST: an address, of a DHCP server; or on port 4011 a file, of us.
    Request,
    /// INFORM: what there is to know, but no address.
    Inform,
}

impl Ask {
    /// In words, for the operator.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Request => "request",
            Self::Inform => "inform",
        }
    }
}

/// A message of a client that boots from the network.  Its existence proves that it may be answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// Option 53.
    pub ask: Ask,
    /// Who asks.
    pub client: Client,
    /// The transaction.
    pub xid: u32,
    /// Whether the client wants its answer broadcast (RFC 2131 §4.1).
    pub broadcast: bool,
    /// The address that the client has; unspecified for none.
    pub ciaddr: Ipv4Addr,
    /// The relay that passed the message on; unspecified for none.
    pub giaddr: Ipv4Addr,
    /// Option 50: the address that it wants.
    pub requested: Option<Ipv4Addr>,
    /// Option 97, to be repeated.  Some ROMs leave it out, or send it empty (pixiecore and smee bow to it, too).
    pub uuid: Option<[u8; UUID]>,
    /// Option 43.71: the boot server that was chosen from a menu, and the layer.
    pub boot_item: Option<[u8; BOOT_ITEM]>,
    /// Option 82 of a relay, to be repeated (RFC 3046 §2.2).
    pub relay_information: Option<Vec<u8>>,
    /// The longest answer that it takes, in bytes of BOOTP.
    pub max_len: usize,
}

/// Who a message without more than addresses is from: an installed system that renews its lease, say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addressed {
    /// Who.
    pub mac: Mac,
    /// The address that it asks for or has.
    pub ip: Ipv4Addr,
    /// Option 54: the server whose offer it takes.
    pub server: Option<Ipv4Addr>,
    /// Whether it says that it boots from the network.
    pub boots: bool,
}

/// A client's message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// What can be answered, or why it cannot.
    pub request: Result<Request, Ignore>,
    /// Which address the client asks a DHCP server for, or has.
    pub addressed: Option<Addressed>,
}

impl Reading {
    /// Reads the payload of a datagram.
    pub fn of(payload: &[u8]) -> Self {
        match Fields::read(payload) {
            Err(why) => Self { request: Err(why), addressed: None },
            Ok(fields) => Self { addressed: fields.addressed(), request: fields.request() },
        }
    }
}

/// What a DHCP server and its clients must take at least: a datagram of 576 bytes (RFC 2131 §2), less IPv4's and UDP's header.
const LEAST_MAX_LEN: usize = 576 - HEADERS;
/// The most that we send: what fits an Ethernet frame.  edk2 takes no more, either (`DhcpInput`).
const MAX_LEN: usize = 1500 - HEADERS;
const HEADERS: usize = 20 + 8;

/// A message's fields, as far as they matter; they may contradict each other.
struct Fields {
    message_type: MessageType,
    mac: Mac,
    xid: u32,
    broadcast: bool,
    ciaddr: Ipv4Addr,
    giaddr: Ipv4Addr,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    max_len: usize,
    class: Option<vendor::Class>,
    arch: Option<Arch>,
    uuid: Result<Option<[u8; UUID]>, Ignore>,
    boot_item: Option<[u8; BOOT_ITEM]>,
    is_named_ipxe: bool,
    features: Option<vendor::IpxeFeatures>,
    relay_information: Option<Vec<u8>>,
}

impl Fields {
    fn read(payload: &[u8]) -> Result<Self, Ignore> {
        let message = Message::new(payload).map_err(|_| Ignore::NotDhcp)?;
        if message.opcode() != Opcode::BootRequest {
            return Err(Ignore::NotRequest);
        }
        // edk2 can be told to send its UUID as hardware address (`SendGUID`); nobody does.
        if message.htype() != HType::Eth || message.hlen() != 6 {
            return Err(Ignore::NotEthernet);
        }
        let mac: Mac = message.chaddr().try_into().map_err(|_| Ignore::NotEthernet)?;
        if !MacAddress(mac).is_sender() {
            return Err(Ignore::NotEthernet);
        }
        let mut fields = Self {
            message_type: MessageType::Unknown(0),
            mac,
            xid: message.xid(),
            broadcast: message.flags().broadcast(),
            ciaddr: message.ciaddr(),
            giaddr: message.giaddr(),
            requested: None,
            server: None,
            max_len: LEAST_MAX_LEN,
            class: None,
            arch: None,
            uuid: Ok(None),
            boot_item: None,
            is_named_ipxe: false,
            features: None,
            relay_information: None,
        };
        for option in message.opts() {
            fields.take(option.code(), option.data());
        }
        match fields.message_type {
            MessageType::Unknown(0) => Err(Ignore::NotDhcp),
            _ => Ok(fields),
        }
    }

    fn take(&mut self, code: OptionCode, value: &[u8]) {
        match code {
            OptionCode::MessageType => self.message_type = value.first().map_or(0, |first| *first).into(),
            OptionCode::RequestedIpAddress => self.requested = value.first_chunk().map(|ip: &[u8; 4]| (*ip).into()),
            OptionCode::ServerIdentifier => self.server = value.first_chunk().map(|ip: &[u8; 4]| (*ip).into()),
            OptionCode::MaxMessageSize => {
                let said = value.first_chunk().map_or(0, |len| usize::from(u16::from_be_bytes(*len)));
                self.max_len = said.saturating_sub(HEADERS).clamp(LEAST_MAX_LEN, MAX_LEN);
            }
            OptionCode::ClassIdentifier => self.class = vendor::Class::of(value),
            OptionCode::ClientSystemArchitecture => self.arch = vendor::arch(value),
            OptionCode::ClientMachineIdentifier => {
                self.uuid = match value {
                    [] => Ok(None),
                    value => value.try_into().map(Some).map_err(|_| Ignore::OddUuid),
                };
            }
            OptionCode::VendorExtensions => {
                let is_item =
                    |option: &dhcproto::v4::borrowed::DhcpOption<'_>| u8::from(option.code()) == vendor::BOOT_ITEM;
                let item = DhcpOptionIterator::new(value).find(is_item);
                self.boot_item = item.and_then(|item| item.data().try_into().ok());
            }
            OptionCode::UserClass => self.is_named_ipxe = vendor::is_ipxe(value),
            OptionCode::RelayAgentInformation => self.relay_information = Some(value.to_vec()),
            code if u8::from(code) == vendor::IPXE => self.features = Some(vendor::IpxeFeatures::of(value)),
            _ => {}
        }
    }

    fn addressed(&self) -> Option<Addressed> {
        let ip = match self.message_type {
            MessageType::Request | MessageType::Inform if !self.ciaddr.is_unspecified() => self.ciaddr,
            MessageType::Request => self.requested?,
            _ => return None,
        };
        Some(Addressed { mac: self.mac, ip, server: self.server, boots: self.class.is_some() })
    }

    fn request(self) -> Result<Request, Ignore> {
        let ask = match self.message_type {
            MessageType::Discover => Ask::Discover,
            MessageType::Request => Ask::Request,
            MessageType::Inform => Ask::Inform,
            _ => return Err(Ignore::OtherMessage),
        };
        let transport = match self.class.ok_or(Ignore::NotPxe)? {
            vendor::Class::Pxe => Transport::Tftp,
            vendor::Class::Http => Transport::Http,
        };
        let arch = true_arch(self.arch.ok_or(Ignore::NoArchitecture)?, self.mac);
        // Bit 15 of the layer asks for a signed list of boot files (BIS), which nobody has; dnsmasq refuses it, too.
        if self.boot_item.is_some_and(|[_, _, layer, _]| layer & 0x80 != 0) {
            return Err(Ignore::Credentials);
        }
        if !self.giaddr.is_unspecified() && !is_host(self.giaddr) {
            return Err(Ignore::OddRelay);
        }
        let program = match (self.features, self.is_named_ipxe) {
            (Some(features), _) => AskingProgram::Ipxe { http: features.http },
            (None, true) => AskingProgram::Ipxe { http: false },
            (None, false) => AskingProgram::Firmware,
        };
        Ok(Request {
            ask,
            client: Client { mac: self.mac, arch, transport, program },
            xid: self.xid,
            broadcast: self.broadcast,
            ciaddr: self.ciaddr,
            giaddr: self.giaddr,
            requested: self.requested,
            uuid: self.uuid?,
            boot_item: self.boot_item,
            relay_information: self.relay_information,
            max_len: self.max_len,
        })
    }
}

/// Whether an address can be one machine's.
fn is_host(address: Ipv4Addr) -> bool {
    // 0.0.0.0/8 means "this network", and 240.0.0.0/4 is reserved (RFC 6890).
    !address.is_multicast() && !address.is_loopback() && (1..240).contains(&address.octets()[0])
}
