//! The table of client architectures: what option 93 says, and what fits it.
//!
//! IANA, "Processor Architecture Types" (RFC 5970 §6, with the errata of RFC 4578 §2.1, which had 7 and 9 swapped).

use crate::net::Mac;

/// An architecture as a client names it: the value of option 93 (RFC 4578 §2.1).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct Arch(pub u16);

/// What a boot program has to be made for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Platform {
    /// BIOS of a PC: a network boot program of PXE 2.1, 16-bit code.
    Bios,
    /// UEFI on 32-bit x86.
    EfiIa32,
    /// UEFI on x86-64.
    EfiX64,
    /// UEFI on 32-bit ARM.
    EfiArm32,
    /// UEFI on 64-bit ARM.
    EfiArm64,
    /// UEFI on 32-bit RISC-V.
    EfiRiscv32,
    /// UEFI on 64-bit RISC-V.
    EfiRiscv64,
    /// UEFI on 64-bit LoongArch.
    EfiLoongArch64,
}

impl Platform {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Bios,
        Self::EfiIa32,
        Self::EfiX64,
        Self::EfiArm32,
        Self::EfiArm64,
        Self::EfiRiscv32,
        Self::EfiRiscv64,
        Self::EfiLoongArch64,
    ];

    /// The name on the command line, in tables and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::EfiIa32 => "efi-ia32",
            Self::EfiX64 => "efi-x64",
            Self::EfiArm32 => "efi-arm32",
            Self::EfiArm64 => "efi-arm64",
            Self::EfiRiscv32 => "efi-riscv32",
            Self::EfiRiscv64 => "efi-riscv64",
            Self::EfiLoongArch64 => "efi-loongarch64",
        }
    }

    /// The machine type in the header of a PE file that runs there (PE format, "Machine Types"); `None` for a BIOS, which
    /// runs no PE files.
    pub const fn pe_machine(self) -> Option<u16> {
        match self {
            Self::Bios => None,
            Self::EfiIa32 => Some(0x014c),
            Self::EfiX64 => Some(0x8664),
            Self::EfiArm32 => Some(0x01c2),
            Self::EfiArm64 => Some(0xaa64),
            Self::EfiRiscv32 => Some(0x5032),
            Self::EfiRiscv64 => Some(0x5064),
            Self::EfiLoongArch64 => Some(0x6264),
        }
    }

    /// The platform of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }
}

/// How a client wants its first file.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Transport {
    /// PXE: a name, and TFTP.
    Tftp,
    /// UEFI HTTP boot: a URL.
    Http,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArchEntry {
    /// The number.
    pub arch: Arch,
    /// What fits.
    pub platform: Platform,
    /// How it is fetched.
    pub transport: Transport,
}

const fn tftp(arch: u16, platform: Platform) -> ArchEntry {
    ArchEntry { arch: Arch(arch), platform, transport: Transport::Tftp }
}

const fn http(arch: u16, platform: Platform) -> ArchEntry {
    ArchEntry { arch: Arch(arch), platform, transport: Transport::Http }
}

/// The table.  What is not in it (Itanium, Alpha, Arc, MIPS, Sunway, U-Boot's own formats, the Raspberry Pi's boot ROM) is
/// counted and told, and not answered unless the operator names a file for the number.
pub const ARCHES: [ArchEntry; 18] = [
    tftp(0x00, Platform::Bios),
    tftp(0x06, Platform::EfiIa32),
    tftp(0x07, Platform::EfiX64),
    // x64 firmware that followed RFC 4578 before its errata says 9, which is EBC's number; dnsmasq, pixiecore and smee
    // take both for x64, too.
    tftp(0x09, Platform::EfiX64),
    tftp(0x0a, Platform::EfiArm32),
    tftp(0x0b, Platform::EfiArm64),
    http(0x0f, Platform::EfiIa32),
    http(0x10, Platform::EfiX64),
    http(0x11, Platform::EfiX64),
    http(0x12, Platform::EfiArm32),
    http(0x13, Platform::EfiArm64),
    http(0x14, Platform::Bios),
    tftp(0x19, Platform::EfiRiscv32),
    http(0x1a, Platform::EfiRiscv32),
    tftp(0x1b, Platform::EfiRiscv64),
    http(0x1c, Platform::EfiRiscv64),
    tftp(0x27, Platform::EfiLoongArch64),
    http(0x28, Platform::EfiLoongArch64),
];

impl Arch {
    /// Its row of the table.
    pub fn entry(self) -> Option<&'static ArchEntry> {
        ARCHES.iter().find(|entry| entry.arch == self)
    }

    /// What fits it, where the table says so.
    pub fn platform(self) -> Option<Platform> {
        self.entry().map(|entry| entry.platform)
    }
}

/// IANA's number of the Raspberry Pi's boot ROM.
pub const RASPBERRY_PI_ROM: Arch = Arch(41);

/// Prefixes of the Raspberry Pi's Ethernet addresses (IEEE's register, MA-L).
const RASPBERRY_PI: [[u8; 3]; 7] = [
    [0x28, 0xcd, 0xc1],
    [0x2c, 0xcf, 0x67],
    [0x88, 0xa2, 0x9e],
    [0xb8, 0x27, 0xeb],
    [0xd8, 0x3a, 0xdd],
    [0xdc, 0xa6, 0x32],
    [0xe4, 0x5f, 0x01],
];

/// What a client is, whatever it says: the Raspberry Pi's boot ROM says that it is the BIOS of a PC, and is known only
/// by its address (smee tells it apart in the same way).
#[inline(always)]
pub fn true_arch(said: Arch, mac: Mac) -> Arch {
    let [a, b, c, ..] = mac;
    let is_pi = RASPBERRY_PI.contains(&[a, b, c]);
    if is_pi && said == Arch(0) { RASPBERRY_PI_ROM } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_once_in_the_table() {
        for (index, entry) in ARCHES.iter().enumerate() {
            assert!(ARCHES[..index].iter().all(|other| other.arch != entry.arch), "{:?}", entry.arch);
        }
    }

    #[test]
    fn a_raspberry_pi_is_no_bios() {
        assert_eq!(true_arch(Arch(0), [0x2c, 0xcf, 0x67, 1, 2, 3]), RASPBERRY_PI_ROM);
        assert_eq!(true_arch(Arch(11), [0x2c, 0xcf, 0x67, 1, 2, 3]), Arch(11));
        assert_eq!(true_arch(Arch(0), [0x52, 0x54, 0, 1, 2, 3]), Arch(0));
    }

    #[test]
    fn each_platform_can_be_named_and_is_in_the_table() {
        for platform in Platform::ALL {
            assert_eq!(Platform::named(platform.name()), Some(platform));
            assert!(ARCHES.iter().any(|entry| entry.platform == platform), "{platform:?}");
        }
    }
}
