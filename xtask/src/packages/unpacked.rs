//! Packages that are unpacked below ~/.cache/pxeguard and not installed.
//!
//! Installed, ipxe and memtest86+ add themselves to the machine's own boot menu, grub-efi-amd64-signed and shim-signed
//! write its boot loader anew, QEMU can push packages out, and servers of TFTP, HTTP and DHCP start with the machine;
//! two of them exclude each other.  Nothing of a package runs when it is unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::{Apt, Purpose, missing};
use crate::command;

/// In each folder: the packages that are in it, one a line.  It is written last.
const CONTENTS: &str = ".packages";

/// Packages that share a folder below the cache, laid out there as below `/`; the lab looks in all of them.
struct Set {
    /// One of [`pxeguard_lab::UNPACKED`].
    folder: &'static str,
    packages: &'static [&'static str],
    /// Whether what they need and this machine lacks is unpacked too: programs do, data does not.
    with_dependencies: bool,
    purposes: &'static [Purpose],
}

const SETS: [Set; 6] = [
    Set {
        folder: "qemu",
        // seabios, and iPXE for the ROMs of the network cards, are among what they need.
        packages: &["qemu-system-arm", "qemu-system-x86"],
        with_dependencies: true,
        purposes: &[Purpose::Test, Purpose::Bench],
    },
    Set {
        folder: "firmware",
        packages: &["ovmf", "ovmf-ia32", "qemu-efi-aarch64"],
        with_dependencies: false,
        purposes: &[Purpose::Test, Purpose::Bench],
    },
    Set {
        folder: "boot-programs",
        packages: &[
            "grub-efi-amd64-bin",
            "grub-efi-amd64-signed",
            "ipxe",
            "memtest86+",
            "pxelinux",
            "shim-helpers-amd64-signed",
            "shim-signed",
            "syslinux-common",
            "syslinux-efi",
        ],
        with_dependencies: false,
        purposes: &[Purpose::Test, Purpose::Bench],
    },
    Set {
        folder: "debian-installer",
        packages: &["debian-installer-12-netboot-amd64", "debian-installer-12-netboot-arm64"],
        with_dependencies: false,
        purposes: &[Purpose::Test],
    },
    Set {
        folder: "servers",
        packages: &["atftpd", "isc-dhcp-relay", "nginx-light", "tftpd-hpa"],
        with_dependencies: true,
        purposes: &[Purpose::Test, Purpose::Bench],
    },
    Set {
        // Tools that nobody expects to find installed on a hypervisor.
        folder: "attackers",
        packages: &["dhcpstarv", "yersinia"],
        with_dependencies: true,
        purposes: &[Purpose::Test],
    },
];

/// Unpacks what `purposes` need and is neither installed nor unpacked.
pub fn provide(apt: &mut Apt, purposes: &[Purpose]) -> Result<()> {
    let cache = cache()?;
    let wanted = |set: &&Set| set.purposes.iter().any(|purpose| purposes.contains(purpose));
    SETS.iter().filter(wanted).try_for_each(|set| set.provide(apt, &cache.join(set.folder)))
}

/// Where all of this is.
pub fn cache() -> Result<PathBuf> {
    pxeguard_lab::cache().context("no folder for what is unpacked: neither HOME nor XDG_CACHE_HOME is set")
}

impl Set {
    fn provide(&self, apt: &mut Apt, folder: &Path) -> Result<()> {
        let contents = fs::read_to_string(folder.join(CONTENTS)).unwrap_or_default();
        let is_here = |package: &&str| contents.lines().any(|line| line == *package);
        let missing = missing(self.packages);
        if missing.iter().all(is_here) {
            return Ok(());
        }
        apt.refresh(&missing)?;
        let (known, unknown): (Vec<&str>, Vec<&str>) =
            missing.into_iter().partition(|package| apt.candidate(package).is_some());
        if !unknown.is_empty() {
            println!("not among this system's packages: {}", unknown.join(" "));
        }
        if known.iter().all(is_here) {
            return Ok(());
        }
        let mut packages: Vec<_> = known.into_iter().map(str::to_owned).collect();
        if self.with_dependencies {
            // One by one: what excludes each other cannot be planned together.
            let plans = packages.iter().map(|package| with_dependencies(package)).collect::<Result<Vec<_>>>()?;
            packages.extend(plans.into_iter().flatten());
            packages.sort_unstable();
            packages.dedup();
        }
        unpack(&packages, folder)
    }
}

/// A package, and those that would have to be installed for it here.
fn with_dependencies(package: &str) -> Result<Vec<String>> {
    let mut plan = Command::new("apt-get");
    plan.env("LC_ALL", "C").args(["install", "--simulate", "--no-install-recommends", package]);
    let plan = command::answer(&mut plan)?;
    let installed = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
    Ok(installed.map(str::to_owned).collect())
}

/// Downloads packages and unpacks them into `folder`, which is there only once it is whole.
pub fn unpack(packages: &[String], folder: &Path) -> Result<()> {
    let began = Instant::now();
    let (download, disk) = sizes(packages)?;
    println!("unpacking {} into {}: {download} MB to download, {disk} MB there", packages.join(" "), folder.display());
    let name = folder.file_name().context("a folder of the cache has a name")?.to_string_lossy();
    let part = folder.with_file_name(format!("{name}.part"));
    let (debs, root) = (part.join("debs"), part.join("root"));
    let _ = fs::remove_dir_all(&part); // of a setup that was interrupted
    for folder in [&debs, &root] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut download = Command::new("apt-get");
    // Root's apt-get would download as a user who has no access here, and say so.
    download.args(["download", "-qq", "-o", "APT::Sandbox::User=root"]).args(packages).current_dir(&debs);
    command::run(&mut download, "download packages")?;
    for deb in fs::read_dir(&debs)? {
        let mut extract = Command::new("dpkg-deb");
        extract.arg("--extract").arg(deb?.path()).arg(&root);
        command::run(&mut extract, "unpack a package")?;
    }
    fs::write(root.join(CONTENTS), packages.join("\n") + "\n").context("cannot write down what is unpacked")?;
    if folder.exists() {
        fs::rename(folder, part.join("old")).with_context(|| format!("cannot replace {}", folder.display()))?;
    }
    fs::rename(&root, folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()))?;
    println!("unpacked in {:.0} s", began.elapsed().as_secs_f32());
    Ok(())
}

/// Megabytes of packages as they are downloaded, and unpacked.
fn sizes(packages: &[String]) -> Result<(u64, u64)> {
    let mut show = Command::new("apt-cache");
    let show = command::answer(show.args(["show", "--no-all-versions"]).args(packages))?;
    let sum = |field| -> u64 {
        let values = show.lines().filter_map(|line| line.strip_prefix(field)?.trim().parse::<u64>().ok());
        values.sum()
    };
    // Debian policy 5.6.20: Installed-Size is in KiB.
    Ok((sum("Size:") / 1_000_000, sum("Installed-Size:") * 1024 / 1_000_000))
}
