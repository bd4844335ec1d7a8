//! `cargo xtask fuzz`: libFuzzer on what the kernel programs and the daemon share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::versions::CARGO_FUZZ;
use crate::{command, workspace};

/// The fuzz targets: programs of tests/fuzz, each with a folder of seeds.
const TARGETS: [&str; 2] = ["parse", "judge"];

/// The longest input: what an Ethernet frame has at the most, and a policy before it.
const MAX_LEN: usize = 1600;

/// Looks for frames on which the parser or the verdict fails
///
/// Builds cargo-fuzz below ~/.cache/pxeguard first, if it is not there. An input that fails is
/// kept in tests/fuzz/artifacts; put it into tests/fuzz/corpus, whose files are run by `cargo xtask ci`.
/// What else is learnt stays in the target folder, and is where the next run begins.
#[derive(Args)]
pub struct Fuzz {
    /// Fuzz target; all, one after the other, if none is given
    #[arg(value_parser = PossibleValuesParser::new(TARGETS))]
    target: Option<String>,
    /// For how long each is run
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

impl Fuzz {
    pub fn run(&self) -> Result<()> {
        let cargo_fuzz = provide()?;
        let targets =
            TARGETS.into_iter().filter(|target| self.target.as_deref().is_none_or(|wanted| wanted == *target));
        targets.into_iter().try_for_each(|target| fuzz(&cargo_fuzz, target, self.seconds))
    }
}

fn fuzz(cargo_fuzz: &Path, target: &str, seconds: u32) -> Result<()> {
    let built = workspace::target_dir()?.join("fuzz");
    let learnt = built.join("corpus").join(target);
    fs::create_dir_all(&learnt).with_context(|| format!("cannot make {}", learnt.display()))?;
    let mut run = Command::new(cargo_fuzz);
    run.args(["fuzz", "run", "--fuzz-dir"]).arg(folder()).arg("--target-dir").arg(&built);
    // The first folder is also written to.
    run.arg(target).arg(learnt).arg(folder().join("corpus").join(target));
    run.arg("--").arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={MAX_LEN}"));
    // Sanitizers are not stable.
    run.current_dir(workspace::root()).env("RUSTC_BOOTSTRAP", "1");
    command::run(&mut run, &format!("fuzz {target}"))
}

/// Runs the inputs of the corpus, by plain Rust: neither libFuzzer nor a C++ compiler is needed.
pub fn replay() -> Result<()> {
    let mut test = command::cargo();
    test.args(["test", "--manifest-path"]).arg(folder().join("Cargo.toml"));
    test.arg("--target-dir").arg(workspace::target_dir()?.join("fuzz-replay"));
    command::run(&mut test, "pass the corpus of the fuzz targets")
}

fn folder() -> PathBuf {
    workspace::root().join("tests/fuzz")
}

/// The pinned cargo-fuzz, for every clone of this user.
fn provide() -> Result<PathBuf> {
    let cache = pxeguard_lab::cache().context("no folder for cargo-fuzz: neither HOME nor XDG_CACHE_HOME is set")?;
    let root = cache.join(format!("cargo-fuzz-{CARGO_FUZZ}"));
    let program = root.join("bin/cargo-fuzz");
    if !program.is_file() {
        println!("building cargo-fuzz {CARGO_FUZZ}, a minute or so");
        let mut install = command::cargo();
        install.args(["install", "cargo-fuzz", "--locked"]).arg(format!("--version={CARGO_FUZZ}"));
        install.arg("--root").arg(&root).env_remove("RUSTFLAGS");
        command::run(&mut install, &format!("build cargo-fuzz {CARGO_FUZZ}"))?;
    }
    Ok(program)
}
