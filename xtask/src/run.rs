//! `cargo xtask run`: the program as root, from this checkout.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Result, bail};
use clap::Args;

use crate::{build, command, setup};

/// Builds pxeguard and starts `pxeguard run ARGS` as root
///
/// Only the start itself goes through sudo. The exit code is that of pxeguard.
#[derive(Args)]
pub struct Run {
    /// Arguments of `pxeguard run`, such as `--iface vmbr0`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

impl Run {
    pub fn run(&self) -> Result<()> {
        setup::provide(&[])?;
        let program = build::release()?;
        let by_hand = format!("{} run ...", program.display());
        let mut pxeguard = command::as_root(program, &by_hand)?;
        // Takes our place: Ctrl-C reaches it, and its exit code is ours.
        let err = pxeguard.arg("run").args(&self.args).exec();
        bail!("cannot start pxeguard: {err}")
    }
}
