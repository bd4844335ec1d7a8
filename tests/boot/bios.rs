//! SeaBIOS, with the iPXE of the network card's ROM.

use pxeguard_lab::firmware::{Card, Firmware, Hardware};
use pxeguard_lab::skip_unless;

use crate::scene::{Boot, Files, MEMTEST, Scene};

const MEMTEST_FILE: &str = "/boot/memtest86+x64.bin";
const UNDIONLY: &str = "/usr/lib/ipxe/undionly.kpxe";
const PXELINUX: &str = "/usr/lib/PXELINUX/pxelinux.0";
const LDLINUX: &str = "/usr/lib/syslinux/modules/bios/ldlinux.c32";

fn machine(card: Card) -> Hardware {
    Hardware { card, ..Firmware::SeaBios.into() }
}

#[test]
fn ipxe_of_the_rom_gets_the_script_and_nothing_else() {
    skip_unless!("dnsmasq", "/usr/bin/qemu-system-x86_64", MEMTEST_FILE, UNDIONLY);
    let scene = Scene::new(&[("memtest.bin", MEMTEST_FILE), ("undionly.kpxe", UNDIONLY)]).unwrap();
    let guard = scene.serve("").unwrap();
    let mut machine = scene.power_on(machine(Card::Virtio)).unwrap();
    machine.until_screen(MEMTEST).unwrap();
    let boot = Boot::of(&guard, &machine).unwrap();
    assert_eq!(boot.files(), ["http boot.ipxe", "http memtest.bin"]);
    assert_eq!(boot.strategy(), "script");
}

#[test]
fn old_ipxe_of_the_rom_loads_a_newer_one_once() {
    skip_unless!("dnsmasq", "/usr/bin/qemu-system-x86_64", MEMTEST_FILE, UNDIONLY);
    let scene = Scene::new(&[("memtest.bin", MEMTEST_FILE), ("undionly.kpxe", UNDIONLY)]).unwrap();
    let guard = scene.serve("chain_ipxe = true\n").unwrap();
    let mut machine = scene.power_on(machine(Card::E1000)).unwrap();
    machine.until_screen(MEMTEST).unwrap();
    let boot = Boot::of(&guard, &machine).unwrap();
    assert_eq!(boot.files(), ["tftp undionly.kpxe", "http boot.ipxe", "http memtest.bin"]);
    assert_eq!(boot.strategy(), "script");
}

#[test]
fn pxelinux_boots_the_first_line_of_its_menu() {
    skip_unless!("dnsmasq", "/usr/bin/qemu-system-x86_64", MEMTEST_FILE, PXELINUX, LDLINUX);
    let files: Files = &[("memtest.bin", MEMTEST_FILE), ("pxelinux.0", PXELINUX), ("ldlinux.c32", LDLINUX)];
    let scene = Scene::new(files).unwrap();
    let guard = scene.serve("programs = { bios = \"pxelinux.0\" }\n").unwrap();
    let mut machine = scene.power_on(machine(Card::Rtl8139)).unwrap();
    machine.until_screen(MEMTEST).unwrap();
    let boot = Boot::of(&guard, &machine).unwrap();
    let files = boot.files();
    assert_eq!(files.first().map(String::as_str), Some("tftp pxelinux.0"), "{files:?}");
    assert_eq!(files.last().map(String::as_str), Some("tftp memtest.bin"), "{files:?}");
    assert_eq!(boot.strategy(), "direct");
}
