//! `cargo xtask package`: what is installed on other machines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;
use pxeguard_package::{Built, Compression, VERSION};

use crate::packages::Purpose;
use crate::{build, command, setup, workspace};

/// For which the tarball's program is built: what is linked with musl needs no library of the machine's.
const STATIC_TARGET: &str = "x86_64-unknown-linux-musl";

/// Makes a Debian package, and a tarball with a static program for any Linux
///
/// They are in target/package, with the unit, the configuration, manual pages, completions for bash, zsh and fish, and
/// the papers.
#[derive(Args)]
pub struct Package {
    /// Package this program, and build nothing: as the tarball if it is static, else for Debian
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl Package {
    pub fn run(&self) -> Result<()> {
        setup::provide(&[Purpose::Package])?;
        let folder = workspace::target_dir()?.join("package");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        match &self.program {
            Some(program) if pxeguard_package::is_static(program)? => tarball(program.clone(), &folder),
            Some(program) => deb(program.clone(), &folder),
            None => {
                deb(build::release()?, &folder)?;
                tarball(static_program()?, &folder)
            }
        }
    }
}

fn deb(program: PathBuf, folder: &Path) -> Result<()> {
    let deb = pxeguard_package::deb(&built(program), Compression::Xz, folder)?;
    println!("{}", deb.display());
    Ok(())
}

fn tarball(program: PathBuf, folder: &Path) -> Result<()> {
    let tarball = pxeguard_package::tarball(&built(program), "x86_64-linux-musl", folder)?;
    println!("{}", tarball.display());
    Ok(())
}

fn built(program: PathBuf) -> Built {
    Built { program, version: VERSION.to_owned() }
}

/// Builds the program once more, with all that it needs in it.
fn static_program() -> Result<PathBuf> {
    let mut add = Command::new("rustup");
    add.args(["target", "add", STATIC_TARGET]).current_dir(workspace::root());
    command::run(&mut add, "get Rust's libraries for musl")?;
    let mut build = command::cargo();
    build.args(["build", "--release", "--package=pxeguard", "--target", STATIC_TARGET]);
    build.current_dir(workspace::root());
    command::run(&mut build, "build pxeguard with musl")?;
    Ok(workspace::target_dir()?.join(STATIC_TARGET).join("release/pxeguard"))
}
