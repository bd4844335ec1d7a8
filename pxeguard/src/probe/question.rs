//! What the probe asks, and as whom.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Encodable, Flags, HType, Message, MessageType, Opcode, OptionCode, UnknownOption};
use pxeguard_common::arch::{ARCHES, Arch, Transport};
use pxeguard_common::net::Mac;

use crate::boot::ArchChoice;

/// As whom is asked.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Asker {
    /// Something that boots from its own disk.
    Plain,
    /// The firmware of a machine that boots from the network.
    Firmware(Arch),
}

impl Asker {
    /// Who is asked as unless the operator names architectures: BIOS, UEFI on x64 and ARM64, and UEFI HTTP boot on x64.
    pub const USUAL: [Self; 4] = [
        Self::Firmware(Arch(0x00)),
        Self::Firmware(Arch(0x07)),
        Self::Firmware(Arch(0x0b)),
        Self::Firmware(Arch(0x10)),
    ];

    /// What is asked as for an architecture: of a platform the firmware that loads by TFTP.
    pub fn of(choice: ArchChoice) -> Self {
        match choice {
            ArchChoice::Number(arch) => Self::Firmware(arch),
            ArchChoice::Platform(platform) => {
                let mut entries = ARCHES.iter().filter(|entry| entry.transport == Transport::Tftp);
                let entry = entries.find(|entry| entry.platform == platform);
                Self::Firmware(entry.expect("the table has each platform").arch)
            }
        }
    }

    /// How it wants its file; `None` if it wants none.
    pub fn transport(self) -> Option<Transport> {
        match self {
            Self::Plain => None,
            Self::Firmware(arch) => Some(arch.entry().map_or(Transport::Tftp, |entry| entry.transport)),
        }
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Firmware(arch) = self else { return f.write_str("plain") };
        match arch.entry() {
            Some(entry) if entry.transport == Transport::Http => write!(f, "{}-http", entry.platform.name()),
            Some(entry) => f.write_str(entry.platform.name()),
            None => write!(f, "arch {:#04x}", arch.0),
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// An offer.
    Discover,
    /// What there is to know beside an address, by who has one.
    Inform {
        /// The address that is said to be had.
        from: Ipv4Addr,
    },
    /// A file, of a boot server on port 4011: no lease, whatever the message is called.
    BootServer {
        /// The address that is said to be had.
        from: Ipv4Addr,
        /// What was chosen from a menu: a type of boot server.
        item: Option<u16>,
    },
    /// The offered address itself.
    Lease {
        /// The address.
        address: Ipv4Addr,
        /// Option 54 of who has offered it.
        server: Ipv4Addr,
    },
    /// The address is given back.
    Release {
        /// The address.
        address: Ipv4Addr,
        /// Option 54 of who has leased it.
        server: Ipv4Addr,
    },
}

/// A client's message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Question {
    /// As whom.
    pub asker: Asker,
    /// For what.
    pub ask: Ask,
    /// The transaction.
    pub xid: u32,
    /// The client's hardware address.
    pub chaddr: Mac,
}

/// What the options of a PXE client are asked for (PXE 2.1 table 2-2 has 43, 60, 66, 67 and more).
const WANTED: [u8; 13] = [1, 3, 6, 12, 15, 28, 43, 51, 54, 60, 66, 67, 97];
/// The longest message that edk2 takes (`Dhcp4Io.c`), in bytes with IPv4's and UDP's header.
const MAX_MESSAGE: u16 = 1472;
/// BOOTP's length (RFC 951 §3): some servers and relays drop what is shorter.
const SHORTEST: usize = 300;

impl Question {
    /// The datagram's payload.
    pub fn bytes(&self) -> Vec<u8> {
        let mut message = Message::default();
        message
            .set_opcode(Opcode::BootRequest)
            .set_htype(HType::Eth)
            .set_xid(self.xid)
            .set_chaddr(&self.chaddr)
            .set_flags(self.flags())
            .set_ciaddr(self.ciaddr());
        for option in self.options() {
            message.opts_mut().insert(option);
        }
        let mut bytes = message.to_vec().expect("a buffer that grows takes any message");
        bytes.resize(bytes.len().max(SHORTEST), 0);
        bytes
    }

    /// Whoever has no address yet wants its answers broadcast, as edk2 does; who has one is answered there.
    fn flags(&self) -> Flags {
        match self.ask {
            Ask::Discover | Ask::Lease { .. } => Flags::default().set_broadcast(),
            Ask::Inform { .. } | Ask::BootServer { .. } | Ask::Release { .. } => Flags::default(),
        }
    }

    fn ciaddr(&self) -> Ipv4Addr {
        match self.ask {
            Ask::Discover | Ask::Lease { .. } => Ipv4Addr::UNSPECIFIED,
            Ask::Inform { from } | Ask::BootServer { from, .. } => from,
            Ask::Release { address, .. } => address,
        }
    }

    fn options(&self) -> Vec<DhcpOption> {
        let (message_type, more) = match self.ask {
            Ask::Discover => (MessageType::Discover, vec![]),
            Ask::Inform { .. } => (MessageType::Inform, vec![]),
            Ask::BootServer { item, .. } => (MessageType::Request, item.map(boot_item).into_iter().collect()),
            Ask::Lease { address, server } => (
                MessageType::Request,
                vec![DhcpOption::RequestedIpAddress(address), DhcpOption::ServerIdentifier(server)],
            ),
            Ask::Release { server, .. } => (MessageType::Release, vec![DhcpOption::ServerIdentifier(server)]),
        };
        let mut options = vec![DhcpOption::MessageType(message_type)];
        options.extend(more);
        if !matches!(self.ask, Ask::Release { .. }) {
            options.push(DhcpOption::MaxMessageSize(MAX_MESSAGE));
            options.push(DhcpOption::ParameterRequestList(WANTED.map(OptionCode::from).to_vec()));
        }
        if let Asker::Firmware(arch) = self.asker {
            options.extend(self.firmware_options(arch));
        }
        options
    }

    /// What makes it a client that boots (PXE 2.1 table 2-1; RFC 4578; UEFI's HTTP boot by the same options).
    fn firmware_options(&self, arch: Arch) -> [DhcpOption; 4] {
        let class = match self.asker.transport() {
            Some(Transport::Http) => "HTTPClient",
            _ => "PXEClient",
        };
        let class = format!("{class}:Arch:{:05}:UNDI:003016", arch.0);
        // Type 0, and an identifier that is the card's, as of a machine that was given none.
        let mut uuid = [0; 17];
        uuid[11..].copy_from_slice(&self.chaddr);
        [
            DhcpOption::ClassIdentifier(class.into_bytes()),
            DhcpOption::Unknown(UnknownOption::new(
                OptionCode::ClientSystemArchitecture,
                arch.0.to_be_bytes().to_vec(),
            )),
            DhcpOption::ClientNetworkInterface(1, 3, 16),
            DhcpOption::ClientMachineIdentifier(uuid.to_vec()),
        ]
    }
}

/// Option 43.71, PXE_BOOT_ITEM, of layer 0 (PXE 2.1 table 2-1).
fn boot_item(item: u16) -> DhcpOption {
    let [high, low] = item.to_be_bytes();
    DhcpOption::VendorExtensions(vec![71, 4, high, low, 0, 0, 255])
}

/// Bits that nobody else has chosen: the standard library seeds its hash tables from the kernel's.
pub fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// How the hardware addresses of probes begin: locally administered, as no card's is, and `pxg`.
const PREFIX: [u8; 4] = [0x02, b'p', b'x', b'g'];

/// A hardware address for one probe.
pub fn random_mac() -> Mac {
    let [a, b, ..] = random().to_be_bytes();
    let [p, q, r, s] = PREFIX;
    [p, q, r, s, a, b]
}

/// Whether a client is a probe: what it is told, nobody waits for.
pub fn is_probe(mac: Mac) -> bool {
    mac.starts_with(&PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::request::{Ask as Read, Reading};

    fn question(asker: Asker, ask: Ask) -> Question {
        Question { asker, ask, xid: 7, chaddr: [2, 0x70, 1, 2, 3, 4] }
    }

    #[test]
    fn firmware_asks_as_the_proxy_reads_it() {
        for asker in Asker::USUAL {
            let reading = Reading::of(&question(asker, Ask::Discover).bytes());
            let request = reading.request.unwrap();
            assert_eq!(Asker::Firmware(request.client.arch), asker);
            assert_eq!((request.ask, request.xid, request.broadcast), (Read::Discover, 7, true));
            assert_eq!(Some(request.client.transport), asker.transport());
        }
    }

    #[test]
    fn port_4011_is_asked_with_the_address_and_without_wanting_a_broadcast() {
        let from = Ipv4Addr::new(10, 0, 0, 9);
        let reading = Reading::of(&question(Asker::USUAL[0], Ask::BootServer { from, item: Some(0x8000) }).bytes());
        let request = reading.request.unwrap();
        assert_eq!((request.ask, request.ciaddr, request.broadcast), (Read::Request, from, false));
        assert_eq!((request.requested, request.boot_item), (None, Some([0x80, 0, 0, 0])), "it asks for no lease");
    }

    #[test]
    fn a_probe_is_known_by_its_address_and_two_are_told_apart() {
        let (a, b) = (random_mac(), random_mac());
        assert!(is_probe(a) && is_probe(b) && crate::trust::MacAddress(a).is_sender());
        // One in 65,536 pairs is the same; five are not.
        assert!((0..5).any(|_| random_mac() != a));
        assert!(!is_probe([0x02, b'p', b'x', b'e', 0, 1]));
    }

    #[test]
    fn askers_are_called_as_on_the_command_line() {
        for (name, shown) in
            [("bios", "bios"), ("efi-arm64", "efi-arm64"), ("16", "efi-x64-http"), ("0x99", "arch 0x99")]
        {
            assert_eq!(Asker::of(name.parse().unwrap()).to_string(), shown);
        }
        assert_eq!(Asker::Plain.to_string(), "plain");
    }
}
