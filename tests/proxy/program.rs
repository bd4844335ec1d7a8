//! A boot program, as far as it is looked at.

/// The smallest UEFI application for x64 that its headers describe (PE format).
pub fn program() -> Vec<u8> {
    let mut bytes = vec![0; 64 + 4 + 20 + 240];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[60] = 64;
    bytes[64..68].copy_from_slice(b"PE\0\0");
    bytes[68..70].copy_from_slice(&0x8664_u16.to_le_bytes());
    bytes[84..86].copy_from_slice(&240_u16.to_le_bytes());
    let optional = &mut bytes[88..];
    optional[..2].copy_from_slice(&0x20b_u16.to_le_bytes());
    // Subsystem: EFI application.
    optional[68] = 10;
    // Directories.
    optional[108] = 16;
    bytes
}
