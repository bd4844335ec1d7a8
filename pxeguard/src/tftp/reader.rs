//! Blocks of a file, read without waiting for the disk where the kernel has them in its cache.

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::boot::{Content, Source};

/// Bytes that are read at once: what one system call sends at the most.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

thread_local! {
    /// A buffer for each thread, not for each transfer: thousands of those wait at the same time, few send.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes of a file, for a moment.
pub(super) enum Chunk<'a> {
    /// In memory anyway.
    Memory(&'a [u8]),
    /// In a buffer of the thread's, which gets it back.
    Read(Vec<u8>),
}

impl Chunk<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Read(buffer) => buffer,
        }
    }
}

impl Drop for Chunk<'_> {
    fn drop(&mut self) {
        if let Self::Read(buffer) = self {
            BUFFER.set(std::mem::take(buffer));
        }
    }
}

/// Reads `len` bytes from an offset, at most [`CHUNK_BYTES`].
///
/// What is not in the kernel's cache is read by a thread that may wait for the disk: one slow or dead file system does not
/// hold up the clients of others.  An error if the file has become shorter since it was opened.
pub(super) async fn read(content: &Content, offset: u64, len: usize) -> io::Result<Chunk<'_>> {
    match &content.bytes {
        Source::Memory(bytes) => {
            let start = usize::try_from(offset).map_err(|_| truncated())?;
            start.checked_add(len).and_then(|end| bytes.get(start..end)).map(Chunk::Memory).ok_or_else(truncated)
        }
        Source::File(file) => {
            let mut buffer = BUFFER.take();
            buffer.resize(len, 0);
            match preadv2(file, &mut [IoSliceMut::new(&mut buffer)], offset, ReadWriteFlags::NOWAIT) {
                Ok(read) if read == len => return Ok(Chunk::Read(buffer)),
                // Not in the cache, or only some of it; or a file system that cannot tell.
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                    return fill(content, buffer, offset);
                }
                Err(error) => return Err(error.into()),
            }
            let content = Content { bytes: Source::File(Arc::clone(file)), ..content.clone() };
            tokio::task::spawn_blocking(move || fill(&content, buffer, offset)).await?
        }
    }
}

fn fill(content: &Content, mut buffer: Vec<u8>, offset: u64) -> io::Result<Chunk<'static>> {
    let read = content.read_at(&mut buffer, offset)?;
    if read < buffer.len() {
        return Err(truncated());
    }
    Ok(Chunk::Read(buffer))
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter")
}
