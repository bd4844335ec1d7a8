//! `cargo xtask test`: every test, those that need root and real servers too.

use std::env;
use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Result, anyhow};
use clap::Args;

use crate::leftovers::{self, Leftovers};
use crate::packages::Purpose;
use crate::{build, command, setup, workspace};

/// Runs every test, in network namespaces of its own
///
/// Installs the packages of real DHCP servers and clients first. The tests run as root,
/// through sudo where need be; what is built is built as you. With CI=true
/// in the environment a test that would be skipped fails.
#[derive(Args)]
pub struct Test {
    /// Arguments of `cargo test`, such as `--test guard -- rogue`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

impl Test {
    pub fn run(&self) -> Result<()> {
        setup::provide(&[Purpose::Test])?;
        run(&self.args, in_ci())
    }
}

/// Runs the tests; setup has been done.
pub fn run(args: &[OsString], no_skip: bool) -> Result<()> {
    let program = build_both(args)?;
    let before = Leftovers::before(&program);
    let mut test = cargo_test();
    test.args(args).env(leftovers::PROGRAM, program);
    if env::var_os(THREADS).is_none() {
        test.env(THREADS, threads().to_string());
    }
    if no_skip {
        test.env("PXEGUARD_NO_SKIP", "1");
    }
    if !command::is_root() {
        command::as_root("true", "cargo xtask test")?;
        let triple = workspace::host()?.replace('-', "_").to_uppercase();
        test.env(format!("CARGO_TARGET_{triple}_RUNNER"), "sudo -E");
    }
    command::run(&mut test, "pass the tests")?;
    before.none_since()
}

/// How many tests the test harness has run at once.
const THREADS: &str = "RUST_TEST_THREADS";

/// One more than there are CPUs: most tests wait, for a client's patience or a server's.
fn threads() -> usize {
    thread::available_parallelism().map_or(2, NonZero::get) + 1
}

/// Builds the program and the tests at once: each ends in crates that only one CPU can compile.
fn build_both(args: &[OsString]) -> Result<PathBuf> {
    let mut tests = cargo_test();
    tests.arg("--no-run").args(args);
    thread::scope(|scope| {
        let program = scope.spawn(build::release);
        command::run(&mut tests, "build the tests")?;
        program.join().map_err(|_| anyhow!("building the program panicked"))?
    })
}

fn cargo_test() -> Command {
    let mut test = command::cargo();
    test.args(["test", "--workspace", "--exclude=pxeguard-ebpf"]).current_dir(workspace::root());
    test
}

/// Whether a continuous integration runs us, by the variable that they all set.
fn in_ci() -> bool {
    env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
}
