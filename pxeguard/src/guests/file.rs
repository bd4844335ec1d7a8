//! Small files that are read again only when they have changed.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of a file that are read at the most.
const MAX_BYTES: u64 = 1 << 20;

/// What was read out of files.  Those that were not asked for since [`Files::begin`] are forgotten by [`Files::end`].
#[derive(Debug)]
pub struct Files<T>(HashMap<PathBuf, Known<T>>);

#[derive(Debug)]
struct Known<T> {
    version: Option<Version>,
    value: T,
    is_wanted: bool,
}

/// Modification time, length, inode: what changes with a file.
type Version = (i64, i64, u64, u64);

/// What a file says.
#[derive(Debug, Eq, PartialEq)]
pub enum Cached<'a, T> {
    /// It is not there, or says nothing that can be read, and never did.
    Absent,
    /// It has been read; one that has become unreadable says what it said before.
    Read(&'a T),
}

impl<T> Default for Files<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Files<T> {
    /// Nothing is asked for yet.
    pub fn begin(&mut self) {
        self.0.values_mut().for_each(|known| known.is_wanted = false);
    }

    /// All is asked for that is to be kept.
    pub fn end(&mut self) {
        self.0.retain(|_, known| known.is_wanted);
    }

    /// What `parse` makes of a file, now or when it was read last.
    pub fn read(&mut self, path: &Path, parse: impl FnOnce(&str) -> Option<T>) -> Cached<'_, T> {
        let version = match fs::metadata(path) {
            Ok(metadata) => Some(version(&metadata)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                self.0.remove(path);
                return Cached::Absent;
            }
            // A cluster's file system that has lost its quorum, say: what was known still holds.
            Err(_) => None,
        };
        let is_new = match self.0.get(path) {
            Some(known) => version.is_some() && known.version != version,
            None => true,
        };
        if is_new && let Some(value) = text(path).ok().as_deref().and_then(parse) {
            self.0.insert(path.to_owned(), Known { version, value, is_wanted: true });
        }
        match self.0.get_mut(path) {
            Some(known) => {
                known.is_wanted = true;
                Cached::Read(&known.value)
            }
            None => Cached::Absent,
        }
    }
}

fn version(metadata: &Metadata) -> Version {
    (metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino())
}

fn text(path: &Path) -> io::Result<String> {
    // To open a pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
