//! Where what is slow to get is kept: a linker, kernels, QEMU.

use std::env;
use std::path::PathBuf;

/// A folder that outlives `cargo clean` and serves all clones of this user; `None` where there is no home.
pub fn cache() -> Option<PathBuf> {
    let asked = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let cache = asked.or_else(|| env::home_dir().map(|home| home.join(".cache")))?;
    Some(cache.join("pxeguard"))
}
