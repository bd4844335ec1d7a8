//! Where the workspace is, and where cargo puts what it builds.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context as _, Result};

use crate::command;

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask/ is a folder of the workspace")
}

/// cargo's target folder, wherever the user has put it.
pub fn target_dir() -> Result<&'static Path> {
    static TARGET_DIR: LazyLock<Result<PathBuf>> = LazyLock::new(ask_target_dir);
    match &*TARGET_DIR {
        Ok(dir) => Ok(dir),
        Err(err) => Err(anyhow::anyhow!("{err:#}")),
    }
}

fn ask_target_dir() -> Result<PathBuf> {
    let metadata =
        command::answer(command::cargo().args(["metadata", "--no-deps", "--format-version=1"]).current_dir(root()))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let dir = metadata["target_directory"].as_str();
    dir.map(PathBuf::from).context("`cargo metadata` names no target folder")
}

/// The triple of this machine, such as `x86_64-unknown-linux-gnu`.
pub fn host() -> Result<String> {
    let version = command::answer(std::process::Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}
