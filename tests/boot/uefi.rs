//! OVMF, with UEFI's own PXE and HTTP boot.

use pxeguard_lab::firmware::{Card, Firmware, First, Hardware};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{BRIDGE, Pool, skip_unless};

use crate::explain::explanation;
use crate::scene::{Answers, BOOT_SERVER, Boot, Files, MEMTEST, Scene};

const MEMTEST_FILE: &str = "/boot/memtest86+x64.efi";
const PXE: Firmware = Firmware::Ovmf(First::Pxe);

/// Boots memtest86+ as the firmware's own boot program, answered by a strategy; whether port 4011 was asked.
fn boots_by(strategy: &str) -> bool {
    let scene = Scene::new(&[("memtest.efi", MEMTEST_FILE)]).unwrap();
    let guard = scene.serve(&format!("strategy = {{ efi-x64 = \"{strategy}\" }}\n")).unwrap();
    let mut machine = scene.power_on(PXE).unwrap();
    machine.until_screen(MEMTEST).unwrap();
    let boot = Boot::of(&guard, &machine).unwrap();
    assert_eq!(boot.files(), ["tftp memtest.efi"]);
    assert_eq!(boot.strategy(), strategy);
    let given = guard.json("status").unwrap()["boot_answers"].clone();
    match Answers::wanted() {
        Answers::Kernel => assert_eq!(given["daemon"], 0, "{given}"),
        Answers::Daemon => assert!(given["kernel"].is_null() && given["daemon"] != 0, "{given}"),
    }
    boot.asked_4011() > 0
}

#[test]
fn direct_answers_boot_without_port_4011() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE);
    assert!(!boots_by("direct"));
}

#[test]
fn binl_answers_boot_by_port_4011() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE);
    assert!(boots_by("binl"));
}

#[test]
fn menu_answers_boot_by_port_4011() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE);
    assert!(boots_by("menu"));
}

#[test]
fn http_boot_loads_by_http() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE);
    let scene = Scene::new(&[("memtest.efi", MEMTEST_FILE)]).unwrap();
    let guard = scene.serve("").unwrap();
    let mut machine = scene.power_on(Firmware::Ovmf(First::Http)).unwrap();
    machine.until_screen(MEMTEST).unwrap();
    let boot = Boot::of(&guard, &machine).unwrap();
    assert_eq!((boot.files(), boot.strategy()), (vec!["http memtest.efi".to_owned()], "http"));
    let told = explanation(&guard, &machine);
    assert_eq!((&told["outcome"], told["causes"].as_array().map(Vec::len)), (&"booted".into(), Some(0)), "{told:#}");
}

#[test]
fn firmware_for_32_bits_gets_the_program_for_32_bits() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd", MEMTEST_FILE);
    let scene = Scene::new(&[("x64.efi", MEMTEST_FILE), ("ia32.efi", "/boot/memtest86+ia32.efi")]).unwrap();
    let guard = scene.serve("").unwrap();
    let mut machine = scene.power_on(Firmware::OvmfIa32).unwrap();
    machine.until_screen(MEMTEST).unwrap();
    let boot = Boot::of(&guard, &machine).unwrap();
    assert_eq!((boot.files(), boot.strategy()), (vec!["tftp ia32.efi".to_owned()], "direct"));
}

#[test]
fn syslinux_boots_the_first_line_of_its_menu() {
    let (syslinux, ldlinux) =
        ("/usr/lib/SYSLINUX.EFI/efi64/syslinux.efi", "/usr/lib/syslinux/modules/efi64/ldlinux.e64");
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE, syslinux, ldlinux);
    let files: Files = &[("memtest.efi", MEMTEST_FILE), ("syslinux.efi", syslinux), ("ldlinux.e64", ldlinux)];
    let scene = Scene::new(files).unwrap();
    let _guard = scene.serve("").unwrap();
    let mut machine = scene.power_on(PXE).unwrap();
    machine.until_console("NBP filename is syslinux.efi").unwrap();
    machine.until_screen(MEMTEST).unwrap();
}

/// GRUB asks the server that the DHCP server names (`siaddr`), whoever it was loaded from (rhboot/grub2#87).
#[test]
fn grub_boots_the_first_line_of_its_menu_where_the_dhcp_server_names_us() {
    let grub = "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed";
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE, grub);
    let next_server = format!("--dhcp-boot=unused,,{BOOT_SERVER}");
    let scene = Scene::with_dhcp(&[("memtest.efi", MEMTEST_FILE), ("grubx64.efi", grub)], &[&next_server]).unwrap();
    let _guard = scene.serve("").unwrap();
    let mut machine = scene.power_on(PXE).unwrap();
    machine.until_console("NBP filename is grubx64.efi").unwrap();
    machine.until_screen(MEMTEST).unwrap();
}

#[test]
fn ipxe_gets_the_script_from_beside_a_dhcp_server_on_the_same_host_and_bridge() {
    let snponly = "/usr/lib/ipxe/snponly.efi";
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE, snponly);
    let scene = Scene::without_dhcp(&[("memtest.efi", MEMTEST_FILE), ("snponly.efi", snponly)]).unwrap();
    let pool = Pool { server: BOOT_SERVER, ..Pool::TRUSTED };
    let dhcp = dnsmasq::start_on(scene.lab.hypervisor(), BRIDGE, &pool, &[]).unwrap();
    let guard = scene.serve("").unwrap();
    let mut machine = scene.power_on(Hardware { card: Card::Virtio, ..PXE.into() }).unwrap();
    machine.until_screen(MEMTEST).unwrap();
    let boot = Boot::of(&guard, &machine).unwrap();
    assert_eq!(boot.files(), ["tftp snponly.efi", "http boot.ipxe", "http memtest.efi"]);
    assert_eq!(boot.strategy(), "script");
    let said = dhcp.output();
    assert!(said.contains("DHCPACK") && !said.contains("error") && !said.contains("failed"), "{said}");
}
