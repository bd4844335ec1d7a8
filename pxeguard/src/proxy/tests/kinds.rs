//! Requests of every kind that there is, and what can be changed in them.

use proptest::prelude::{Strategy, *};
use pxeguard_common::arch::{ARCHES, ArchEntry};
use pxeguard_common::request::{Ask, Asker};

use super::*;

/// A boot folder with another program for each architecture, whose name is of another length.
pub struct Everything;

impl Offers for Everything {
    fn offer(&self, client: &Client) -> Result<Offer, NoOffer> {
        self.offer_as_if(client, &ClientSettings::default())
    }

    fn offer_as_if(&self, client: &Client, _: &ClientSettings) -> Result<Offer, NoOffer> {
        let file = match client.program {
            AskingProgram::Ipxe { .. } => "boot.ipxe".to_owned(),
            AskingProgram::Firmware => format!("{}{}.efi", "of-".repeat(usize::from(client.arch.0) % 5), client.arch.0),
        };
        Ok(Offer { file: file.into(), len: None })
    }

    fn generation(&self) -> u64 {
        0
    }
}

/// What decides the answer to a plain request, and where it goes.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    entry: ArchEntry,
    asker: Asker,
    ask: Ask,
    has_uuid: bool,
    has_boot_item: bool,
    /// Whether an offer is to be broadcast; of a question to port 4011, whether it comes from port 68.
    is_odd: bool,
}

impl Kind {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let mut kinds = Vec::new();
        for entry in ARCHES {
            let askers: &[Asker] = match entry.transport {
                Transport::Tftp => &[Asker::Pxe, Asker::Ipxe, Asker::IpxeHttp],
                Transport::Http => &[Asker::Http],
            };
            for &asker in askers {
                for (ask, has_boot_item) in [(Ask::Offer, false), (Ask::BootServer, false), (Ask::BootServer, true)] {
                    for bits in 0..4 {
                        let (has_uuid, is_odd) = (bits & 1 != 0, bits & 2 != 0);
                        kinds.push(Self { entry, asker, ask, has_uuid, has_boot_item, is_odd });
                    }
                }
            }
        }
        kinds
    }

    /// A request, of which the rest is as it was captured.
    pub fn asking(&self) -> Asking {
        let class: &[u8] = match self.asker {
            Asker::Http => b"HTTPClient:Arch:00016:UNDI:003001",
            _ => b"PXEClient:Arch:00007:UNDI:003001",
        };
        let captured = match self.ask {
            Ask::Offer => OVMF_DISCOVER,
            Ask::BootServer => OVMF_BOOT_SERVER_REQUEST,
        };
        let mut asking = Asking::of(captured).arch(self.entry.arch).option(60, class);
        match self.ask {
            Ask::Offer => drop(asking.message.set_flags(if self.is_odd { 0x8000 } else { 0 }.into())),
            Ask::BootServer => asking.envelope.from.set_port(if self.is_odd { 68 } else { 4011 }),
        }
        if matches!(self.asker, Asker::Ipxe | Asker::IpxeHttp) {
            let can_http = u8::from(matches!(self.asker, Asker::IpxeHttp));
            asking = asking.option(77, b"iPXE").option(175, &[0x21, 1, 1, 0x13, 1, can_http]);
        }
        if self.has_boot_item {
            asking = asking.option(43, &[71, 4, 0x80, 1, 0, 0, 255]);
        }
        if self.has_uuid { asking.option(97, &[0x5a; 17]) } else { asking.without(97) }
    }
}

/// A Raspberry Pi's boot ROM says that it is a BIOS, and is told apart by its address.
pub fn raspberry_pi() -> Asking {
    const PI: Mac = [0x2c, 0xcf, 0x67, 1, 2, 3];
    Asking::of(OVMF_DISCOVER).arch(Arch(0)).with(|asking| {
        asking.envelope.from_mac = PI;
        asking.message.set_chaddr(&PI);
    })
}

/// Something that is changed in a request.
#[derive(Clone, Debug)]
pub enum Change {
    /// One byte of the headers from the EtherType on.
    Header(usize, u8),
    /// One byte of the fields as far as `chaddr`.
    Field(usize, u8),
    /// One byte of `sname`, `file` or the cookie.
    Name(usize, u8),
    /// The frame's source.
    FromMac(Mac),
    /// The frame's destination.
    ToMac(Mac),
    /// The datagram's source.
    From(SocketAddrV4),
    /// The datagram's destination.
    To(SocketAddrV4),
    /// The client's address, in the message and as the datagram's source.
    Client([u8; 4]),
    /// Another value in an option.
    Value(usize, Vec<u8>),
    /// The value of an option, so long, filled up with zeroes.
    Length(usize, usize),
    /// Another number for an option.
    Code(usize, u8),
    /// One option less.
    Without(usize),
    /// One option twice.
    Twice(usize),
    /// An option goes where another one is, and that one there.
    Swap(usize, usize),
    /// One more option.
    Option(usize, u8, Vec<u8>),
    /// No END.
    Endless,
    /// Bytes behind END.
    Behind(Vec<u8>),
    /// Bytes behind the datagram: Ethernet's padding.
    Padding(usize),
    /// The frame ends early.
    Cut(usize),
}

/// Options that decide something, and some that do not.
const TELLING: [u8; 16] = [0, 12, 43, 50, 52, 53, 54, 55, 57, 60, 77, 82, 93, 97, 175, 255];

fn value() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(vec![
        vec![],
        vec![1],
        vec![3],
        vec![8],
        vec![2, 64],
        vec![5, 220],
        vec![0, 0],
        vec![0, 7],
        vec![0, 7, 0, 9],
        b"PXEClient".to_vec(),
        b"HTTPClient".to_vec(),
        b"iPXE".to_vec(),
        b"\x04iPXE".to_vec(),
        vec![71, 4, 0, 0, 0, 0],
        vec![71, 4, 0, 0, 0x80, 0, 255],
        vec![71, 3, 0, 0, 0],
        vec![71, 4, 0, 0, 0, 0, 71, 4, 1, 0, 0, 0],
        vec![0x13, 0],
        vec![0x13, 1, 0],
        vec![0x13, 1, 1, 0x13, 1, 0],
        vec![0x13, 2, 0, 0, 255],
        vec![0x13, 9, 1],
    ]);
    prop_oneof![3 => telling, 1 => prop::collection::vec(any::<u8>(), 0..40)]
}

fn mac() -> impl Strategy<Value = Mac> {
    let telling = vec![SERVER_MAC, CLIENT_MAC, VLAN_MAC, [0xff; 6], [0; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 9]];
    prop::sample::select(telling)
}

fn address() -> impl Strategy<Value = [u8; 4]> {
    prop::sample::select(vec![
        SERVER.octets(),
        VLAN_SERVER.octets(),
        [0; 4],
        [255; 4],
        [10, 77, 0, 0],
        [10, 77, 255, 255],
        [10, 77, 3, 4],
        [10, 5, 0, 9],
        [192, 0, 2, 1],
        [224, 0, 0, 1],
    ])
}

fn socket() -> impl Strategy<Value = SocketAddrV4> {
    let port = prop::sample::select(vec![67_u16, 68, 69, 4011]);
    (address(), port).prop_map(|(address, port)| SocketAddrV4::new(address.into(), port))
}

/// Any change.
pub fn change() -> impl Strategy<Value = Change> {
    let (index, code) = (0..16_usize, prop::sample::select(TELLING.to_vec()));
    prop_oneof![
        1 => (0..30_usize, any::<u8>()).prop_map(|(at, byte)| Change::Header(at, byte)),
        1 => (0..44_usize, any::<u8>()).prop_map(|(at, byte)| Change::Field(at, byte)),
        1 => (0..196_usize, any::<u8>()).prop_map(|(at, byte)| Change::Name(at, byte)),
        1 => mac().prop_map(Change::FromMac),
        1 => mac().prop_map(Change::ToMac),
        1 => socket().prop_map(Change::From),
        1 => socket().prop_map(Change::To),
        1 => address().prop_map(Change::Client),
        3 => (index.clone(), value()).prop_map(|(index, value)| Change::Value(index, value)),
        2 => (index.clone(), 0..40_usize).prop_map(|(index, len)| Change::Length(index, len)),
        1 => (index.clone(), code.clone()).prop_map(|(index, code)| Change::Code(index, code)),
        2 => index.clone().prop_map(Change::Without),
        1 => index.clone().prop_map(Change::Twice),
        2 => (index.clone(), index.clone()).prop_map(|(one, other)| Change::Swap(one, other)),
        3 => (index, code, value()).prop_map(|(index, code, value)| Change::Option(index, code, value)),
        1 => Just(Change::Endless),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Change::Behind),
        1 => (1..60_usize).prop_map(Change::Padding),
        1 => (1..400_usize).prop_map(Change::Cut),
    ]
}

/// Where the options of a message begin.
const OPTIONS: usize = 240;

/// The frame of a request with changes.
pub fn changed(mut asking: Asking, changes: &[Change]) -> Vec<u8> {
    let mut message = asking.message.to_vec().unwrap();
    let mut options = options(&message[OPTIONS..]);
    message.truncate(OPTIONS);
    let (mut end, mut headers, mut padding, mut cut) = (vec![255], Vec::new(), 0, 0);
    for change in changes {
        let count = options.len().max(1);
        let index = |index: usize| index % count;
        match change.clone() {
            Change::Header(at, byte) => headers.push((12 + at, byte)),
            Change::Field(at, byte) => message[at] = byte,
            Change::Name(at, byte) => message[44 + at] = byte,
            Change::FromMac(mac) => asking.envelope.from_mac = mac,
            Change::ToMac(mac) => asking.envelope.to_mac = mac,
            Change::From(from) => asking.envelope.from = from,
            Change::To(to) => asking.envelope.to = to,
            Change::Client(address) => {
                asking.envelope.from.set_ip(address.into());
                message[12..16].copy_from_slice(&address);
            }
            Change::Option(at, code, value) => options.insert(index(at), (code, value)),
            Change::Endless => end.clear(),
            Change::Behind(bytes) => end.extend(bytes),
            Change::Padding(len) => padding = len,
            Change::Cut(len) => cut = len,
            // The rest is about an option that is there.
            _ if options.is_empty() => {}
            Change::Value(at, value) => options[index(at)].1 = value,
            Change::Length(at, len) => options[index(at)].1.resize(len, 0),
            Change::Code(at, code) => options[index(at)].0 = code,
            Change::Without(at) => drop(options.remove(index(at))),
            Change::Twice(at) => options.push(options[index(at)].clone()),
            Change::Swap(one, other) => options.swap(index(one), index(other)),
        }
    }
    for (code, value) in options {
        message.extend([code, value.len() as u8]);
        message.extend(value);
    }
    message.extend(end);
    let mut frame = asking.around(&message);
    for (at, byte) in headers {
        frame[at] = byte;
    }
    frame.resize(frame.len() + padding, 0);
    // Linux runs no program of tc on less than an IPv4 header.
    frame.truncate((frame.len() - cut.min(frame.len())).max(60));
    frame
}

fn options(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut options = Vec::new();
    while let [code, len, rest @ ..] = bytes {
        if *code == 255 {
            break;
        }
        let (value, after) = rest.split_at(usize::from(*len));
        options.push((*code, value.to_vec()));
        bytes = after;
    }
    options
}
