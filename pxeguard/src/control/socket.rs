//! The socket in the file system: made, defended against a second daemon, removed.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use tokio::net::{UnixListener, UnixSocket};

/// Why there can be no control socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon.
    #[error("control socket {}: another pxeguard{} answers there; stop it or choose --control", path.display(), process(*pid))]
    Taken {
        /// Where.
        path: PathBuf,
        /// The other one's process.
        pid: Option<i32>,
    },
    /// Something that is not pxeguard's.
    #[error("control socket {}: something else is there, and is left alone; choose --control", .0.display())]
    NotSocket(PathBuf),
    /// The system refused.
    #[error("control socket {}: cannot {what}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What was attempted.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn process(pid: Option<i32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

/// The daemon's end; removes the socket from the file system when it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode, by which it is known again.
    identity: (u64, u64),
}

impl ControlSocket {
    /// Makes the socket, and its folder; replaces one that a daemon left behind.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let error = |what| move |source| SocketError::Io { path: path.to_owned(), what, source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
        made.map_err(error("make its folder"))?;
        // Two daemons that start at once would each see the other's socket as left behind.
        let lock = File::open(folder).map_err(error("open its folder"))?;
        let _lock =
            Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| error("lock its folder")(errno.into()))?;
        make_room(path)?;
        let socket = UnixSocket::new_stream().map_err(error("make it"))?;
        socket.bind(path).map_err(error("make it"))?;
        // Before it listens nobody can connect, so that there is no moment without these permissions.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(error("set its permissions"))?;
        let identity = identity(path).map_err(error("look at it"))?;
        let listener = socket.listen(BACKLOG).map_err(error("listen"))?;
        Ok(Self { listener, path: path.to_owned(), identity })
    }
}

/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// Removes a socket at which nobody listens any more.
fn make_room(path: &Path) -> Result<(), SocketError> {
    let error = |what| move |source| SocketError::Io { path: path.to_owned(), what, source };
    match fs::symlink_metadata(path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(error("look at it")(source)),
        Ok(present) if !present.file_type().is_socket() => {
            return Err(SocketError::NotSocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        // The kernel remembers who called listen().
        Ok(other) => {
            let pid = getsockopt(&other, PeerCredentials)
                .ok()
                .map(|credentials| credentials.pid())
                // 0 is who is in no pid namespace that we see.
                .filter(|pid| *pid > 0);
            Err(SocketError::Taken { path: path.to_owned(), pid })
        }
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(error("remove the one that was left behind"))
        }
        Err(source) => Err(error("find out whether another pxeguard answers there")(source)),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // The next daemon replaces one that is left behind.
            let _ = fs::remove_file(&self.path);
        }
    }
}
