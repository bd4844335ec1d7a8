//! The programs that firmware is told to load, and which one is better.

use std::sync::Arc;

use pxeguard_common::arch::{Platform, Transport};

use super::{Catalogue, Item, Items, Origin, Warning};
use crate::boot::entry::{Boot, split};
use crate::boot::image::{Image, Kernel, KernelKind, Loader};
use crate::boot::menu;

/// A file that firmware can start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// Its name.
    pub file: Arc<str>,
    /// Its length in bytes.
    pub len: u64,
    /// The platform whose firmware starts it.
    pub platform: Platform,
    /// Which one it is.
    pub loader: Loader,
    /// Where it comes from.
    pub origin: Origin,
    rank: Rank,
}

/// Why a program is not offered though it fits.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// What it loads next is not there.
    #[error("{0} has to lie beside it")]
    Without(String),
    /// It would show an empty menu.
    #[error("there is no entry that it can show")]
    NothingToShow,
    /// It goes on by TFTP.
    #[error("it cannot go on by HTTP")]
    NotByHttp,
}

/// The order of preference, best first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rank {
    /// What the operator put below the boot root.
    Own(OwnLoader),
    /// What a package of this host brings: iPXE first, because shim is there for the host's own sake.
    Packaged(PackagedLoader),
    /// A part of Debian's installer, whose menu shows nothing else.
    Installer(OwnLoader),
    /// Whatever starts; Memtest86+ first.
    Bare { is_other: bool },
}

/// shim is put there by who needs it, for Secure Boot; iPXE shows every kind of entry.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum OwnLoader {
    Shim,
    Ipxe,
    Grub,
    Syslinux,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum PackagedLoader {
    Ipxe,
    Shim,
    Syslinux,
    Grub,
}

/// Finds all programs, best first.
pub(super) fn programs(items: &Items) -> Vec<Program> {
    let mut programs: Vec<_> = items.0.values().flat_map(of_item).collect();
    programs.sort_by_key(|program| {
        // Those that use the firmware's own network driver work wherever that does.
        let is_general = ["undionly", "snponly"].iter().any(|name| program.file.contains(name));
        (program.rank, !is_general, program.file.matches('/').count(), program.file.clone())
    });
    programs
}

fn of_item(item: &Item) -> Vec<Program> {
    let Some(loader) = item.image.loader() else { return Vec::new() };
    let Some(rank) = rank(item, loader) else { return Vec::new() };
    let program = |platform| Program {
        file: item.name.clone(),
        len: item.len,
        platform,
        loader,
        origin: item.origin.clone(),
        rank,
    };
    item.image.platforms().into_iter().map(program).collect()
}

fn rank(item: &Item, loader: Loader) -> Option<Rank> {
    let own = match loader {
        Loader::Shim => OwnLoader::Shim,
        Loader::Ipxe => OwnLoader::Ipxe,
        Loader::Grub => OwnLoader::Grub,
        Loader::Syslinux { .. } => OwnLoader::Syslinux,
        Loader::ShimHelper => return None,
        Loader::Other => {
            let is_memtest = matches!(&item.image, Image::Kernel(Kernel { kind: KernelKind::Memtest, .. }));
            // A Linux kernel without its initrd and command line does nothing useful.
            let is_bare_kernel = matches!(&item.image, Image::Kernel(_)) && !is_memtest;
            return (item.origin == Origin::Root && !is_bare_kernel).then_some(Rank::Bare { is_other: !is_memtest });
        }
    };
    let (folder, _) = split(&item.name);
    Some(match item.origin {
        Origin::Package(_) => Rank::Packaged(match own {
            OwnLoader::Ipxe => PackagedLoader::Ipxe,
            OwnLoader::Shim => PackagedLoader::Shim,
            OwnLoader::Syslinux => PackagedLoader::Syslinux,
            OwnLoader::Grub => PackagedLoader::Grub,
        }),
        Origin::Root if folder.split('/').any(|part| part == "debian-installer") => Rank::Installer(own),
        Origin::Root => Rank::Own(own),
    })
}

impl Program {
    /// Whether it is iPXE.
    pub fn is_ipxe(&self) -> bool {
        self.loader == Loader::Ipxe
    }

    /// Whether its menu can boot something in this way.
    pub fn shows(&self, boot: &Boot) -> bool {
        match self.loader {
            Loader::Ipxe => true,
            Loader::Shim | Loader::Grub => menu::grub::shows(boot),
            Loader::Syslinux { .. } => menu::syslinux::shows(boot),
            Loader::ShimHelper | Loader::Other => boot.first_file() == &self.file,
        }
    }
}

impl Catalogue {
    /// Whether a program that fits can boot anything.
    pub fn is_usable(&self, program: &Program, transport: Transport) -> Result<(), Unusable> {
        let beside = |name: &str| {
            let (folder, _) = split(&program.file);
            self.items.get_ignoring_case(&format!("{folder}{name}"))
        };
        let shows_any = || self.entries_for(program.platform).any(|(_, boot)| program.shows(boot));
        let has_menu = match program.loader {
            Loader::Shim => {
                let grub = grub_of_shim(program.platform);
                let fits = |item: &Item| item.image.platforms().contains(&program.platform);
                if !beside(grub).is_some_and(fits) {
                    return Err(Unusable::Without(grub.to_owned()));
                }
                shows_any() || self.has_file(menu::grub::is_config)
            }
            Loader::Grub => shows_any() || self.has_file(menu::grub::is_config),
            Loader::Ipxe => self.has_script(program.platform),
            Loader::Syslinux { needs } => {
                if transport == Transport::Http {
                    return Err(Unusable::NotByHttp);
                }
                if let Some(needs) = needs.filter(|needs| beside(needs).is_none()) {
                    return Err(Unusable::Without(needs.to_owned()));
                }
                shows_any() || beside(menu::syslinux::CONFIG).is_some()
            }
            Loader::ShimHelper => false,
            Loader::Other => true,
        };
        // What the operator put there may have a menu built in.
        let may_have_menu = program.origin == Origin::Root && program.loader == Loader::Ipxe;
        if has_menu || may_have_menu { Ok(()) } else { Err(Unusable::NothingToShow) }
    }

    fn has_file(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        self.items.of_root().any(|item| is_wanted(&item.name))
    }

    /// What is wrong with the operator's own programs; those of Debian's installer are there wanted or not.
    pub(super) fn program_warnings(&self) -> Vec<Warning> {
        let own =
            self.programs.iter().filter(|program| !matches!(program.rank, Rank::Packaged(_) | Rank::Installer(_)));
        let unusable = own.filter_map(|program| {
            let why = self.is_usable(program, Transport::Tftp).err()?;
            Some(Warning { file: program.file.clone(), text: format!("not offered: {why}") })
        });
        unusable.collect()
    }
}

/// What shim loads (`DEFAULT_LOADER` of its build): GRUB, by the name of its architecture.
fn grub_of_shim(platform: Platform) -> &'static str {
    match platform {
        Platform::EfiIa32 => "grubia32.efi",
        Platform::EfiArm32 => "grubarm.efi",
        Platform::EfiArm64 => "grubaa64.efi",
        Platform::EfiRiscv64 => "grubriscv64.efi",
        Platform::EfiLoongArch64 => "grubloongarch64.efi",
        Platform::EfiX64 | Platform::EfiRiscv32 | Platform::Bios => "grubx64.efi",
    }
}
