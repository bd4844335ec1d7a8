//! Sending through `PACKET_TX_RING` (kernel: Documentation/networking/packet_mmap.rst).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::libc;

use super::set;
use crate::until;

/// One slot of the ring: a header, and then the frame.
const SLOT_BYTES: usize = 4096;
/// How long the last frames of a ring may be on their way.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where the frame begins in its slot: `TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)`.
const FRAME_AT: usize = size_of::<libc::tpacket2_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);

/// Sends all frames by one call, through a ring that the socket has for this time only.
pub(super) fn send(socket: &OwnedFd, frames: &[&[u8]]) -> Result<()> {
    if frames.is_empty() {
        return Ok(());
    }
    for frame in frames {
        ensure!(frame.len() <= SLOT_BYTES - FRAME_AT, "{} bytes do not fit a slot", frame.len());
    }
    let mut ring = Ring::new(socket, frames.len()).context("no transmit ring")?;
    for (slot, frame) in frames.iter().enumerate() {
        ring.fill(slot, frame);
    }
    // SAFETY: there is no data but what lies in the ring.
    let sent = unsafe { libc::send(socket.as_raw_fd(), ptr::null(), 0, 0) };
    let sent = usize::try_from(sent).map_err(|_| io::Error::last_os_error());
    let whole: usize = frames.iter().map(|frame| frame.len()).sum();
    let sent = sent.context("cannot send the ring")?;
    ensure!(sent == whole, "the ring took {sent} of {whole} bytes");
    Ok(())
}

/// The mapped slots; unmapped when dropped.
struct Ring<'a> {
    socket: &'a OwnedFd,
    start: NonNull<u8>,
    bytes: usize,
}

impl<'a> Ring<'a> {
    fn new(socket: &'a OwnedFd, slots: usize) -> io::Result<Self> {
        set(socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as libc::c_int))?;
        set(socket, libc::PACKET_TX_RING, &request(slots))?;
        let bytes = SLOT_BYTES * slots;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, whose place the kernel chooses.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, socket.as_raw_fd(), 0) };
        match NonNull::new(start.cast()) {
            Some(start) if start.as_ptr() as isize != -1 => Ok(Self { socket, start, bytes }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn fill(&mut self, slot: usize, frame: &[u8]) {
        assert!((slot + 1) * SLOT_BYTES <= self.bytes && FRAME_AT + frame.len() <= SLOT_BYTES);
        // SAFETY: slot and frame lie inside the mapping (asserted); pages are aligned enough for the header.
        unsafe {
            let start = self.start.as_ptr().add(slot * SLOT_BYTES);
            ptr::copy_nonoverlapping(frame.as_ptr(), start.add(FRAME_AT), frame.len());
            let header = start.cast::<libc::tpacket2_hdr>();
            (*header).tp_len = frame.len() as u32;
            ptr::write_volatile(&raw mut (*header).tp_status, libc::TP_STATUS_SEND_REQUEST);
        }
    }
}

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
        // With a ring of no slots the socket has none; refused (EBUSY) while a frame of it is on its way.
        let _ = until(PATIENCE, "the ring is empty", || set(self.socket, libc::PACKET_TX_RING, &request(0)).is_ok());
    }
}

fn request(slots: usize) -> libc::tpacket_req {
    let (slots, slot_bytes) = (slots as u32, SLOT_BYTES as u32);
    libc::tpacket_req { tp_block_size: slot_bytes, tp_block_nr: slots, tp_frame_size: slot_bytes, tp_frame_nr: slots }
}
