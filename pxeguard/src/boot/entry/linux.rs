//! Kernels with their initial RAM disks, Debian's installer, and Memtest86+.

use std::collections::BTreeMap;
use std::sync::Arc;

use pxeguard_common::arch::Platform;

use super::{Boot, Found, Sidecar, split};
use crate::boot::catalogue::{Item, Items};
use crate::boot::image::{Image, Kernel, KernelKind};

/// Finds all of them.
pub(super) fn find(found: &mut Found) {
    let items = found.items;
    for item in items.of_root() {
        match &item.image {
            Image::Kernel(kernel) if kernel.kind == KernelKind::Linux => linux(found, item, kernel),
            Image::Kernel(kernel) if kernel.kind == KernelKind::Memtest => memtest(found, item, kernel),
            _ => {}
        }
    }
}

fn linux(found: &mut Found, item: &Item, kernel: &Kernel) {
    let initrds = match said(item).and_then(|sidecar| sidecar.initrd.as_ref()) {
        Some(names) => said_initrds(found, item, names),
        None => paired_initrds(found, item),
    };
    let Some(initrds) = initrds else { return };
    let cmdline = said(item).and_then(|sidecar| sidecar.cmdline.clone()).unwrap_or_default();
    let boots = platforms(kernel).map(|platform| {
        let boot = Boot::Linux { kernel: item.name.clone(), initrds: initrds.clone(), cmdline: cmdline.clone() };
        (platform, boot)
    });
    let boots = BTreeMap::from_iter(boots);
    if boots.is_empty() {
        return found.warn(item, "neither a BIOS nor UEFI starts this kernel: it is a zImage, or has no EFI stub");
    }
    let (id, title) = match debian_installer(&item.name) {
        Some(arch) => (format!("debian-installer-{arch}"), format!("Debian installer ({arch})")),
        None => {
            let version = kernel.version.as_deref().map(|version| format!("Linux {version} ")).unwrap_or_default();
            let shown = if version.is_empty() { item.name.to_string() } else { format!("({})", item.name) };
            (item.name.to_string(), format!("{version}{shown}"))
        }
    };
    found.add(item, &id, title, boots);
}

fn platforms(kernel: &Kernel) -> impl Iterator<Item = Platform> {
    kernel.is_bzimage.then_some(Platform::Bios).into_iter().chain(kernel.efi)
}

fn said(item: &Item) -> Option<&Sidecar> {
    item.sidecar.as_ref()?.as_ref().ok()
}

/// The architecture of `debian-installer/ARCH/linux`, wherever it was unpacked.
fn debian_installer(name: &str) -> Option<&str> {
    let mut parts = name.rsplit('/');
    let (Some("linux"), Some(arch), Some("debian-installer")) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    Some(arch)
}

/// Those that the description names; `None` if one is missing.
fn said_initrds(found: &mut Found, item: &Item, names: &[String]) -> Option<Vec<Arc<str>>> {
    let (folder, _) = split(&item.name);
    let mut initrds = Vec::new();
    for name in names {
        match found.items.get(&format!("{folder}{name}")) {
            Some(initrd) => initrds.push(initrd.name.clone()),
            None => {
                found.warn(item, format!("not in the menus, because its initrd {name} is not there"));
                return None;
            }
        }
    }
    Some(initrds)
}

/// The one that belongs to a kernel by its name: of `vmlinuz-6.1` that of version `6.1`, else the only one of the folder.
fn paired_initrds(found: &mut Found, item: &Item) -> Option<Vec<Arc<str>>> {
    let items = found.items;
    let initrds: Vec<_> = initrds_beside(items, &item.name).collect();
    let (_, file) = split(&item.name);
    let version = file.split_once('-').map(|(_, version)| version);
    let of_version = initrds.iter().find(|initrd| version.is_some() && version_of(&initrd.name) == version);
    let paired = match (of_version, initrds.as_slice()) {
        (Some(initrd), _) => vec![initrd.name.clone()],
        (None, [initrd]) if version_of(&initrd.name).is_none() || version.is_none() => vec![initrd.name.clone()],
        (None, []) => {
            found.warn(item, "no initrd lies beside this kernel: it boots only if it has one built in");
            Vec::new()
        }
        (None, _) => {
            let say = format!("say which one by initrd = [...] in {}.toml", item.name);
            found.warn(item, format!("no initrd has the version of this kernel, so none is used: {say}"));
            Vec::new()
        }
    };
    Some(paired)
}

fn initrds_beside<'a>(items: &'a Items, kernel: &'a str) -> impl Iterator<Item = &'a Item> {
    let is_initrd = |item: &&Item| {
        let (_, file) = split(&item.name);
        item.image == Image::Initrd && ["initrd", "initramfs"].iter().any(|prefix| file.starts_with(prefix))
    };
    items.beside(kernel).filter(is_initrd)
}

/// `6.1` of `initrd.img-6.1`, `initrd-6.1.img` and `initramfs-6.1.img`.
fn version_of(initrd: &str) -> Option<&str> {
    let (_, file) = split(initrd);
    let (_, version) = file.split_once('-')?;
    Some(version.strip_suffix(".img").unwrap_or(version))
}

/// One entry of all variants of a version that lie in a folder; the first of them brings it in.
fn memtest(found: &mut Found, item: &Item, kernel: &Kernel) {
    let items = found.items;
    let variants: Vec<_> =
        items.beside(&item.name).filter_map(|other| Some((other, memtest_of(other, kernel)?))).collect();
    if variants.first().is_none_or(|(first, _)| first.name != item.name) {
        return;
    }
    let boot = |item: &Item| Boot::Linux {
        kernel: item.name.clone(),
        initrds: Vec::new(),
        cmdline: said(item).and_then(|sidecar| sidecar.cmdline.clone()).unwrap_or_default(),
    };
    let mut boots = BTreeMap::new();
    for (item, variant) in &variants {
        if let Some(platform) = variant.efi {
            boots.insert(platform, boot(item));
        }
    }
    // Every PC of the last 15 years has a 64-bit processor; the file without an EFI stub is the one made for a BIOS.
    let for_bios = variants.iter().filter(|(_, variant)| variant.is_bzimage);
    if let Some((item, _)) = for_bios.max_by_key(|(_, variant)| (variant.is_64_bit, variant.efi.is_none())) {
        boots.insert(Platform::Bios, boot(item));
    }
    let (folder, _) = split(&item.name);
    let title = kernel.version.clone().unwrap_or_else(|| "Memtest86+".to_owned());
    found.add(item, &format!("{folder}memtest86+"), title, boots);
}

fn memtest_of<'a>(item: &'a Item, like: &Kernel) -> Option<&'a Kernel> {
    match &item.image {
        Image::Kernel(kernel) if kernel.kind == KernelKind::Memtest && kernel.version == like.version => Some(kernel),
        _ => None,
    }
}
