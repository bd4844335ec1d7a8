//! The lab itself: with dnsmasq as boot server, the same machines boot the same programs.

use pxeguard_lab::firmware::{Firmware, First};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Lab, Machine, Pool, Server, skip_unless};

use crate::files::boot_root;

#[test]
fn uefi_boots_memtest_from_dnsmasq() {
    skip_unless!("dnsmasq", "/boot/memtest86+x64.efi");
    let lab = Lab::new().unwrap();
    let (trusted, boot) = (lab.attach("trusted").unwrap(), lab.attach("boot").unwrap());
    let _dhcp = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED).unwrap();
    let root = boot_root(&[("memtest.efi", "/boot/memtest86+x64.efi")]).unwrap();
    let pool = Pool { server: [10, 77, 0, 2].into(), ..Pool::TRUSTED };
    let service = "--pxe-service=X86-64_EFI,boot,memtest.efi";
    let server = dnsmasq::start_boot_server(&boot, &pool, root.path(), &[service]).unwrap();
    let mut machine = Machine::power_on(&lab, "tap100i0", Firmware::Ovmf(First::Pxe)).unwrap();
    let loaded = machine.until_console("NBP file downloaded successfully").unwrap();
    let ran = machine.until_screen("Memtest86+ v6").unwrap();
    eprintln!("loaded {loaded:?} ran {ran:?}\n{}", machine.screen().unwrap());
    eprintln!("{}", machine.console());
    eprintln!("{}", server.output());
}

#[test]
fn bios_boots_memtest_from_dnsmasq() {
    skip_unless!("dnsmasq", "/boot/memtest86+x64.efi");
    let lab = Lab::new().unwrap();
    let (trusted, boot) = (lab.attach("trusted").unwrap(), lab.attach("boot").unwrap());
    let _dhcp = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED).unwrap();
    let root = boot_root(&[
        ("memtest", "/boot/memtest86+x64.bin"),
        ("undionly.kpxe", "/usr/lib/ipxe/undionly.kpxe"),
        ("pxelinux.0", "/usr/lib/PXELINUX/pxelinux.0"),
        ("ldlinux.c32", "/usr/lib/syslinux/modules/bios/ldlinux.c32"),
    ])
    .unwrap();
    std::fs::create_dir(root.path().join("pxelinux.cfg")).unwrap();
    std::fs::write(root.path().join("pxelinux.cfg/default"), "DEFAULT m\nLABEL m\nLINUX memtest\n").unwrap();
    let pool = Pool { server: [10, 77, 0, 2].into(), ..Pool::TRUSTED };
    let service = "--pxe-service=x86PC,boot,pxelinux.0";
    let server = dnsmasq::start_boot_server(&boot, &pool, root.path(), &[service]).unwrap();
    let mut machine = Machine::power_on(&lab, "tap100i0", Firmware::SeaBios).unwrap();
    let loaded = machine.until_console("PXELINUX").unwrap();
    let ran = machine.until_screen("Memtest86+ v6").unwrap();
    eprintln!("loaded {loaded:?} ran {ran:?}\n{}", machine.screen().unwrap());
    eprintln!("{}", machine.console());
    eprintln!("{}", server.output());
}
