//! A network with a DHCP server that gives addresses and nothing else, and a hypervisor with a boot root.

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pxeguard_lab::firmware::{Hardware, Machine};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Pool, Process, provided};
use serde_json::Value;
use tempfile::TempDir;

/// The hypervisor's address, in the network of [`Pool::TRUSTED`].
pub const BOOT_SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// The host of the DHCP server.
const ROUTER: &str = "router";

/// What memtest86+ shows as soon as it runs: its name also stands in menus.
pub const MEMTEST: &str = "CLK/Temp";

/// Packages' files: a name below the boot root, and where the package has it.
pub type Files<'a> = &'a [(&'a str, &'a str)];

/// Who answers PXE clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answers {
    Kernel,
    Daemon,
}

impl Answers {
    /// `daemon` in it leaves all clients to the daemon.
    const VARIABLE: &str = "PXEGUARD_BOOT_ANSWERS";

    /// As the environment says, in all tests alike.
    pub fn wanted() -> Self {
        match env::var(Self::VARIABLE).as_deref() {
            Err(_) | Ok("kernel") => Self::Kernel,
            Ok("daemon") => Self::Daemon,
            Ok(other) => panic!("{}={other}: it is kernel or daemon", Self::VARIABLE),
        }
    }
}

/// The network, without a boot server.
pub struct Scene {
    pub lab: Lab,
    pub root: TempDir,
    _dhcp: Option<(Guest, Process)>,
}

impl Scene {
    /// With a DHCP server on a host of its own.
    pub fn new(files: Files) -> Result<Self> {
        Self::with_dhcp(files, &[])
    }

    /// With more arguments for dnsmasq, which is the DHCP server.
    pub fn with_dhcp(files: Files, more: &[&str]) -> Result<Self> {
        let mut scene = Self::without_dhcp(files)?;
        let router = scene.lab.attach(ROUTER)?;
        let dhcp = dnsmasq::start(&router, &Pool::TRUSTED, more)?;
        scene._dhcp = Some((router, dhcp));
        Ok(scene)
    }

    /// With nobody who gives addresses.
    pub fn without_dhcp(files: Files) -> Result<Self> {
        let lab = Lab::new()?;
        lab.hypervisor().ip(&format!("address add {BOOT_SERVER}/16 dev {BRIDGE}\n"))?;
        Ok(Self { root: boot_root(files)?, lab, _dhcp: None })
    }

    /// Starts pxeguard; `settings` are lines of the `[boot]` section.  A menu waits for a second, else.
    pub fn serve(&self, settings: &str) -> Result<Guard<'_>> {
        self.start(settings, &[])
    }

    /// The same, and nobody's replies are dropped.
    pub fn observe(&self, settings: &str) -> Result<Guard<'_>> {
        self.start(settings, &["--mode", "observe"])
    }

    fn start(&self, settings: &str, more: &[&str]) -> Result<Guard<'_>> {
        let answers = Answers::wanted();
        let timeout = if settings.contains("timeout") { "" } else { "timeout = 1\n" };
        let fast_path = format!("fast_path = {}\n", answers == Answers::Kernel);
        let section = format!("[boot]\n{timeout}{fast_path}{settings}");
        self.lab.hypervisor().write("/etc/pxeguard/pxeguard.toml", section)?;
        let root = self.root.path().to_str().context("a temporary folder's name is text")?;
        let trusted = format!("p-{ROUTER}");
        let arguments = [&["--iface", BRIDGE, "--trust-port", &trusted, "--boot-root", root], more].concat();
        let guard = Guard::start(&self.lab, arguments)?;
        let answers_in_kernel = !guard.json("status")?["boot_answers"]["kernel"].is_null();
        ensure!(answers_in_kernel == (answers == Answers::Kernel), "clients should be answered by: {answers:?}");
        Ok(guard)
    }

    /// Writes a file below the boot root.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        write(self.root.path(), name, text.as_bytes())
    }

    /// Switches on a machine.
    pub fn power_on(&self, hardware: impl Into<Hardware>) -> Result<Machine> {
        Machine::power_on(&self.lab, "tap100i0", hardware)
    }
}

/// What a machine has done so far, as `pxeguard clients` tells it.
pub struct Boot(Value);

impl Boot {
    /// The last attempt of a machine to boot; there is one after it asked.
    pub fn of(guard: &Guard, machine: &Machine) -> Result<Self> {
        let clients = guard.json("clients")?;
        let mac = machine.mac().to_string().to_lowercase();
        let mut clients = clients.as_array().into_iter().flatten();
        let client = clients.find(|client| client["mac"].as_str().is_some_and(|it| it.to_lowercase() == mac));
        Ok(Self(client.context("pxeguard does not know the machine")?["attempts"][0].clone()))
    }

    /// The files that arrived whole, in order, with how they came: `tftp undionly.kpxe`.
    pub fn files(&self) -> Vec<String> {
        let files = self.0["files"].as_array().into_iter().flatten();
        let done = files.filter(|file| file["result"] == "done");
        done.map(|file| format!("{} {}", text(&file["via"]), text(&file["file"]))).collect()
    }

    /// How often it asked port 4011.
    pub fn asked_4011(&self) -> u64 {
        self.0["asked_4011"].as_u64().unwrap_or_default()
    }

    /// How it was answered last.
    pub fn strategy(&self) -> &str {
        text(&self.0["strategy"])
    }
}

/// A new boot root with copies of packages' files.
pub fn boot_root(files: Files) -> Result<TempDir> {
    let root = tempfile::Builder::new().prefix("pxeguard-boot-").tempdir()?;
    for (name, path) in files {
        let source = provided(path).with_context(|| format!("{path} is neither installed nor unpacked"))?;
        write(root.path(), name, &fs::read(source)?)?;
    }
    Ok(root)
}

fn write(root: &Path, name: &str, contents: &[u8]) -> Result<()> {
    let file = root.join(name);
    fs::create_dir_all(file.parent().context("a file below the root has a folder")?)?;
    fs::write(&file, contents).with_context(|| format!("cannot write {}", file.display()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
