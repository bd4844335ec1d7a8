//! A built pxeguard as a Debian package, and as a tarball for any Linux.
//!
//! Both have the same files in the same folders: those of `ship` below `/usr` or `/usr/local`.  dpkg-deb, which every
//! Debian has, makes the package of a folder; what would be told to another tool is told here.

mod deb;
mod ship;
mod tarball;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

pub use deb::{Compression, deb};
pub use tarball::{is_static, tarball};

/// The version of the sources.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The service's unit, as the Debian package has it.
pub const UNIT: &str = include_str!("../pxeguard.service");

/// What is packaged.
#[derive(Clone, Debug)]
pub struct Built {
    /// The program.  It is run for its manual and its completions.
    pub program: PathBuf,
    /// Its version, as the package's name and dpkg have it.
    pub version: String,
}

/// The folder of the sources.
fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("packaging/ is a folder of the sources")
}

/// Runs a program to its end; what it wrote to standard output.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} ended with {}: {}", output.status, errors.trim());
    String::from_utf8(output.stdout).with_context(|| format!("{name} prints something else than text"))
}
