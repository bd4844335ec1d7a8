//! A packet socket that sends only, many frames by one call.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::libc;
use nix::net::if_::if_nametoindex;

use super::{bind, packet_socket, set};
use crate::Host;

/// Frames handed over by one call.
const BATCH: usize = 64;

/// Sends frames as they are, past the queueing discipline, and receives nothing.
#[derive(Debug)]
pub struct Sender(OwnedFd);

impl Sender {
    /// Opens a device of a host.
    pub fn open(host: &Host, device: &str) -> Result<Self> {
        let open = || -> io::Result<OwnedFd> {
            let socket = packet_socket()?;
            bind(&socket, if_nametoindex(device)?, 0)?;
            set(&socket, libc::PACKET_QDISC_BYPASS, &1)?;
            Ok(socket)
        };
        let socket = host.enter(open)?;
        socket.map(Self).with_context(|| format!("{}: no packet socket on {device}", host.name()))
    }

    /// Sends frames in their order (sendmmsg(2)).
    pub fn send_all(&self, frames: &[Vec<u8>]) -> Result<()> {
        let mut left = frames;
        while !left.is_empty() {
            let batch = &left[..left.len().min(BATCH)];
            let mut parts: [_; BATCH] = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
            for (part, frame) in parts.iter_mut().zip(batch) {
                *part = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
            }
            // SAFETY: all zero is a value of these C structs.
            let mut messages: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
            for (message, part) in messages.iter_mut().zip(&mut parts) {
                message.msg_hdr.msg_iov = part;
                message.msg_hdr.msg_iovlen = 1;
            }
            // SAFETY: as many messages as there are frames, whose bytes the kernel only reads while they are borrowed.
            let sent =
                unsafe { libc::sendmmsg(self.0.as_raw_fd(), messages.as_mut_ptr(), batch.len() as libc::c_uint, 0) };
            match usize::try_from(sent) {
                Ok(sent) => left = &left[sent..],
                Err(_) => match io::Error::last_os_error() {
                    why if why.raw_os_error() == Some(libc::ENOBUFS) => std::thread::yield_now(),
                    why => return Err(why).context("cannot send frames"),
                },
            }
        }
        Ok(())
    }
}
