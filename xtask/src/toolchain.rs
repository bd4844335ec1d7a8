//! The toolchain of the kernel programs: a rustc, the source of its `core` and
//! bpf-linker, all of one LLVM.

mod linker;
mod rustc;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::packages::Apt;
use crate::{versions, workspace};
use linker::Linker;
use rustc::Rustc;

/// What `pxeguard/build.rs` reads: with what to build the kernel programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelToolchain {
    /// rustup's name of the toolchain.
    pub toolchain: String,
    /// Version of its rustc.
    pub rustc: String,
    /// Whether that is a stable rustc, which needs `RUSTC_BOOTSTRAP=1` to build `core`.
    pub rustc_bootstrap: bool,
    /// The folder with bpf-linker.
    pub linker_dir: PathBuf,
    /// Major version of the LLVM of both.
    pub llvm: u32,
}

impl KernelToolchain {
    fn new(rustc: Rustc, linker: Linker) -> Self {
        Self {
            toolchain: rustc.toolchain,
            rustc: rustc.version,
            rustc_bootstrap: !rustc.nightly,
            linker_dir: linker.dir,
            llvm: rustc.llvm,
        }
    }

    /// The record of an earlier setup, where all that it names is still so.
    fn recorded(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let rustc = Rustc::of(&record.toolchain)?;
        let linker = Linker::in_dir(&record.linker_dir)?;
        (rustc.llvm == linker.llvm && Self::new(rustc, linker) == record).then_some(record)
    }

    /// What is on this machine already.
    fn found() -> Result<Option<Self>> {
        let linkers = linker::installed();
        for rustc in rustc::installed()? {
            if let Some(linker) = linkers.iter().find(|linker| linker.llvm == rustc.llvm) {
                return Ok(Some(Self::new(rustc, linker.clone())));
            }
        }
        Ok(None)
    }

    /// Installs what is missing; the majors are compared before anything is built.
    fn install(mut apt: Option<&mut Apt>) -> Result<Self> {
        let rustc = match rustc::installed()?.into_iter().find(|rustc| rustc.llvm == versions::LLVM) {
            Some(rustc) => rustc,
            None => rustc::install(apt.as_deref_mut())?,
        };
        let linker = match linker::installed().into_iter().find(|linker| linker.llvm == rustc.llvm) {
            Some(linker) => linker,
            None => linker::build(apt)?,
        };
        Ok(Self::new(rustc, linker))
    }
}

/// Provides the toolchain and records it in the target folder.
///
/// Says what it found or installed, unless that is what the last setup said.
pub fn provide(apt: Option<&mut Apt>) -> Result<KernelToolchain> {
    let path = workspace::target_dir()?.join("kernel-toolchain.json");
    if let Some(recorded) = KernelToolchain::recorded(&path) {
        return Ok(recorded);
    }
    let toolchain = match KernelToolchain::found()? {
        Some(found) => found,
        None => KernelToolchain::install(apt)?,
    };
    println!(
        "kernel toolchain: {} (rustc {}, LLVM {}), bpf-linker of {}",
        toolchain.toolchain,
        toolchain.rustc,
        toolchain.llvm,
        toolchain.linker_dir.display()
    );
    let record = serde_json::to_string_pretty(&toolchain)?;
    fs::create_dir_all(workspace::target_dir()?)
        .and_then(|()| fs::write(&path, record + "\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(toolchain)
}
