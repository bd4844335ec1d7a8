//! Real clients' requests, and what they are answered.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use dhcproto::v4::{Message, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use pxeguard_common::arch::{Arch, Transport};
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::template::sum;

use super::answer::port;
use super::counts::Counts;
use super::frame::{self, Envelope};
use super::responder::{Knowledge, Responder};
use super::{Learning, Strategy};
use crate::boot::{AskingProgram, Client, ClientSettings, NoOffer, Offer, Offers, Settings};
use crate::clients::Step;
use crate::networks::{Network, Networks};
use crate::trust::MacAddress;

mod anything;
mod decisions;
mod fast_path;
mod golden;
mod kinds;
mod loaded;
mod places;
mod wire;

const IFACE: Ifindex = Ifindex(2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const SERVER_MAC: Mac = [2, 0, 0, 0, 0x77, 1];
const VLAN_SERVER: Ipv4Addr = Ipv4Addr::new(10, 5, 0, 1);
const VLAN_MAC: Mac = [2, 0, 0, 0, 5, 1];
/// What QEMU gives a machine.
const CLIENT_MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

/// A boot folder with one program for each kind of client.
struct Folder;

impl Offers for Folder {
    fn offer(&self, client: &Client) -> Result<Offer, NoOffer> {
        self.offer_as_if(client, &ClientSettings::default())
    }

    fn offer_as_if(&self, client: &Client, _: &ClientSettings) -> Result<Offer, NoOffer> {
        let file = match (client.program, client.transport, client.arch.0) {
            (AskingProgram::Ipxe { .. }, ..) => "boot.ipxe",
            (_, Transport::Http, 16) => "memtest86+x64.efi",
            (_, Transport::Tftp, 0) => "undionly.kpxe",
            (_, Transport::Tftp, 7) => "ipxe.efi",
            (_, Transport::Tftp, 11) => "bootaa64.efi",
            (.., arch) => return Err(NoOffer::NothingFits(format!("architecture {arch}"))),
        };
        Ok(Offer { file: file.into(), len: None })
    }

    fn generation(&self) -> u64 {
        0
    }
}

/// A host with an address on its bridge, and another in VLAN 5.
struct Bench {
    responder: Responder,
    networks: Networks,
    settings: Settings,
    learning: Learning,
    offers: &'static dyn Offers,
    counts: Arc<Counts>,
    now: Instant,
    steps: Vec<Step>,
}

impl Bench {
    fn new() -> Self {
        let network = |vlan, mac, address: &str| {
            let address = address.parse().unwrap();
            Network { iface: IFACE, name: "vmbr0".to_owned(), vlan, mac, address }
        };
        let networks = [network(0, SERVER_MAC, "10.77.0.1/16"), network(5, VLAN_MAC, "10.5.0.1/24")];
        let counts = Arc::<Counts>::default();
        Self {
            responder: Responder::new(IFACE, Arc::clone(&counts)),
            networks: Networks { own: networks.to_vec(), ..Networks::default() },
            settings: Settings::default(),
            learning: Learning::default(),
            offers: &Folder,
            counts,
            now: Instant::now(),
            steps: Vec::new(),
        }
    }

    /// Lets the operator choose how the client of the captures is answered.
    fn with(strategy: Strategy) -> Self {
        let mut bench = Self::new();
        let client = ClientSettings { strategy: Some(strategy), ..ClientSettings::default() };
        bench.settings.clients.insert(MacAddress(CLIENT_MAC), client);
        bench
    }

    fn respond(&mut self, frame: &[u8], tag: Option<u16>) -> Option<Vec<u8>> {
        let mut knows = Knowledge {
            networks: &self.networks,
            settings: &self.settings,
            offers: self.offers,
            learning: &mut self.learning,
            now: self.now,
            steps: &mut self.steps,
        };
        // An unwritten byte would show.
        let mut out = vec![0xa5; super::templates::FRAME];
        let len = self.responder.respond(frame, tag, &mut knows, &mut out)?;
        out.truncate(len);
        Some(out)
    }

    /// The answer, read.
    fn reply(&mut self, frame: &[u8]) -> (Envelope, Message) {
        let reply = self.respond(frame, None).expect("it is answered");
        let (envelope, payload) = frame::read(&reply, None).expect("the answer is a datagram");
        (envelope, decode(payload))
    }

    fn ignored(&self, reason: super::Ignore) -> u64 {
        self.counts.ignored().find(|(why, _)| *why == reason).unwrap().1
    }
}

/// A client's frame, taken apart so that something can be changed.
#[derive(Clone)]
struct Asking {
    envelope: Envelope,
    message: Message,
}

impl Asking {
    fn of(captured: &str) -> Self {
        let frame = bytes(captured);
        let (envelope, payload) = frame::read(&frame, None).unwrap();
        Self { envelope, message: decode(payload) }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds or changes an option that dhcproto has no type for, or another than is wanted.
    fn option(self, code: u8, value: &[u8]) -> Self {
        let option = dhcproto::v4::UnknownOption::new(code.into(), value.to_vec());
        self.with(|asking| {
            asking.message.opts_mut().remove(OptionCode::from(code));
            asking.message.opts_mut().insert(dhcproto::v4::DhcpOption::Unknown(option));
        })
    }

    fn without(self, code: u8) -> Self {
        self.with(|asking| drop(asking.message.opts_mut().remove(code.into())))
    }

    fn arch(self, arch: Arch) -> Self {
        self.option(93, &arch.0.to_be_bytes())
    }

    fn frame(&self) -> Vec<u8> {
        self.around(&self.message.to_vec().unwrap())
    }

    fn around(&self, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; self.envelope.headers_len()];
        frame.extend(payload);
        self.envelope.write(&mut frame, sum(payload, 0));
        frame
    }
}

fn decode(payload: &[u8]) -> Message {
    Message::decode(&mut Decoder::new(payload)).unwrap()
}

/// Captured from QEMU 7.2 with OVMF 2022.11, and with the iPXE ROM of its e1000.
const OVMF_DISCOVER: &str = include_str!("tests/frames/ovmf-x64-pxe-discover.hex");
const OVMF_REQUEST: &str = include_str!("tests/frames/ovmf-x64-pxe-request.hex");
const OVMF_BOOT_SERVER_REQUEST: &str = include_str!("tests/frames/ovmf-x64-pxe-boot-server-request.hex");
const OVMF_HTTP_DISCOVER: &str = include_str!("tests/frames/ovmf-x64-http-discover.hex");
const IPXE_DISCOVER: &str = include_str!("tests/frames/ipxe-rom-discover.hex");
const IPXE_REQUEST: &str = include_str!("tests/frames/ipxe-rom-request.hex");

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn socket(ip: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(ip, port)
}
