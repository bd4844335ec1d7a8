//! The kernels that `cargo xtask setup --for test` unpacks.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use pxeguard_lab::cache;

/// Modules that the lab's network needs, each after those that it needs itself.
const MODULES: [&str; 6] = [
    "net/llc/llc",
    "net/802/stp",
    "net/bridge/bridge",
    "drivers/net/veth",
    "net/sched/sch_ingress",
    "net/sched/cls_bpf",
];

/// Drivers of cards that QEMU makes, likewise.
const CARDS: [&str; 5] = [
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
    "drivers/net/ethernet/intel/e1000/e1000",
    "drivers/net/vmxnet3/vmxnet3",
];

/// A Debian kernel package, unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Linux {
    /// The series, such as `6.1`; also its folder's name.
    pub series: &'static str,
    /// Whether the story is about cards, whose drivers are loaded then.
    pub with_cards: bool,
}

impl Linux {
    /// Its folder, which may be missing.
    pub fn folder(self) -> PathBuf {
        cache().unwrap_or_default().join("kernels").join(self.series)
    }

    /// The kernel itself.
    pub fn image(self) -> Result<PathBuf> {
        Ok(self.folder().join(format!("boot/vmlinuz-{}", self.version()?)))
    }

    /// Name and contents of the modules, in the order in which they are loaded.
    pub fn modules(self) -> Result<Vec<(String, Vec<u8>)>> {
        let folder = self.folder().join("lib/modules").join(self.version()?).join("kernel");
        let cards = CARDS.into_iter().filter(|_| self.with_cards);
        MODULES.into_iter().chain(cards).map(|path| Ok((file_name(path), module(&folder.join(path))?))).collect()
    }

    /// The whole version, such as `6.1.0-56-cloud-amd64`.
    fn version(self) -> Result<String> {
        let folder = self.folder().join("lib/modules");
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let versions: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        ensure!(versions.len() == 1, "{} has not one kernel: {versions:?}", folder.display());
        Ok(versions[0].to_string_lossy().into_owned())
    }
}

fn file_name(path: &str) -> String {
    let name = path.rsplit('/').next().expect("rsplit yields at least one part");
    format!("{name}.ko")
}

/// A module, unpacked: Debian compresses those of newer kernels.
fn module(path: &Path) -> Result<Vec<u8>> {
    let (plain, packed) = (path.with_extension("ko"), path.with_extension("ko.xz"));
    if plain.exists() {
        return fs::read(&plain).with_context(|| format!("cannot read {}", plain.display()));
    }
    let packed_bytes = fs::read(&packed).with_context(|| format!("cannot read {}", packed.display()))?;
    let mut unxz = Command::new("busybox");
    let mut unxz =
        unxz.arg("unxz").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot run busybox")?;
    let mut input = unxz.stdin.take().context("its standard input is piped")?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(&packed_bytes));
        unxz.wait_with_output()
    })?;
    ensure!(output.status.success(), "busybox unxz of {}: {}", packed.display(), output.status);
    Ok(output.stdout)
}
