//! A host that guards a bridge and boots the machines behind it, two of which there are; and what the doctor says of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use pxeguard::doctor::{Finding, Outcome};
use pxeguard_lab::guard::run_any;
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Pool, Process};
use tempfile::TempDir;

use crate::program::program;

/// For what happens at once.
pub const SOON: Duration = Duration::from_secs(20);
/// The only boot program.
pub const PROGRAM: &str = "boot.efi";

pub struct Scene {
    pub lab: Lab,
    pub client: Guest,
    pub other: Guest,
    folder: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let lab = Lab::new().unwrap();
        let [client, other] = ["client", "other"].map(|name| lab.attach(name).unwrap());
        lab.hypervisor().ip(&format!("address add {}/16 dev {BRIDGE}\n", Pool::TRUSTED.server)).unwrap();
        client.add_address("10.77.0.9/16").unwrap();
        let folder = tempfile::Builder::new().prefix("pxeguard-doctor-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let scene = Self { lab, client, other, folder };
        fs::create_dir(scene.root()).unwrap();
        fs::write(scene.root().join(PROGRAM), program()).unwrap();
        scene
    }

    /// The boot root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("boot")
    }

    /// Writes a file that the hypervisor can read; its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn arguments(&self) -> [String; 4] {
        ["--iface", BRIDGE, "--boot-root", self.root().to_str().unwrap()].map(str::to_owned)
    }

    pub fn guard(&self) -> Guard<'_> {
        Guard::start(&self.lab, self.arguments()).unwrap()
    }

    /// A dnsmasq on the hypervisor's bridge.
    pub fn dnsmasq(&self, more: &[&str]) -> Process {
        let argv =
            ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--user=root", "--port=0"];
        let files = ["--pid-file=", "--dhcp-leasefile=/run/lab/leases", "--no-ping", "--interface=vmbr0"];
        let process = self.lab.hypervisor().spawn(argv.iter().chain(&files).chain(more)).unwrap();
        process.wait_line(|line| line.contains("started") || line.contains("TFTP root"), SOON).unwrap();
        process
    }

    /// What the doctor finds, and with which status it ends.
    pub fn doctor(&self) -> (Vec<Finding>, Option<i32>) {
        let arguments = ["doctor", "--json"].map(str::to_owned).into_iter().chain(self.arguments());
        let ran = run_any(self.lab.hypervisor(), arguments).unwrap();
        let findings = serde_json::from_slice(&ran.output.stdout);
        (findings.unwrap_or_else(|error| panic!("{error}: {:?}", ran.output)), ran.output.status.code())
    }

    /// What the doctor names first.
    pub fn first(&self) -> Finding {
        self.doctor().0.remove(0)
    }

    /// What is not well.
    pub fn complaints(&self) -> Vec<Finding> {
        self.doctor().0.into_iter().filter(|finding| finding.result != Outcome::Pass).collect()
    }

    pub fn assert_healthy(&self) {
        let (findings, status) = self.doctor();
        let bad: Vec<_> = findings.iter().filter(|finding| finding.result != Outcome::Pass).collect();
        assert!(bad.is_empty() && status == Some(0) && findings.len() > 10, "{bad:#?}");
    }

    /// Runs the remedies, as they come, until all is well.
    pub fn mend(&self) {
        for _ in 0..8 {
            let remedies = self.complaints().into_iter().filter_map(|finding| finding.remedy);
            let Some(remedy) = remedies.into_iter().next() else { break };
            self.lab.hypervisor().run(["sh", "-c", &remedy]).unwrap();
        }
        self.assert_healthy();
    }
}
