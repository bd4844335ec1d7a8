//! Debian as it is installed: what the package is tried in.
//!
//! Each is a tarball below the cache, made by mmdebstrap, which takes a third of the time that debootstrap does.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::unpacked;
use crate::command;

/// Debian's releases that the package is for: folder names in the cache, and what mmdebstrap calls them.
const RELEASES: [(&str, &str); 2] = [("12", "bookworm"), ("13", "trixie")];

/// Beside the essential packages: what makes a machine of them, on whose network one can look, and what the package needs.
const INCLUDED: &str = "--include=systemd-sysv,dbus,iproute2,passwd";

/// Makes what is missing, or was made with other packages.
pub fn provide() -> Result<()> {
    let folder = unpacked::cache()?.join("debian");
    let is_here = |name: &str| {
        folder.join(tarball(name)).exists()
            && fs::read_to_string(folder.join(recipe(name))).is_ok_and(|r| r == INCLUDED)
    };
    let missing: Vec<_> = RELEASES.into_iter().filter(|(name, _)| !is_here(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if command::on_path("mmdebstrap").is_none() {
        println!("no mmdebstrap here: the package cannot be tried in a Debian of its own");
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let began = Instant::now();
    let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
    println!("making Debian {} in {}", names.join(" and "), folder.display());
    thread::scope(|scope| {
        let makers: Vec<_> = missing.iter().map(|(name, suite)| scope.spawn(|| make(&folder, name, suite))).collect();
        makers.into_iter().try_for_each(|maker| maker.join().expect("a maker does not panic"))
    })?;
    println!("made in {:.0} s", began.elapsed().as_secs_f32());
    Ok(())
}

fn tarball(name: &str) -> String {
    format!("{name}.tar")
}

/// The file that says what a tarball was made with.
fn recipe(name: &str) -> String {
    format!("{name}.made")
}

/// The tarball is there only once it is whole.
fn make(folder: &Path, name: &str, suite: &str) -> Result<()> {
    let (part, whole) = (folder.join(format!("{name}.part.tar")), folder.join(tarball(name)));
    let by_hand = format!("mmdebstrap --variant=essential {INCLUDED} {suite} {}", whole.display());
    let mut make = command::as_root("mmdebstrap", &by_hand)?;
    make.args(["--quiet", "--variant=essential", INCLUDED, suite]).arg(&part);
    command::run(&mut make, &format!("make a Debian {name}"))?;
    fs::rename(&part, &whole)
        .and_then(|()| fs::write(folder.join(recipe(name)), INCLUDED))
        .with_context(|| format!("cannot make {}", whole.display()))
}
