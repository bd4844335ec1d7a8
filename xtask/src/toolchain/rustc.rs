//! The rustc of the kernel programs, by its name in rustup.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::packages::{self, Apt};
use crate::{command, versions};

/// A rustc that can build `core` for the kernel.
pub struct Rustc {
    /// rustup's name of its toolchain.
    pub toolchain: String,
    /// Such as `1.96.0` or `1.99.0-nightly`.
    pub version: String,
    pub nightly: bool,
    /// Major version of its LLVM.
    pub llvm: u32,
}

impl Rustc {
    /// `None` where it is missing, too old, or without the source of `core`.
    pub fn of(toolchain: &str) -> Option<Self> {
        let told = command::answer(command::of_toolchain(toolchain, "rustc").arg("-vV")).ok()?;
        let field = |name| told.lines().find_map(|line| line.strip_prefix(name));
        let version = field("release: ")?;
        let llvm = major_minor(field("LLVM version: ")?)?.0;
        if major_minor(version)? < versions::OLDEST_RUSTC || !has_source_of_core(toolchain) {
            return None;
        }
        Some(Self {
            toolchain: toolchain.to_owned(),
            version: version.to_owned(),
            nightly: version.ends_with("-nightly"),
            llvm,
        })
    }
}

fn has_source_of_core(toolchain: &str) -> bool {
    let mut rustc = command::of_toolchain(toolchain, "rustc");
    command::answer(rustc.args(["--print", "sysroot"])).is_ok_and(|sysroot| {
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
        library.join("core/src/lib.rs").is_file()
    })
}

/// The first two numbers of a version.
pub(super) fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The nightlies that are here and Debian's rustc once it is linked; the pinned ones first.
pub fn installed() -> Result<Vec<Rustc>> {
    let list = command::answer(Command::new("rustup").args(["toolchain", "list"]))
        .context("cannot list the Rust toolchains; install rustup (https://rustup.rs)")?;
    let mut names: Vec<_> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("nightly") || *name == versions::LINKED_TOOLCHAIN)
        .collect();
    names.sort_by_key(|name| (!is_pinned(name), *name));
    Ok(names.into_iter().filter_map(Rustc::of).collect())
}

fn is_pinned(toolchain: &str) -> bool {
    toolchain == versions::LINKED_TOOLCHAIN || toolchain.starts_with(versions::NIGHTLY)
}

/// Installs a rustc with the pinned LLVM: Debian's, or else rustup's.
pub fn install(apt: Option<&mut Apt>) -> Result<Rustc> {
    let debian = match apt {
        Some(apt) => from_debian(apt),
        None => Err(anyhow::anyhow!("no apt-get here")),
    };
    let debian = match debian {
        Ok(rustc) => return Ok(rustc),
        Err(err) => err,
    };
    let (llvm, nightly) = (versions::LLVM, versions::NIGHTLY);
    println!("no rustc with LLVM {llvm} from Debian ({debian:#}); trying rustup's {nightly}");
    from_rustup().map_err(|rustup| {
        let packages = versions::RUSTC_PACKAGES.join(" ");
        anyhow::anyhow!(
            "no rustc with LLVM {llvm} for the kernel programs: Debian: {debian:#}; rustup: {rustup:#}; \
             install {packages}, or {nightly} with rust-src, and run `cargo xtask setup`"
        )
    })
}

fn from_debian(apt: &mut Apt) -> Result<Rustc> {
    let missing = packages::missing(&versions::RUSTC_PACKAGES);
    if !missing.is_empty() {
        apt.refresh(&missing)?;
    }
    let [rustc, ..] = versions::RUSTC_PACKAGES;
    let Some(version) = apt.candidate(rustc) else {
        bail!("there is no package {rustc}");
    };
    let (major, minor) = versions::OLDEST_RUSTC;
    ensure!(major_minor(&version) >= Some((major, minor)), "{rustc} is {version}, older than {major}.{minor}");
    apt.install(&versions::RUSTC_PACKAGES)?;
    let name = versions::LINKED_TOOLCHAIN;
    let mut link = Command::new("rustup");
    link.args(["toolchain", "link", name, "/usr"]);
    command::run(&mut link, "give Debian's rustc a name in rustup")?;
    println!("linked {rustc} {version} into rustup as {name}");
    with_pinned_llvm(name)
}

fn from_rustup() -> Result<Rustc> {
    let mut install = Command::new("rustup");
    install.args(["toolchain", "install", versions::NIGHTLY, "--no-self-update"]);
    install.args(["--profile=minimal", "--component=rust-src", "--component=clippy"]);
    command::run(&mut install, &format!("install {}", versions::NIGHTLY))?;
    with_pinned_llvm(versions::NIGHTLY)
}

fn with_pinned_llvm(toolchain: &str) -> Result<Rustc> {
    let rustc =
        Rustc::of(toolchain).with_context(|| format!("{toolchain} does not run, is too old or lacks rust-src"))?;
    let (version, llvm) = (&rustc.version, rustc.llvm);
    ensure!(
        llvm == versions::LLVM,
        "rustc {version} of {toolchain} has LLVM {llvm}, bpf-linker {} is built for LLVM {}",
        versions::BPF_LINKER,
        versions::LLVM
    );
    Ok(rustc)
}
