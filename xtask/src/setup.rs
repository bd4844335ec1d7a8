//! `cargo xtask setup`: provides what building and testing need.

use anyhow::Result;
use clap::Args;

use crate::packages::{self, Apt, Purpose};
use crate::toolchain::{self, KernelToolchain};

/// Provides the toolchain of the kernel programs, and packages
///
/// Takes what is here: a rustup nightly with rust-src and a bpf-linker of the same LLVM.
/// Else installs Debian's rustc-web and LLVM and builds bpf-linker below ~/.cache/pxeguard,
/// or else takes a nightly of rustup's. Root is needed for apt-get alone. Every other
/// command calls this one; where nothing is to be done it is quiet and quick.
#[derive(Args)]
pub struct Setup {
    /// Also install the packages that this needs; may be given more than once
    #[arg(long = "for", value_name = "PURPOSE")]
    purposes: Vec<Purpose>,
}

impl Setup {
    pub fn run(&self) -> Result<()> {
        provide(&self.purposes).map(drop)
    }
}

/// What each command starts with.
pub fn provide(purposes: &[Purpose]) -> Result<KernelToolchain> {
    let mut apt = Apt::here();
    let toolchain = toolchain::provide(apt.as_mut())?;
    packages::provide(apt.as_mut(), purposes)?;
    Ok(toolchain)
}
