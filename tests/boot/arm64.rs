//! UEFI on 64-bit ARM.

use pxeguard_lab::firmware::Firmware;
use pxeguard_lab::skip_unless;

use crate::scene::Scene;

/// shim and GRUB of Debian's installer.
const SHIM: &str = "/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64/bootnetaa64.efi";
const GRUB: &str = "/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64/grubaa64.efi";
const X64: &str = "/boot/memtest86+x64.efi";

#[test]
fn firmware_for_arm_starts_the_program_for_arm() {
    skip_unless!("dnsmasq", "/usr/bin/qemu-system-aarch64", SHIM, GRUB, X64);
    let scene = Scene::new(&[("bootaa64.efi", SHIM), ("grubaa64.efi", GRUB), ("memtest.efi", X64)]).unwrap();
    scene.write("grub/grub.cfg", "menuentry 'nothing' { true\n}\n").unwrap();
    let _guard = scene.serve("").unwrap();
    let mut machine = scene.power_on(Firmware::ArmVirt).unwrap();
    machine.until_console("NBP filename is bootaa64.efi").unwrap();
    machine.until_console("Fetching Netboot Image grubaa64.efi").unwrap();
    machine.until_console("Welcome to GRUB!").unwrap();
}
