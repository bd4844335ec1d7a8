//! The socket in the file system: made, defended against a second daemon, removed.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::kill;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
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

/// How long a daemon that was killed may hold its sockets: by a program that it was about to start, which has them all
/// until it is executed.
const HELD_BY_THE_DEAD: Duration = Duration::from_secs(2);

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
        Ok(other) => match listener(&other) {
            Some(pid) if has_ended(pid) => wait_until_let_go(&other).map_err(error("wait until it is let go of"))?,
            pid => return Err(SocketError::Taken { path: path.to_owned(), pid }),
        },
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(source) => return Err(error("find out whether another pxeguard answers there")(source)),
    }
    fs::remove_file(path).map_err(error("remove the one that was left behind"))
}

/// Waits until nobody has the socket, and with it the daemon's ports and locks.
fn wait_until_let_go(mut connected: &UnixStream) -> io::Result<()> {
    connected.set_read_timeout(Some(HELD_BY_THE_DEAD))?;
    // Nobody answers: it ends with the connection, or after that time.
    let _ = connected.read(&mut [0]);
    Ok(())
}

/// Who called listen(), which the kernel remembers; `None` for one in no pid namespace that we see.
fn listener(connected: &UnixStream) -> Option<i32> {
    let credentials = getsockopt(connected, PeerCredentials).ok()?;
    Some(credentials.pid()).filter(|pid| *pid > 0)
}

fn has_ended(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
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
