//! The tests of what the kernel programs share, with every memory access checked.

use std::process::Command;

use anyhow::Result;

use crate::{command, workspace};

/// Runs the tests of pxeguard-common under Miri where a toolchain has it.
///
/// It is a component of rustup's nightlies alone, so that elsewhere
/// AddressSanitizer, which is part of every rustc, does for it.
pub fn run() -> Result<()> {
    match with_miri() {
        Some(toolchain) => miri(&toolchain),
        None => address_sanitizer(),
    }
}

fn with_miri() -> Option<String> {
    let list = command::answer(Command::new("rustup").args(["toolchain", "list"])).ok()?;
    let mut names = list.lines().filter_map(|line| line.split_whitespace().next());
    let toolchain = names.find(|name| {
        let mut version = command::of_toolchain(name, "cargo");
        name.starts_with("nightly") && command::answer(version.args(["miri", "--version"])).is_ok()
    });
    toolchain.map(str::to_owned)
}

fn miri(toolchain: &str) -> Result<()> {
    let mut test = command::of_toolchain(toolchain, "cargo");
    test.args(["miri", "test", "--package=pxeguard-common", "--lib", "--tests"]);
    test.arg("--target-dir").arg(workspace::target_dir()?.join("miri"));
    // proptest keeps its failures in files, and Miri is a thousand times slower.
    test.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "8");
    test.current_dir(workspace::root());
    command::run(&mut test, "pass the tests under Miri")
}

fn address_sanitizer() -> Result<()> {
    let mut test = command::cargo();
    test.args(["test", "--package=pxeguard-common", "--lib", "--tests"]);
    // With a target given, build scripts and macros stay without the sanitizer;
    // in a folder of its own it does not rebuild what the others share.
    test.arg(format!("--target={}", workspace::host()?));
    test.arg("--target-dir").arg(workspace::target_dir()?.join("sanitizer"));
    test.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    test.current_dir(workspace::root());
    command::run(&mut test, "pass the tests under AddressSanitizer")
}
