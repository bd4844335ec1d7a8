//! Frames that the kernel puts into memory which it shares with us (`packet_mmap`, `TPACKET_V2`).
//!
//! That costs no system call and no copy of ours: both fall to who sends.  `TPACKET_V3` would take less room, but tells
//! of a block only when it is full or a timer of some milliseconds has run out.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;
use socket2::Socket;

use super::set;
use crate::proxy::templates::FRAME;

/// Frames that can wait: a hall of machines that are switched on together sends thousands at once.
const FRAMES: usize = 2048;
/// Room for a frame behind the kernel's header.  A client's message is no longer than an Ethernet frame; of a longer one
/// the rest is lost, and it is not read.
const ROOM: usize = 2048;
/// What the kernel allocates in one piece.
const BLOCK: usize = 64 << 10;
const LEN: usize = FRAMES * ROOM;
const _: () = assert!(ROOM >= libc::TPACKET2_HDRLEN + 32 + FRAME);
const _: () = assert!(BLOCK.is_multiple_of(ROOM) && LEN.is_multiple_of(BLOCK));

/// A frame, and the 802.1Q tag control information that the kernel took out of it.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The frame; empty if it did not fit.
    pub frame: &'a [u8],
    /// The tag.
    pub tag: Option<u16>,
}

/// Room for frames, which kernel and reader go through in the same order.
#[derive(Debug)]
pub struct Ring {
    memory: NonNull<u8>,
    next: usize,
}

// SAFETY: the memory belongs to the ring alone, as a box's would, and to the kernel.
unsafe impl Send for Ring {}
// SAFETY: nothing of it is read without `&mut`.
unsafe impl Sync for Ring {}

impl Ring {
    /// Has the kernel put a packet socket's frames into a ring from now on.
    pub fn of(socket: &Socket) -> io::Result<Self> {
        set(socket, libc::PACKET_VERSION, libc::tpacket_versions::TPACKET_V2)?;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK as u32,
            tp_block_nr: (LEN / BLOCK) as u32,
            tp_frame_size: ROOM as u32,
            tp_frame_nr: FRAMES as u32,
        };
        set(socket, libc::PACKET_RX_RING, request)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, at a place that the kernel chooses, takes no memory of others.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), LEN, access, libc::MAP_SHARED, socket.as_raw_fd(), 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).expect("the kernel maps nothing at address 0 unless it is told to");
        Ok(Self { memory, next: 0 })
    }

    /// Reads the frame that waits longest, and gives its room back; `None` if none waits.
    pub fn read<T>(&mut self, read: impl FnOnce(Received<'_>) -> T) -> Option<T> {
        // SAFETY: there are so many frames in the memory, each of `ROOM` bytes.
        let start = unsafe { self.memory.add(self.next * ROOM) };
        // SAFETY: a frame's room begins with its status, aligned to 4 bytes, which the kernel and we hand to each other.
        let status = unsafe { AtomicU32::from_ptr(start.cast().as_ptr()) };
        let flags = status.load(Ordering::Acquire);
        if flags & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the room is ours until its status says otherwise, and the kernel has written this header.
        let header = unsafe { start.cast::<libc::tpacket2_hdr>().read() };
        let (from, len) = (usize::from(header.tp_mac), header.tp_snaplen as usize);
        let is_whole = header.tp_len == header.tp_snaplen && from + len <= ROOM;
        let len = if is_whole { len } else { 0 };
        // SAFETY: these bytes lie in the room, and nobody writes to them meanwhile.
        let frame = unsafe { slice::from_raw_parts(start.as_ptr().add(from), len) };
        let tag = (flags & libc::TP_STATUS_VLAN_VALID != 0).then_some(header.tp_vlan_tci);
        let result = read(Received { frame, tag });
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % FRAMES;
        Some(result)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the whole of the mapping, to which no reference is left.  It cannot fail.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), LEN) };
    }
}
