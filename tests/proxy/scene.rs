//! A host that guards a bridge and boots the machines behind it, and a client.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use macaddr::MacAddr6;
use pxeguard_common::template::sum;
use pxeguard_lab::frames::{Message, code, kind, port};
use pxeguard_lab::{Guard, Guest, Host, Lab, Raw};
use tempfile::TempDir;

#[path = "program.rs"]
mod program;

use program::program;

/// The bridge is called as the lab's servers expect their interface to be: they run beside the guard.
pub const BRIDGE: &str = "eth0";
/// The host's address, as [`pxeguard_lab::Pool::TRUSTED`] has it.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// For what happens at once.
pub const SOON: Duration = Duration::from_secs(20);
/// The only boot program.
pub const PROGRAM: &str = "boot.efi";

pub struct Scene {
    pub lab: Lab,
    pub client: Guest,
    pub at_client: Raw,
    root: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let lab = Lab::new().unwrap();
        lab.add_bridge(BRIDGE).unwrap();
        lab.hypervisor().ip(&format!("address add {SERVER}/16 dev {BRIDGE}\n")).unwrap();
        let root = tempfile::Builder::new().prefix("pxeguard-boot-").tempdir().unwrap();
        std::fs::write(root.path().join(PROGRAM), program()).unwrap();
        let client = lab.attach_detached("client").unwrap();
        lab.join(&client, BRIDGE).unwrap();
        let at_client = client.raw().unwrap();
        Self { lab, client, at_client, root }
    }

    /// One more host behind the bridge.
    pub fn attach(&self, name: &str) -> Guest {
        let guest = self.lab.attach_detached(name).unwrap();
        self.lab.join(&guest, BRIDGE).unwrap();
        guest
    }

    pub fn guard(&self, more: &[&str]) -> Guard<'_> {
        self.start(&[&["--iface", BRIDGE][..], more].concat())
    }

    /// The same, but these interfaces are named in place of the bridge.
    pub fn guard_at(&self, ifaces: &[&str]) -> Guard<'_> {
        self.start(&ifaces.iter().flat_map(|iface| ["--iface", *iface]).collect::<Vec<_>>())
    }

    /// The same on a guest, by its own interface.
    pub fn guard_on<'a>(&self, guest: &'a Guest) -> Guard<'a> {
        self.start_on(guest, &["--iface", "eth0"])
    }

    /// The same, but no boot program is named: what fits is found.
    pub fn guard_without_program(&self) -> Guard<'_> {
        let root = self.root.path().to_str().unwrap();
        Guard::start_on(self.lab.hypervisor(), ["--iface", BRIDGE, "--boot-root", root]).unwrap()
    }

    /// The same with another boot program.
    pub fn guard_with_program(&self, name: &str) -> Guard<'_> {
        let (root, program) = (self.root.path().to_str().unwrap(), format!("efi-x64={name}"));
        let arguments = ["--iface", BRIDGE, "--boot-root", root, "--boot", &program];
        Guard::start_on(self.lab.hypervisor(), arguments).unwrap()
    }

    /// A guard that boots nobody.
    pub fn guard_without_boot(&self) -> Guard<'_> {
        Guard::start_on(self.lab.hypervisor(), ["--iface", BRIDGE, "--no-boot"]).unwrap()
    }

    pub fn add_program(&self, name: &str) {
        std::fs::write(self.root.path().join(name), program()).unwrap();
    }

    pub fn remove_program(&self, name: &str) {
        std::fs::remove_file(self.root.path().join(name)).unwrap();
    }

    /// The same in observe mode, started by another program.
    pub fn guard_by(&self, program: &[&str]) -> Guard<'_> {
        let arguments = self.with_boot(&["--iface", BRIDGE, "--mode", "observe"]);
        Guard::start_by(program, self.lab.hypervisor(), arguments).unwrap()
    }

    /// A file in the boot root that only its owner's superuser could read.
    pub fn add_unreadable(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.root.path().join(name);
        std::fs::write(&path, program()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    }

    fn start(&self, arguments: &[&str]) -> Guard<'_> {
        self.start_on(self.lab.hypervisor(), arguments)
    }

    fn start_on<'a>(&self, host: &'a Host, arguments: &[&str]) -> Guard<'a> {
        Guard::start_on(host, self.with_boot(arguments)).unwrap()
    }

    fn with_boot(&self, arguments: &[&str]) -> Vec<String> {
        let root = self.root.path().to_str().unwrap();
        let program = format!("efi-x64={PROGRAM}");
        let boot = ["--boot-root", root, "--boot", &program];
        arguments.iter().chain(&boot).map(|word| (*word).to_owned()).collect()
    }

    /// The client's DISCOVER: UEFI on x64.
    pub fn discover(&self, xid: u32) -> Message {
        of(&self.client, Message::pxe_discover(), xid)
    }

    /// The client's question to a boot server on port 4011.
    pub fn boot_server_request(&self, xid: u32, client: Ipv4Addr) -> Message {
        let server = self.lab.hypervisor_mac(BRIDGE).unwrap();
        self.discover(xid).with(|request| {
            request.bootp.set(code::MESSAGE_TYPE, [kind::REQUEST]);
            (request.bootp.ciaddr, request.bootp.flags) = (client, 0);
            (request.ip.source, request.ip.destination) = (client, SERVER);
            (request.udp.source_port, request.udp.destination_port) = (port::PXE, port::PXE);
            request.destination_mac = server;
        })
    }

    /// Sends a message, and waits for the first answer of ours.
    pub fn ask(&self, message: &Message) -> Reply {
        self.at_client.send(&message.frame()).unwrap();
        let xid = message.bootp.xid;
        let reply = self.ours(SOON, |reply| reply.xid == xid).unwrap_or_else(|| panic!("no answer to {message:?}"));
        assert!(reply.is_whole, "{reply:?}");
        reply
    }

    /// The first reply of ours that is wanted.
    pub fn ours(&self, limit: Duration, wanted: impl Fn(&Reply) -> bool) -> Option<Reply> {
        let is_wanted = |frame: &[u8]| Reply::read(frame).is_some_and(|reply| reply.is_proxys() && wanted(&reply));
        let found = self.at_client.find(limit, is_wanted).unwrap();
        found.and_then(|frame| Reply::read(&frame))
    }

    /// All replies until one to a last message comes, which is sent behind all others.
    pub fn replies_until(&self, last: &Message) -> Vec<Reply> {
        self.at_client.send(&last.frame()).unwrap();
        let (mut replies, deadline) = (Vec::new(), Instant::now() + SOON);
        while let Some(frame) = self.at_client.receive(deadline).unwrap() {
            let Some(reply) = Reply::read(&frame) else { continue };
            if reply.xid == last.bootp.xid && reply.is_proxys() {
                return replies;
            }
            replies.push(reply);
        }
        panic!("the last message is not answered; before it came {replies:?}")
    }
}

/// A guest's message.
pub fn of(guest: &Guest, message: Message, xid: u32) -> Message {
    message.with(|message| {
        (message.source_mac, message.bootp.chaddr, message.bootp.xid) = (guest.mac(), guest.mac(), xid);
    })
}

/// A server's message, as the client gets it.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Whether its checksum is right; servers that use a socket leave it to a card that is none here.
    pub is_whole: bool,
    pub vlan: u16,
    pub from_mac: MacAddr6,
    pub to_mac: MacAddr6,
    pub from_port: u16,
    pub to_port: u16,
    pub to: Ipv4Addr,
    pub xid: u32,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub file: String,
    pub options: BTreeMap<u8, Vec<u8>>,
}

impl Reply {
    /// `None` of what is no DHCP server's message.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let mac = |at: usize| Some(MacAddr6::from(<[u8; 6]>::try_from(frame.get(at..at + 6)?).ok()?));
        let word = |bytes: &[u8], at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let (vlan, ip) = match word(frame, 12)? {
            0x0800 => (0, frame.get(14..)?),
            0x8100 if word(frame, 16)? == 0x0800 => (word(frame, 14)? & 0xfff, frame.get(18..)?),
            _ => return None,
        };
        let address = |bytes: &[u8], at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?));
        let total = usize::from(word(ip, 2)?);
        let datagram = ip.get(20..total).filter(|_| ip[0] == 0x45 && ip[9] == 17)?;
        let pseudo_header = sum(&ip[12..20], 0) + 17 + datagram.len() as u32;
        let is_whole = pxeguard_common::template::checksum(pseudo_header + sum(datagram, 0)) == 0;
        let bootp = datagram.get(8..).filter(|bootp| bootp.first() == Some(&2))?;
        let file = bootp.get(108..236)?.split(|byte| *byte == 0).next()?;
        let mut options = BTreeMap::new();
        let mut rest = bootp.get(240..)?;
        while let [option, len, more @ ..] = rest {
            if *option == code::END {
                break;
            }
            let (value, after) = more.split_at_checked(usize::from(*len))?;
            options.insert(*option, value.to_vec());
            rest = after;
        }
        Some(Self {
            is_whole,
            vlan,
            from_mac: mac(6)?,
            to_mac: mac(0)?,
            from_port: word(datagram, 0)?,
            to_port: word(datagram, 2)?,
            to: address(ip, 16)?,
            xid: u32::from_be_bytes(bootp[4..8].try_into().ok()?),
            yiaddr: address(bootp, 16)?,
            siaddr: address(bootp, 20)?,
            file: String::from_utf8_lossy(file).into_owned(),
            options,
        })
    }

    /// Whether it gives no address, and tells a client that boots something.
    pub fn is_proxys(&self) -> bool {
        self.yiaddr.is_unspecified() && self.options.get(&60).is_some_and(|class| class.ends_with(b"Client"))
    }
}
