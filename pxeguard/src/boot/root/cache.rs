//! What is held in memory and kept open, so that a boot storm reads the disk once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lru::LruCache;
use rustix::fs::{Stat, fstat};

use super::resolve::reopen;
use crate::boot::{Content, FileError, Source};

/// Files up to this length are held in memory: boot programs and their menus.  The kernel caches the larger ones.
pub(super) const MAX_FILE_BYTES: u64 = 4 << 20;
/// Memory for all of them.
pub(super) const MAX_BYTES: u64 = 32 << 20;
/// Files held at the most, however small they are.
const MAX_FILES: usize = 512;

/// How long a file must have been left alone before it is held in memory.
///
/// A file system's time stamps are as coarse as a timer tick, some as two seconds (FAT): what was written a moment ago may
/// be written again without looking newer.
pub(super) const SETTLED: Duration = Duration::from_secs(3);

/// Contents by version: what has been changed since is another version, and its bytes are never taken for the new ones.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    small: LruCache<Version, Arc<Slot>>,
    /// The sum of the lengths of `small`.
    bytes: u64,
    /// Files that somebody reads at the moment share a descriptor.
    large: HashMap<Version, Weak<File>>,
}

/// A file's bytes; `None` if it could not be read in one piece.  Whoever comes while it is being read waits for it.
type Slot = OnceLock<Option<Bytes>>;

/// A file at one time of its life.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Version {
    dev: u64,
    ino: u64,
    len: u64,
    modified: (i64, u64),
    /// Shows changes that set the time of modification back, as `cp -p` and rsync do.
    changed: (i64, u64),
}

impl Cache {
    /// The content of a regular file, of which this is the latest `fstat`.
    pub(super) fn content(&self, handle: &OwnedFd, stat: &Stat, name: Arc<str>) -> Result<Content, FileError> {
        let version = Version::of(stat);
        let bytes = match self.in_memory(handle, version) {
            Some(bytes) => Source::Memory(bytes),
            None => Source::File(self.opened(handle, version).map_err(FileError::Io)?),
        };
        Ok(Content { len: version.len, modified: time(version.modified), name, bytes })
    }

    /// What is held in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.kept().bytes
    }

    fn in_memory(&self, handle: &OwnedFd, version: Version) -> Option<Bytes> {
        if version.len > MAX_FILE_BYTES || !version.is_settled() {
            return None;
        }
        let slot = self.kept().slot(version);
        let bytes = slot.get_or_init(|| load(handle, version).ok()).clone();
        if bytes.is_none() {
            self.kept().forget(&version);
        }
        bytes
    }

    fn opened(&self, handle: &OwnedFd, version: Version) -> io::Result<Arc<File>> {
        if let Some(file) = self.kept().large.get(&version).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file = Arc::new(reopen(handle)?);
        let mut kept = self.kept();
        kept.large.retain(|_, file| file.strong_count() > 0);
        kept.large.insert(version, Arc::downgrade(&file));
        Ok(file)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The place of a version's bytes, for which others make room.
    fn slot(&mut self, version: Version) -> Arc<Slot> {
        if let Some(slot) = self.small.get(&version) {
            return Arc::clone(slot);
        }
        while self.small.len() >= MAX_FILES || self.bytes + version.len > MAX_BYTES {
            let Some((oldest, _)) = self.small.pop_lru() else { break };
            self.bytes -= oldest.len;
        }
        self.bytes += version.len;
        let slot = Arc::default();
        self.small.put(version, Arc::clone(&slot));
        slot
    }

    fn forget(&mut self, version: &Version) {
        if self.small.pop(version).is_some() {
            self.bytes -= version.len;
        }
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self { small: LruCache::unbounded(), bytes: 0, large: HashMap::new() }
    }
}

impl Version {
    fn of(stat: &Stat) -> Self {
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            len: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    fn is_settled(&self) -> bool {
        [self.modified, self.changed].map(time).iter().all(|time| time.elapsed().is_ok_and(|age| age >= SETTLED))
    }
}

/// Reads a file, and makes sure that nobody wrote to it meanwhile.
fn load(handle: &OwnedFd, version: Version) -> io::Result<Bytes> {
    let mut file = reopen(handle)?;
    let mut bytes = vec![0; usize::try_from(version.len).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    if Version::of(&fstat(&file)?) != version {
        return Err(io::Error::other("it was changed while it was read"));
    }
    Ok(bytes.into())
}

/// A time of `stat(2)`: seconds since 1970, before which there were no files, and nanoseconds.
pub(super) fn time((seconds, nanoseconds): (i64, u64)) -> SystemTime {
    let since_1970 = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    SystemTime::UNIX_EPOCH + since_1970 + Duration::from_nanos(nanoseconds)
}
