//! iPXE's script (<https://ipxe.org/scripting>).
//!
//! The language has no quotes: words end at blanks, `${...}` is replaced, `||`, `&&`, `;` and words that begin with `#` end a
//! command (`src/core/exec.c`).  Names of files stand there as parts of URIs, in percent-encoding.

use std::fmt::Write;

use pxeguard_common::arch::Platform;

use super::{Page, Start, plain};
use crate::boot::Via;
use crate::boot::entry::{Boot, LOCAL, LOCAL_TITLE};

/// The script for a client whose platform is not known: iPXE knows it, and asks again.
pub fn dispatch() -> String {
    "#!ipxe\n\
     # Written by pxeguard: iPXE says here on what it runs.\n\
     chain --autofree boot-${platform}-${buildarch}.ipxe\n"
        .to_owned()
}

/// The platform that a name of [`dispatch`] says.
pub fn dispatched_platform(name: &str) -> Option<Platform> {
    match name.strip_prefix("boot-")?.strip_suffix(".ipxe")?.split_once('-')? {
        ("pcbios", _) => Some(Platform::Bios),
        ("efi", "i386") => Some(Platform::EfiIa32),
        ("efi", "x86_64") => Some(Platform::EfiX64),
        ("efi", "arm32") => Some(Platform::EfiArm32),
        ("efi", "arm64") => Some(Platform::EfiArm64),
        ("efi", "riscv32") => Some(Platform::EfiRiscv32),
        ("efi", "riscv64") => Some(Platform::EfiRiscv64),
        ("efi", "loong64") => Some(Platform::EfiLoongArch64),
        _ => None,
    }
}

/// Writes the script; by TFTP it names files by TFTP, because such an iPXE may know nothing else.
pub fn script(page: &Page, via: Via) -> String {
    let mut script = String::new();
    write(&mut script, page, via).expect("a string takes everything");
    script
}

/// Whether an iPXE that came by a service can boot something.
fn shows(boot: &Boot, via: Via) -> bool {
    // A disc is read in pieces, which TFTP cannot do.
    via == Via::Http || !matches!(boot, Boot::Iso(_))
}

fn write(out: &mut String, page: &Page, via: Via) -> std::fmt::Result {
    let base = match via {
        Via::Http => format!("{}/", page.url()),
        Via::Tftp => format!("tftp://{}/", page.server),
    };
    let entries = || page.entries.iter().filter(|(_, boot)| shows(boot, via));
    writeln!(out, "#!ipxe")?;
    writeln!(out, "# Written by pxeguard for {}.", page.platform.name())?;
    writeln!(out, "set base {base}")?;
    let is_shown = |id: &str| id == LOCAL || entries().any(|(entry, _)| entry.id == id);
    if let Start::Entry(id) = &page.start
        && is_shown(id)
    {
        writeln!(out, "goto boot-{id}")?;
    }
    writeln!(out, "\n:menu")?;
    writeln!(out, "menu pxeguard at {}", page.server)?;
    for (entry, _) in entries() {
        writeln!(out, "item {} {}", entry.id, plain(&entry.title))?;
    }
    writeln!(out, "item {LOCAL} {LOCAL_TITLE}")?;
    let timeout = match &page.start {
        Start::Menu { timeout, .. } if !timeout.is_zero() => format!(" --timeout {}", timeout.as_millis()),
        _ => String::new(),
    };
    let default = if is_shown(page.start.entry()) { page.start.entry() } else { LOCAL };
    writeln!(out, "choose --default {default}{timeout} entry || goto boot-{LOCAL}")?;
    writeln!(out, "goto boot-${{entry}}")?;
    for (entry, boot) in entries() {
        writeln!(out, "\n:boot-{}", entry.id)?;
        writeln!(out, "imgfree")?;
        write_boot(out, page, boot)?;
    }
    writeln!(out, "\n:boot-{LOCAL}")?;
    match page.platform {
        // Straight from the first disk: some BIOSes start over at their first device, which is the network.
        Platform::Bios => writeln!(out, "sanboot --no-describe --drive 0x80 || exit 1")?,
        // UEFI takes its next boot option where one failed, and shows its own menu where one succeeded
        // (`MdeModulePkg/Universal/BdsDxe/BdsEntry.c`).
        _ => writeln!(out, "exit 1")?,
    }
    writeln!(out, "\n:failed")?;
    writeln!(out, "echo That did not boot: see the message above, and the log of pxeguard.")?;
    writeln!(out, "prompt --timeout 10000 Press a key for the menu. ||")?;
    writeln!(out, "goto menu")
}

fn write_boot(out: &mut String, page: &Page, boot: &Boot) -> std::fmt::Result {
    match boot {
        Boot::Linux { kernel, initrds, cmdline } => {
            let mut words = vec![format!("kernel {}", uri(kernel))];
            // UEFI's stub of Linux looks for its initial RAM disks by name, in iPXE's file system (`src/interface/efi/efi_file.c`).
            let is_efi = page.platform != Platform::Bios;
            words.extend((0..initrds.len()).filter(|_| is_efi).map(|number| format!("initrd=initrd{number}")));
            words.extend(page.cmdline(cmdline).split_whitespace().map(str::to_owned));
            writeln!(out, "{} || goto failed", words.join(" "))?;
            for (number, initrd) in initrds.iter().enumerate() {
                writeln!(out, "initrd --name initrd{number} {} || goto failed", uri(initrd))?;
            }
            writeln!(out, "boot || goto failed")
        }
        // A program may end, and then the menu comes back.
        Boot::Program(program) => writeln!(out, "chain --autofree {} || goto failed\ngoto menu", uri(program)),
        Boot::Iso(iso) => writeln!(out, "sanboot {} || goto failed\ngoto menu", uri(iso)),
        Boot::Windows { wimboot, files } => {
            writeln!(out, "kernel {} || goto failed", uri(wimboot))?;
            for (name, file) in files {
                // The name again, behind the URI: that is where older versions of iPXE and wimboot look for it.
                writeln!(out, "initrd --name {name} {} {name} || goto failed", uri(file))?;
            }
            writeln!(out, "boot || goto failed")
        }
    }
}

/// A file's place behind the base, in percent-encoding (RFC 3986 §2.1); a folder's `/` stays.
fn uri(name: &str) -> String {
    let mut uri = "${base}".to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a string takes everything");
        }
    }
    uri
}
