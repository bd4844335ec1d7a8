//! What the kernel hands up: whole UDP datagrams to a DHCP server's port or to a PXE boot server's, with a client's
//! message that the kernel has not answered by itself.

use pxeguard_common::responder::ANSWERED;

use super::SockFilter;
use crate::proxy::answer::port;

/// `BPF_LD | BPF_H | BPF_ABS` and so on (`linux/filter.h`).
const LOAD_WORD: u16 = 0x20;
pub(crate) const LOAD_HALF: u16 = 0x28;
pub(crate) const LOAD_BYTE: u16 = 0x30;
pub(crate) const LOAD_HALF_AT_X: u16 = 0x48;
const LOAD_BYTE_AT_X: u16 = 0x50;
/// X = 4 * (byte & 0xf): the length of an IPv4 header.
pub(crate) const LOAD_X_HEADER: u16 = 0xb1;
pub(crate) const JUMP_EQUAL: u16 = 0x15;
pub(crate) const JUMP_BITS: u16 = 0x45;
pub(crate) const RETURN: u16 = 0x06;

/// Where a program reads the frame's mark (`SKF_AD_OFF + SKF_AD_MARK`).
const MARK: u32 = (-0x1000_i32 + 20) as u32;

pub(crate) const ETHERNET: u32 = 14;
/// All of a frame.
pub(crate) const WHOLE: u32 = 0x4_0000;
/// Instructions for a frame without a tag in it; those for one with a tag are as many.
const CHECKS: u8 = 12;

/// The kernel takes the outermost tag out of a frame before a packet socket sees it; one may be left.
pub fn requests() -> Vec<SockFilter> {
    let tag = 4;
    let mut program = vec![op(LOAD_WORD, 0, 0, MARK), op(JUMP_EQUAL, 0, 1, ANSWERED), op(RETURN, 0, 0, 0)];
    program.extend([op(LOAD_HALF, 0, 0, 12), op(JUMP_EQUAL, 0, CHECKS, 0x0800)]);
    program.extend(checks(0));
    program.extend([
        op(JUMP_EQUAL, 1, 0, 0x8100),
        op(RETURN, 0, 0, 0),
        op(LOAD_HALF, 0, 0, 12 + tag),
        op(JUMP_EQUAL, 1, 0, 0x0800),
        op(RETURN, 0, 0, 0),
    ]);
    program.extend(checks(tag));
    program
}

/// Accepts or rejects by an IPv4 packet behind an Ethernet header and `tag` bytes.
fn checks(tag: u32) -> [SockFilter; CHECKS as usize] {
    let ipv4 = ETHERNET + tag;
    [
        op(LOAD_BYTE, 0, 0, ipv4 + 9),
        op(JUMP_EQUAL, 0, 9, 17),
        op(LOAD_HALF, 0, 0, ipv4 + 6),
        // Neither "more fragments" nor an offset.
        op(JUMP_BITS, 7, 0, 0x3fff),
        op(LOAD_X_HEADER, 0, 0, ipv4),
        op(LOAD_HALF_AT_X, 0, 0, ipv4 + 2),
        op(JUMP_EQUAL, 1, 0, port::SERVER as u32),
        op(JUMP_EQUAL, 0, 3, port::BOOT_SERVER as u32),
        op(LOAD_BYTE_AT_X, 0, 0, ipv4 + 8),
        // BOOTREQUEST
        op(JUMP_EQUAL, 0, 1, 1),
        op(RETURN, 0, 0, WHOLE),
        op(RETURN, 0, 0, 0),
    ]
}

/// One instruction.
pub(crate) const fn op(code: u16, jump_true: u8, jump_false: u8, value: u32) -> SockFilter {
    SockFilter::new(code, jump_true, jump_false, value)
}
