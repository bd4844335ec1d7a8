//! A bridge with a DHCP server behind a port, and what the probe says of it.

use std::net::Ipv4Addr;
use std::path::Path;

use pxeguard_lab::guard::run_any;
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{BRIDGE, Guard, Guest, Host, Lab, Pool, Process};
use serde_json::Value;
use tempfile::TempDir;

use crate::program;

/// The hypervisor's address, in the network of [`Pool::TRUSTED`].
pub const BOOT_SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The host of a foreign PXE server.
pub const PROXY: Pool = Pool { server: Ipv4Addr::new(10, 77, 0, 3), ..Pool::TRUSTED };
/// The only boot program.
pub const PROGRAM: &str = "boot.efi";
/// Its length, in bytes.
pub const LEN: usize = 100_000;
/// The lease file of the lab's dnsmasq.
const LEASES: &str = "/run/lab/dnsmasq.leases";

/// A network with one DHCP server.
pub struct Scene {
    pub lab: Lab,
    pub router: Guest,
    pub dhcp: Process,
    root: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self::with_dhcp(&[])
    }

    /// With more arguments for the DHCP server, which is dnsmasq.
    pub fn with_dhcp(more: &[&str]) -> Self {
        let lab = Lab::new().unwrap();
        lab.hypervisor().ip(&format!("address add {BOOT_SERVER}/16 dev {BRIDGE}\n")).unwrap();
        let router = lab.attach("router").unwrap();
        let dhcp = dnsmasq::start(&router, &Pool::TRUSTED, more).unwrap();
        let root = tempfile::Builder::new().prefix("pxeguard-boot-").tempdir().unwrap();
        let mut file = program::program();
        file.resize(LEN, 0);
        std::fs::write(root.path().join(PROGRAM), file).unwrap();
        Self { lab, router, dhcp, root }
    }

    /// The folder with the boot program.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A pxeguard that trusts the DHCP server and boots machines.
    pub fn guard(&self) -> Guard<'_> {
        let trusted = self.router.port().to_owned();
        self.guard_with(&["--trust-port", &trusted])
    }

    /// The same with other trusts.
    pub fn guard_with(&self, more: &[&str]) -> Guard<'_> {
        let (root, program) = (self.root().to_str().unwrap(), format!("efi-x64={PROGRAM}"));
        let boot = ["--iface", BRIDGE, "--boot-root", root, "--boot", &program];
        Guard::start(&self.lab, [&boot[..], more].concat()).unwrap()
    }

    /// dnsmasq as a proxy on a host of its own, which tells UEFI machines to ask on port 4011 for the boot program.
    pub fn foreign_proxy(&self) -> (Guest, Process) {
        let host = self.lab.attach("proxy").unwrap();
        let service = format!("--pxe-service=X86-64_EFI,Boot,{PROGRAM}");
        let proxy = dnsmasq::start_boot_server(&host, &PROXY, self.root(), &[&service]).unwrap();
        (host, proxy)
    }

    /// Asks as a UEFI machine.
    pub fn probe(&self, more: &[&str]) -> Probed {
        probe(self.lab.hypervisor(), &[&["--arch", "efi-x64"], more].concat())
    }

    /// The DHCP server's leases, one a line.
    pub fn leases(&self) -> String {
        self.router.read(LEASES).unwrap_or_default()
    }
}

/// What the probe said.
#[derive(Debug)]
pub struct Probed {
    pub code: i32,
    pub report: Value,
}

/// Asks on the bridge.
pub fn probe(hypervisor: &Host, more: &[&str]) -> Probed {
    probe_on(hypervisor, BRIDGE, more)
}

/// Asks on any interface.
pub fn probe_on(host: &Host, iface: &str, more: &[&str]) -> Probed {
    let all = [&["probe", "--iface", iface, "--timeout", "1", "--json"], more].concat();
    let ran = run_any(host, all).unwrap();
    let stdout = String::from_utf8_lossy(&ran.output.stdout);
    let report = serde_json::from_str(&stdout)
        .unwrap_or_else(|_| panic!("{}: {stdout}{}", ran.shown, String::from_utf8_lossy(&ran.output.stderr)));
    Probed { code: ran.output.status.code().unwrap(), report }
}

impl Probed {
    /// The findings by name, in order.
    pub fn findings(&self) -> Vec<&str> {
        let findings = self.report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["finding"].as_str().unwrap()).collect()
    }

    /// The finding that is named first: what it is, and all it says.
    pub fn first(&self) -> (&str, String) {
        let Some(first) = self.report["findings"].get(0) else { panic!("nothing is found: {self:?}") };
        (first["finding"].as_str().unwrap(), first.to_string())
    }

    /// Asserts what is named first, and the exit code; what it says.
    #[track_caller]
    pub fn assert_first(&self, finding: &str, code: i32) -> String {
        let (first, said) = self.first();
        assert_eq!((first, self.code), (finding, code), "{:#}", self.report);
        said
    }

    /// The responder with this address.
    pub fn responder(&self, ip: Ipv4Addr) -> &Value {
        let all = self.report["responders"].as_array().unwrap();
        all.iter().find(|one| one["ip"] == ip.to_string()).unwrap_or_else(|| panic!("{ip}: {:#}", self.report))
    }

    /// The steps of the boot that worked, and the one that did not.
    pub fn steps(&self) -> (Vec<&str>, Option<&str>) {
        let steps = self.report["boot"]["steps"].as_array().unwrap();
        let of =
            |ok: bool| steps.iter().filter(move |step| step["ok"] == ok).map(|step| step["step"].as_str().unwrap());
        (of(true).collect(), of(false).next())
    }
}
