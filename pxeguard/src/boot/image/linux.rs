//! Linux kernels, and what is packed as one.

use pxeguard_common::arch::Platform;

use super::{pe, u16_at};

/// A kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kernel {
    /// What it is.
    pub kind: KernelKind,
    /// Whether a BIOS' loaders start it, by Linux' boot protocol for x86.
    pub is_bzimage: bool,
    /// Whether it runs in 64-bit mode; said by version 2.12 of the boot protocol, and by what UEFI it is made for.
    pub is_64_bit: bool,
    /// The platform whose firmware starts it as a UEFI program.
    pub efi: Option<Platform>,
    /// What it says of itself, such as `6.1.0-50-amd64`.
    pub version: Option<String>,
}

/// What a kernel is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KernelKind {
    /// Linux.
    Linux,
    /// Memtest86+.
    Memtest,
    /// wimboot, which starts Windows' boot programs.
    Wimboot,
    /// iPXE (`ipxe.lkrn`).
    Ipxe,
    /// MEMDISK, which makes a disk of an image.
    Memdisk,
}

/// The boot flag, `HdrS` and its place (Linux, `Documentation/arch/x86/boot.rst`, "The Real-Mode Kernel Header").
const BOOT_FLAG: (usize, u16) = (0x1fe, 0xaa55);
const HEADER: usize = 0x202;
/// Bit of `loadflags`: the protected-mode code goes to 1 MiB; a zImage does not.
const LOADED_HIGH: u8 = 1;
/// Bit of `xloadflags`: there is a 64-bit entry point.
const KERNEL_64: u16 = 1;
/// `magic` of an arm64 `Image` (`Documentation/arch/arm64/booting.rst`), of a RISC-V one (`magic2`,
/// `Documentation/arch/riscv/boot-image-header.rst`), and of LoongArch's (`arch/loongarch/kernel/head.S`).
const OTHER_MAGICS: [(&[u8; 4], Platform); 3] = [
    (b"ARM\x64", Platform::EfiArm64),
    (b"RSC\x05", Platform::EfiRiscv64),
    (b"\xcd\x23\x82\x81", Platform::EfiLoongArch64),
];

/// Reads a kernel's header; `None` if it is none.
pub(super) fn kernel(head: &[u8]) -> Option<Kernel> {
    x86(head).or_else(|| other(head))
}

fn x86(head: &[u8]) -> Option<Kernel> {
    if head.get(HEADER..HEADER + 4)? != b"HdrS" || u16_at(head, BOOT_FLAG.0)? != BOOT_FLAG.1 {
        return None;
    }
    let protocol = u16_at(head, 0x206)?;
    let version = version(head);
    let efi = pe::efi_platform(head);
    let has_64_bit_entry = protocol >= 0x020c && u16_at(head, 0x236).is_some_and(|flags| flags & KERNEL_64 != 0);
    Some(Kernel {
        kind: kind(version.as_deref().unwrap_or_default(), protocol),
        is_bzimage: protocol >= 0x0200 && head.get(0x211)? & LOADED_HIGH != 0,
        is_64_bit: has_64_bit_entry || efi == Some(Platform::EfiX64),
        efi,
        version,
    })
}

/// iPXE's header is of version 2.7 of the protocol (`src/arch/x86/prefix/lkrnprefix.S`), and its version is a bare 1.x: no
/// Linux 1.x knew that protocol.
fn kind(version: &str, protocol: u16) -> KernelKind {
    match version {
        _ if version.starts_with("Memtest86+") => KernelKind::Memtest,
        _ if version.starts_with("wimboot") => KernelKind::Wimboot,
        _ if version.starts_with("MEMDISK") => KernelKind::Memdisk,
        _ if protocol == 0x0207 && version.starts_with("1.") => KernelKind::Ipxe,
        _ => KernelKind::Linux,
    }
}

/// The first word of the version; of Memtest86+, which puts its version behind its name, two.
fn version(head: &[u8]) -> Option<String> {
    let pointer = u16_at(head, 0x20e).filter(|pointer| *pointer != 0)?;
    let text = head.get(usize::from(pointer) + 0x200..)?;
    let text = &text[..text.iter().take(128).position(|byte| *byte == 0)?];
    let text = str::from_utf8(text).ok().filter(|text| !text.contains(char::is_control))?;
    let words = if text.starts_with("Memtest86+") { 2 } else { 1 };
    Some(text.split(' ').take(words).collect::<Vec<_>>().join(" ")).filter(|version| !version.is_empty())
}

fn other(head: &[u8]) -> Option<Kernel> {
    let magic = head.get(56..60)?;
    let (_, platform) = OTHER_MAGICS.into_iter().find(|(other, _)| *other == magic)?;
    let efi = pe::efi_platform(head).filter(|efi| *efi == platform);
    Some(Kernel { kind: KernelKind::Linux, is_bzimage: false, is_64_bit: true, efi, version: None })
}
