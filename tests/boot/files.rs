//! Boot files, as Debian's packages have them.

use std::fs;

use anyhow::{Context, Result};
use pxeguard_lab::provided;
use tempfile::TempDir;

/// A new boot root with copies of packages' files: each a name below the root, and where the package has it.
pub fn boot_root(files: &[(&str, &str)]) -> Result<TempDir> {
    let root = tempfile::Builder::new().prefix("pxeguard-boot-").tempdir()?;
    for (name, path) in files {
        let source = provided(path).with_context(|| format!("{path} is neither installed nor unpacked"))?;
        let file = root.path().join(name);
        fs::create_dir_all(file.parent().context("a file below the root has a folder")?)?;
        fs::copy(&source, &file).with_context(|| format!("cannot copy {}", source.display()))?;
    }
    Ok(root)
}
