//! The tarball: what goes below `/usr/local` of any Linux.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::ship::{DOC, Place, ship};
use crate::tree::Tree;
use crate::{Built, run, sources};

const PLACE: Place = Place { prefix: "", installed: "/usr/local", zsh: "share/zsh/site-functions/_pxeguard" };

/// What Debian has in a file of its own form.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Whether a program needs no loader, and so no library of the machine's.
pub fn is_static(program: &Path) -> Result<bool> {
    let headers = run(Command::new("readelf").arg("--program-headers").arg(program).env("LC_ALL", "C"))?;
    Ok(!headers.contains("INTERP"))
}

/// Makes `pxeguard-VERSION-TARGET.tar.gz` in a folder; `target` says for which machines, such as `x86_64-linux-musl`.
///
/// Refuses a program that needs libraries.
pub fn tarball(built: &Built, target: &str, folder: &Path) -> Result<PathBuf> {
    ensure!(is_static(&built.program)?, "{} is not static", built.program.display());
    let name = format!("pxeguard-{}-{target}", built.version);
    let stage = tempfile::tempdir().context("cannot make a temporary folder")?;
    let tree = Tree::new(stage.path().join(&name))?;
    ship(built, &tree, &PLACE)?;
    for licence in LICENCES {
        tree.copy(&sources().join(licence), Path::new(DOC).join(licence))?;
    }
    let tarball = folder.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--owner=root:0", "--group=root:0", "--sort=name", "--format=gnu", "--gzip", "--create", "--file"]);
    run(tar.arg(&tarball).arg("--directory").arg(stage.path()).arg(&name))?;
    Ok(tarball)
}
