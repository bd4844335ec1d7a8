//! Builds the kernel programs into `OUT_DIR/pxeguard`, always optimised, with
//! the toolchain that `cargo xtask setup` recorded.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya_build::{Package, Toolchain};
use serde_json::Value;

/// Written below the target folder by `cargo xtask setup`.
const RECORD: &str = "kernel-toolchain.json";

fn main() -> Result<()> {
    // aya-build watches the folder of the programs, but not what they depend on.
    for input in ["pxeguard-common/src", "pxeguard-common/Cargo.toml", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed=../{input}");
    }
    let Some(path) = find_record()? else {
        println!(
            "cargo::error=cannot build the kernel programs: no toolchain is recorded in \
             target/{RECORD}; run `cargo xtask setup`"
        );
        return Ok(());
    };
    println!("cargo::rerun-if-changed={}", path.display());
    share_target_folder(&path.with_file_name("kernel-programs"))?;
    let record = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let record: Value = serde_json::from_slice(&record)
        .with_context(|| format!("{} is broken; run `cargo xtask setup`", path.display()))?;
    build(&record).with_context(|| format!("cannot build the kernel programs with {}", path.display()))
}

/// The target folder is above `OUT_DIR`; one that was never set up (an editor's
/// own, a sanitizer's) shares the record of the workspace's.
fn find_record() -> Result<Option<PathBuf>> {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let mut places = out_dir.ancestors().chain([shared.as_path()]).map(|dir| dir.join(RECORD));
    Ok(places.find(|path| path.is_file()))
}

/// Has aya-build work in one folder for all profiles: the kernel programs and the `core` they are
/// linked with are the same in each, and take a minute.
fn share_target_folder(shared: &Path) -> Result<()> {
    let arch = env::var_os("CARGO_CFG_TARGET_ARCH").context("CARGO_CFG_TARGET_ARCH is not set")?;
    let shared = shared.join(arch);
    let own = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?).join("aya-build");
    fs::create_dir_all(&shared).with_context(|| format!("cannot create {}", shared.display()))?;
    let shared = shared.canonicalize().with_context(|| format!("cannot find {}", shared.display()))?;
    if fs::read_link(&own).is_ok_and(|target| target == shared) {
        return Ok(());
    }
    let removed = match fs::symlink_metadata(&own) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(&own),
        Ok(_) => fs::remove_file(&own),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err),
    };
    removed.and_then(|()| symlink(&shared, &own)).with_context(|| format!("cannot link {}", own.display()))
}

fn build(record: &Value) -> Result<()> {
    let text = |field| record[field].as_str().with_context(|| format!("no {field} is recorded"));
    let toolchain = text("toolchain")?;
    let linker = Path::new(text("linker_dir")?).join("bpf-linker");
    // SAFETY: this process has one thread so far.
    unsafe {
        // By path, because rustup may put another bpf-linker first on PATH.
        for target in ["BPFEL", "BPFEB"] {
            env::set_var(format!("CARGO_TARGET_{target}_UNKNOWN_NONE_LINKER"), &linker);
        }
        // cargo repeats at every build, as a warning, what the inner cargo says.
        env::set_var("CARGO_TERM_QUIET", "true");
        if record["rustc_bootstrap"] == true {
            env::set_var("RUSTC_BOOTSTRAP", "1");
        }
    }
    let kernel_programs = Package {
        name: "pxeguard-ebpf",
        root_dir: concat!(env!("CARGO_MANIFEST_DIR"), "/../pxeguard-ebpf"),
        ..Package::default()
    };
    aya_build::build_ebpf([kernel_programs], Toolchain::Custom(toolchain))
}
