//! Kernels other than this machine's, for virtual machines.
//!
//! They are unpacked and not installed: one that is installed becomes the machine's own.  What is there is used for
//! good, so that nothing is downloaded twice.

use std::process::Command;

use anyhow::Result;

use super::{Apt, unpacked};
use crate::command;

/// Series of kernels that are tested: the last long-term one without TCX (Linux 6.6), and one with it.
const SERIES: [&str; 2] = ["6.1", "6.12"];

/// Packages of Debian 12 and 13 that depend on the newest kernel of a series.  Those for clouds are half as large as
/// the others, and do not differ in what pxeguard uses.
const NEWEST: [&str; 2] = ["linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64"];

/// Unpacks what is missing; a kernel that this system does not have is named, and left to the user.
pub fn provide(apt: &mut Apt) -> Result<()> {
    let cache = unpacked::cache()?;
    for series in SERIES {
        let folder = cache.join("kernels").join(series);
        if folder.exists() {
            continue;
        }
        apt.refresh(&NEWEST)?;
        match NEWEST.into_iter().find_map(|package| kernel(package, series)) {
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
