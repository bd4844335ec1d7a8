//! A virtual machine that runs one script and powers itself off.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pxeguard_lab::firmware::qemu;
use pxeguard_lab::{Host, guard};
use tempfile::NamedTempFile;

use crate::archive::Archive;
use crate::linux::Linux;

/// What starts the script.
const INIT: &str = include_str!("guest/init.sh");

/// How long a machine may run.  It takes a tenth of it, but shares two cores with other tests.
const PATIENCE: Duration = Duration::from_secs(240);

/// The programs of this machine's that the guest needs, and where it has them.
const PROGRAMS: [(&str, &str); 3] = [("/bin/busybox", "busybox"), ("/usr/sbin/ip", "ip"), ("/usr/sbin/tc", "tc")];

/// Boots a kernel with pxeguard and `script`; what it said on its serial console until it was off.
pub fn run(linux: Linux, script: &str) -> Result<String> {
    let initramfs = NamedTempFile::new().context("cannot make a temporary file")?;
    fs::write(initramfs.path(), self::initramfs(linux, script)?).context("cannot write the initramfs")?;
    let host = Host::new("qemu")?;
    let machine = host.spawn_command(command(&linux.image()?, initramfs.path())?)?;
    let status = machine.wait(PATIENCE)?;
    let said = machine.output();
    ensure!(status.success(), "QEMU ended with {status}:\n{said}");
    Ok(said)
}

fn command(kernel: &Path, initramfs: &Path) -> Result<Command> {
    let mut qemu = qemu("x86_64")?;
    qemu.args(["-m", "256", "-serial", "stdio", "-no-reboot"]);
    qemu.args(["-append", "console=ttyS0 loglevel=1 panic=-1"]);
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs);
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
    Ok(archive.finish())
}

fn installed(name: &str) -> Result<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let mut paths = folders.into_iter().map(|folder| Path::new(folder).join(name));
    paths.find(|path| path.exists()).with_context(|| format!("{name} is not installed"))
}
