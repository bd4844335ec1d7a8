//! Debian's installer, from the package debian-installer-12-netboot-amd64, as far as its first screen.

use pxeguard_lab::firmware::{Firmware, Hardware};
use pxeguard_lab::skip_unless;

use crate::scene::Scene;

const KERNEL: &str = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/linux";
const INITRD: &str = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/initrd.gz";
const PXELINUX: &str = "/usr/lib/PXELINUX/pxelinux.0";
const LDLINUX: &str = "/usr/lib/syslinux/modules/bios/ldlinux.c32";

/// What stands before the title of a question that has to be answered.  Here it is that there is little memory, and
/// otherwise the language.
const QUESTION: &str = "[!!]";

/// Boots it by the serial console, through a menu that waits for a second.
fn reaches_its_first_screen(settings: &str, through: &str) {
    let files = [("di/linux", KERNEL), ("di/initrd.gz", INITRD), ("pxelinux.0", PXELINUX), ("ldlinux.c32", LDLINUX)];
    let scene = Scene::new(&files).unwrap();
    scene.write("di/linux.toml", "cmdline = \"console=ttyS0 TERM=vt100\"\n").unwrap();
    let _guard = scene.serve(settings).unwrap();
    let mut machine = scene.power_on(Hardware { memory_mib: 512, ..Firmware::SeaBios.into() }).unwrap();
    machine.until_console(through).unwrap();
    machine.until_console(QUESTION).unwrap();
}

#[test]
fn installer_reaches_its_first_screen_by_the_menu_of_pxelinux() {
    skip_unless!("dnsmasq", "/usr/bin/qemu-system-x86_64", KERNEL, INITRD, PXELINUX, LDLINUX);
    reaches_its_first_screen("programs = { bios = \"pxelinux.0\" }\n", "PXELINUX");
}

#[test]
fn installer_reaches_its_first_screen_by_the_menu_of_ipxe() {
    skip_unless!("dnsmasq", "/usr/bin/qemu-system-x86_64", KERNEL, INITRD, PXELINUX, LDLINUX);
    reaches_its_first_screen("", "boot.ipxe... ok");
}
