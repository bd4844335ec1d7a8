//! `cargo xtask ci`: everything that must hold before a change goes in.

mod sanitizer;

use std::env;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use clap::Args;

use crate::packages::{Apt, Purpose};
use crate::toolchain::KernelToolchain;
use crate::{command, fuzz, setup, test, versions, workspace};

/// Checks format, lints, documentation and memory accesses, and runs every test
///
/// No test may be skipped. Each step has a heading, and its time when it is done.
#[derive(Args)]
pub struct Ci {
    /// All but the tests: `cargo xtask test` is run beside this
    #[arg(long)]
    no_test: bool,
}

impl Ci {
    pub fn run(&self) -> Result<()> {
        let mut toolchain = None;
        step("setup", || {
            toolchain = Some(set_up()?);
            Ok(())
        })?;
        let toolchain = toolchain.expect("the step has not failed");
        step("format", format)?;
        // Two at once, each with a target folder of its own: both end in crates that only one CPU can compile.
        thread::scope(|scope| {
            let others = scope.spawn(|| {
                step("clippy of the kernel programs", || kernel_clippy(&toolchain))?;
                step("memory accesses", sanitizer::run)?;
                step("corpus of the fuzz targets", fuzz::replay)
            });
            step("clippy", clippy)?;
            step("documentation", documentation)?;
            others.join().map_err(|_| anyhow!("a check panicked"))?
        })?;
        if !self.no_test {
            step("tests", || test::run(&[], true))?;
        }
        Ok(())
    }
}

/// One step, with its heading and time.
fn step(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n== {name}");
    let start = Instant::now();
    check()?;
    println!("== {name}: {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}

fn set_up() -> Result<KernelToolchain> {
    let toolchain = setup::provide(&[Purpose::Test])?;
    if toolchain.toolchain == versions::LINKED_TOOLCHAIN
        && let Some(mut apt) = Apt::here()
    {
        apt.install(&[versions::CLIPPY_PACKAGE])?;
    }
    Ok(toolchain)
}

fn format() -> Result<()> {
    let mut fmt = command::cargo();
    fmt.args(["fmt", "--all", "--check"]).current_dir(workspace::root());
    command::run(&mut fmt, "find everything formatted").map_err(|err| anyhow!("{err:#}; run `cargo fmt --all`"))
}

fn clippy() -> Result<()> {
    let mut clippy = command::cargo();
    clippy.args(["clippy", "--workspace", "--exclude=pxeguard-ebpf", "--all-targets"]);
    clippy.args(["--", "--deny=warnings"]).current_dir(workspace::root());
    command::run(&mut clippy, "pass clippy")
}

/// Lints the kernel programs for the kernel's target; with rustc's own lints
/// where the kernel toolchain has no clippy.
///
/// In the folder and with the flags that aya-build has in `pxeguard/build.rs`, so that `core` is built once.
fn kernel_clippy(toolchain: &KernelToolchain) -> Result<()> {
    let mut asked = command::of_toolchain(&toolchain.toolchain, "cargo");
    asked.args(["clippy", "--version"]);
    let has_clippy = command::answer(&mut asked).is_ok();
    let arch = env::consts::ARCH;
    let mut flags = format!("--cfg=bpf_target_arch=\"{arch}\" -Cdebuginfo=2 -Clink-arg=--btf");
    let mut check = command::of_toolchain(&toolchain.toolchain, "cargo");
    check.arg(if has_clippy { "clippy" } else { "check" });
    check.args(["--package=pxeguard-ebpf", "--release", "-Zbuild-std=core", "--target=bpfel-unknown-none"]);
    let folder = format!("kernel-programs/{arch}/target/pxeguard-ebpf");
    check.arg("--target-dir").arg(workspace::target_dir()?.join(folder));
    if has_clippy {
        check.args(["--", "--deny=warnings"]);
    } else {
        flags += " --deny=warnings";
    }
    check.current_dir(workspace::root()).stdin(Stdio::null());
    check.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags);
    command::run(&mut check, "pass clippy with the kernel programs")
}

fn documentation() -> Result<()> {
    let mut doc = command::cargo();
    // The feature is one that clippy's targets had: without it all that depends on tokio is checked once more.
    doc.args(["doc", "--workspace", "--exclude=pxeguard-ebpf", "--no-deps", "--features=tokio/test-util"]);
    doc.current_dir(workspace::root()).env("RUSTDOCFLAGS", "--deny warnings");
    command::run(&mut doc, "build the documentation")
}
