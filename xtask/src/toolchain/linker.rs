//! bpf-linker, which turns rustc's bitcode into an object for the kernel.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::rustc::major_minor;
use crate::packages::{self, Apt};
use crate::{command, versions};

/// A bpf-linker that runs.
#[derive(Clone)]
pub struct Linker {
    /// The folder it is in.
    pub dir: PathBuf,
    /// Major version of its LLVM.
    pub llvm: u32,
}

impl Linker {
    /// `None` where there is none in `dir` or it does not tell its LLVM.
    pub fn in_dir(dir: &Path) -> Option<Self> {
        let mut linker = Command::new(dir.join("bpf-linker"));
        // It hands `--version` on to LLVM, which prints its own and ends the
        // process before any of the files is opened.
        linker.args(["--llvm-args=--version", "-o", "/dev/null", "/dev/null"]);
        let told = command::answer(&mut linker).ok()?;
        let (_, version) = told.split_once("LLVM version ")?;
        let (llvm, _) = major_minor(version)?;
        Some(Self { dir: dir.to_owned(), llvm })
    }
}

/// Ours and the one on `PATH`, as far as they are here.
pub fn installed() -> Vec<Linker> {
    let ours = our_root().ok().map(|root| root.join("bin"));
    let on_path = command::on_path("bpf-linker");
    let on_path = on_path.and_then(|path| path.parent().map(Path::to_owned));
    let dirs = ours.into_iter().chain(on_path);
    dirs.filter_map(|dir| Linker::in_dir(&dir)).collect()
}

/// Builds the pinned bpf-linker, for every clone of this user.
pub fn build(apt: Option<&mut Apt>) -> Result<Linker> {
    let (version, llvm) = (versions::BPF_LINKER, versions::LLVM);
    let prefix = llvm_prefix(apt)?;
    let root = our_root()?;
    println!("building bpf-linker {version} for LLVM {llvm}, a minute or so");
    let mut install = command::cargo();
    install.args(["install", "bpf-linker", "--locked", "--no-default-features"]);
    install.arg(format!("--version={version}"));
    install.arg(format!("--features=llvm-{llvm}"));
    install.arg("--root").arg(&root);
    // It finds libLLVM only by this, and no flag of the user's belongs here.
    install.env("LLVM_PREFIX", prefix).env_remove("RUSTFLAGS");
    command::run(&mut install, &format!("build bpf-linker {version}"))?;
    let dir = root.join("bin");
    Linker::in_dir(&dir).with_context(|| format!("bpf-linker in {} does not tell its LLVM", dir.display()))
}

/// Where LLVM is; Debian's packages are installed where there are any.
fn llvm_prefix(apt: Option<&mut Apt>) -> Result<PathBuf> {
    if let Some(prefix) = env::var_os("LLVM_PREFIX") {
        return Ok(prefix.into());
    }
    let llvm = versions::LLVM;
    let debian = PathBuf::from(format!("/usr/lib/llvm-{llvm}"));
    if let Some(apt) = apt {
        let missing = packages::missing(&versions::LLVM_PACKAGES);
        if missing.is_empty() {
            return Ok(debian);
        }
        apt.refresh(&missing)?;
        if missing.iter().all(|package| apt.candidate(package).is_some()) {
            apt.install(&missing)?;
            return Ok(debian);
        }
    }
    // Fedora, openSUSE; Arch; built from source.
    let elsewhere = [format!("/usr/lib64/llvm{llvm}"), format!("/usr/lib/llvm{llvm}")];
    let mut prefixes = elsewhere.into_iter().map(PathBuf::from).chain([debian]);
    match prefixes.find(|prefix| prefix.is_dir()) {
        Some(prefix) => Ok(prefix),
        None => bail!(
            "cannot build bpf-linker {}: there is no LLVM {llvm} here; install its development \
             files and set LLVM_PREFIX to their folder, or put a bpf-linker of LLVM {llvm} on PATH",
            versions::BPF_LINKER
        ),
    }
}

fn our_root() -> Result<PathBuf> {
    let cache = pxeguard_lab::cache().context("no folder for bpf-linker: neither HOME nor XDG_CACHE_HOME is set")?;
    Ok(cache.join(format!("bpf-linker-{}-llvm{}", versions::BPF_LINKER, versions::LLVM)))
}
