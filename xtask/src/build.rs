//! `cargo xtask build`: the program as it is shipped.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{command, setup, workspace};

/// Builds target/release/pxeguard, kernel programs included
#[derive(Args)]
pub struct Build {}

impl Build {
    pub fn run(&self) -> Result<()> {
        setup::provide(&[])?;
        let program = release()?;
        let size = fs::metadata(&program).with_context(|| format!("cannot find {}", program.display()))?.len();
        println!("{} ({:.1} MB)", program.display(), size as f64 / 1e6);
        Ok(())
    }
}

/// Builds the program and says where it is; setup has been done.
pub fn release() -> Result<PathBuf> {
    optimised("pxeguard")
}

/// Builds this program anew, as quick as it can be, and says where it is.
pub fn optimised_xtask() -> Result<PathBuf> {
    optimised("xtask")
}

/// Of a package with a program of the same name.
fn optimised(package: &str) -> Result<PathBuf> {
    let mut build = command::cargo();
    build.args(["build", "--release", "--package", package]).current_dir(workspace::root());
    command::run(&mut build, &format!("build {package}"))?;
    Ok(workspace::target_dir()?.join("release").join(package))
}
