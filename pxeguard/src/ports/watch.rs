//! Says when interfaces or addresses changed.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, NetlinkAddr, SockFlag, bind, recv, setsockopt, sockopt};
use pxeguard_common::net::{Ifindex, Mac};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{PortsError, Snapshot, fdb, netlink};

/// What can wait to be read: some thousand changes.  More than that is an overrun, which costs nothing but a count.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;
/// Notifications thrown away at once; what is left then makes the next call return at once.
const DRAIN: usize = 4096;
/// An interface appears, goes, is renamed, joins or leaves a bridge, goes up or down; an address comes or goes.
const GROUPS: libc::c_int = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;

/// Says when interfaces or addresses changed, and shows what there is then.
///
/// Belongs to the network namespace that the thread was in which opened it; the snapshots belong to that of
/// their caller's thread.
///
/// The notifications come by a socket of their own and are not even decoded.  The connection of the crate rtnetlink would
/// decode each and queue them without bound, while all that is asked of them is whether there were any.
#[derive(Debug)]
pub struct Watch {
    notifications: AsyncFd<OwnedFd>,
    overruns: u64,
}

impl Watch {
    /// Begins to watch; from now on nothing is missed.
    ///
    /// # Panics
    /// Outside a tokio runtime that drives I/O.
    pub fn open() -> Result<Self, PortsError> {
        Self::with_receive_buffer(RECEIVE_BUFFER_BYTES)
    }

    pub(super) fn with_receive_buffer(bytes: usize) -> Result<Self, PortsError> {
        let socket = netlink::open(SockFlag::SOCK_NONBLOCK)?;
        // Without CAP_NET_ADMIN it stays below net.core.rmem_max, which is as good, see overruns.
        if setsockopt(&socket, sockopt::RcvBufForce, &bytes).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &bytes);
        }
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS as u32))
            .map_err(|errno| PortsError::Open(errno.into()))?;
        // An overrun for want of memory comes with nothing to read, as an error alone.
        let interest = Interest::READABLE | Interest::ERROR;
        // SAFETY: an OwnedFd is open, and the same, as long as it lives; nobody takes it out again.
        let notifications = unsafe { AsyncFd::register_with_interest(socket, interest) }
            .map_err(|refused| PortsError::Open(refused.into()))?;
        Ok(Self { notifications, overruns: 0 })
    }

    /// Returns when anything about interfaces or addresses changed since it last returned.
    ///
    /// All notifications that have come are taken together, so that a burst is one change.  A change that comes
    /// before a snapshot is in that snapshot, and may be told once more after it.  Dropping the future before it
    /// is ready loses nothing.
    pub async fn changed(&mut self) -> Result<(), PortsError> {
        loop {
            let mut ready =
                self.notifications.ready(Interest::READABLE | Interest::ERROR).await.map_err(PortsError::Read)?;
            let drained = drain(self.notifications.get_ref()).map_err(|e| PortsError::Read(e.into()))?;
            if drained.to_the_end {
                ready.clear_ready();
            }
            self.overruns += drained.overruns;
            if drained.any {
                return Ok(());
            }
        }
    }

    /// How often the kernel had more to tell than the buffer holds.  Nothing is lost by it: what changed is in
    /// the next snapshot all the same.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }

    /// All interfaces and addresses as they are now.
    pub async fn snapshot(&self) -> Result<Snapshot, PortsError> {
        Snapshot::take().await
    }

    /// The port behind which a MAC is, looked for in these bridges and at these ports.
    ///
    /// `None` if it has not been seen, if it is the host's own, or if it is behind several ports at once (a
    /// bridge that knows VLANs has a table for each): then nothing says where that machine is.  What a guest
    /// sends decides what is learnt, unless the operator made the entry: this tells a place, and proves nothing.
    pub async fn port_of(&self, mac: Mac, within: &[Ifindex]) -> Result<Option<Ifindex>, PortsError> {
        fdb::port_of(mac, within).await
    }
}

#[derive(Default)]
struct Drained {
    any: bool,
    overruns: u64,
    to_the_end: bool,
}

/// Throws away what has come.
///
/// After an overrun the kernel drops whatever comes until the queue has been read to its end, and does not say so a
/// second time (`netlink_overrun` in net/netlink/af_netlink.c).  So the snapshot has to be taken after the queue
/// was empty; as long as it is not, there is something to read, and [`Watch::changed`] returns again.
fn drain(socket: &OwnedFd) -> Result<Drained, Errno> {
    let mut drained = Drained::default();
    for _ in 0..DRAIN {
        // The rest of the notification is thrown away by the kernel.
        match recv(socket.as_raw_fd(), &mut [0; 1], MsgFlags::MSG_DONTWAIT) {
            Ok(_) => drained.any = true,
            Err(Errno::ENOBUFS) => {
                drained.any = true;
                drained.overruns += 1;
            }
            Err(Errno::EAGAIN) => {
                drained.to_the_end = true;
                break;
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(drained)
}
