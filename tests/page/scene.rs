//! A guarded bridge with a trusted server, one that is to become a rogue, a client, and somebody who looks.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pxeguard_lab::frames::{Message, code};
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Pool, Process, Server, udp};
use tempfile::TempDir;

use crate::browser::Browser;

/// The page, as it is asked for on the hypervisor.
pub const URL: &str = "http://127.0.0.1:9467/";
/// The hypervisor's address on the bridge.
pub const SERVER: &str = "10.77.0.2";

pub struct Scene {
    pub lab: Lab,
    pub trusted: Guest,
    pub rogue: Guest,
    pub client: Guest,
    root: TempDir,
    _server: Process,
}

impl Scene {
    pub fn new() -> Self {
        let lab = Lab::new().unwrap();
        lab.hypervisor().ip(&format!("address add {SERVER}/16 dev {BRIDGE}\n")).unwrap();
        let [trusted, rogue, client] = ["trusted", "rogue", "client"].map(|name| lab.attach(name).unwrap());
        client.add_address("10.77.0.9/16").unwrap();
        let server = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED).unwrap();
        let root = tempfile::Builder::new().prefix("pxeguard-boot-").tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { lab, trusted, rogue, client, root, _server: server }
    }

    /// Puts a file into the boot root.
    pub fn add(&self, name: &str, contents: &[u8]) {
        let path = self.root.path().join(name);
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Copies a package's file into the boot root.
    pub fn add_copy(&self, file: &str) {
        let source = pxeguard_lab::provided(file).unwrap();
        let name = Path::new(file).file_name().and_then(|name| name.to_str()).expect("it has a plain name");
        self.add(name, &fs::read(source).unwrap());
    }

    /// A guard that trusts the one server, and boots clients.
    pub fn guard(&self, more: &[&str]) -> Guard<'_> {
        let trust = format!("{}@{}", self.trusted.mac(), self.trusted.port());
        let root = self.root.path().to_str().expect("a plain name");
        let always = ["--iface", BRIDGE, "--trust", &trust, "--boot-root", root];
        Guard::start(&self.lab, always.iter().chain(more)).unwrap()
    }

    /// Somebody who has the page before him, and sees that it lives.
    pub fn look(&self) -> Browser {
        let mut browser = Browser::start(self.lab.hypervisor()).unwrap();
        browser.open(URL).unwrap();
        browser.until("document.querySelector('#link').classList.contains('live')").unwrap();
        browser
    }

    /// The client asks who can boot it and give it an address.
    pub fn ask(&self) {
        let message = Message::pxe_discover().with(|message| {
            (message.source_mac, message.bootp.chaddr) = (self.client.mac(), self.client.mac());
            message.bootp.set(code::ARCHITECTURE, [0, 7]);
        });
        self.client.raw().unwrap().send(&message.frame()).unwrap();
    }

    /// The client wants a file by TFTP.
    pub fn want(&self, file: &str) -> UdpSocket {
        let socket = udp(&self.client, "10.77.0.9:0").unwrap();
        let request = [b"\0\x01", file.as_bytes(), b"\0octet\0"].concat();
        socket.send_to(&request, (SERVER, 69)).unwrap();
        socket
    }
}

/// An address as the page writes it.
pub fn mac(guest: &Guest) -> String {
    guest.mac().to_string().to_lowercase()
}
