//! What TFTP and HTTP serve: files below the boot root, and what is written for each client.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use pxeguard_common::net::Mac;

/// By which service a file is asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Via {
    /// TFTP.
    Tftp,
    /// HTTP.
    Http,
}

/// Who asks for a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Visitor {
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its Ethernet address, where it is known.
    pub mac: Option<Mac>,
    /// This host's address, as the client reaches it.
    pub server: Ipv4Addr,
    /// How it asks.
    pub via: Via,
}

/// A file's bytes, held for as long as anybody reads them, whatever happens to the name meanwhile.
#[derive(Clone, Debug)]
pub struct Content {
    /// Length in bytes, when it was opened.
    pub len: u64,
    /// When it was changed last; of what is written for a client, now.
    pub modified: SystemTime,
    /// The name below the root, with `/` between folders and none before the first.
    pub name: Arc<str>,
    /// The bytes.
    pub bytes: Source,
}

/// Where bytes are.
#[derive(Clone, Debug)]
pub enum Source {
    /// In memory: what is small, and what was written for the client.
    Memory(Bytes),
    /// In the file, which the kernel caches.
    File(Arc<File>),
}

impl Content {
    /// Reads from an offset until the buffer is full or the file ends.  Returns how much was read.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.bytes {
            Source::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let len = rest.len().min(buffer.len());
                buffer[..len].copy_from_slice(&rest[..len]);
                Ok(len)
            }
            Source::File(file) => {
                let mut read = 0;
                while read < buffer.len() {
                    match file.read_at(&mut buffer[read..], offset + read as u64) {
                        Ok(0) => break,
                        Ok(more) => read += more,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(read)
            }
        }
    }
}

/// Why a file is not served.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none of this name.
    #[error("no such file")]
    NotFound,
    /// It is there, and is not to be served; the text says why.
    #[error("{0}")]
    Denied(&'static str),
    /// The system refused.
    #[error("cannot read it")]
    Io(#[source] io::Error),
}

/// All that is served.
pub trait Library: Send + Sync + 'static {
    /// Opens what a client names; never waits for anything but the disk.
    ///
    /// The name is as the client wrote it: `\` or `/` between folders, with or without one before the first.
    fn open(&self, name: &[u8], visitor: &Visitor) -> Result<Content, FileError>;
}
