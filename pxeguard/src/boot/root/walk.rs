//! What there is below the root.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, openat};

use super::{cache, resolve};

/// Files that are listed at the most.
pub(super) const MAX_FILES: usize = 10_000;
/// Folders that are looked into at the most.
pub(super) const MAX_FOLDERS: usize = 1_000;
/// Folders inside each other.
const MAX_DEPTH: usize = 16;
/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 20_000;

/// A file that is served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// Its name below the root, with `/` between folders.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// When it was changed last.
    pub modified: SystemTime,
}

/// What a look at all folders brought.
pub(super) struct Listing {
    /// Sorted by name.
    pub(super) found: Vec<Found>,
    /// Whether the limits were far enough.
    pub(super) is_whole: bool,
}

/// Lists what is served.  `enter` is told each folder before it is read, so that who watches it misses nothing.
///
/// Folders are looked into nearest first, and each one once, whatever links lead to it: links in a circle end there.
pub(super) fn list(root: &OwnedFd, mut enter: impl FnMut(&OwnedFd)) -> io::Result<Listing> {
    let mut listing = Listing { found: Vec::new(), is_whole: true };
    let mut seen = HashSet::from([identity(root)?]);
    let mut folders = VecDeque::from([(root.try_clone()?, String::new(), 0)]);
    while let Some((folder, path, depth)) = folders.pop_front() {
        enter(&folder);
        let entries = match entries(&folder) {
            Err(error) if depth == 0 => return Err(error),
            entries => entries.unwrap_or_default(),
        };
        for entry in entries.iter().filter_map(|entry| listed_name(entry)) {
            let name = format!("{path}{entry}");
            let Ok(handle) = resolve::handle(root, name.as_bytes()) else { continue };
            if let Ok(stat) = resolve::served(&handle) {
                if listing.found.len() < MAX_FILES {
                    let modified = cache::time((stat.st_mtime, stat.st_mtime_nsec));
                    listing.found.push(Found { name, len: u64::try_from(stat.st_size).unwrap_or_default(), modified });
                } else {
                    listing.is_whole = false;
                }
            } else if is_folder(&handle) && seen.insert(identity(&handle)?) {
                if depth < MAX_DEPTH && seen.len() <= MAX_FOLDERS {
                    folders.push_back((handle, name + "/", depth + 1));
                } else {
                    listing.is_whole = false;
                }
            }
        }
    }
    listing.found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(listing)
}

/// The names in a folder, without `.` and `..`, in order.
pub(super) fn entries(folder: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let readable = openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(readable)?.take(MAX_ENTRIES) {
        let name = entry?.file_name().to_bytes().to_owned();
        if !matches!(name.as_slice(), b"." | b"..") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A name that can be in a menu: neither hidden, nor anything but text that clients can ask for.
fn listed_name(entry: &[u8]) -> Option<&str> {
    let name = str::from_utf8(entry).ok()?;
    let is_listed = !name.starts_with('.') && !name.contains(|letter: char| letter.is_control() || letter == '\\');
    is_listed.then_some(name)
}

fn is_folder(handle: &OwnedFd) -> bool {
    fstat(handle).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

fn identity(folder: &OwnedFd) -> io::Result<(u64, u64)> {
    let stat = fstat(folder)?;
    Ok((stat.st_dev, stat.st_ino))
}
