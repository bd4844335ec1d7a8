//! The way to one client: a socket of its own, so that the kernel sorts what comes, and strangers do not get through.
//!
//! The socket is connected.  To whoever else writes to its port, the kernel itself says that nobody listens there
//! (ICMP), where RFC 1350 §4 asks for an ERROR 5; the transfer does not notice.
//!
//! It is watched for what comes only.  Whoever also watches for room to send is woken for each datagram that the client
//! takes out of its queue: half as often again as is needed where each block is waited for.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::sockopt::IpMtu;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, getsockopt, sendmsg};
use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use super::packet::{DATA_HEADER, data_header};
use super::reader::CHUNK_BYTES;

/// Datagrams that one system call sends at the most (`UDP_MAX_SEGMENTS` of linux/udp.h, 64 before Linux 6.9).
const MAX_SEGMENTS: usize = 64;
/// Datagrams in the window that edk2 asks for (`PcdPxeTftpWindowSize`), and nearly all others at the most.
const FEW_SEGMENTS: usize = 4;
/// Bytes that one system call sends at the most: what an IPv4 packet holds.
const MAX_SEND_BYTES: usize = 65535 - 20 - 8;
/// Headers of IPv4 and UDP.
const UDP_HEADERS: u16 = 20 + 8;

/// The longest datagram that is looked at during a transfer: an ERROR's text may be long.
const REPLY_BYTES: usize = 512;

/// Where a datagram is received, which need not be cleared before.
pub(super) type Room = [MaybeUninit<u8>; REPLY_BYTES];

/// What it begins with.
pub(super) const EMPTY: Room = [MaybeUninit::uninit(); REPLY_BYTES];

/// The runtime was told that something came.
pub(super) struct Arrival<'a>(AsyncFdReadyGuard<'a, UdpSocket>);

impl Arrival<'_> {
    /// It has been taken, and there is nothing more: saves asking the kernel, which tells of what comes from now on.
    pub(super) fn was_the_last(mut self) {
        self.0.clear_ready();
    }
}

/// A connected socket.
pub(super) struct Channel {
    socket: AsyncFd<UdpSocket>,
    /// Bytes of the longest packet on the way to the client, with its headers.
    mtu: u16,
    /// Whether the kernel does not cut a window into datagrams (`UDP_SEGMENT`).  Found out by trying: it depends on the
    /// device, which has to have checksum offload.
    refuses_to_cut: bool,
}

impl Channel {
    /// Opens a port of this host's address `local` for one client.
    pub(super) fn open(local: Ipv4Addr, client: SocketAddrV4) -> io::Result<Self> {
        let socket = UdpSocket::bind((local, 0))?;
        socket.connect(client)?;
        socket.set_nonblocking(true)?;
        let mtu = getsockopt(&socket, IpMtu).ok().and_then(|mtu| u16::try_from(mtu).ok()).unwrap_or(u16::MAX);
        Ok(Self { socket: watch(socket, Interest::READABLE)?, mtu, refuses_to_cut: false })
    }

    pub(super) fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Takes what has come, if the runtime has been told of anything.
    pub(super) fn try_receive<'a>(&self, room: &'a mut Room) -> io::Result<&'a [u8]> {
        self.socket.try_io(Interest::READABLE, |socket| receive(socket, room))
    }

    /// Takes what has come, whatever the runtime knows of.
    pub(super) fn receive<'a>(&self, room: &'a mut Room) -> io::Result<&'a [u8]> {
        receive(self.socket.get_ref(), room)
    }

    /// Waits until something may have come.
    pub(super) async fn readable(&self) -> Option<Arrival<'_>> {
        // An error shows at the next attempt.
        self.socket.readable().await.ok().map(Arrival)
    }

    /// Waits until the socket takes more to send, which is seldom: by a second descriptor, as long as it lasts.
    pub(super) async fn writable(&self) -> io::Result<()> {
        let socket = watch(self.socket.get_ref().try_clone()?, Interest::WRITABLE)?;
        socket.writable().await.map(drop)
    }

    /// Sends a datagram.
    pub(super) fn send(&self, datagram: &[u8]) -> Result<(), Gone> {
        lost_or_gone(self.socket.get_ref().send(datagram))
    }

    /// How many blocks of a size are best sent together.
    pub(super) fn blocks_at_once(&self, block_size: u16) -> u64 {
        let (block, datagram) = (usize::from(block_size), usize::from(block_size) + DATA_HEADER);
        (MAX_SEND_BYTES / datagram).min(CHUNK_BYTES / block).clamp(1, MAX_SEGMENTS) as u64
    }

    /// Sends blocks with the numbers from `first` on; how many of them, 0 if the socket is full.
    ///
    /// Only the last one may be shorter than the others, be it empty.
    pub(super) fn try_send(&mut self, first: u64, blocks: u64, bytes: &[u8], block_size: u16) -> Result<u64, Gone> {
        // Room for many is 2 KiB to be cleared, for each block of those who ask for one at a time.
        match blocks as usize {
            blocks @ 0..=FEW_SEGMENTS => self.try_send_of::<FEW_SEGMENTS>(first, blocks, bytes, block_size),
            blocks => self.try_send_of::<MAX_SEGMENTS>(first, blocks, bytes, block_size),
        }
    }

    /// The same, of at most `MAX` blocks.
    fn try_send_of<const MAX: usize>(
        &mut self,
        first: u64,
        blocks: usize,
        bytes: &[u8],
        block_size: u16,
    ) -> Result<u64, Gone> {
        let mut headers = [[0; DATA_HEADER]; MAX];
        for (header, number) in headers.iter_mut().zip(first..).take(blocks) {
            *header = data_header(number);
        }
        let mut parts = [[IoSlice::new(&[]); 2]; MAX];
        let mut rest = bytes.chunks(block_size.into());
        for (part, header) in parts.iter_mut().zip(&headers).take(blocks) {
            *part = [IoSlice::new(header), IoSlice::new(rest.next().unwrap_or_default())];
        }
        let parts = parts[..blocks].as_flattened();
        if let Some(sent) = self.try_send_cut(parts, block_size) {
            return sent;
        }
        let mut sent = 0;
        for datagram in parts.chunks_exact(2) {
            match self.try_send_parts(datagram, &[]) {
                Err(Errno::EAGAIN) => break,
                other => lost_or_gone(other.map_err(io::Error::from))?,
            }
            sent += 1;
        }
        Ok(sent)
    }

    /// Sends all datagrams by one system call; `None` where the kernel cannot.
    fn try_send_cut(&mut self, parts: &[IoSlice<'_>], block_size: u16) -> Option<Result<u64, Gone>> {
        let blocks = parts.len() / 2;
        let datagram = block_size + DATA_HEADER as u16;
        // The kernel does not cut datagrams that it would have to fragment.
        let fits = datagram + UDP_HEADERS <= self.mtu;
        if blocks == 1 || !fits || self.refuses_to_cut {
            return None;
        }
        match self.try_send_parts(parts, &[ControlMessage::UdpGsoSegments(&datagram)]) {
            Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE) => {
                self.refuses_to_cut = true;
                None
            }
            Err(Errno::EAGAIN) => Some(Ok(0)),
            other => Some(lost_or_gone(other.map_err(io::Error::from)).map(|()| blocks as u64)),
        }
    }

    fn try_send_parts(&self, parts: &[IoSlice<'_>], control: &[ControlMessage<'_>]) -> Result<(), Errno> {
        sendmsg::<SockaddrIn>(self.socket.as_raw_fd(), parts, control, MsgFlags::empty(), None).map(drop)
    }
}

fn receive<'a>(socket: &UdpSocket, room: &'a mut Room) -> io::Result<&'a [u8]> {
    let ((datagram, _), _) = recv(socket, room, RecvFlags::empty())?;
    Ok(datagram)
}

/// Has the runtime tell what becomes of a socket.
fn watch(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
    // SAFETY: the socket has one descriptor, and owns it for as long as it lives.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

/// The client has closed its port (ICMP).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Gone;

/// A datagram that cannot be sent is lost, as any may be: a firewall, or a neighbour that does not answer yet.
fn lost_or_gone<T>(sent: io::Result<T>) -> Result<(), Gone> {
    match sent {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Gone),
        Err(error) => {
            log::debug!("tftp: a datagram is lost: {error}");
            Ok(())
        }
    }
}
