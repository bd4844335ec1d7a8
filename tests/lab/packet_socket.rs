//! Frames as they are: a packet socket in a host.

use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

use crate::Host;

mod sender;
mod transmit_ring;

pub use sender::Sender;

/// Room for frames that arrive while a test does something else.
const RECEIVE_BUFFER_BYTES: usize = 64 << 20;

/// The longest frame: 64 KiB of IP and more headers than anybody stacks.
const FRAME_LIMIT: usize = 1 << 17;

/// An `AF_PACKET` socket: sends frames as they are, and sees all that its device receives.
#[derive(Debug)]
pub struct Raw {
    socket: OwnedFd,
    /// Receives nothing; for transmit rings, which a socket that receives would miss frames for.
    ring_socket: OwnedFd,
}

impl Raw {
    /// Opens a device of a host; frames that the host itself sends are not seen.
    pub fn open(host: &Host, device: &str) -> Result<Self> {
        let raw = host
            .enter(|| Self::open_here(device))?
            .with_context(|| format!("{}: no packet socket on {device}", host.name()))?;
        raw.set(libc::PACKET_IGNORE_OUTGOING, 1)?;
        Ok(raw)
    }

    /// Opens a device of a host; frames that the host itself sends are seen as well.
    pub fn open_with_outgoing(host: &Host, device: &str) -> Result<Self> {
        let raw = Self::open(host, device)?;
        raw.set(libc::PACKET_IGNORE_OUTGOING, 0)?;
        Ok(raw)
    }

    fn open_here(device: &str) -> Result<Self> {
        let index = if_nametoindex(device)?;
        // Without a protocol it receives nothing before it is bound to its device.
        let raw = Self { socket: packet_socket()?, ring_socket: packet_socket()? };
        setsockopt(&raw.socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES)?;
        raw.set(libc::PACKET_AUXDATA, 1)?;
        bind(&raw.socket, index, libc::ETH_P_ALL as u16)?;
        bind(&raw.ring_socket, index, 0)?;
        Ok(raw)
    }

    /// Sends a frame with send(2).
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        loop {
            // SAFETY: the pointer and the length are those of a live slice.
            let sent = unsafe { libc::send(self.socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
            match io::Error::last_os_error() {
                _ if sent >= 0 => return Ok(()),
                why if why.raw_os_error() == Some(libc::ENOBUFS) => std::thread::yield_now(),
                why => return Err(why).context("cannot send the frame"),
            }
        }
    }

    /// Sends frames through a transmit ring: only the first 14 bytes are in an skb's linear part then.
    pub fn send_ring(&self, frames: &[&[u8]]) -> Result<()> {
        transmit_ring::send(&self.ring_socket, frames)
    }

    /// The next frame, with the VLAN tag that the kernel took off; `None` at the deadline.
    pub fn receive(&self, deadline: Instant) -> Result<Option<Vec<u8>>> {
        while wait_readable(self.socket.as_fd(), deadline)? {
            match receive(&self.socket) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                // Taken down or renamed under our feet; said once.
                Err(why) if why.raw_os_error() == Some(libc::ENETDOWN) => {}
                frame => return frame.map(Some).context("cannot receive a frame"),
            }
        }
        Ok(None)
    }

    /// The first frame that is `wanted`; `None` if there is none within `limit`.
    pub fn find(&self, limit: Duration, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + limit;
        while let Some(frame) = self.receive(deadline)? {
            if wanted(&frame) {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Forgets the frames that have arrived so far; how many they were.
    pub fn drain(&self) -> Result<usize> {
        let mut frames = 0;
        while self.receive(Instant::now())?.is_some() {
            frames += 1;
        }
        Ok(frames)
    }

    fn set(&self, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        set(&self.socket, option, &value)
    }
}

/// A UDP socket of a host, such as `bind(&host, "0.0.0.0:4011")`; broadcast is allowed.
pub fn udp(host: &Host, address: &str) -> Result<UdpSocket> {
    let socket = host.enter(|| UdpSocket::bind(address))?;
    let socket = socket.with_context(|| format!("{}: cannot bind {address}", host.name()))?;
    socket.set_broadcast(true)?;
    Ok(socket)
}

/// Waits until there is something to read; false at the deadline.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, deadline: Instant) -> Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, or the last millisecond would be a busy loop.
        let left = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], left) {
            Err(Errno::EINTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: the call takes integers only.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    done(fd)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Protocol 0 leaves a new socket without anything to receive.
fn bind(socket: &OwnedFd, index: u32, protocol: u16) -> io::Result<()> {
    // SAFETY: all zero is a value of this C struct.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index as i32;
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address and its length belong together.
    done(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    let value: *const T = value;
    // SAFETY: the kernel reads `length` bytes of the value, which are all it has.
    done(unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value.cast(), length) })
}

fn receive(socket: &OwnedFd) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; FRAME_LIMIT];
    // Aligned as a cmsghdr, and room for one tpacket_auxdata.
    let mut control = [0_u64; 16];
    let mut part = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() };
    // SAFETY: all zero is a value of this C struct.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the message refers to buffers that live longer than the call, with their lengths.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    frame.truncate(length);
    if let Some(tag) = vlan_tag(&message)
        && frame.len() >= 12
    {
        frame.splice(12..12, tag);
    }
    Ok(frame)
}

/// The tag that the kernel moved out of the frame (packet(7), `PACKET_AUXDATA`).
fn vlan_tag(message: &libc::msghdr) -> Option<[u8; 4]> {
    // SAFETY: recvmsg has filled the control buffer that the message refers to.
    let header = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    if (header.cmsg_level, header.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
        return None;
    }
    // SAFETY: data of this level and type is a tpacket_auxdata, of whatever alignment.
    let aux: libc::tpacket_auxdata =
        unsafe { libc::CMSG_DATA(header).cast::<libc::tpacket_auxdata>().read_unaligned() };
    if aux.tp_status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let protocol = match aux.tp_status & libc::TP_STATUS_VLAN_TPID_VALID {
        0 => libc::ETH_P_8021Q as u16,
        _ => aux.tp_vlan_tpid,
    };
    let ([a, b], [c, d]) = (protocol.to_be_bytes(), aux.tp_vlan_tci.to_be_bytes());
    Some([a, b, c, d])
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
