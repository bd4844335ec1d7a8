//! Files as they are in the world, as short as their headers let them be.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use pxeguard_common::arch::Platform;

use crate::boot::{Content, Source};

/// A file of these bytes.
pub fn content(name: &str, bytes: Vec<u8>) -> Content {
    let bytes = Bytes::from(bytes);
    Content { len: bytes.len() as u64, modified: UNIX_EPOCH, name: Arc::from(name), bytes: Source::Memory(bytes) }
}

/// A UEFI application that holds a text.
pub fn efi(platform: Platform, text: &str) -> Vec<u8> {
    pe(platform.pe_machine().expect("a platform of UEFI"), 10, b".text", 0, text)
}

/// A signed one.
pub fn signed_efi(platform: Platform, text: &str) -> Vec<u8> {
    pe(platform.pe_machine().expect("a platform of UEFI"), 10, b".text", 512, text)
}

/// GRUB.
pub fn grub(platform: Platform) -> Vec<u8> {
    pe(platform.pe_machine().expect("a platform of UEFI"), 10, b"mods", 0, "")
}

/// A PE32+ file with one section.
pub fn pe(machine: u16, subsystem: u16, section: &[u8], signature_len: u32, text: &str) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    file[..2].copy_from_slice(b"MZ");
    put(&mut file, 0x3c, &0x40_u32.to_le_bytes());
    put(&mut file, 0x40, b"PE\0\0");
    put(&mut file, 0x44, &machine.to_le_bytes());
    put(&mut file, 0x46, &1_u16.to_le_bytes());
    // The optional header: 112 bytes, and 16 directories of 8.
    put(&mut file, 0x54, &240_u16.to_le_bytes());
    let optional = 0x58;
    put(&mut file, optional, &0x20b_u16.to_le_bytes());
    put(&mut file, optional + 68, &subsystem.to_le_bytes());
    put(&mut file, optional + 108, &16_u32.to_le_bytes());
    // Of the certificate table, the address is an offset in the file.
    put(&mut file, optional + 112 + 4 * 8, &(if signature_len == 0 { 0 } else { 0x400_u32 }).to_le_bytes());
    put(&mut file, optional + 112 + 4 * 8 + 4, &signature_len.to_le_bytes());
    put(&mut file, optional + 240, section);
    file.extend_from_slice(text.as_bytes());
    file
}

/// A bzImage.
pub fn bzimage(version: &str, is_64_bit: bool) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    put_setup(&mut file, version, is_64_bit);
    file
}

/// A bzImage that is a UEFI application, too.
pub fn bzimage_with_stub(version: &str, platform: Platform) -> Vec<u8> {
    let mut file = efi(platform, "");
    // Both headers fit: the PE header and its section end before 0x1f1.
    put_setup(&mut file, version, platform == Platform::EfiX64);
    file
}

fn put_setup(file: &mut [u8], version: &str, is_64_bit: bool) {
    put(file, 0x1fe, &0xaa55_u16.to_le_bytes());
    put(file, 0x202, b"HdrS");
    put(file, 0x206, &0x020c_u16.to_le_bytes());
    put(file, 0x20e, &0x100_u16.to_le_bytes());
    file[0x211] = 1;
    put(file, 0x236, &u16::from(is_64_bit).to_le_bytes());
    put(file, 0x300, version.as_bytes());
}

/// An arm64 kernel.
pub fn arm64_kernel() -> Vec<u8> {
    // The magic stands where a DOS header has no field that counts.
    let mut file = efi(Platform::EfiArm64, "");
    put(&mut file, 56, b"ARM\x64");
    file
}

/// iPXE for a BIOS.
pub fn undionly() -> Vec<u8> {
    let mut file = vec![0; 4096];
    put(&mut file, 0, &[0xea, 0x05, 0x00, 0xc0, 0x07]);
    put(&mut file, 0x3cb, b"PXE->EB:");
    file
}

/// pxelinux.
pub fn pxelinux(version: &str) -> Vec<u8> {
    let mut file = vec![0x90; 4096];
    put(&mut file, 8, &0x2983_c8ac_u32.to_le_bytes());
    put(&mut file, 0x200, format!("PXELINUX {version} PXE").as_bytes());
    file
}

/// A disc, with boot entries for these platforms of El Torito.
pub fn iso(label: &str, platforms: &[u8]) -> Vec<u8> {
    const SECTOR: usize = 2048;
    let mut file = vec![0; 20 * SECTOR];
    put(&mut file, 16 * SECTOR, b"\x01CD001\x01");
    put(&mut file, 16 * SECTOR + 40, format!("{label:<32}").as_bytes());
    put(&mut file, 18 * SECTOR, b"\xffCD001\x01");
    let Some((first, others)) = platforms.split_first() else { return file };
    put(&mut file, 17 * SECTOR, b"\x00CD001\x01EL TORITO SPECIFICATION");
    put(&mut file, 17 * SECTOR + 0x47, &19_u32.to_le_bytes());
    let catalogue = 19 * SECTOR;
    put(&mut file, catalogue, &[0x01, *first]);
    file[catalogue + 32] = 0x88;
    for (number, platform) in others.iter().enumerate() {
        let section = catalogue + 64 + number * 64;
        put(&mut file, section, &[0x91, *platform]);
        file[section + 32] = 0x88;
    }
    file
}

/// An initial RAM disk.
pub fn initrd() -> Vec<u8> {
    vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0]
}

/// A Windows image.
pub fn wim() -> Vec<u8> {
    b"MSWIM\0\0\0".to_vec()
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}
