//! A folder that becomes a package: files with the permissions that they will have.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run;

/// The folder.  Nothing in it depends on the umask of who makes it.
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Makes the folder.
    pub fn new(root: PathBuf) -> Result<Self> {
        let tree = Self { root };
        tree.folder(Path::new(""))?;
        Ok(tree)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts a file of the sources there, or a folder with all that is in it.
    pub fn copy(&self, from: &Path, to: impl AsRef<Path>) -> Result<()> {
        let to = to.as_ref();
        let entries = || -> Result<Vec<_>> { Ok(fs::read_dir(from)?.collect::<Result<_, _>>()?) };
        if from.is_dir() {
            let entries = entries().with_context(|| format!("cannot read {}", from.display()))?;
            return entries.iter().try_for_each(|entry| self.copy(&entry.path(), to.join(entry.file_name())));
        }
        let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.write(to, &contents)
    }

    /// Writes a file that everybody may read.
    pub fn write(&self, to: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        self.file(to.as_ref(), contents.as_ref(), 0o644)
    }

    /// Writes a file that everybody may run.
    pub fn write_program(&self, to: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        self.file(to.as_ref(), contents.as_ref(), 0o755)
    }

    /// Writes a file compressed, as Debian wants manual pages (policy 12.1): `gzip -9`, without name and time.
    pub fn write_compressed(&self, to: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        self.write(to.as_ref(), contents)?;
        run(Command::new("gzip").args(["-9", "--no-name"]).arg(self.root.join(to))).map(drop)
    }

    /// All files, by their paths below the folder, sorted.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let path = entry?.path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push(path.strip_prefix(&self.root)?.to_owned()),
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    fn file(&self, to: &Path, contents: &[u8], mode: u32) -> Result<()> {
        self.folder(to.parent().unwrap_or(Path::new("")))?;
        let path = self.root.join(to);
        let written =
            fs::write(&path, contents).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(mode)));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Makes a folder and those above it, for everybody to look into.
    fn folder(&self, to: &Path) -> Result<()> {
        let path = self.root.join(to);
        if path.is_dir() {
            return Ok(());
        }
        if let Some(above) = to.parent() {
            self.folder(above)?;
        }
        let made = fs::create_dir(&path).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o755)));
        made.with_context(|| format!("cannot make {}", path.display()))
    }
}
