//! What is booted as it is: programs and disc images.

use std::collections::BTreeMap;

use pxeguard_common::arch::Platform;

use super::{Boot, Found, stem};
use crate::boot::catalogue::Item;
use crate::boot::image::{EfiProgram, Image, Iso, Loader};

/// Finds all of them.
pub(super) fn find(found: &mut Found) {
    let items = found.items;
    for item in items.of_root() {
        match &item.image {
            Image::Efi(EfiProgram { loader: Loader::Other, platform, .. }) => program(found, item, *platform),
            Image::Nbp(Loader::Other) => program(found, item, Platform::Bios),
            Image::Iso(iso) => disc(found, item, iso),
            _ => {}
        }
    }
}

fn program(found: &mut Found, item: &Item, platform: Platform) {
    let boots = BTreeMap::from([(platform, Boot::Program(item.name.clone()))]);
    found.add(item, stem(&item.name), item.name.to_string(), boots);
}

fn disc(found: &mut Found, item: &Item, iso: &Iso) {
    let mut boots = BTreeMap::new();
    if iso.boots_bios {
        boots.insert(Platform::Bios, Boot::Iso(item.name.clone()));
    }
    if iso.boots_efi {
        boots.insert(efi_platform(&item.name, &iso.label), Boot::Iso(item.name.clone()));
    }
    if boots.is_empty() {
        return found.warn(item, "this disc image has no boot catalogue: no machine boots it");
    }
    let title = if iso.label.is_empty() { item.name.to_string() } else { format!("{} ({})", iso.label, item.name) };
    found.add(item, stem(&item.name), title, boots);
}

/// A boot catalogue says UEFI, and not on which processor: names do.
fn efi_platform(name: &str, label: &str) -> Platform {
    let text = format!("{name} {label}").to_ascii_lowercase();
    if ["arm64", "aarch64"].iter().any(|arch| text.contains(arch)) { Platform::EfiArm64 } else { Platform::EfiX64 }
}
