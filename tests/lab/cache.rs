//! What is slow to get and therefore kept: a linker, kernels, and packages that are unpacked and not installed.

use std::env;
use std::path::{Path, PathBuf};

/// The folders of [`cache`] in which `cargo xtask setup` unpacks packages; each is laid out as `/` is.
pub const UNPACKED: [&str; 6] = ["qemu", "firmware", "boot-programs", "debian-installer", "servers", "attackers"];

/// A folder that outlives `cargo clean` and serves all clones of this user; `None` where there is no home.
pub fn cache() -> Option<PathBuf> {
    let asked = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let cache = asked.or_else(|| env::home_dir().map(|home| home.join(".cache")))?;
    Some(cache.join("pxeguard"))
}

/// Where a package's file is: at `path` if it is installed, else below the cache if it is unpacked.
///
/// The path is absolute, such as `/usr/lib/PXELINUX/pxelinux.0`.
pub fn provided(path: impl AsRef<Path>) -> Option<PathBuf> {
    let path = path.as_ref();
    let below = path.strip_prefix("/").ok()?;
    let unpacked = UNPACKED.iter().filter_map(|folder| Some(cache()?.join(folder).join(below)));
    std::iter::once(path.to_owned()).chain(unpacked).find(|path| path.exists())
}
