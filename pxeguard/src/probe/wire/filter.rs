//! What the kernel hands up: ARP, and whole UDP datagrams to a DHCP client's port or to a PXE client's.

use socket2::SockFilter;

use crate::proxy::answer::port;

/// `BPF_LD | BPF_H | BPF_ABS` and so on (`linux/filter.h`).
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_AT_X: u16 = 0x48;
/// X = 4 * (byte & 0xf): the length of an IPv4 header.
const LOAD_X_HEADER: u16 = 0xb1;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_BITS: u16 = 0x45;
const RETURN: u16 = 0x06;

const ETHERNET: u32 = 14;
/// All of a frame.
const WHOLE: u32 = 0x4_0000;

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

const fn op(code: u16, jump_true: u8, jump_false: u8, value: u32) -> SockFilter {
    SockFilter::new(code, jump_true, jump_false, value)
}
