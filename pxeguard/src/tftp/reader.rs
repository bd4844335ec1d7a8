//! Blocks of a file, read ahead, and without waiting for the disk where the kernel has them in its cache.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem;
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::boot::{Content, Source};

/// Bytes that are read at once at the most: what one system call sends.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes that are read at once at the least: eleven blocks of an Ethernet frame.
///
/// It is little because each transfer holds so much, be it waiting for its client or not.
const AHEAD_BYTES: usize = 16 * 1024;

thread_local! {
    /// For chunks that are sent at once: a buffer for each thread, not for each transfer.  Thousands of those wait at the
    /// same time, few send.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads a file for one transfer.
pub(super) struct Reader<'a> {
    content: &'a Content,
    /// What has been read ahead, and where it is in the file.
    ahead: Vec<u8>,
    ahead_at: u64,
    /// Whether the file system tells what is not in the cache (`RWF_NOWAIT`), which tmpfs does not.  Found out by trying.
    tells_waits: bool,
}

/// Bytes of a file, for a moment.
pub(super) enum Chunk<'a> {
    /// In memory anyway.
    Held(&'a [u8]),
    /// In a buffer of the thread's, which gets it back.
    Read(Vec<u8>),
}

impl Chunk<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Read(buffer) => buffer,
        }
    }
}

impl Drop for Chunk<'_> {
    fn drop(&mut self) {
        if let Self::Read(buffer) = self {
            BUFFER.set(mem::take(buffer));
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(content: &'a Content) -> Self {
        Self { content, ahead: Vec::new(), ahead_at: 0, tells_waits: true }
    }

    /// Reads `len` bytes from an offset, at most [`CHUNK_BYTES`]; they end before the content does.
    ///
    /// What is not in the kernel's cache is read by a thread that may wait for the disk: one slow or dead file system does
    /// not hold up the clients of others.  An error if the file has become shorter since it was opened.
    pub(super) async fn read(&mut self, offset: u64, len: usize) -> io::Result<Chunk<'_>> {
        let file = match &self.content.bytes {
            Source::Memory(bytes) => return slice(bytes, offset, len).map(Chunk::Held).ok_or_else(truncated),
            Source::File(file) => file,
        };
        if len >= AHEAD_BYTES {
            return Ok(Chunk::Read(self.fill(file, BUFFER.take(), offset, len).await?));
        }
        let ahead = offset.checked_sub(self.ahead_at).filter(|at| slice(&self.ahead, *at, len).is_some());
        let at = match ahead {
            Some(at) => at,
            None => {
                let rest = self.content.len.saturating_sub(offset).min(AHEAD_BYTES as u64) as usize;
                let buffer = mem::take(&mut self.ahead);
                self.ahead = self.fill(file, buffer, offset, rest.max(len)).await?;
                self.ahead_at = offset;
                0
            }
        };
        slice(&self.ahead, at, len).map(Chunk::Held).ok_or_else(truncated)
    }

    /// The buffer with `len` bytes of the file.
    async fn fill(&mut self, file: &Arc<File>, mut buffer: Vec<u8>, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        buffer.resize(len, 0);
        if !self.tells_waits {
            return whole(self.content, buffer, offset);
        }
        match preadv2(file, &mut [IoSliceMut::new(&mut buffer)], offset, ReadWriteFlags::NOWAIT) {
            Ok(read) if read == len => return Ok(buffer),
            // Not in the cache, or only some of it.
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                self.tells_waits = false;
                return whole(self.content, buffer, offset);
            }
            Err(error) => return Err(error.into()),
        }
        let content = self.content.clone();
        tokio::task::spawn_blocking(move || whole(&content, buffer, offset)).await?
    }
}

fn whole(content: &Content, mut buffer: Vec<u8>, offset: u64) -> io::Result<Vec<u8>> {
    let read = content.read_at(&mut buffer, offset)?;
    if read < buffer.len() {
        return Err(truncated());
    }
    Ok(buffer)
}

fn slice(bytes: &[u8], offset: u64, len: usize) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(len)?)
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter")
}
