//! Whether a datagram's checksum is right, and who was to compute it (RFC 768).

use nix::libc;
use serde::{Deserialize, Serialize};

use crate::proxy::frame;

/// What a datagram's checksum is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// Right, or there is none, which is allowed.
    Good,
    /// Not computed yet: the kernel, or a card, does so where the frame leaves this machine.
    Pending,
    /// Wrong, because it was left to a card that did not compute it: it is the sum of the pseudo header alone.
    Unfinished,
    /// Wrong in another way.
    Bad,
}

impl Checksum {
    /// Of a frame without a tag that holds a whole UDP datagram; `status` is `tp_status` of packet(7).
    pub fn of(bytes: &[u8], status: u32) -> Option<Self> {
        Some(match frame::Checksum::of(bytes)? {
            frame::Checksum::Right => Self::Good,
            _ if status & libc::TP_STATUS_CSUMNOTREADY != 0 => Self::Pending,
            frame::Checksum::Uncomputed => Self::Unfinished,
            frame::Checksum::Wrong => Self::Bad,
        })
    }

    /// Whether a client drops it.
    pub const fn is_wrong(self) -> bool {
        matches!(self, Self::Unfinished | Self::Bad)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use pxeguard_common::net::ETHERNET;
    use pxeguard_common::template::{checksum, sum};

    use super::*;
    use crate::proxy::frame::Envelope;

    fn frame() -> Vec<u8> {
        let address = |last: u8, port| SocketAddrV4::new([10, 0, 0, last].into(), port);
        let envelope = Envelope { from_mac: [2; 6], to_mac: [4; 6], vlan: 0, from: address(1, 67), to: address(9, 68) };
        let mut frame = vec![7; envelope.headers_len() + 300];
        envelope.write(&mut frame, sum(&[7; 300], 0));
        frame
    }

    fn with_field(field: u16) -> Vec<u8> {
        let mut frame = frame();
        frame[ETHERNET + 26..ETHERNET + 28].copy_from_slice(&field.to_be_bytes());
        frame
    }

    #[test]
    fn right_missing_pending_unfinished_and_bad_ones_are_told_apart() {
        assert_eq!(Checksum::of(&frame(), 0), Some(Checksum::Good));
        assert_eq!(Checksum::of(&with_field(0), 0), Some(Checksum::Good));
        assert_eq!(Checksum::of(&with_field(0x1234), 0), Some(Checksum::Bad));
        assert_eq!(Checksum::of(&with_field(0x1234), libc::TP_STATUS_CSUMNOTREADY), Some(Checksum::Pending));
        let whole = frame();
        let pseudo_header = sum(&whole[ETHERNET + 12..ETHERNET + 20], 0) + 17 + 308;
        let unfinished = with_field(!checksum(pseudo_header));
        assert_eq!(Checksum::of(&unfinished, 0), Some(Checksum::Unfinished));
    }

    #[test]
    fn of_what_is_cut_off_nothing_is_said() {
        let whole = frame();
        for len in 0..whole.len() {
            assert_eq!(Checksum::of(&whole[..len], 0), None, "{len}");
        }
    }
}
