//! What a machine is made of, and the command line that makes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use macaddr::MacAddr6;

use super::qemu;
use crate::cache::provided;

/// Files in a machine's folder.
pub(super) const CONSOLE: &str = "console";
pub(super) const MONITOR: &str = "monitor";
const VARIABLES: &str = "variables";

/// A machine's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS; the network is that of the iPXE in the card's ROM.
    SeaBios,
    /// OVMF for x86-64, with its own network.
    Ovmf(First),
    /// OVMF for x86-64, which starts only what Microsoft's keys have signed.
    OvmfSecureBoot,
    /// OVMF for 32-bit x86.
    OvmfIa32,
    /// ArmVirtQemu for 64-bit ARM.
    ArmVirt,
}

/// Which of its two kinds of network boot a UEFI machine tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// PXE: a file name, and TFTP.
    Pxe,
    /// HTTP boot: a URL.
    Http,
}

/// A network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// virtio-net.
    Virtio,
    /// Intel 82540EM.
    E1000,
    /// Realtek 8139.
    Rtl8139,
}

/// A machine as one would order it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// Its firmware.
    pub firmware: Firmware,
    /// Its network card.
    pub card: Card,
    /// Its memory, in MiB.
    pub memory_mib: u32,
}

impl From<Firmware> for Hardware {
    /// With a virtio card, and so little memory that memtest86+ cannot measure its speed: in emulation that takes half a
    /// minute, before it shows anything.
    fn from(firmware: Firmware) -> Self {
        let memory_mib = if firmware == Firmware::ArmVirt { 512 } else { 96 };
        Self { firmware, card: Card::Virtio, memory_mib }
    }
}

impl Firmware {
    /// What has to be installed or unpacked for it: `skip_unless!` takes the paths.
    pub fn needs(self) -> &'static [&'static str] {
        match self {
            Self::SeaBios => &["/usr/bin/qemu-system-x86_64", "/usr/share/seabios/bios-256k.bin"],
            Self::Ovmf(_) => &["/usr/bin/qemu-system-x86_64", OVMF.code, OVMF.variables],
            Self::OvmfSecureBoot => &["/usr/bin/qemu-system-x86_64", OVMF_SECURE_BOOT.code, OVMF_SECURE_BOOT.variables],
            Self::OvmfIa32 => &["/usr/bin/qemu-system-x86_64", OVMF_IA32.code, OVMF_IA32.variables],
            Self::ArmVirt => &["/usr/bin/qemu-system-aarch64", ARM_VIRT],
        }
    }

    /// Whether its VGA card is in text mode; UEFI draws.
    pub(super) fn has_text_screen(self) -> bool {
        self == Self::SeaBios
    }
}

impl Card {
    fn device(self) -> &'static str {
        match self {
            Self::Virtio => "virtio-net-pci",
            Self::E1000 => "e1000",
            Self::Rtl8139 => "rtl8139",
        }
    }
}

/// UEFI in flash: its code, and what its variables are at first.
struct Flash {
    code: &'static str,
    variables: &'static str,
    /// Whether the flash can be written in system management mode only: these builds insist.
    is_guarded: bool,
}

const OVMF: Flash =
    Flash { code: "/usr/share/OVMF/OVMF_CODE_4M.fd", variables: "/usr/share/OVMF/OVMF_VARS_4M.fd", is_guarded: false };

const OVMF_SECURE_BOOT: Flash = Flash {
    code: "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
    variables: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    is_guarded: true,
};

const OVMF_IA32: Flash = Flash {
    code: "/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd",
    variables: "/usr/share/OVMF/OVMF32_VARS_4M.fd",
    is_guarded: true,
};

const ARM_VIRT: &str = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";

impl Hardware {
    /// QEMU with this machine, off, its network behind a new tap device `port`.
    pub(super) fn command(&self, folder: &Path, port: &str, mac: MacAddr6) -> Result<Command> {
        let mut qemu = qemu(if self.firmware == Firmware::ArmVirt { "aarch64" } else { "x86_64" })?;
        qemu.args(["-S", "-m", &self.memory_mib.to_string()]);
        qemu.args(["-serial", &format!("file:{}", folder.join(CONSOLE).display())]);
        qemu.args(["-qmp", &format!("unix:{},server=on,wait=off", folder.join(MONITOR).display())]);
        match self.firmware {
            // SeaBIOS then shows on the serial line what BIOS calls draw, and leaves the screen as it is.
            Firmware::SeaBios => drop(qemu.args(["-machine", "pc,graphics=off", "-vga", "std"])),
            Firmware::Ovmf(first) => {
                OVMF.plug_in(&mut qemu, folder)?;
                first.configure(&mut qemu);
            }
            Firmware::OvmfSecureBoot => OVMF_SECURE_BOOT.plug_in(&mut qemu, folder)?,
            Firmware::OvmfIa32 => OVMF_IA32.plug_in(&mut qemu, folder)?,
            Firmware::ArmVirt => {
                qemu.args(["-machine", "virt", "-cpu", "cortex-a57"]).arg("-bios").arg(file(ARM_VIRT)?);
            }
        }
        qemu.args(["-netdev", &format!("tap,id=net,ifname={port},script=no,downscript=no")]);
        // UEFI has drivers of its own: the iPXE of the card's ROM would take their place.
        let rom = if self.firmware == Firmware::SeaBios { "" } else { ",romfile=" };
        qemu.args(["-device", &format!("{},netdev=net,mac={mac},bootindex=1{rom}", self.card.device())]);
        Ok(qemu)
    }
}

impl Flash {
    /// Gives the machine this firmware, with variables of its own.
    fn plug_in(&self, qemu: &mut Command, folder: &Path) -> Result<()> {
        let variables = folder.join(VARIABLES);
        fs::copy(file(self.variables)?, &variables).context("cannot copy the variables")?;
        let machine = if self.is_guarded { "q35,smm=on" } else { "q35" };
        qemu.args(["-machine", machine, "-vga", "std"]);
        if self.is_guarded {
            qemu.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        }
        for (file, rights) in [(file(self.code)?, "on"), (variables, "off")] {
            qemu.args(["-drive", &format!("if=pflash,format=raw,readonly={rights},file={}", file.display())]);
        }
        Ok(())
    }
}

impl First {
    fn configure(self, qemu: &mut Command) {
        // Without PXE there is HTTP boot alone (NetworkPkg's UefiPxeBcDxe and OvmfPkg's PlatformBm ask for these).
        let switches: &[&str] = match self {
            Self::Pxe => &["IPv6PXESupport"],
            Self::Http => &["IPv4PXESupport", "IPv6PXESupport"],
        };
        for switch in switches {
            qemu.args(["-fw_cfg", &format!("name=opt/org.tianocore/{switch},string=n")]);
        }
    }
}

fn file(path: &str) -> Result<PathBuf> {
    provided(path).with_context(|| format!("{path} is neither installed nor unpacked"))
}
