//! What the kernel hands up: ARP, and whole UDP datagrams to a DHCP client's port or to a PXE client's.

use socket2::SockFilter;

use crate::proxy::answer::port;
use crate::proxy::socket::filter::{
    ETHERNET, JUMP_BITS, JUMP_EQUAL, LOAD_BYTE, LOAD_HALF, LOAD_HALF_AT_X, LOAD_X_HEADER, RETURN, WHOLE, op,
};

/// The kernel takes the outermost tag out of a frame before a packet socket sees it; we ask in no VLAN within another.
pub fn answers() -> [SockFilter; 13] {
    [
        op(LOAD_HALF, 0, 0, 12),
        op(JUMP_EQUAL, 9, 0, 0x0806),
        op(JUMP_EQUAL, 0, 9, 0x0800),
        op(LOAD_BYTE, 0, 0, ETHERNET + 9),
        op(JUMP_EQUAL, 0, 7, 17),
        op(LOAD_HALF, 0, 0, ETHERNET + 6),
        // Neither "more fragments" nor an offset.
        op(JUMP_BITS, 5, 0, 0x3fff),
        op(LOAD_X_HEADER, 0, 0, ETHERNET),
        op(LOAD_HALF_AT_X, 0, 0, ETHERNET + 2),
        op(JUMP_EQUAL, 1, 0, port::CLIENT as u32),
        op(JUMP_EQUAL, 0, 1, port::BOOT_SERVER as u32),
        op(RETURN, 0, 0, WHOLE),
        op(RETURN, 0, 0, 0),
    ]
}
