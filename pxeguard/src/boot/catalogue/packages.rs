//! Boot programs where Debian's packages put them, served under names below `packaged/`.

use std::fs;
use std::path::{Path, PathBuf};

/// The boot programs that this host's packages have.
#[derive(Clone, Debug)]
pub struct Packages {
    prefix: PathBuf,
}

impl Default for Packages {
    fn default() -> Self {
        Self { prefix: "/".into() }
    }
}

/// A folder of a package.
struct Source {
    /// Below what name its files are served.
    name: &'static str,
    /// Where it is.
    folder: &'static str,
    /// Which of its files.
    files: Files,
}

enum Files {
    /// These: the names by which they are served, and their own.
    Named(&'static [(&'static str, &'static str)]),
    /// All that end so.
    Ending(&'static [&'static str]),
}

/// Packages ipxe, pxelinux, syslinux-common, syslinux-efi, shim-signed, grub-efi-*-signed and grub-efi-*-bin.
///
/// What a program loads next lies where it looks for that: modules of syslinux in its own folder, GRUB beside shim, and
/// GRUB's modules in `grub`, which is built in (`build-efi-images` of Debian's grub2).
const SOURCES: &[Source] = &[
    Source {
        name: "packaged/ipxe/",
        folder: "usr/lib/ipxe",
        files: Files::Named(&[
            ("undionly.kpxe", "undionly.kpxe"),
            ("ipxe.pxe", "ipxe.pxe"),
            ("snponly.efi", "snponly.efi"),
            ("ipxe.efi", "ipxe.efi"),
            ("arm64/snponly.efi", "arm64-efi/snponly.efi"),
            ("arm64/ipxe.efi", "arm64-efi/ipxe.efi"),
        ]),
    },
    Source {
        name: "packaged/pxelinux/",
        folder: "usr/lib/PXELINUX",
        files: Files::Named(&[("pxelinux.0", "pxelinux.0")]),
    },
    Source { name: "packaged/pxelinux/", folder: "usr/lib/syslinux/modules/bios", files: Files::Ending(&[".c32"]) },
    Source {
        name: "packaged/syslinux-efi32/",
        folder: "usr/lib/SYSLINUX.EFI/efi32",
        files: Files::Named(&[("syslinux.efi", "syslinux.efi")]),
    },
    Source {
        name: "packaged/syslinux-efi32/",
        folder: "usr/lib/syslinux/modules/efi32",
        files: Files::Ending(&[".c32", ".e32"]),
    },
    Source {
        name: "packaged/syslinux-efi64/",
        folder: "usr/lib/SYSLINUX.EFI/efi64",
        files: Files::Named(&[("syslinux.efi", "syslinux.efi")]),
    },
    Source {
        name: "packaged/syslinux-efi64/",
        folder: "usr/lib/syslinux/modules/efi64",
        files: Files::Ending(&[".c32", ".e64"]),
    },
    Source {
        name: "packaged/shim/",
        folder: "usr/lib/shim",
        files: Files::Named(&[
            ("shimx64.efi", "shimx64.efi.signed"),
            ("mmx64.efi", "mmx64.efi.signed"),
            ("shimaa64.efi", "shimaa64.efi.signed"),
            ("mmaa64.efi", "mmaa64.efi.signed"),
        ]),
    },
    Source {
        name: "packaged/shim/",
        folder: "usr/lib/grub/x86_64-efi-signed",
        files: Files::Named(&[("grubx64.efi", "grubnetx64.efi.signed")]),
    },
    Source {
        name: "packaged/shim/",
        folder: "usr/lib/grub/arm64-efi-signed",
        files: Files::Named(&[("grubaa64.efi", "grubnetaa64.efi.signed")]),
    },
    Source {
        name: "packaged/grub/",
        folder: "usr/lib/grub/x86_64-efi/monolithic",
        files: Files::Named(&[("grubnetx64.efi", "grubnetx64.efi")]),
    },
    Source { name: "grub/x86_64-efi/", folder: "usr/lib/grub/x86_64-efi", files: Files::Ending(&[".mod", ".lst"]) },
    Source { name: "grub/arm64-efi/", folder: "usr/lib/grub/arm64-efi", files: Files::Ending(&[".mod", ".lst"]) },
];

impl Packages {
    /// Looks below another folder than `/`.
    pub fn below(prefix: &Path) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The files that are installed: names by which they are served, and where they are.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        SOURCES.iter().flat_map(|source| self.files_of(source)).filter(|(_, path)| path.is_file()).collect()
    }

    fn files_of(&self, source: &Source) -> Vec<(String, PathBuf)> {
        let folder = self.prefix.join(source.folder);
        match source.files {
            Files::Named(files) => {
                let named = files.iter().map(|(name, file)| (format!("{}{name}", source.name), folder.join(file)));
                named.collect()
            }
            Files::Ending(endings) => {
                // A package that is not installed has no folder.
                let found = fs::read_dir(&folder).into_iter().flatten().flatten();
                let names = found.filter_map(|file| file.file_name().into_string().ok());
                let wanted = names.filter(|name| endings.iter().any(|ending| name.ends_with(ending)));
                wanted.map(|name| (format!("{}{name}", source.name), folder.join(name))).collect()
            }
        }
    }
}
