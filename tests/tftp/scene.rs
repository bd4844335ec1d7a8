//! A bridge with a guard that serves files, and a client.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, udp};
use tempfile::TempDir;

/// The hypervisor's address on the bridge.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The client's.
pub const CLIENT: &str = "10.77.0.2";

/// How long nothing has to come until it is believed that nothing will.
const SILENCE: Duration = Duration::from_millis(500);

pub struct Scene {
    pub lab: Lab,
    pub client: Guest,
    root: TempDir,
}

impl Scene {
    /// A client behind a good cable.
    pub fn new() -> Self {
        Self::with(|lab| lab.attach("client").unwrap())
    }

    /// A client that is attached in some way.
    pub fn with(attach: impl Fn(&Lab) -> Guest) -> Self {
        let lab = Lab::new().unwrap();
        lab.hypervisor().ip(&format!("address add {SERVER}/16 dev {BRIDGE}\n")).unwrap();
        let client = attach(&lab);
        client.add_address(&format!("{CLIENT}/16")).unwrap();
        let root = TempDir::new().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { lab, client, root }
    }

    /// A guard that serves the boot root.
    pub fn guard(&self) -> Guard<'_> {
        Guard::start(&self.lab, self.arguments()).unwrap()
    }

    /// What such a guard is started with.
    pub fn arguments(&self) -> [&str; 4] {
        ["--iface", BRIDGE, "--boot-root", self.root.path().to_str().expect("the folder has a plain name")]
    }

    /// Where a file of the boot root is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.path().join(file)
    }

    /// Puts a file of a length into the boot root; its bytes.
    pub fn add(&self, file: &str, len: usize) -> Vec<u8> {
        let bytes = bytes(len);
        write(&self.path(file), &bytes);
        bytes
    }

    /// The SHA-256 of a file of the boot root, in hex.
    pub fn sum(&self, file: &str) -> String {
        let sum = self.lab.hypervisor().run([Path::new("sha256sum"), &self.path(file)]).unwrap();
        sum.split_whitespace().next().expect("it begins with the sum").to_owned()
    }

    /// What the server answers to a datagram, and from where; `None` if it does not.
    pub fn ask(&self, request: &[u8]) -> Option<(Vec<u8>, SocketAddr)> {
        ask(&udp(&self.client, "0.0.0.0:0").unwrap(), request)
    }
}

/// What the server answers to a datagram of a socket.
pub fn ask(socket: &UdpSocket, request: &[u8]) -> Option<(Vec<u8>, SocketAddr)> {
    socket.send_to(request, (SERVER, 69)).unwrap();
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    let mut datagram = vec![0; 1 << 16];
    let (len, from) = socket.recv_from(&mut datagram).ok()?;
    datagram.truncate(len);
    Some((datagram, from))
}

/// Writes a file that everybody may read.
pub fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

/// Bytes of which no part is like another.
fn bytes(len: usize) -> Vec<u8> {
    let words = (0_u64..).flat_map(|index| (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.take(len).collect()
}
