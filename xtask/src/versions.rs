//! Every version that is pinned, and why it is that one.

/// bpf-linker, as crates.io names it.
pub const BPF_LINKER: &str = "0.13.0";

/// The LLVM for which bpf-linker is built; also its cargo feature (`llvm-22`).
///
/// A linker cannot read the bitcode of a newer rustc ("Invalid record"), so
/// rustc must have the same.  22 is what Debian 12's rustc-web and [`NIGHTLY`] have.
pub const LLVM: u32 = 22;

/// The oldest rustc, major and minor, that compiles the kernel programs.
pub const OLDEST_RUSTC: (u32, u32) = (1, 95);

/// What rustup installs where Debian's packages are not to be had.
pub const NIGHTLY: &str = "nightly-2026-07-10";

/// rustup's name for the rustc of [`RUSTC_PACKAGES`].
pub const LINKED_TOOLCHAIN: &str = "pxeguard-bpf";

/// Debian's newest rustc, its cargo and the source of its `core`.
pub const RUSTC_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The clippy of [`RUSTC_PACKAGES`].
pub const CLIPPY_PACKAGE: &str = "rust-web-clippy";

/// What bpf-linker is linked with.
pub const LLVM_PACKAGES: [&str; 5] = ["llvm-22-dev", "libpolly-22-dev", "zlib1g-dev", "libzstd-dev", "libxml2-dev"];

/// cargo-fuzz, as crates.io names it.
pub const CARGO_FUZZ: &str = "0.13.1";
