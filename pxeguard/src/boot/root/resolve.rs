//! From a name to a file that may be served.
//!
//! The kernel resolves a name below the root (`openat2(2)`, `RESOLVE_BENEATH`).  Where it says that the name leads out, by
//! a symbolic link, each part is looked up here, and the name is followed only if
//! - root owns every link on the way, wherever it is: people link `/usr/lib/PXELINUX/pxelinux.0` into the boot root, and
//!   whole folders, such as Debian's netboot folder; but whoever may write to the boot root cannot show more than is in it;
//! - every folder on the way is open to everybody (`o+x`), so that the file is one that everybody may read.
//!
//! Nothing is opened but as a place (`O_PATH`) before it is known to be a regular file: opening a FIFO blocks, and
//! opening a device may do anything.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;

use super::name::Name;
use super::walk;
use crate::boot::FileError;

/// Links that are followed at the most, as in the kernel (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// How often to try while folders are being renamed (`EAGAIN` of `openat2(2)`).
const TRIES: usize = 8;

const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// Finds the place that a name stands for, below the root or where its links lead.
pub(super) fn handle(root: &OwnedFd, name: &[u8]) -> Result<OwnedFd, FileError> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut found = Err(Errno::AGAIN);
    for _ in 0..TRIES {
        found = openat2(root, OsStr::from_bytes(name), PLACE, Mode::empty(), how);
        if found.as_ref().err() != Some(&Errno::AGAIN) {
            break;
        }
    }
    match found {
        Err(Errno::XDEV) => follow_out(root.as_fd(), name),
        found => found.map_err(refusal),
    }
}

/// What a place is, if it may be served: a regular file that everybody may read.
///
/// Everybody, because the daemon runs as root and can read what was never meant for the network.
pub(super) fn served(handle: &OwnedFd) -> Result<Stat, FileError> {
    let stat = fstat(handle).map_err(refusal)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_mode & Mode::ROTH.bits() != 0 => Ok(stat),
        FileType::RegularFile => Err(FileError::Denied("not everybody may read it: chmod o+r")),
        FileType::Directory => Err(FileError::Denied("it is a folder")),
        _ => Err(FileError::Denied("it is not a regular file")),
    }
}

/// Opens for reading what was found to be a regular file, and nothing else that has its name by now.
pub(super) fn reopen(handle: &OwnedFd) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

/// The name as it is on disk of what differs from it only in the case of ASCII letters, if there is exactly one.
pub(super) fn as_spelled(root: &OwnedFd, name: &Name) -> Option<Name> {
    let mut spelled: Vec<Vec<u8>> = Vec::new();
    for part in name.parts() {
        let folder = match spelled.as_slice() {
            [] => root.try_clone().ok()?,
            parts => handle(root, Name::from_parts(parts).as_bytes()).ok()?,
        };
        let found = walk::entries(&folder).ok()?;
        let mut alike = found.into_iter().filter(|found| found.eq_ignore_ascii_case(part)).collect::<Vec<_>>();
        let exact = alike.iter().position(|found| found == part);
        spelled.push(match exact {
            Some(exact) => alike.swap_remove(exact),
            None if alike.len() == 1 => alike.remove(0),
            None => return None,
        });
    }
    Some(Name::from_parts(&spelled))
}

/// Follows a name whose links lead out of the root, part by part.
fn follow_out(root: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, FileError> {
    let mut here = root.try_clone_to_owned().map_err(FileError::Io)?;
    let mut ahead = Vec::new();
    push_parts(&mut ahead, name);
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        let next = openat(&here, OsStr::from_bytes(&part), PLACE | OFlags::NOFOLLOW, Mode::empty()).map_err(refusal)?;
        let stat = fstat(&next).map_err(refusal)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink if stat.st_uid != 0 => {
                return Err(FileError::Denied("a link on the way out of the boot root is not root's"));
            }
            FileType::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(refusal(Errno::LOOP));
                }
                let target = readlinkat(&next, "", Vec::new()).map_err(refusal)?.into_bytes();
                if target.starts_with(b"/") {
                    here = rustix::fs::open("/", PLACE, Mode::empty()).map_err(refusal)?;
                }
                push_parts(&mut ahead, &target);
            }
            FileType::Directory if stat.st_mode & Mode::XOTH.bits() == 0 => {
                return Err(FileError::Denied(
                    "it is outside the boot root, in a folder that is not open to everybody",
                ));
            }
            FileType::Directory => here = next,
            _ if ahead.is_empty() => return Ok(next),
            _ => return Err(FileError::NotFound),
        }
    }
    Ok(here)
}

/// Puts a path's parts onto a stack, the first on top.
fn push_parts(stack: &mut Vec<Vec<u8>>, path: &[u8]) {
    stack.extend(path.split(|&byte| byte == b'/').rev().filter(|part| !part.is_empty()).map(<[u8]>::to_vec));
}

fn refusal(errno: Errno) -> FileError {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => FileError::NotFound,
        Errno::LOOP => FileError::Denied("its symbolic links lead in a circle"),
        Errno::ACCESS | Errno::PERM => FileError::Denied("the daemon may not read it"),
        errno => FileError::Io(errno.into()),
    }
}
