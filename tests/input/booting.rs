//! A host that is to boot the machines behind its bridge, and one of those.

use std::fs;
use std::time::Duration;

use pxeguard_lab::frames::{Message, code};
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Raw, provided, until};
use tempfile::TempDir;

use crate::SOON;
use crate::ended::guard;

/// The host's address, with its network.
pub const SERVER: &str = "10.77.0.1/16";
/// The only program of iPXE's package that is for UEFI on x64.
pub const SNPONLY: &str = "/usr/lib/ipxe/snponly.efi";
/// And one for a BIOS.
pub const UNDIONLY: &str = "/usr/lib/ipxe/undionly.kpxe";
/// Memtest86+ for a BIOS.
pub const MEMTEST: &str = "/boot/memtest86+x64.bin";

/// What a client's firmware is: option 93 (RFC 4578 §2.1).
#[derive(Clone, Copy, Debug)]
pub enum Firmware {
    Bios = 0,
    EfiX64 = 7,
}

pub struct Scene {
    pub lab: Lab,
    pub client: Guest,
    at_client: Raw,
    pub root: TempDir,
}

impl Scene {
    /// With a boot root that holds copies of packages' files.
    pub fn new(files: &[&str]) -> Self {
        let lab = Lab::new().unwrap();
        lab.hypervisor().ip(&format!("address add {SERVER} dev {BRIDGE}\n")).unwrap();
        let client = lab.attach("client").unwrap();
        client.add_address("10.77.0.9/16").unwrap();
        let at_client = client.raw().unwrap();
        let root = tempfile::Builder::new().prefix("pxeguard-boot-").tempdir().unwrap();
        let scene = Self { lab, client, at_client, root };
        files.iter().for_each(|file| scene.add(file));
        scene
    }

    /// Copies a package's file into the boot root.
    pub fn add(&self, file: &str) {
        let source = provided(file).unwrap();
        fs::copy(&source, self.root.path().join(source.file_name().unwrap())).unwrap();
    }

    /// Starts a guard with this boot root, and more flags.
    pub fn guard(&self, flags: &str) -> Guard<'_> {
        let line = format!("--iface {BRIDGE} --boot-root {} {flags}", self.root.path().display());
        guard(&self.lab, line.trim_end())
    }

    /// The client asks who can boot it.
    pub fn ask(&self, firmware: Firmware) {
        self.at_client.send(&discover(&self.client, firmware)).unwrap();
    }

    /// The client asks until it is offered a file.
    pub fn is_offered(&self, firmware: Firmware, file: &str) {
        let offers = |frame: &[u8]| frame.windows(file.len()).any(|window| window == file.as_bytes());
        until(SOON, &format!("{firmware:?} is offered {file}"), || {
            self.ask(firmware);
            self.at_client.find(Duration::from_millis(500), offers).unwrap().is_some()
        })
        .unwrap();
    }

    /// The client asks, and is not answered, which the log says; its line.
    pub fn is_not_answered(&self, guard: &Guard, firmware: Firmware) -> String {
        self.ask(firmware);
        guard.process().wait_line(|line| line.contains("is not answered"), SOON).unwrap()
    }

    /// The client's address.
    pub fn mac(&self) -> String {
        self.client.mac().to_string().to_lowercase()
    }
}

/// The frame by which a guest asks who can boot it.
pub fn discover(guest: &Guest, firmware: Firmware) -> Vec<u8> {
    let arch = firmware as u8;
    let message = Message::pxe_discover().with(|message| {
        (message.source_mac, message.bootp.chaddr) = (guest.mac(), guest.mac());
        message.bootp.set(code::VENDOR_CLASS, format!("PXEClient:Arch:{arch:05}:UNDI:003016"));
        message.bootp.set(code::ARCHITECTURE, [0, arch]);
    });
    message.frame()
}

/// How many lines of the log have these words.
pub fn count(guard: &Guard, words: &str) -> usize {
    guard.process().output().lines().filter(|line| line.contains(words)).count()
}
