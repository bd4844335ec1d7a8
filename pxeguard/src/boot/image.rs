//! What a file is, by its own header: a name promises nothing.

mod initrd;
mod iso;
mod linux;
mod nbp;
mod pe;
#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;

use std::io;

use pxeguard_common::arch::Platform;

use super::Content;

pub use iso::Iso;
pub use linux::{Kernel, KernelKind};
pub use pe::EfiProgram;

/// What a file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Image {
    /// A UEFI application, and not a kernel.
    Efi(EfiProgram),
    /// A network boot program of a BIOS (PXE 2.1 §3): code that is loaded to 0000:7c00 and has no header.
    Nbp(Loader),
    /// A Linux kernel, or what is packed as one.
    Kernel(Kernel),
    /// Has the form of an initial RAM disk; so has many another archive.
    Initrd,
    /// An ISO 9660 image.
    Iso(Iso),
    /// An image of Windows.
    Wim,
    /// Something else.
    Other,
}

/// Which boot program it is: what it loads next depends on it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Loader {
    /// shim: what Secure Boot takes; it loads GRUB, which lies beside it.
    Shim,
    /// iPXE.
    Ipxe,
    /// GRUB.
    Grub,
    /// pxelinux or syslinux.efi; `needs` is the module that has to lie beside it.
    Syslinux {
        /// `ldlinux.c32`, `ldlinux.e32` or `ldlinux.e64`; pxelinux before version 5 needs none.
        needs: Option<&'static str>,
    },
    /// What comes with shim and boots nothing by itself: MokManager, the fallback.
    ShimHelper,
    /// Any other.
    Other,
}

impl Loader {
    /// The name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shim => "shim",
            Self::Ipxe => "ipxe",
            Self::Grub => "grub",
            Self::Syslinux { .. } => "syslinux",
            Self::ShimHelper => "shim-helper",
            Self::Other => "program",
        }
    }
}

impl Image {
    /// Looks at a file's bytes; its name only helps to tell network boot programs, which have no header, from data.
    pub fn recognise(content: &Content) -> io::Result<Self> {
        let head = read(content, 0, HEAD)?;
        if let Some(kernel) = linux::kernel(&head) {
            return Ok(Self::Kernel(kernel));
        }
        if let Some(headers) = pe::headers(&head) {
            return Ok(match headers {
                pe::Headers::Application(headers) => Self::Efi(pe::program(&headers, content)?),
                pe::Headers::Other => Self::Other,
            });
        }
        if head.starts_with(b"MSWIM\0\0\0") {
            return Ok(Self::Wim);
        }
        if let Some(iso) = iso::iso(content)? {
            return Ok(Self::Iso(iso));
        }
        if initrd::is_initrd(&head) {
            return Ok(Self::Initrd);
        }
        if let Some(loader) = nbp::loader(content, &head) {
            return Ok(Self::Nbp(loader));
        }
        Ok(Self::Other)
    }

    /// The platforms whose firmware can load and start it.
    pub fn platforms(&self) -> Vec<Platform> {
        match self {
            Self::Efi(program) => vec![program.platform],
            Self::Nbp(_) => vec![Platform::Bios],
            Self::Kernel(kernel) => kernel.efi.into_iter().collect(),
            Self::Initrd | Self::Iso(_) | Self::Wim | Self::Other => Vec::new(),
        }
    }

    /// Which boot program it is, where it is one.
    pub fn loader(&self) -> Option<Loader> {
        match self {
            Self::Efi(program) => Some(program.loader),
            Self::Nbp(loader) => Some(*loader),
            Self::Kernel(Kernel { efi: Some(_), .. }) => Some(Loader::Other),
            _ => None,
        }
    }

    /// What it is, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Efi(program) => format!("a UEFI program for {}", program.platform.name()),
            Self::Nbp(_) => "a network boot program for bios".to_owned(),
            Self::Kernel(Kernel { efi: Some(platform), .. }) => format!("a kernel for {}", platform.name()),
            Self::Kernel(_) => "a kernel".to_owned(),
            Self::Initrd => "an initial RAM disk".to_owned(),
            Self::Iso(_) => "an ISO image".to_owned(),
            Self::Wim => "a Windows image".to_owned(),
            Self::Other => "no boot program".to_owned(),
        }
    }
}

/// Bytes at a file's beginning that hold all headers but an ISO image's.
const HEAD: usize = 64 << 10;

/// Reads as many bytes as there are, `len` at the most.
fn read(content: &Content, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let rest = content.len.saturating_sub(offset);
    let mut bytes = vec![0; len.min(usize::try_from(rest).unwrap_or(len))];
    let read = content.read_at(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether bytes hold a text.
fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}
