//! Asks by generic netlink (linux/genetlink.h), question by question.
//!
//! The crate netlink-packet-generic is not used: a question is four bytes and an attribute, and for each family it wants
//! four traits implemented to write them.

use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_core::{Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockFlag, SockProtocol, send};

use super::netlink::{self, Attributes, NLMSG_HEADER};

/// `GENL_ID_CTRL`, the family that knows the others, its `CTRL_CMD_GETFAMILY` and two attributes (linux/genetlink.h).
const CONTROLLER: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// Length of `struct genlmsghdr`, after which the attributes begin.
const GENLMSGHDR: usize = 4;
/// Each question is answered before the next one, so that one number does for all.
const SEQUENCE: u32 = 1;

/// A family of messages, with a socket in the network namespace of the thread that opened it.
pub(super) struct Family {
    socket: OwnedFd,
    number: u16,
}

impl Family {
    /// Looks a family up by name; `ENOENT` where the kernel lacks it.
    pub fn open(name: &str) -> Result<Self, Errno> {
        let socket = netlink::open_for(SockProtocol::NetlinkGeneric, SockFlag::empty())?;
        netlink::listen_to_kernel(&socket)?;
        let controller = Self { socket, number: CONTROLLER };
        let name = [name.as_bytes(), &[0]].concat();
        let answer = controller.ask(GET_FAMILY, &attribute(FAMILY_NAME, &name))?;
        let id = Attributes(&answer).find_map(|(kind, value)| (kind == FAMILY_ID).then_some(value));
        let number = id.and_then(|id| id.try_into().ok()).map(u16::from_ne_bytes).ok_or(Errno::EBADMSG)?;
        Ok(Self { number, ..controller })
    }

    /// Asks one question, whose attributes are given; the attributes of the answer.
    pub fn ask(&self, command: u8, attributes: &[u8]) -> Result<Vec<u8>, Errno> {
        let version = 1;
        let message = [&[command, version, 0, 0], attributes].concat();
        let mut header = NetlinkHeader::default();
        header.length = (NLMSG_HEADER + message.len()) as u32;
        header.message_type = self.number;
        // Acknowledged, so that there is an end to wait for whatever the family answers.
        header.flags = NLM_F_REQUEST | NLM_F_ACK;
        header.sequence_number = SEQUENCE;
        let mut bytes = [0; NLMSG_HEADER];
        header.emit(&mut bytes);
        send(self.socket.as_raw_fd(), &[&bytes[..], &message].concat(), MsgFlags::empty())?;
        let mut answer = Vec::new();
        netlink::answers(&self.socket, SEQUENCE, |message| {
            answer.extend_from_slice(message.get(GENLMSGHDR..).unwrap_or_default());
        })?;
        Ok(answer)
    }
}

/// An attribute, padded so that another one can follow.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = (4 + value.len()) as u16;
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_read_back_as_it_was_written() {
        let bytes = [attribute(2, b"netdev\0"), attribute(1, &5u32.to_ne_bytes())].concat();
        let read: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(read, [(2, &b"netdev\0"[..]), (1, &5u32.to_ne_bytes()[..])]);
    }

    #[test]
    fn a_family_that_the_kernel_lacks_is_told_as_such() {
        assert_eq!(Family::open("pxeguard").map(drop), Err(Errno::ENOENT));
    }
}
