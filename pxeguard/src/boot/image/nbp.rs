//! Network boot programs of a BIOS: machine code without a header.

use super::{Content, Loader, holds, u32_at};

/// What conventional memory holds between 0000:7c00 and its end.
const MAX_LEN: u64 = (640 << 10) - 0x7c00;
/// Endings that only boot programs have; `.n12` is Windows'.
const ENDINGS: [&str; 8] = [".0", ".kpxe", ".kkpxe", ".pxe", ".kkkpxe", ".n12", ".com", ".nbp"];
/// pxelinux has this number behind its first jump (`core/pxelinux.asm`, `hcdhcp_magic`), for programs that patch it.
const PXELINUX_MAGIC: u32 = 0x2983_c8ac;
/// The first version of pxelinux that is only a loader of `ldlinux.c32`.
const FIRST_IN_PARTS: u32 = 5;

/// Tells which program it is; `None` if it does not look like one.
pub(super) fn loader(content: &Content, head: &[u8]) -> Option<Loader> {
    // Far jump with segment 0x07c0: iPXE's first instruction (`src/arch/x86/prefix/pxeprefix.S`), as is its message.
    if head.starts_with(&[0xea])
        && head.get(3..5) == Some(&[0xc0, 0x07])
        && holds(&head[..head.len().min(4096)], b"PXE->EB:")
    {
        return Some(Loader::Ipxe);
    }
    let is_short = (512..=MAX_LEN).contains(&content.len);
    if is_short && u32_at(head, 8) == Some(PXELINUX_MAGIC) {
        let needs = (major_version(head) >= FIRST_IN_PARTS).then_some("ldlinux.c32");
        return Some(Loader::Syslinux { needs });
    }
    let name = content.name.to_ascii_lowercase();
    let is_code = head.iter().any(|byte| !byte.is_ascii());
    let is_program = is_short && is_code && ENDINGS.iter().any(|ending| name.ends_with(ending));
    is_program.then_some(Loader::Other)
}

/// From the text `PXELINUX 6.04`, which is not compressed; 0 if there is none.
fn major_version(head: &[u8]) -> u32 {
    let name = b"PXELINUX ";
    let at = head.windows(name.len()).position(|window| window == name);
    let version = at.map(|at| &head[at + name.len()..]).unwrap_or_default();
    let digits = version.iter().map_while(|byte| char::from(*byte).to_digit(10));
    digits.take(4).fold(0, |version, digit| version * 10 + digit)
}
