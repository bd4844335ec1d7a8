//! Which program firmware is told to load.

use pxeguard_common::arch::Platform::{self, Bios, EfiArm64, EfiX64};
use pxeguard_common::arch::Transport::{self, Http, Tftp};

use super::{Catalogue, Item, Items, Origin};
use crate::boot::Image;
use crate::boot::image::samples::{self, content};

fn item(name: &str, bytes: Vec<u8>) -> Item {
    let image = Image::recognise(&content(name, bytes)).unwrap();
    Item { name: name.into(), len: 1, image, sidecar: None, origin: Origin::Root }
}

fn packaged(name: &str, bytes: Vec<u8>) -> Item {
    Item { origin: Origin::Package(format!("/usr/lib/{name}").into()), ..item(name, bytes) }
}

fn catalogue(items: impl IntoIterator<Item = Item>) -> Catalogue {
    Catalogue::new(Items::from_iter(items))
}

fn best(items: &[Item], platform: Platform, transport: Transport) -> Option<String> {
    let catalogue = catalogue(items.iter().cloned());
    catalogue.program(platform, transport, None).map(|program| program.file.to_string())
}

fn shim() -> Vec<u8> {
    samples::signed_efi(EfiX64, "UEFI SHIM\n")
}

fn ipxe() -> Vec<u8> {
    samples::efi(EfiX64, "http://ipxe.org/")
}

fn syslinux() -> Vec<u8> {
    samples::efi(EfiX64, "ldlinux.e64")
}

fn memtest() -> Item {
    item("memtest86+x64.efi", samples::bzimage_with_stub("Memtest86+ v6.10", EfiX64))
}

#[test]
fn shim_comes_before_ipxe_and_that_before_grub_and_syslinux() {
    let mut items = vec![
        item("shimx64.efi", shim()),
        item("ipxe.efi", ipxe()),
        item("grubx64.efi", samples::grub(EfiX64)),
        item("syslinux.efi", syslinux()),
        item("ldlinux.e64", vec![1]),
        memtest(),
    ];
    for expected in ["shimx64.efi", "ipxe.efi", "grubx64.efi", "syslinux.efi", "memtest86+x64.efi"] {
        assert_eq!(best(&items, EfiX64, Tftp).as_deref(), Some(expected));
        items.retain(|item| &*item.name != expected);
    }
    assert_eq!(best(&items, EfiX64, Tftp), None);
}

#[test]
fn shim_without_grub_and_pxelinux_without_its_module_are_told_and_not_offered() {
    let items = [item("shimx64.efi", shim()), item("pxelinux.0", samples::pxelinux("6.04")), memtest()];
    assert_eq!(best(&items, EfiX64, Tftp).as_deref(), Some("memtest86+x64.efi"));
    assert_eq!(best(&items, Bios, Tftp), None);
    let warnings: Vec<_> = catalogue(items).warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "shimx64.efi: not offered: grubx64.efi has to lie beside it",
            "pxelinux.0: not offered: ldlinux.c32 has to lie beside it"
        ]
    );
    let arm = item("grubx64.efi", samples::grub(EfiArm64));
    assert_eq!(
        best(&[item("shimx64.efi", shim()), arm, memtest()], EfiX64, Tftp).as_deref(),
        Some("memtest86+x64.efi")
    );
}

#[test]
fn what_the_operator_put_there_comes_before_what_packages_bring_and_debians_installer_last() {
    let mut items = vec![
        item("grubx64.efi", samples::grub(EfiX64)),
        packaged("packaged/ipxe/snponly.efi", ipxe()),
        packaged("packaged/shim/shimx64.efi", shim()),
        packaged("packaged/shim/grubx64.efi", samples::grub(EfiX64)),
        item("debian-installer/amd64/bootnetx64.efi", shim()),
        item("debian-installer/amd64/grubx64.efi", samples::grub(EfiX64)),
        item("debian-installer/amd64/linux", samples::bzimage_with_stub("6.1.0 x", EfiX64)),
    ];
    let order = [
        "grubx64.efi",
        "packaged/ipxe/snponly.efi",
        "packaged/shim/shimx64.efi",
        "packaged/shim/grubx64.efi",
        "debian-installer/amd64/bootnetx64.efi",
    ];
    for expected in order {
        assert_eq!(best(&items, EfiX64, Tftp).as_deref(), Some(expected));
        items.retain(|item| &*item.name != expected);
    }
}

#[test]
fn packages_alone_are_nothing_to_boot() {
    let ipxe = packaged("packaged/ipxe/snponly.efi", ipxe());
    assert_eq!(best(std::slice::from_ref(&ipxe), EfiX64, Tftp), None);
    assert!(!catalogue([ipxe.clone()]).has_anything());
    assert_eq!(best(&[ipxe, memtest()], EfiX64, Tftp).as_deref(), Some("packaged/ipxe/snponly.efi"));
}

#[test]
fn ipxe_that_uses_the_firmwares_driver_comes_first() {
    let items = [item("a/ipxe.efi", ipxe()), item("z/snponly.efi", ipxe()), memtest()];
    assert_eq!(best(&items, EfiX64, Tftp).as_deref(), Some("z/snponly.efi"));
}

#[test]
fn an_entry_that_is_chosen_is_left_to_a_program_that_can_show_it() {
    let items = [
        item("shimx64.efi", shim()),
        item("grubx64.efi", samples::grub(EfiX64)),
        item("ipxe.efi", ipxe()),
        item("disc.iso", samples::iso("DISC", &[0xef])),
        memtest(),
    ];
    let catalogue = catalogue(items);
    let program = |wanted: &str| catalogue.program(EfiX64, Tftp, catalogue.entry(wanted)).map(|program| &*program.file);
    assert_eq!(program("disc"), Some("ipxe.efi"), "GRUB shows no disc");
    assert_eq!(program("memtest86+"), Some("shimx64.efi"));
}

#[test]
fn syslinux_is_not_offered_by_http() {
    let items = [item("syslinux.efi", syslinux()), item("ldlinux.e64", vec![1]), memtest()];
    assert_eq!(best(&items, EfiX64, Tftp).as_deref(), Some("syslinux.efi"));
    assert_eq!(best(&items, EfiX64, Http).as_deref(), Some("memtest86+x64.efi"));
}

#[test]
fn a_platform_for_which_there_is_nothing_gets_nothing() {
    assert_eq!(best(&[memtest(), item("ipxe.efi", ipxe())], EfiArm64, Tftp), None);
    assert_eq!(best(&[memtest(), item("ipxe.efi", ipxe())], Bios, Tftp), None);
}
