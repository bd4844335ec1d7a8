//! The boot root: the folder whose files TFTP and HTTP serve.
//!
//! What is below it, is a regular file, and may be read by everybody, is served.  A symbolic link may lead anywhere below
//! the root; what leads out of it is followed only if root owns every link on the way, see `resolve`.

mod cache;
mod name;
mod resolve;
#[cfg(test)]
mod tests;
mod walk;
mod watch;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::{Content, FileError};
use cache::Cache;
use name::Name;

pub use walk::Found;
pub use watch::Watch;

/// Why there is no boot root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Nothing has this name.
    #[error("the boot root {} is not there: create it, or name another one with --boot-root", .0.display())]
    Missing(PathBuf),
    /// It is something else.
    #[error("the boot root {} is not a folder: name the folder that holds the boot files with --boot-root", .0.display())]
    NotAFolder(PathBuf),
    /// The system refused.
    #[error("cannot read the boot root {}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The boot root; its clones share what is held in memory.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    cache: Arc<Cache>,
}

impl Root {
    /// Takes a folder, which need not be there yet: until then, nothing is in it.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), cache: Arc::default() }
    }

    /// Says what is wrong with the folder, if anything is.
    pub fn check(&self) -> Result<(), RootError> {
        let path = self.path.clone();
        match self.folder().and_then(|folder| walk::entries(&folder)) {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound => RootError::Missing(path),
                io::ErrorKind::NotADirectory => RootError::NotAFolder(path),
                _ => RootError::Unreadable { path, source: error },
            }),
        }
    }

    /// Opens a file by the name that a client writes: `\` or `/` between folders, with or without one before the first.
    ///
    /// If there is none of this name, then one that differs only in the case of ASCII letters, if there is exactly one:
    /// Windows' boot programs ask for `\Boot\BCD` and `\boot\bcd` alike.  The content bears the name as it is on disk.
    pub fn file(&self, name: &[u8]) -> Result<Content, FileError> {
        let mut name = Name::parse(name)?;
        let folder = self.folder().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FileError::NotFound,
            _ => FileError::Io(error),
        })?;
        let handle = match resolve::handle(&folder, name.as_bytes()) {
            Err(FileError::NotFound) => {
                name = resolve::as_spelled(&folder, &name).ok_or(FileError::NotFound)?;
                resolve::handle(&folder, name.as_bytes())?
            }
            found => found?,
        };
        let stat = resolve::served(&handle)?;
        self.cache.content(&handle, &stat, name.shown())
    }

    /// Lists what [`Root::file`] serves, by name; hidden files and folders (`.NAME`) are left out.
    ///
    /// A folder that has several names is listed by one of them.  Of a root with very many files or folders a part is
    /// listed, nearest first.
    pub fn walk(&self) -> io::Result<Vec<Found>> {
        let listing = walk::list(&self.folder()?, |_| {})?;
        if !listing.is_whole {
            let (path, files, folders) = (self.path.display(), walk::MAX_FILES, walk::MAX_FOLDERS);
            log::warn!("{path}: looked at {files} files or {folders} folders, and no further");
        }
        Ok(listing.found)
    }

    /// The folder that has the root's name now: it may have been replaced, or a file system been mounted on it.
    fn folder(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.path, flags, Mode::empty())?)
    }
}
