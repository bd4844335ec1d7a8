//! A virtual machine that runs one script and powers itself off.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pxeguard_lab::firmware::qemu;
use pxeguard_lab::{Host, guard};
use pxeguard_package::UNIT;
use tempfile::NamedTempFile;

use crate::archive::Archive;
use crate::linux::Linux;

/// What starts the script.
const INIT: &str = include_str!("guest/init.sh");

/// What a machine runs, and the cards that it has for it.
pub struct Script {
    shell: &'static str,
    cards: &'static [[&'static str; 2]],
}

impl Script {
    /// Ports that are cables to other namespaces.
    pub const PORTS: Self =
        Self { shell: concat!(include_str!("guest/hosts.sh"), include_str!("guest/story.sh")), cards: &[] };
    /// Ports that are cards.
    ///
    /// Cards at the same hub are at one cable.  A hub has no offloads to give to a virtio card, which a tap has.
    pub const CARDS: Self = Self {
        shell: concat!(include_str!("guest/hosts.sh"), include_str!("guest/cards.sh")),
        cards: &[
            ["hubport,id=n01,hubid=1", "virtio-net-pci,netdev=n01,mac=52:54:00:00:00:01"],
            ["hubport,id=n11,hubid=1", "virtio-net-pci,netdev=n11,mac=52:54:00:00:00:11"],
            ["hubport,id=n02,hubid=2", "e1000,netdev=n02,mac=52:54:00:00:00:02"],
            ["hubport,id=n03,hubid=3", "vmxnet3,netdev=n03,mac=52:54:00:00:00:03"],
            ["hubport,id=n04,hubid=4", "vmxnet3,netdev=n04,mac=52:54:00:00:00:04"],
            [TAP, "virtio-net-pci,netdev=n05,mac=52:54:00:00:00:05"],
            [OTHER_TAP, "virtio-net-pci,netdev=n06,mac=52:54:00:00:00:06,ctrl_guest_offloads=off"],
            // Longer than a page: without mergeable buffers it receives by `receive_big`.
            ["hubport,id=n07,hubid=7", "virtio-net-pci,netdev=n07,mac=52:54:00:00:00:07,mrg_rxbuf=off,host_mtu=9000"],
            ["hubport,id=n17,hubid=7", "virtio-net-pci,netdev=n17,mac=52:54:00:00:00:17"],
        ],
    };
}

const TAP: &str = "tap,id=n05,script=no,downscript=no";
const OTHER_TAP: &str = "tap,id=n06,script=no,downscript=no";

/// How long a machine may run.  It takes a tenth of it, but shares two cores with other tests.
const PATIENCE: Duration = Duration::from_secs(240);

/// The programs of this machine's that the guest needs, and where it has them.
const PROGRAMS: [(&str, &str); 4] =
    [("/bin/busybox", "busybox"), ("/usr/sbin/ip", "ip"), ("/usr/sbin/tc", "tc"), ("/usr/bin/setpriv", "setpriv")];

/// Boots a kernel with pxeguard and a script; what it said on its serial console until it was off.
pub fn run(linux: Linux, script: &Script) -> Result<String> {
    let initramfs = NamedTempFile::new().context("cannot make a temporary file")?;
    fs::write(initramfs.path(), self::initramfs(linux, script.shell)?).context("cannot write the initramfs")?;
    let host = Host::new("qemu")?;
    let machine = host.spawn_command(command(&linux.image()?, initramfs.path(), script.cards)?)?;
    let status = machine.wait(PATIENCE)?;
    let said = machine.output();
    ensure!(status.success(), "QEMU ended with {status}:\n{said}");
    Ok(said)
}

fn command(kernel: &Path, initramfs: &Path, cards: &[[&str; 2]]) -> Result<Command> {
    let mut qemu = qemu("x86_64")?;
    qemu.args(["-m", "256", "-serial", "stdio", "-no-reboot"]);
    qemu.args(["-append", "console=ttyS0 loglevel=1 panic=-1"]);
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs);
    for card in cards {
        // Nothing boots from it.
        qemu.args(["-netdev", card[0], "-device"]).arg(format!("{},romfile=", card[1]));
    }
    Ok(qemu)
}

fn initramfs(linux: Linux, script: &str) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in ["/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/var/lib", "/root"] {
        archive.folder(folder);
    }
    let mut order = String::new();
    for (name, module) in linux.modules()? {
        archive.file(format!("/modules/{name}"), &module);
        order.push_str(&format!("/modules/{name}\n"));
    }
    archive.file("/modules/order", order.as_bytes());
    for (path, name) in PROGRAMS {
        archive.program(path, &installed(name)?)?;
    }
    archive.program("/usr/bin/pxeguard", &guard::program()?)?;
    archive.file("/init", INIT.as_bytes());
    archive.file("/story.sh", script.as_bytes());
    archive.file("/capabilities", capabilities().as_bytes());
    Ok(archive.finish())
}

/// What setpriv(1) calls the capabilities of the service: each kernel has to do with them.
fn capabilities() -> String {
    let given = UNIT.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("the unit says it");
    given.split(' ').map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase())).collect()
}

fn installed(name: &str) -> Result<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let mut paths = folders.into_iter().map(|folder| Path::new(folder).join(name));
    paths.find(|path| path.exists()).with_context(|| format!("{name} is not installed"))
}
