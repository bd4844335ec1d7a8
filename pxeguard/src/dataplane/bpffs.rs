//! The BPF file system, which holds the pins, and the lock that keeps a second daemon away from them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::mount::MsFlags;
use nix::sys::statfs::{FsType, statfs};

/// `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS_MAGIC: FsType = FsType(0xcafe_4a11_u32 as _);

/// Why there is no place to pin to.
#[derive(Debug, thiserror::Error)]
pub enum BpffsError {
    /// Not mounted, and cannot be.
    #[error("no BPF file system at {path}, and it cannot be mounted; mount it: mount -t bpf bpf {path}", path = path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder in it.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another daemon has it.
    #[error("another pxeguard holds {}; stop it first (systemctl stop pxeguard)", path.display())]
    Held {
        /// What.
        path: PathBuf,
    },
    /// It cannot be locked.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The folder of the BPF file system in which everything of ours is.
pub const FOLDER: &str = "pxeguard";

/// Mounts a BPF file system at `path`, unless there is one, or [`FOLDER`] of one: a service is shown no more of it.
pub fn mount(path: &Path) -> Result<(), BpffsError> {
    let is_bpffs = |path: &Path| statfs(path).is_ok_and(|found| found.filesystem_type() == BPF_FS_MAGIC);
    if is_bpffs(path) || is_bpffs(&path.join(FOLDER)) {
        return Ok(());
    }
    nix::mount::mount(Some("bpf"), path, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
        .map_err(|errno| BpffsError::Mount { path: path.to_owned(), source: errno.into() })?;
    log::info!("mounted a BPF file system at {}", path.display());
    Ok(())
}

/// Makes a folder, unless it is there.
pub fn folder(path: &Path) -> Result<(), BpffsError> {
    fs::create_dir_all(path).map_err(|source| BpffsError::Folder { path: path.to_owned(), source })
}

/// The right to use the pins, as long as it lives.  The kernel takes it back when the process ends, however it ends.
pub struct Lock {
    _folder: Flock<File>,
}

impl Lock {
    /// Takes it, or says that another process has it.
    pub fn take(folder: &Path) -> Result<Self, BpffsError> {
        let error = |source| BpffsError::Lock { path: folder.to_owned(), source };
        let file = File::open(folder).map_err(error)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { _folder: lock }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(BpffsError::Held { path: folder.to_owned() }),
            Err((_, errno)) => Err(error(errno.into())),
        }
    }
}
