//! The bytes of a body, on their way to the socket.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::sendfile;
use rustix::io::{Errno, IoSliceMut, ReadWriteFlags, preadv2};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use crate::boot::{Content, Source};

/// Bytes that are handed to the kernel at once: enough that a system call costs little, and little enough that other
/// connections have their turn.
const CHUNK_BYTES: u64 = 512 * 1024;

/// What is still to be sent of a file.
pub(super) struct Rest<'a> {
    content: &'a Content,
    part: Range<u64>,
    /// Up to where the file has been seen to be in the kernel's cache.
    cached_to: u64,
}

impl<'a> Rest<'a> {
    pub(super) fn new(content: &'a Content, part: Range<u64>) -> Self {
        Self { content, cached_to: part.start, part }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// Sends some of it; waits until the client takes any.
    pub(super) async fn send_some(&mut self, stream: &TcpStream) -> io::Result<u64> {
        let sent = match &self.content.bytes {
            Source::Memory(bytes) => {
                let rest = in_memory(bytes, &self.part);
                stream.async_io(Interest::WRITABLE, || stream.try_write(rest)).await?
            }
            Source::File(file) => {
                let chunk = self.part.start..self.part.end.min(self.part.start + CHUNK_BYTES);
                if self.cached_to <= chunk.start {
                    read_into_cache(file, chunk.clone()).await?;
                    self.cached_to = chunk.end;
                }
                let len = usize::try_from(chunk.end.min(self.cached_to) - chunk.start).map_err(io::Error::other)?;
                let send = || Ok(sendfile(stream, file, Some(&mut chunk.start.clone()), len)?);
                stream.async_io(Interest::WRITABLE, send).await?
            }
        };
        if sent == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file was cut off while it was sent"));
        }
        self.part.start += sent as u64;
        Ok(sent as u64)
    }
}

fn in_memory<'a>(bytes: &'a [u8], part: &Range<u64>) -> &'a [u8] {
    let [start, end] = [part.start, part.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len()));
    &bytes[start..end]
}

/// Makes sure that sending a part does not wait for the disk: this thread has other connections.
///
/// What is not in the kernel's cache is read by a thread that may wait.
async fn read_into_cache(file: &Arc<File>, part: Range<u64>) -> io::Result<()> {
    if is_cached(file, part.start) && is_cached(file, part.end - 1) {
        return Ok(());
    }
    let file = Arc::clone(file);
    let read = spawn_blocking(move || {
        let mut bytes = vec![0; usize::try_from(part.end - part.start).map_err(io::Error::other)?];
        file.read_at(&mut bytes, part.start).map(drop)
    });
    read.await.map_err(io::Error::other)?
}

/// Whether a byte can be read without waiting.  File systems that cannot tell (`EOPNOTSUPP`) are taken at their best.
fn is_cached(file: &File, at: u64) -> bool {
    let mut byte = [0];
    preadv2(file, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) != Err(Errno::AGAIN)
}
