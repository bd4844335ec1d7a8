//! UEFI applications: PE files (Microsoft, "PE Format"; UEFI specification §2.1.1).

use std::io;

use object::LittleEndian;
use object::pe::{IMAGE_DIRECTORY_ENTRY_SECURITY, IMAGE_SUBSYSTEM_EFI_APPLICATION, ImageDosHeader};
use object::pe::{ImageNtHeaders32, ImageNtHeaders64};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader};
use pxeguard_common::arch::Platform;

use super::{Content, Loader, holds, read};

/// A UEFI application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EfiProgram {
    /// For what it is made.
    pub platform: Platform,
    /// Whether it bears a signature, be it one that the client takes or not.
    pub is_signed: bool,
    /// Which one it is.
    pub loader: Loader,
}

/// What a PE file's headers say.
pub(super) enum Headers {
    /// An application of UEFI for a platform that is known.
    Application(Application),
    /// Windows' programs, UEFI drivers, other machines.
    Other,
}

pub(super) struct Application {
    platform: Platform,
    is_signed: bool,
    has_modules: bool,
}

/// The platform of a PE file that starts under UEFI.
pub(super) fn efi_platform(head: &[u8]) -> Option<Platform> {
    match headers(head)? {
        Headers::Application(application) => Some(application.platform),
        Headers::Other => None,
    }
}

/// Reads the headers of a PE file; `None` if it is none.
pub(super) fn headers(head: &[u8]) -> Option<Headers> {
    // Which of the two formats it is, the headers themselves say: the wrong one does not parse.
    parse::<ImageNtHeaders64>(head).or_else(|| parse::<ImageNtHeaders32>(head))
}

fn parse<Nt: ImageNtHeaders>(head: &[u8]) -> Option<Headers> {
    let mut offset = ImageDosHeader::parse(head).ok()?.nt_headers_offset().into();
    let (nt, directories) = Nt::parse(head, &mut offset).ok()?;
    let machine = nt.file_header().machine.get(LittleEndian);
    let platform = Platform::ALL.into_iter().find(|platform| platform.pe_machine() == Some(machine.0));
    let is_application = nt.optional_header().subsystem() == IMAGE_SUBSYSTEM_EFI_APPLICATION;
    let (Some(platform), true) = (platform, is_application) else { return Some(Headers::Other) };
    let security = directories.get(IMAGE_DIRECTORY_ENTRY_SECURITY);
    let is_signed = security.is_some_and(|directory| directory.size.get(LittleEndian) != 0);
    let has_modules = nt.sections(head, offset).ok()?.iter().any(|section| section.name == *b"mods\0\0\0\0");
    Some(Headers::Application(Application { platform, is_signed, has_modules }))
}

/// Largest program that is searched for the texts by which shim, iPXE and syslinux are known; all have less than 2 MiB.
const MAX_SEARCHED: u64 = 8 << 20;

/// Tells which program it is: GRUB has its modules in a section of their own (`grub-core/kern/efi/init.c`), the others are
/// known by their texts.
pub(super) fn program(application: &Application, content: &Content) -> io::Result<EfiProgram> {
    let Application { platform, is_signed, has_modules } = *application;
    let loader = if has_modules {
        Loader::Grub
    } else if content.len <= MAX_SEARCHED {
        by_text(&read(content, 0, MAX_SEARCHED as usize)?)
    } else {
        Loader::Other
    };
    Ok(EfiProgram { platform, is_signed, loader })
}

fn by_text(bytes: &[u8]) -> Loader {
    // shim's version, which it has for others to find (`version.c.in`); its helpers have only its SBAT line.
    if holds(bytes, b"UEFI SHIM") {
        return Loader::Shim;
    }
    if holds(bytes, b"\nshim,") {
        return Loader::ShimHelper;
    }
    // iPXE's messages name the page where an error is explained; the name in the banner is for who builds it to choose.
    if holds(bytes, b"ipxe.org") {
        return Loader::Ipxe;
    }
    let module = ["ldlinux.e64", "ldlinux.e32"].into_iter().find(|module| holds(bytes, module.as_bytes()));
    module.map_or(Loader::Other, |module| Loader::Syslinux { needs: Some(module) })
}
