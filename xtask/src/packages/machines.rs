//! Virtual machines for tests: QEMU, and kernels other than this machine's.
//!
//! Both are unpacked below ~/.cache/pxeguard and not installed: a kernel would become this machine's own, and QEMU
//! can push packages out.  What is there is used for good, so that nothing is downloaded twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Apt;
use crate::command;

/// Series of kernels that are tested: the last long-term one without TCX (Linux 6.6), and one with it.
const SERIES: [&str; 2] = ["6.1", "6.12"];

/// Packages of Debian 12 and 13 that depend on the newest kernel of a series.  Those for clouds are half as large as
/// the others, and do not differ in what pxeguard uses.
const NEWEST: [&str; 2] = ["linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64"];

const QEMU: &str = "qemu-system-x86";

/// Unpacks what is missing; a kernel that this system does not have is named, and left to the user.
pub fn provide(apt: &mut Apt) -> Result<()> {
    let cache = cache()?;
    for series in SERIES {
        let folder = cache.join("kernels").join(series);
        if folder.exists() {
            continue;
        }
        apt.refresh(&NEWEST)?;
        match NEWEST.into_iter().find_map(|package| kernel(package, series)) {
            Some(package) => unpack(&[package], &folder)?,
            None => println!("not among this system's packages: Linux {series} for amd64"),
        }
    }
    let qemu = cache.join("qemu");
    if !Path::new("/usr/bin/qemu-system-x86_64").exists() && !qemu.exists() {
        apt.refresh(&[QEMU])?;
        unpack(&with_dependencies(QEMU)?, &qemu)?;
    }
    Ok(())
}

/// The kernel's own package, if what `package` depends on is of the series.
fn kernel(package: &str, series: &str) -> Option<String> {
    let mut depends = Command::new("apt-cache");
    let depends = command::answer(depends.env("LC_ALL", "C").args(["depends", package])).ok()?;
    let mut packages = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let of_series = format!("linux-image-{series}.");
    packages.find(|package| package.starts_with(&of_series)).map(str::to_owned)
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
fn unpack(packages: &[String], folder: &Path) -> Result<()> {
    println!("unpacking {} into {}", packages.join(" "), folder.display());
    let name = folder.file_name().context("a folder of the cache has a name")?.to_string_lossy();
    let part = folder.with_file_name(format!("{name}.part"));
    let (debs, root) = (part.join("debs"), part.join("root"));
    let _ = fs::remove_dir_all(&part); // of a setup that was interrupted
    fs::create_dir_all(&debs).with_context(|| format!("cannot make {}", debs.display()))?;
    let mut download = Command::new("apt-get");
    // Root's apt-get would download as a user who has no access here, and say so.
    download.args(["download", "-q", "-o", "APT::Sandbox::User=root"]).args(packages).current_dir(&debs);
    command::run(&mut download, "download packages")?;
    for deb in fs::read_dir(&debs)? {
        let mut extract = Command::new("dpkg-deb");
        extract.arg("--extract").arg(deb?.path()).arg(&root);
        command::run(&mut extract, "unpack a package")?;
    }
    fs::rename(&root, folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()))
}

fn cache() -> Result<PathBuf> {
    pxeguard_lab::cache().context("no folder for kernels and QEMU: neither HOME nor XDG_CACHE_HOME is set")
}
