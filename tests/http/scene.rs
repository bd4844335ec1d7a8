//! A bridge with a guard that serves files, and a client with curl.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pxeguard_lab::{BRIDGE, Guard, Guest, Host, Lab};
use tempfile::TempDir;

/// The hypervisor's address on the bridge.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The port of the HTTP server.
pub const PORT: u16 = 8067;

pub struct Scene {
    pub lab: Lab,
    pub client: Guest,
    folder: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let lab = Lab::new().unwrap();
        lab.hypervisor().ip(&format!("address add {SERVER}/16 dev {BRIDGE}\n")).unwrap();
        let client = lab.attach("client").unwrap();
        client.add_address("10.77.0.2/16").unwrap();
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        for path in [folder.path(), &folder.path().join("root")] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        Self { lab, client, folder }
    }

    /// A guard that serves the boot root.
    pub fn guard(&self) -> Guard<'_> {
        Guard::start(&self.lab, self.arguments()).unwrap()
    }

    /// What such a guard is started with.
    pub fn arguments(&self) -> [String; 4] {
        ["--iface", BRIDGE, "--boot-root", self.path("root").to_str().expect("a plain name")].map(str::to_owned)
    }

    /// Where a file is, in the folder that holds the boot root, `root`.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file of a length that everybody may read; its SHA-256 in hex.
    pub fn write(&self, file: &str, len: usize) -> String {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).unwrap();
        fs::write(&path, bytes(len)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        self.sum(&path)
    }

    /// The SHA-256 of a file, in hex.
    pub fn sum(&self, path: &Path) -> String {
        let sum = self.client.run([Path::new("sha256sum"), path]).unwrap();
        sum.split_whitespace().next().expect("it begins with the sum").to_owned()
    }
}

/// Runs curl to its end, silent but for what is asked for; its standard output.  `PATH` in the arguments is the URL's.
pub fn curl(host: &Host, path: &str, arguments: &[&str]) -> String {
    let output = host.output(command(path, arguments)).unwrap().output;
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The status, and the bytes that came.
pub fn status(host: &Host, path: &str, arguments: &[&str]) -> String {
    curl(host, path, &[&["-o", "/dev/null", "-w", "%{http_code} %{size_download}"], arguments].concat())
}

/// A connection to the server.
pub fn connect(guest: &Guest) -> TcpStream {
    let stream = guest.enter(|| TcpStream::connect((SERVER, PORT))).unwrap().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn command(path: &str, arguments: &[&str]) -> Vec<String> {
    let url = format!("http://{SERVER}:{PORT}{path}");
    // Longer than anything here takes.
    let always = ["curl", "-s", "--max-time", "60", "--path-as-is"];
    always.iter().chain(arguments).map(|&word| word.to_owned()).chain([url]).collect()
}

/// Bytes of which no part is like another.
fn bytes(len: usize) -> Vec<u8> {
    let words = (1_u64..).flat_map(|index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.take(len).collect()
}
