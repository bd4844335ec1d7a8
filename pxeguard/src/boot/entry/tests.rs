//! Files become entries by what they are and by where they lie.

use pxeguard_common::arch::Platform::{self, Bios, EfiArm64, EfiIa32, EfiX64};

use super::{BadSidecar, Boot, Entry, Sidecar, entries};
use crate::boot::Image;
use crate::boot::catalogue::{Item, Items, Origin};
use crate::boot::image::samples::{self, content};

fn item(name: &str, bytes: Vec<u8>) -> Item {
    let image = Image::recognise(&content(name, bytes)).unwrap();
    Item { name: name.into(), len: 1, image, sidecar: None, origin: Origin::Root }
}

fn described(name: &str, bytes: Vec<u8>, sidecar: &str) -> Item {
    Item { sidecar: Some(Sidecar::parse(sidecar.as_bytes())), ..item(name, bytes) }
}

fn found(items: impl IntoIterator<Item = Item>) -> (Vec<Entry>, Vec<String>) {
    let (entries, warnings) = entries(&Items::from_iter(items));
    (entries, warnings.iter().map(ToString::to_string).collect())
}

fn kernel() -> Vec<u8> {
    samples::bzimage_with_stub("6.1.0 x", EfiX64)
}

fn initrds(entry: &Entry) -> Vec<&str> {
    match &entry.boots[&Bios] {
        Boot::Linux { initrds, .. } => initrds.iter().map(|name| &**name).collect(),
        boot => panic!("{boot:?}"),
    }
}

fn kernel_of(entry: &Entry, platform: Platform) -> &str {
    entry.boots[&platform].first_file()
}

#[test]
fn a_kernel_and_the_initrd_beside_it_are_one_entry_on_both_firmwares() {
    let (entries, warnings) = found([
        item("fedora/vmlinuz", kernel()),
        item("fedora/initrd.img", samples::initrd()),
        item("initrd", samples::initrd()),
    ]);
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].id.as_str(), entries[0].title.as_str()), ("fedora-vmlinuz", "Linux 6.1.0 (fedora/vmlinuz)"));
    assert_eq!(entries[0].boots.keys().copied().collect::<Vec<_>>(), [Bios, EfiX64]);
    assert_eq!(initrds(&entries[0]), ["fedora/initrd.img"], "and not that of another folder");
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn of_several_initrds_a_kernel_has_that_of_its_own_version() {
    let (entries, warnings) = found([
        item("vmlinuz-6.1", kernel()),
        item("vmlinuz-6.5", kernel()),
        item("initrd.img-6.1", samples::initrd()),
        item("initramfs-6.5.img", samples::initrd()),
    ]);
    assert_eq!(entries.iter().map(initrds).collect::<Vec<_>>(), [["initrd.img-6.1"], ["initramfs-6.5.img"]]);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_kernel_without_its_initrd_is_shown_and_told() {
    let (entries, warnings) = found([item("linux", kernel())]);
    assert_eq!(initrds(&entries[0]), [""; 0]);
    assert_eq!(warnings, ["linux: no initrd lies beside this kernel: it boots only if it has one built in"]);
    let (_, warnings) = found([
        item("vmlinuz-6.9", kernel()),
        item("initrd-6.1", samples::initrd()),
        item("initrd-6.5", samples::initrd()),
    ]);
    assert!(warnings[0].contains("initrd = [...] in vmlinuz-6.9.toml"), "{warnings:?}");
}

#[test]
fn a_description_gives_title_command_line_and_initrds() {
    let sidecar = "title = \"Arch\"\ncmdline = \"archisobasedir=arch\"\ninitrd = [\"ucode.img\", \"main.img\"]";
    let items = || [item("ucode.img", samples::initrd()), item("main.img", samples::initrd())];
    let (entries, _) = found(items().into_iter().chain([described("vmlinuz", kernel(), sidecar)]));
    assert_eq!((entries[0].title.as_str(), initrds(&entries[0])), ("Arch", vec!["ucode.img", "main.img"]));
    assert!(matches!(&entries[0].boots[&EfiX64], Boot::Linux { cmdline, .. } if cmdline == "archisobasedir=arch"));
    let (entries, warnings) = found([described("vmlinuz", kernel(), sidecar)]);
    assert_eq!(entries, [], "an initrd that is not there");
    assert_eq!(warnings, ["vmlinuz: not in the menus, because its initrd ucode.img is not there"]);
}

#[test]
fn what_is_hidden_or_wrongly_described_is_not_shown() {
    let (entries, warnings) = found([described("a.efi", samples::efi(EfiX64, ""), "hidden = true")]);
    assert_eq!((entries.len(), warnings.len()), (0, 0));
    let (entries, warnings) = found([described("a.efi", samples::efi(EfiX64, ""), "title = \"A\"\nhiden = true")]);
    assert_eq!(entries.len(), 0);
    assert!(
        warnings[0].starts_with("a.efi: not in the menus, because its description is wrong: line 2: "),
        "{warnings:?}"
    );
}

#[test]
fn a_description_that_a_menu_would_misread_is_refused() {
    let bad = |text: &str| match Sidecar::parse(text.as_bytes()) {
        Err(BadSidecar::Value { key, .. }) => key,
        parsed => panic!("{text}: {parsed:?}"),
    };
    for cmdline in ["a\\nb", "a ${net0/mac}", "a || b", "a && b", "a ; b", "a #b"] {
        assert_eq!(bad(&format!("cmdline = \"{cmdline}\"")), "cmdline", "{cmdline}");
    }
    assert_eq!(bad("title = \"a\\nb\""), "title");
    assert_eq!(bad("initrd = [\"../initrd\"]"), "initrd");
    for cmdline in ["a=$b", "ds=nocloud;s={url}/", "a=#b", "a='b c'"] {
        assert!(Sidecar::parse(format!("cmdline = \"{cmdline}\"").as_bytes()).is_ok(), "{cmdline}");
    }
}

#[test]
fn memtest_is_one_entry_and_each_platform_has_its_variant() {
    let version = "Memtest86+ v6.10";
    let (entries, warnings) = found([
        item("memtest86+ia32.bin", samples::bzimage(version, false)),
        item("memtest86+ia32.efi", samples::bzimage_with_stub(version, EfiIa32)),
        item("memtest86+x64.bin", samples::bzimage(version, true)),
        item("memtest86+x64.efi", samples::bzimage_with_stub(version, EfiX64)),
    ]);
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].id.as_str(), entries[0].title.as_str()), ("memtest86+", version));
    assert_eq!(kernel_of(&entries[0], Bios), "memtest86+x64.bin");
    assert_eq!(kernel_of(&entries[0], EfiIa32), "memtest86+ia32.efi");
    assert_eq!(kernel_of(&entries[0], EfiX64), "memtest86+x64.efi");
    assert_eq!(warnings, [""; 0]);
    let (entries, _) = found([item("memtest86+ia32.bin", samples::bzimage(version, false))]);
    assert_eq!(kernel_of(&entries[0], Bios), "memtest86+ia32.bin", "if there is no other");
}

#[test]
fn debians_netboot_folder_is_its_installer() {
    let (entries, _) = found([
        item("debian-installer/amd64/linux", kernel()),
        item("debian-installer/amd64/initrd.gz", samples::initrd()),
        item("debian-installer/arm64/linux", samples::arm64_kernel()),
        item("debian-installer/arm64/initrd.gz", samples::initrd()),
    ]);
    let shown: Vec<_> = entries.iter().map(|entry| (entry.id.as_str(), entry.title.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("debian-installer-amd64", "Debian installer (amd64)"),
            ("debian-installer-arm64", "Debian installer (arm64)")
        ]
    );
    assert_eq!(entries[1].boots.keys().copied().collect::<Vec<_>>(), [EfiArm64]);
}

#[test]
fn a_disc_is_an_entry_where_it_boots_and_told_where_it_does_not() {
    let (entries, warnings) = found([
        item("both.iso", samples::iso("BOTH", &[0x00, 0xef])),
        item("arm64.iso", samples::iso("ARM", &[0xef])),
        item("data.iso", samples::iso("DATA", &[])),
    ]);
    let platforms = |entry: &Entry| entry.boots.keys().copied().collect::<Vec<_>>();
    assert_eq!(entries.iter().map(platforms).collect::<Vec<_>>(), [vec![EfiArm64], vec![Bios, EfiX64]]);
    assert_eq!(warnings, ["data.iso: this disc image has no boot catalogue: no machine boots it"]);
}

#[test]
fn windows_needs_wimboot_and_what_its_disc_has() {
    let disc = || {
        vec![
            item("win/sources/boot.wim", samples::wim()),
            item("win/boot/bcd", vec![1]),
            item("win/boot/boot.sdi", vec![1]),
        ]
    };
    let wimboot = item("wimboot", samples::bzimage_with_stub("wimboot v2.8.0", EfiX64));
    let (entries, warnings) = found(disc().into_iter().chain([wimboot.clone()]));
    assert_eq!(warnings, [""; 0]);
    let Boot::Windows { files, .. } = &entries[0].boots[&EfiX64] else { panic!("{entries:?}") };
    let files: Vec<_> = files.iter().map(|(name, file)| (*name, &**file)).collect();
    let expected = [("BCD", "win/boot/bcd"), ("boot.sdi", "win/boot/boot.sdi"), ("boot.wim", "win/sources/boot.wim")];
    assert_eq!(files, expected);
    let (entries, warnings) = found(disc());
    assert_eq!(entries, []);
    assert!(warnings[0].contains("without wimboot"), "{warnings:?}");
    let (_, warnings) = found([item("boot.wim", samples::wim()), wimboot]);
    assert!(warnings[0].contains("without BCD"), "{warnings:?}");
}

#[test]
fn entries_of_the_same_name_are_numbered_and_none_takes_the_local_disks() {
    let efi = || samples::efi(EfiX64, "");
    let (entries, _) = found([item("local.efi", efi()), item("a b.efi", efi()), item("a-b.efi", efi())]);
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["a-b", "a-b-2", "local-2"]);
}
