//! Each kind of file is known by its header, and by nothing else.

use pxeguard_common::arch::Platform;

use super::samples::{self, content};
use super::{EfiProgram, Image, Iso, KernelKind, Loader};

fn recognise(name: &str, bytes: Vec<u8>) -> Image {
    Image::recognise(&content(name, bytes)).unwrap()
}

fn loader(name: &str, bytes: Vec<u8>) -> Option<Loader> {
    recognise(name, bytes).loader()
}

#[test]
fn a_uefi_program_is_for_the_machine_of_its_header_whatever_its_name() {
    for platform in Platform::ALL.into_iter().filter(|platform| *platform != Platform::Bios) {
        let image = recognise("bootx64.efi", samples::efi(platform, ""));
        assert_eq!(image, Image::Efi(EfiProgram { platform, is_signed: false, loader: Loader::Other }));
        assert_eq!(image.platforms(), [platform]);
    }
}

#[test]
fn a_windows_program_is_no_boot_program() {
    let console = 3;
    let x64 = Platform::EfiX64.pe_machine().unwrap();
    assert_eq!(recognise("setup.efi", samples::pe(x64, console, b".text", 0, "")), Image::Other);
    let (ia64, application) = (0x0200, 10);
    assert_eq!(recognise("bootia64.efi", samples::pe(ia64, application, b".text", 0, "")), Image::Other);
}

#[test]
fn a_signature_is_seen() {
    let image = recognise("a.efi", samples::signed_efi(Platform::EfiX64, ""));
    assert!(matches!(image, Image::Efi(EfiProgram { is_signed: true, .. })), "{image:?}");
}

#[test]
fn loaders_are_told_apart_by_what_is_in_them() {
    let x64 = |text| samples::efi(Platform::EfiX64, text);
    let syslinux = |needs| Some(Loader::Syslinux { needs });
    let cases = [
        (x64("UEFI SHIM\n$Version: 15.8 $ \nshim,4"), Some(Loader::Shim)),
        (x64("sbat,1\nshim,4,UEFI shim"), Some(Loader::ShimHelper)),
        (x64("http://ipxe.org/%08x"), Some(Loader::Ipxe)),
        (x64("ldlinux.e64"), syslinux(Some("ldlinux.e64"))),
        (samples::grub(Platform::EfiX64), Some(Loader::Grub)),
        (samples::undionly(), Some(Loader::Ipxe)),
        (samples::pxelinux("6.04"), syslinux(Some("ldlinux.c32"))),
        (samples::pxelinux("4.05"), syslinux(None)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(loader("a", bytes), expected);
    }
}

#[test]
fn a_kernel_says_what_it_is_and_who_starts_it() {
    let kernel = |bytes| match recognise("kernel", bytes) {
        Image::Kernel(kernel) => kernel,
        image => panic!("{image:?}"),
    };
    let debian = kernel(samples::bzimage_with_stub("6.1.0-50-amd64 (debian-kernel) #1 SMP", Platform::EfiX64));
    assert_eq!((debian.kind, debian.is_bzimage, debian.efi), (KernelKind::Linux, true, Some(Platform::EfiX64)));
    assert_eq!(debian.version.as_deref(), Some("6.1.0-50-amd64"));
    let memtest = kernel(samples::bzimage("Memtest86+ v6.10", true));
    assert_eq!((memtest.kind, memtest.is_64_bit, memtest.efi), (KernelKind::Memtest, true, None));
    assert!(!kernel(samples::bzimage("Memtest86+ v6.10", false)).is_64_bit);
    assert_eq!(kernel(samples::bzimage("wimboot v2.8.0", false)).kind, KernelKind::Wimboot);
    let arm = kernel(samples::arm64_kernel());
    assert_eq!((arm.is_bzimage, arm.efi), (false, Some(Platform::EfiArm64)));
}

#[test]
fn a_kernel_cut_off_anywhere_is_no_reason_to_panic() {
    let whole = samples::bzimage_with_stub("6.1.0 x", Platform::EfiX64);
    for len in 0..whole.len() {
        let _ = recognise("vmlinuz", whole[..len].to_vec());
    }
}

#[test]
fn a_disc_boots_whom_its_catalogue_names() {
    let iso = |platforms: &[u8]| recognise("a.iso", samples::iso("DEBIAN 12", platforms));
    let disc = |boots_bios, boots_efi| Image::Iso(Iso { label: "DEBIAN 12".to_owned(), boots_bios, boots_efi });
    assert_eq!(iso(&[0x00]), disc(true, false));
    assert_eq!(iso(&[0x00, 0xef]), disc(true, true));
    assert_eq!(iso(&[0xef]), disc(false, true));
    assert_eq!(iso(&[]), disc(false, false));
}

#[test]
fn other_archives_and_images_are_known() {
    assert_eq!(recognise("initrd", samples::initrd()), Image::Initrd);
    assert_eq!(recognise("initrd", b"070701".to_vec()), Image::Initrd);
    assert_eq!(recognise("boot.wim", samples::wim()), Image::Wim);
}

#[test]
fn a_program_without_header_is_known_by_its_ending_and_only_if_it_can_be_one() {
    let code = vec![0xfa; 1024];
    assert_eq!(recognise("pxe/wdsnbp.com", code.clone()), Image::Nbp(Loader::Other));
    assert_eq!(recognise("notes", code), Image::Other);
    assert_eq!(recognise("version.0", b"only text".repeat(100)), Image::Other, "text is no code");
    assert_eq!(recognise("large.0", vec![0xfa; 700 << 10]), Image::Other, "more than a BIOS has memory for");
    assert_eq!(recognise("empty.0", Vec::new()), Image::Other);
}

#[test]
fn ipxe_packed_as_a_kernel_is_no_linux() {
    let mut lkrn = samples::bzimage("1.21.1+ (g1234)", false);
    assert!(matches!(recognise("ipxe.lkrn", lkrn.clone()), Image::Kernel(kernel) if kernel.kind == KernelKind::Linux));
    lkrn[0x206] = 7;
    assert!(matches!(recognise("ipxe.lkrn", lkrn), Image::Kernel(kernel) if kernel.kind == KernelKind::Ipxe));
}
