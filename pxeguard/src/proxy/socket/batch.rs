//! Many frames with one system call.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;

use nix::libc;

use super::PacketSocket;
use crate::proxy::templates::FRAME;

/// Frames of one system call.
const FRAMES: usize = 64;

/// A client's message is no longer than an Ethernet frame; of a longer one the rest is lost, and it is not read.
const ROOM: usize = 2048;
const _: () = assert!(ROOM >= FRAME);

/// Room for frames that have come, and for those that are to go.
pub struct Batch {
    received: Box<[[u8; ROOM]; FRAMES]>,
    controls: Box<[Control; FRAMES]>,
    lengths: [usize; FRAMES],
    sent: Box<[[u8; ROOM]; FRAMES]>,
    to_send: Vec<usize>,
}

/// Room for one `tpacket_auxdata`, aligned as a control message has to be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

/// A frame, and the 802.1Q tag control information that the kernel took out of it.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The frame.
    pub frame: &'a [u8],
    /// The tag.
    pub tag: Option<u16>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            received: Box::new([[0; ROOM]; FRAMES]),
            controls: Box::new([Control([0; 64]); FRAMES]),
            lengths: [0; FRAMES],
            sent: Box::new([[0; ROOM]; FRAMES]),
            to_send: Vec::with_capacity(FRAMES),
        }
    }
}

impl Batch {
    /// Takes what has come, as far as there is room; how many frames.  `WouldBlock` where there is none.
    pub fn receive(&mut self, socket: &PacketSocket) -> io::Result<usize> {
        let mut parts: [libc::iovec; FRAMES] = std::array::from_fn(|index| part(&mut self.received[index]));
        let mut messages: [libc::mmsghdr; FRAMES] = std::array::from_fn(|index| {
            let mut message = message(&mut parts[index]);
            message.msg_hdr.msg_control = self.controls[index].0.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = size_of::<Control>();
            message
        });
        let flags = libc::MSG_DONTWAIT;
        let (fd, first) = (socket.as_raw_fd(), messages.as_mut_ptr());
        // SAFETY: each message refers to buffers that live longer than the call, with their lengths.
        let received = unsafe { libc::recvmmsg(fd, first, FRAMES as libc::c_uint, flags, std::ptr::null_mut()) };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (index, message) in messages[..received].iter().enumerate() {
            let is_whole = message.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            self.lengths[index] = if is_whole { message.msg_len as usize } else { 0 };
            if message.msg_hdr.msg_controllen == 0 {
                self.controls[index] = Control([0; 64]);
            }
        }
        Ok(received)
    }

    /// Answers the first `count` frames that came: `answer` writes a frame, and returns its length or `None`.
    pub fn answer(&mut self, count: usize, mut answer: impl FnMut(Received<'_>, &mut [u8]) -> Option<usize>) {
        self.to_send.clear();
        for index in 0..count {
            let frame = &self.received[index][..self.lengths[index]];
            let received = Received { frame, tag: self.controls[index].tag() };
            let place = &mut self.sent[self.to_send.len()];
            self.to_send.extend(answer(received, place));
        }
    }

    /// Sends the answers; how many the kernel did not take.
    pub fn send(&mut self, socket: &PacketSocket) -> usize {
        let mut parts: [libc::iovec; FRAMES] = std::array::from_fn(|index| part(&mut self.sent[index]));
        for (part, len) in parts.iter_mut().zip(&self.to_send) {
            part.iov_len = *len;
        }
        let mut messages: [libc::mmsghdr; FRAMES] = std::array::from_fn(|index| message(&mut parts[index]));
        let (mut done, mut lost) = (0, 0);
        while done < self.to_send.len() {
            let rest = &mut messages[done..self.to_send.len()];
            let (fd, count) = (socket.as_raw_fd(), rest.len() as libc::c_uint);
            // SAFETY: each message refers to a buffer that lives longer than the call, with its length.
            let sent = unsafe { libc::sendmmsg(fd, rest.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
            match usize::try_from(sent) {
                Ok(sent) => done += sent,
                // No room for the first of them, or its interface is down: the client asks again.
                Err(_) => (done, lost) = (done + 1, lost + 1),
            }
        }
        lost
    }
}

fn part(buffer: &mut [u8; ROOM]) -> libc::iovec {
    libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: ROOM }
}

fn message(part: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zero is a value of this C struct.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_iov = part;
    message.msg_hdr.msg_iovlen = 1;
    message
}

impl Control {
    /// The tag that the kernel took out (packet(7), `PACKET_AUXDATA`).
    fn tag(&self) -> Option<u16> {
        // SAFETY: all zero is a value of this C struct.
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        message.msg_control = self.0.as_ptr().cast_mut().cast();
        message.msg_controllen = size_of::<Self>();
        // SAFETY: the control buffer holds what recvmmsg has put there, or zeros.
        let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message).as_ref() }?;
        if (header.cmsg_level, header.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
            return None;
        }
        // SAFETY: data of this level and type is a tpacket_auxdata, of whatever alignment.
        let aux: libc::tpacket_auxdata =
            unsafe { libc::CMSG_DATA(header).cast::<libc::tpacket_auxdata>().read_unaligned() };
        (aux.tp_status & libc::TP_STATUS_VLAN_VALID != 0).then_some(aux.tp_vlan_tci)
    }
}
