//! The commands' end.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Envelope, PROTOCOL, Request, Response};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No socket.
    #[error("no pxeguard runs here: {} does not exist; start it with pxeguard run, or name its --control", .0.display())]
    NotRunning(PathBuf),
    /// A socket that a daemon left behind.
    #[error("no pxeguard runs here any more: nobody answers at {}; start it with pxeguard run", .0.display())]
    Gone(PathBuf),
    /// Not root.
    #[error("may not ask the running pxeguard at {}: must be root", .0.display())]
    Permission(PathBuf),
    /// The connection failed.
    #[error("cannot ask the running pxeguard at {}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something else, or another version.
    #[error("what answers at {} is not this version of pxeguard: {why}", path.display())]
    Foreign {
        /// The socket.
        path: PathBuf,
        /// What it said.
        why: String,
    },
    /// The daemon's own words.
    #[error("{0}")]
    Refused(String),
}

/// How long to wait for the daemon, which has less patience itself.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of a response at the most: every server that fits in the kernel's map takes some 500.
const MAX_RESPONSE_BYTES: u64 = 64 << 20;

/// Asks the running daemon.  What it answers is never [`Response::Error`].
pub fn ask(path: &Path, request: &Request) -> Result<Response, AskError> {
    let line = exchange(path, request).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => AskError::NotRunning(path.to_owned()),
        io::ErrorKind::ConnectionRefused => AskError::Gone(path.to_owned()),
        io::ErrorKind::PermissionDenied => AskError::Permission(path.to_owned()),
        _ => AskError::Io { path: path.to_owned(), source },
    })?;
    match serde_json::from_slice(&line) {
        Ok(Response::Error(why)) => Err(AskError::Refused(why)),
        Ok(response) => Ok(response),
        Err(error) => Err(AskError::Foreign { path: path.to_owned(), why: error.to_string() }),
    }
}

fn exchange(path: &Path, request: &Request) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(&Envelope { protocol: PROTOCOL, request: request.clone() })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut response = Vec::new();
    BufReader::new(stream.take(MAX_RESPONSE_BYTES)).read_until(b'\n', &mut response)?;
    if response.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection without an answer"));
    }
    Ok(response)
}
