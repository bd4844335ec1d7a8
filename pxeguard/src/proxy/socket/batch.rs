//! Many answers with one system call.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;

use nix::libc;

use super::{PacketSocket, Received};
use crate::proxy::templates::FRAME;

/// Frames of one system call.
const FRAMES: usize = 64;

/// Room for frames that are to go.
pub struct Batch {
    frames: Box<[[u8; FRAME]; FRAMES]>,
    lengths: Vec<usize>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { frames: Box::new([[0; FRAME]; FRAMES]), lengths: Vec::with_capacity(FRAMES) }
    }
}

impl Batch {
    /// Answers what has come, as far as there is room: `answer` writes a frame, and returns its length or `None`.
    /// `WouldBlock` where nothing has come.
    pub fn answer(
        &mut self,
        socket: &mut PacketSocket,
        mut answer: impl FnMut(Received<'_>, &mut [u8]) -> Option<usize>,
    ) -> io::Result<()> {
        self.lengths.clear();
        for count in 0..FRAMES {
            let place = &mut self.frames[self.lengths.len()];
            match socket.ring.read(|received| answer(received, place)) {
                Some(len) => self.lengths.extend(len),
                None if count == 0 => return Err(io::ErrorKind::WouldBlock.into()),
                None => break,
            }
        }
        Ok(())
    }

    /// Sends the answers; how many the kernel did not take.
    pub fn send(&mut self, socket: &PacketSocket) -> usize {
        // An interface that was down has left its error behind, which would cost the first answer.
        let _ = socket.socket.take_error();
        let mut parts: [libc::iovec; FRAMES] = std::array::from_fn(|index| part(&mut self.frames[index]));
        for (part, len) in parts.iter_mut().zip(&self.lengths) {
            part.iov_len = *len;
        }
        let mut messages: [libc::mmsghdr; FRAMES] = std::array::from_fn(|index| message(&mut parts[index]));
        let (mut done, mut lost) = (0, 0);
        while done < self.lengths.len() {
            let rest = &mut messages[done..self.lengths.len()];
            let (fd, count) = (socket.as_raw_fd(), rest.len() as libc::c_uint);
            // The flags' type is not the same in every C library.
            // SAFETY: each message refers to a buffer that lives longer than the call, with its length.
            let sent = unsafe { libc::sendmmsg(fd, rest.as_mut_ptr(), count, libc::MSG_DONTWAIT as _) };
            match usize::try_from(sent) {
                Ok(sent) => done += sent,
                // No room for the first of them, or its interface is down: the client asks again.
                Err(_) => (done, lost) = (done + 1, lost + 1),
            }
        }
        lost
    }
}

fn part(buffer: &mut [u8; FRAME]) -> libc::iovec {
    libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: FRAME }
}

fn message(part: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zero is a value of this C struct.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_iov = part;
    message.msg_hdr.msg_iovlen = 1;
    message
}
