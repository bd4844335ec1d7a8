//! Kernels other than this machine's, for virtual machines.
//!
//! They are unpacked and not installed: one that is installed becomes the machine's own.  What is there is used for
//! good, so that nothing is downloaded twice.

use std::process::Command;

use anyhow::Result;

use super::{Apt, unpacked};
use crate::command;

/// A kernel that is tested.
struct Kernel {
    /// Its folder in the cache.
    folder: &'static str,
    series: &'static str,
    /// A package of Debian 12 or 13 that depends on the newest of its flavour and series, or may.
    newest: &'static [&'static str],
}

/// The last long-term series without TCX (Linux 6.6), one with it, and that once more with drivers of real cards.  Kernels
/// for clouds are a third as large, and have few of those; else they do not differ in what pxeguard uses.
const KERNELS: [Kernel; 3] = [
    Kernel { folder: "6.1", series: "6.1", newest: &CLOUD },
    Kernel { folder: "6.12", series: "6.12", newest: &CLOUD },
    Kernel { folder: "6.12-amd64", series: "6.12", newest: &["linux-image-amd64", "linux-image-6.12-amd64"] },
];
const CLOUD: [&str; 2] = ["linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64"];

/// Unpacks what is missing; a kernel that this system does not have is named, and left to the user.
pub fn provide(apt: &mut Apt) -> Result<()> {
    let cache = unpacked::cache()?;
    for Kernel { folder, series, newest } in KERNELS {
        let folder = cache.join("kernels").join(folder);
        if folder.exists() {
            continue;
        }
        apt.refresh(newest)?;
        match newest.iter().find_map(|package| kernel(package, series)) {
            Some(package) => unpacked::unpack(&[package], &folder)?,
            None => println!("not among this system's packages: Linux {series} for amd64"),
        }
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
