//! `ARCH=FILE`: which boot program an architecture loads.

use std::fmt;
use std::str::FromStr;

use pxeguard_common::arch::{Arch, Platform};

/// What `--boot ARCH=FILE` can name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ArchChoice {
    /// All architectures of a platform.
    Platform(Platform),
    /// One number of option 93.
    Number(Arch),
}

/// The text names no architecture.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{text}\" is no architecture: {}, or a number of option 93 (0 to 65535, or 0x0 to 0xffff)", platforms())]
pub struct NotArch {
    text: String,
}

fn platforms() -> String {
    Platform::ALL.map(Platform::name).join(", ")
}

impl FromStr for ArchChoice {
    type Err = NotArch;

    fn from_str(text: &str) -> Result<Self, NotArch> {
        if let Some(platform) = Platform::named(text) {
            return Ok(Self::Platform(platform));
        }
        let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
        // from_str_radix would take a sign.
        let number = digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, radix));
        match number {
            Some(Ok(number)) => Ok(Self::Number(Arch(number))),
            _ => Err(NotArch { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for ArchChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(platform) => f.write_str(platform.name()),
            Self::Number(Arch(number)) => write!(f, "{number:#04x}"),
        }
    }
}

/// The name of a boot program: below the boot root, with `/` between folders and none before the first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgramName(pub String);

/// Bytes of a name that firmware takes: the field `file` of a reply has 128 with its NUL (RFC 2131 §2).
const MAX_NAME: usize = 127;

/// The text is not the name of a file below the boot root.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotProgramName {
    /// Nothing.
    #[error("the file's name is missing")]
    Missing,
    /// More than a client takes.
    #[error("a name of more than {MAX_NAME} bytes does not fit into a reply to a PXE client")]
    TooLong,
    /// Bytes that nobody can type, or `..`.
    #[error("not the name of a file below the boot root")]
    Outside,
}

impl FromStr for ProgramName {
    type Err = NotProgramName;

    fn from_str(text: &str) -> Result<Self, NotProgramName> {
        let name = text.trim_start_matches('/');
        if name.is_empty() {
            return Err(NotProgramName::Missing);
        }
        if name.len() > MAX_NAME {
            return Err(NotProgramName::TooLong);
        }
        if name.contains(char::is_control) || name.split(['/', '\\']).any(|part| part == "..") {
            return Err(NotProgramName::Outside);
        }
        Ok(Self(name.to_owned()))
    }
}

/// `ARCH=FILE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgramChoice {
    /// Who loads it.
    pub arch: ArchChoice,
    /// What is loaded.
    pub program: ProgramName,
}

/// The text is not `ARCH=FILE`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotProgramChoice {
    /// No `=`.
    #[error("\"{0}\" is not ARCH=FILE, like bios=undionly.kpxe")]
    Shape(String),
    /// What stands before it.
    #[error(transparent)]
    Arch(#[from] NotArch),
    /// What stands behind it.
    #[error(transparent)]
    Program(#[from] NotProgramName),
}

impl FromStr for ProgramChoice {
    type Err = NotProgramChoice;

    fn from_str(text: &str) -> Result<Self, NotProgramChoice> {
        let (arch, program) = text.split_once('=').ok_or_else(|| NotProgramChoice::Shape(text.to_owned()))?;
        Ok(Self { arch: arch.parse()?, program: program.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_a_platform_or_a_number() {
        let cases = [
            ("bios", ArchChoice::Platform(Platform::Bios)),
            ("efi-x64", ArchChoice::Platform(Platform::EfiX64)),
            ("16", ArchChoice::Number(Arch(16))),
            ("0x10", ArchChoice::Number(Arch(16))),
            ("0xffff", ArchChoice::Number(Arch(u16::MAX))),
        ];
        for (text, arch) in cases {
            assert_eq!(text.parse(), Ok(arch), "{text}");
        }
        for text in ["", "x64", "65536", "0x10000", "0x", "-1", "+1", "0x+1", "1f", "BIOS"] {
            assert!(text.parse::<ArchChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_architecture_is_read_back_as_it_is_told() {
        for arch in Platform::ALL.map(ArchChoice::Platform).into_iter().chain([ArchChoice::Number(Arch(0x0f))]) {
            assert_eq!(arch.to_string().parse(), Ok(arch));
        }
    }

    #[test]
    fn a_program_lies_below_the_root() {
        let name = |text: &str| text.parse::<ProgramName>().map(|name| name.0);
        assert_eq!(name("efi/ipxe.efi").as_deref(), Ok("efi/ipxe.efi"));
        assert_eq!(name("//pxelinux.0").as_deref(), Ok("pxelinux.0"));
        // Two dots in a name are no way out.
        assert_eq!(name("a..b").as_deref(), Ok("a..b"));
        assert_eq!(name("/"), Err(NotProgramName::Missing));
        assert_eq!(name(&"x".repeat(MAX_NAME)).map(|name| name.len()), Ok(MAX_NAME));
        assert_eq!(name(&"x".repeat(MAX_NAME + 1)), Err(NotProgramName::TooLong));
        for text in ["../x", "a/../b", "a/..", "a\\..\\b", "a\nb", "a\0"] {
            assert_eq!(name(text), Err(NotProgramName::Outside), "{text:?}");
        }
    }
}
