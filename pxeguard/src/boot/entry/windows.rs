//! Windows PE and its setup: an image, started by wimboot (<https://ipxe.org/wimboot>).

use std::collections::BTreeMap;
use std::sync::Arc;

use pxeguard_common::arch::Platform;

use super::{Boot, Found, split, stem};
use crate::boot::catalogue::{Item, Items};
use crate::boot::image::{Image, Kernel, KernelKind};

/// What wimboot needs beside the image: the name that it looks for, and where Windows' disc has it.
const NEEDED: [(&str, &[&str]); 2] = [("BCD", &["bcd", "boot/bcd"]), ("boot.sdi", &["boot.sdi", "boot/boot.sdi"])];
/// What it takes where it is there; else it finds it in the image.
const WELCOME: [(&str, &[&str]); 2] = [("bootmgr", &["bootmgr"]), ("bootmgr.exe", &["bootmgr.exe"])];

/// Finds all images that are meant to be booted: `boot.wim`, or what has a description.
pub(super) fn find(found: &mut Found) {
    let items = found.items;
    for item in items.of_root().filter(|item| item.image == Image::Wim) {
        let (_, file) = split(&item.name);
        if !file.eq_ignore_ascii_case("boot.wim") && item.sidecar.is_none() {
            found.warn(item, "not in the menus: a Windows image that is to be booted is named boot.wim");
            continue;
        }
        match boot(items, item) {
            Ok((kernel, boot)) => {
                let platforms = kernel.is_bzimage.then_some(Platform::Bios).into_iter().chain(kernel.efi);
                let boots = BTreeMap::from_iter(platforms.map(|platform| (platform, boot.clone())));
                found.add(item, stem(&item.name), format!("Windows ({})", item.name), boots);
            }
            Err(missing) => found.warn(item, format!("not in the menus: Windows cannot be booted without {missing}")),
        }
    }
}

fn boot<'a>(items: &'a Items, image: &Item) -> Result<(&'a Kernel, Boot), &'static str> {
    let wimboot = items.of_root().find_map(|item| match &item.image {
        Image::Kernel(kernel) if kernel.kind == KernelKind::Wimboot => Some((item, kernel)),
        _ => None,
    });
    let (wimboot, kernel) = wimboot.ok_or("wimboot, which has to lie below the boot root")?;
    let mut files = Vec::new();
    for (name, places) in NEEDED {
        files.push((name, find_near(items, &image.name, places).ok_or(name)?));
    }
    files.extend(WELCOME.iter().filter_map(|(name, places)| Some((*name, find_near(items, &image.name, places)?))));
    files.push(("boot.wim", image.name.clone()));
    Ok((kernel, Boot::Windows { wimboot: wimboot.name.clone(), files }))
}

/// Looks in the image's own folder, and in the folder above it: the disc has the image in `sources`.
fn find_near(items: &Items, image: &str, places: &[&str]) -> Option<Arc<str>> {
    let (own, _) = split(image);
    let (above, _) = split(own.strip_suffix('/').unwrap_or_default());
    let folders = [own, above];
    let mut names = folders.iter().flat_map(|folder| places.iter().map(move |place| format!("{folder}{place}")));
    names.find_map(|name| Some(items.get_ignoring_case(&name)?.name.clone()))
}
