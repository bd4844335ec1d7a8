//! The cpio archive that a kernel unpacks into its first file system.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// `S_IFDIR` and `S_IFREG` of stat(2), with the permissions.
const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_755;

/// An archive in the format `newc` (Documentation/driver-api/early-userspace/buffer-format.rst).
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    paths: BTreeSet<PathBuf>,
}

impl Archive {
    /// Adds an empty folder, and those above it.
    pub fn folder(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        if path == Path::new("/") || !self.paths.insert(path.to_owned()) {
            return;
        }
        if let Some(parent) = path.parent() {
            self.folder(parent);
        }
        self.entry(&path.to_string_lossy(), FOLDER, &[]);
    }

    /// Adds a file that everybody may run.
    pub fn file(&mut self, path: impl AsRef<Path>, contents: &[u8]) {
        let path = path.as_ref();
        if !self.paths.insert(path.to_owned()) {
            return;
        }
        if let Some(parent) = path.parent() {
            self.folder(parent);
        }
        self.entry(&path.to_string_lossy(), FILE, contents);
    }

    /// Adds a program of this machine's as `path`, with the libraries that it is linked with.
    pub fn program(&mut self, path: &str, program: &Path) -> Result<()> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        self.file(path, &read(program)?);
        let ldd = Command::new("ldd").arg(program).env("LC_ALL", "C").output().context("cannot run ldd")?;
        // Of a static program it prints none, and fails.
        for word in String::from_utf8_lossy(&ldd.stdout).split_whitespace().filter(|word| word.starts_with('/')) {
            self.file(word, &read(Path::new(word))?);
        }
        Ok(())
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, contents: &[u8]) {
        let name = path.trim_start_matches('/');
        let (name_len, file_len) = (name.len() as u32 + 1, contents.len() as u32);
        let inode = self.paths.len() as u32;
        // ino mode uid gid nlink mtime filesize major minor rmajor rminor namesize chksum
        let fields = [inode, mode, 0, 0, 1, 0, file_len, 0, 0, 0, 0, name_len, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
