//! The lab itself: with dnsmasq as boot server, the same machines boot the same programs.

use std::time::Duration;

use anyhow::{Result, ensure};
use pxeguard_lab::firmware::{Firmware, First};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Pool, skip_unless};

use crate::scene::{BOOT_SERVER, Files, MEMTEST, Scene};

/// Boots memtest86+ from dnsmasq as proxyDHCP and TFTP server; how long after power-on the boot program was loaded.
fn boots(firmware: Firmware, files: Files, service: &str, loaded: &str) -> Result<Duration> {
    let scene = Scene::new(files)?;
    scene.write("pxelinux.cfg/default", "DEFAULT memtest\nLABEL memtest\nLINUX memtest.bin\n")?;
    let boot = scene.lab.attach("boot")?;
    scene.lab.hypervisor().ip("address flush dev vmbr0\n")?;
    let pool = Pool { server: BOOT_SERVER, ..Pool::TRUSTED };
    let server = dnsmasq::start_boot_server(&boot, &pool, scene.root.path(), &[service])?;
    let mut machine = scene.power_on(firmware)?;
    let took = machine.until_console(loaded)?;
    machine.until_screen(MEMTEST)?;
    ensure!(server.is_running(), "{}", server.output());
    Ok(took)
}

#[test]
fn dnsmasq_boots_uefi() {
    let memtest = "/boot/memtest86+x64.efi";
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", memtest);
    let service = "--pxe-service=X86-64_EFI,boot,memtest.efi";
    let files: Files = &[("memtest.efi", memtest)];
    let took = boots(Firmware::Ovmf(First::Pxe), files, service, "NBP file downloaded successfully").unwrap();
    eprintln!("OVMF with dnsmasq as proxy: loaded {took:.1?} after power-on");
}

#[test]
fn dnsmasq_boots_a_bios() {
    let (memtest, pxelinux) = ("/boot/memtest86+x64.bin", "/usr/lib/PXELINUX/pxelinux.0");
    let ldlinux = "/usr/lib/syslinux/modules/bios/ldlinux.c32";
    skip_unless!("dnsmasq", "/usr/bin/qemu-system-x86_64", memtest, pxelinux, ldlinux);
    let service = "--pxe-service=x86PC,boot,pxelinux.0";
    let files: Files = &[("memtest.bin", memtest), ("pxelinux.0", pxelinux), ("ldlinux.c32", ldlinux)];
    let took = boots(Firmware::SeaBios, files, service, "pxelinux.0... ok").unwrap();
    eprintln!("iPXE with dnsmasq as proxy: loaded {took:.1?} after power-on");
}
