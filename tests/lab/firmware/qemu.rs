//! QEMU: the installed one, or that which `cargo xtask setup` has unpacked.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{cache, provided};
use crate::host::command;

/// What QEMU reads at its start, below `/`; an unpacked one does not look for it where it is.
const DATA: [&str; 3] = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];

/// A command that runs the QEMU of an architecture, such as `x86_64`, with nothing in the machine and no window.
pub fn qemu(arch: &str) -> Result<Command> {
    let program = format!("/usr/bin/qemu-system-{arch}");
    let program = provided(&program).with_context(|| format!("{program} is neither installed nor unpacked"))?;
    let mut qemu = command([&program])?;
    let unpacked = cache().unwrap_or_default().join("qemu");
    if program.starts_with(&unpacked) {
        let libraries = unpacked.join("usr/lib").join(format!("{}-linux-gnu", env::consts::ARCH));
        qemu.env("LD_LIBRARY_PATH", &libraries).env("QEMU_MODULE_DIR", libraries.join("qemu"));
        for data in DATA {
            qemu.arg("-L").arg(unpacked.join(data));
        }
    }
    // KVM is not everywhere; and where it is, it may not start these guests.
    qemu.args(["-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"]);
    Ok(qemu)
}
