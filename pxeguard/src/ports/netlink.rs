//! Talks netlink (RFC 3549 §2.3), and reads whole tables of the kernel by rtnetlink, with nothing left out silently.
//!
//! The crate rtnetlink is not used: it leaves out a message of which any one attribute cannot be decoded
//! (an interface would go unguarded for the sake of, say, a statistic of a newer kernel), and it does not show
//! the flag by which the kernel says that a table changed while it was read.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use netlink_packet_core::{
    NLA_ALIGNTO, NLA_HEADER_SIZE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
    NetlinkHeader, NetlinkMessage, NlaBuffer,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send, socket,
};

use super::PortsError;

/// The kernel never makes a datagram of a dump longer than 32 KiB (`netlink_dump` in net/netlink/af_netlink.c).
const DATAGRAM_BYTES: usize = 64 * 1024;
/// Readings of a table that keeps changing: with [`PAUSE`] about a quarter of a second in all.
const TRIES: u32 = 50;
/// Between two readings of a table that changed meanwhile.
const PAUSE: Duration = Duration::from_millis(5);
/// Length of `struct nlmsghdr` (linux/netlink.h).
pub(super) const NLMSG_HEADER: usize = 16;

/// A socket for rtnetlink in the network namespace that the calling thread is in.
pub(crate) fn open(flags: SockFlag) -> Result<OwnedFd, PortsError> {
    open_for(SockProtocol::NetlinkRoute, flags).map_err(|errno| PortsError::Open(errno.into()))
}

/// The same for any kind of netlink.
pub(super) fn open_for(protocol: SockProtocol, flags: SockFlag) -> Result<OwnedFd, Errno> {
    socket(AddressFamily::Netlink, SockType::Raw, flags | SockFlag::SOCK_CLOEXEC, protocol)
}

/// Takes nothing from anybody but the kernel from now on.
pub(crate) fn listen_to_kernel(socket: &OwnedFd) -> Result<(), Errno> {
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))
}

/// A table of the kernel that can be read.
pub(super) struct Table<T> {
    /// What it holds, for messages.
    pub name: &'static str,
    /// What the kernel is asked.
    pub request: RouteNetlinkMessage,
    /// One row, from the message without its netlink header; `None` leaves it out.
    pub row: fn(&[u8]) -> Option<T>,
}

impl<T: Send + 'static> Table<T> {
    /// Reads it, on a thread of its own: the kernel can hold its lock for as long as a driver resets a card.
    pub async fn read(self) -> Result<Vec<T>, PortsError> {
        // Opened here, because it is this thread that is known to be in the right namespace.
        let socket = open(SockFlag::empty())?;
        let name = self.name;
        tokio::task::spawn_blocking(move || self.read_settled(socket))
            .await
            .map_err(|join| PortsError::Table { table: name, source: io::Error::other(join) })?
    }

    fn read_settled(self, socket: OwnedFd) -> Result<Vec<T>, PortsError> {
        let table = self.name;
        let failed = |errno: Errno| PortsError::Table { table, source: errno.into() };
        listen_to_kernel(&socket).map_err(failed)?;
        for sequence in 1..=TRIES {
            send(socket.as_raw_fd(), &self.request(sequence), MsgFlags::empty()).map_err(failed)?;
            match self.rows(&socket, sequence).map_err(failed)? {
                Some(rows) => return Ok(rows),
                None => thread::sleep(PAUSE),
            }
        }
        Err(PortsError::Unsettled { table, tries: TRIES })
    }

    fn request(&self, sequence: u32) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = sequence;
        let mut message = NetlinkMessage::new(header, self.request.clone().into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    /// All rows; `None` if the table changed meanwhile.
    fn rows(&self, socket: &OwnedFd, sequence: u32) -> Result<Option<Vec<T>>, Errno> {
        let mut rows = Vec::new();
        let changed = answers(socket, sequence, |message| rows.extend((self.row)(message)))?;
        Ok((!changed).then_some(rows))
    }
}

/// Shows each message that answers a request, without its netlink header, until the kernel says that it was the last.
///
/// Returns whether a table changed while it was read; an error is what the kernel answered.
pub(crate) fn answers(socket: &OwnedFd, sequence: u32, mut each: impl FnMut(&[u8])) -> Result<bool, Errno> {
    let mut changed = false;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let length = match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_TRUNC) {
            Err(Errno::EINTR) => continue,
            received => received?,
        };
        let mut datagram = buffer.get(..length).ok_or(Errno::EMSGSIZE)?;
        while let Ok(message) = NetlinkBuffer::new_checked(datagram) {
            let end = message.length() as usize;
            let payload = &datagram[NLMSG_HEADER..end];
            datagram = datagram.get(end.next_multiple_of(4)..).unwrap_or_default();
            if message.sequence_number() != sequence {
                continue;
            }
            changed |= message.flags() & NLM_F_DUMP_INTR != 0;
            match message.message_type() {
                NLMSG_DONE | NLMSG_ERROR => return status(payload).map(|()| changed),
                _ => each(payload),
            }
        }
    }
}

/// The outcome with which an `NLMSG_DONE` or `NLMSG_ERROR` begins: 0, or an errno negated.
fn status(payload: &[u8]) -> Result<(), Errno> {
    match payload.first_chunk().map_or(0, |status| i32::from_ne_bytes(*status)) {
        0 => Ok(()),
        status => Err(Errno::from_raw(-status)),
    }
}

/// The attributes of a message, or those nested in an attribute: type and value of each.
pub(super) struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let attribute = NlaBuffer::new_checked(self.0).ok()?;
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        let value = self.0.get(NLA_HEADER_SIZE..length)?;
        self.0 = self.0.get(length.next_multiple_of(NLA_ALIGNTO)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// An attribute that is a number.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_ne_bytes)
}

/// An attribute that is a string, which ends with a NUL; what is not UTF-8 in it is replaced.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_to_four_bytes_and_the_nested_flag_is_no_part_of_their_type() {
        let bytes = [5, 0, 1, 0x80, b'x', 0, 0, 0, 8, 0, 2, 0, 1, 0, 0, 0];
        let read: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(read, [(1, &b"x"[..]), (2, &1u32.to_ne_bytes()[..])]);
    }

    #[test]
    fn an_attribute_cut_off_or_too_short_ends_the_walk() {
        for bytes in [&[8, 0, 1, 0, 1, 0][..], &[3, 0, 1, 0], &[0, 0, 0, 0], &[4], &[]] {
            assert_eq!(Attributes(bytes).count(), 0, "{bytes:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_still_a_name() {
        assert_eq!(text(b"eno\xff\0\0"), "eno\u{fffd}");
    }
}
