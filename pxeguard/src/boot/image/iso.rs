//! ISO 9660 images, and who boots them (ECMA-119 §8; "El Torito" Bootable CD-ROM Format Specification 1.0 §2).

use std::io;

use super::{Content, read, u32_at};

/// An ISO 9660 image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Iso {
    /// Its volume's name; may be empty.
    pub label: String,
    /// Whether its boot catalogue has an entry for a BIOS.
    pub boots_bios: bool,
    /// The same for UEFI.
    pub boots_efi: bool,
}

const SECTOR: usize = 2048;
/// Where the volume descriptors begin (ECMA-119 §6.2.1).
const DESCRIPTORS: u64 = 16 * SECTOR as u64;
/// Descriptors that are looked at: the standard sets no limit, images have three or four.
const MAX_DESCRIPTORS: usize = 16;
/// Types of descriptors.
const BOOT_RECORD: u8 = 0;
const PRIMARY: u8 = 1;
/// Platforms of a boot catalogue; UEFI's is of UEFI's specification §13.3.2.1.
const PLATFORM_X86: u8 = 0x00;
const PLATFORM_EFI: u8 = 0xef;

/// Reads an image's descriptors; `None` if it is none.
pub(super) fn iso(content: &Content) -> io::Result<Option<Iso>> {
    let descriptors = read(content, DESCRIPTORS, MAX_DESCRIPTORS * SECTOR)?;
    let is_descriptor = |sector: &&[u8]| sector.get(1..6) == Some(b"CD001");
    let mut descriptors = descriptors.chunks_exact(SECTOR).take_while(is_descriptor).peekable();
    if descriptors.peek().is_none() {
        return Ok(None);
    }
    let mut iso = Iso { label: String::new(), boots_bios: false, boots_efi: false };
    for sector in descriptors {
        match sector[0] {
            PRIMARY => iso.label = label(&sector[40..72]),
            BOOT_RECORD if sector[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                let catalogue = u32_at(sector, 0x47).expect("a sector is longer");
                let catalogue = read(content, u64::from(catalogue) * SECTOR as u64, SECTOR)?;
                (iso.boots_bios, iso.boots_efi) = platforms(&catalogue);
            }
            _ => {}
        }
    }
    Ok(Some(iso))
}

fn label(field: &[u8]) -> String {
    let text: String = field.iter().map(|byte| char::from(*byte)).filter(|c| !c.is_control()).collect();
    text.trim().to_owned()
}

/// Whether a boot catalogue has bootable entries for a BIOS, and for UEFI.
fn platforms(catalogue: &[u8]) -> (bool, bool) {
    let mut boots = (false, false);
    let mut platform = PLATFORM_X86;
    for entry in catalogue.chunks_exact(32) {
        match entry[0] {
            // The validation entry, and the headers of further sections, say for which platform the next ones are.
            0x01 | 0x90 | 0x91 => platform = entry[1],
            0x88 if platform == PLATFORM_X86 => boots.0 = true,
            0x88 if platform == PLATFORM_EFI => boots.1 = true,
            _ => {}
        }
    }
    boots
}
