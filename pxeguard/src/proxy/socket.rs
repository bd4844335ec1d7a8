//! A packet socket on a guarded interface: clients' messages in, by a ring; replies out, many with one system call.
//!
//! A packet socket sees what a DHCP server on this host sees, too, and takes nothing from it; it needs no port, and
//! netfilter has not looked at the frames yet.  Replies take the usual way through the interface's queue, not past it
//! (`PACKET_QDISC_BYPASS`): a bridge has none, and past it nobody could see them with tcpdump.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use nix::libc;
use pxeguard_common::net::Ifindex;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, SockFilter, Socket, Type};

mod batch;
pub(crate) mod filter;
mod ring;

pub use batch::Batch;
pub use ring::Received;
use ring::Ring;

/// The socket.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
    ring: Ring,
}

impl PacketSocket {
    /// Opens one on an interface; it does not block.
    pub fn open(iface: Ifindex) -> io::Result<Self> {
        // Without a protocol it receives nothing before all is set.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&filter::requests())?;
        let ring = Ring::of(&socket)?;
        set(&socket, libc::PACKET_IGNORE_OUTGOING, 1)?;
        socket.bind(&address(iface))?;
        Ok(Self { socket, ring })
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Sets an option of packet sockets (packet(7)), whose value is an integer or a C struct.
pub(crate) fn set<T: Copy>(socket: &Socket, option: libc::c_int, value: T) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    let value = (&raw const value).cast();
    // SAFETY: the kernel reads `length` bytes of the value, which are all it has.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, length) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// All IPv4 frames of an interface, and those that tags hide it in.
pub(crate) fn address(iface: Ifindex) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: iface.0 as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: a sockaddr_ll is one of the addresses that the storage is made for.
    unsafe { *storage.view_as::<libc::sockaddr_ll>() = address };
    // SAFETY: the storage holds a valid address of this length.
    unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) }
}
