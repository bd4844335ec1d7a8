//! GRUB's menu (GNU GRUB manual, "Writing full configuration files directly").
//!
//! One menu serves all platforms: GRUB itself knows on which it runs.  Files are named from the root of the device that GRUB
//! came from, so it goes on by TFTP or HTTP, as it came.

use std::fmt::Write;

use pxeguard_common::arch::Platform;

use super::{Page, Start, plain};
use crate::boot::entry::{Boot, LOCAL, LOCAL_TITLE, split};

/// Whether GRUB can boot something.
pub fn shows(boot: &Boot) -> bool {
    match boot {
        Boot::Linux { .. } | Boot::Program(_) => true,
        Boot::Iso(_) | Boot::Windows { .. } => false,
    }
}

/// Whether a GRUB that was made for the network looks there for its menu: Debian's and Ubuntu's in `grub`, that of Debian's
/// installer in `debian-installer/ARCH/grub`, Fedora's beside itself.
pub fn is_config(name: &str) -> bool {
    let (folder, file) = split(name);
    // Debian's looks in grub/x86_64-efi first, for what its own tools put there.
    let is_of_modules = folder.ends_with("-efi/");
    file == "grub.cfg" && !is_of_modules
}

/// Writes the menu for these platforms, of which each page is about one.
pub fn config(pages: &[Page]) -> String {
    let mut config = String::new();
    write(&mut config, pages).expect("a string takes everything");
    config
}

fn write(out: &mut String, pages: &[Page]) -> std::fmt::Result {
    writeln!(out, "# Written by pxeguard.")?;
    for page in pages {
        let Some(cpu) = cpu(page.platform) else { continue };
        writeln!(out, "\nif [ \"$grub_cpu\" = \"{cpu}\" ]; then")?;
        write_page(out, page)?;
        writeln!(out, "fi")?;
    }
    writeln!(out, "\nmenuentry '{LOCAL_TITLE}' --id '{LOCAL}' {{\n  exit 1\n}}")
}

fn write_page(out: &mut String, page: &Page) -> std::fmt::Result {
    let timeout = match &page.start {
        Start::Entry(_) => "0".to_owned(),
        Start::Menu { timeout, .. } if timeout.is_zero() => "-1".to_owned(),
        Start::Menu { timeout, .. } => timeout.as_secs().max(1).to_string(),
    };
    writeln!(out, "set default='{}'", page.start.entry())?;
    writeln!(out, "set timeout={timeout}")?;
    for (entry, boot) in page.entries.iter().filter(|(_, boot)| shows(boot)) {
        writeln!(out, "menuentry '{}' --id '{}' {{", plain(&entry.title), entry.id)?;
        match boot {
            Boot::Linux { kernel, initrds, cmdline } => {
                let cmdline = page.cmdline(cmdline);
                let words = cmdline.split_whitespace().map(quoted);
                let words: Vec<_> = std::iter::once(path(kernel)).chain(words).collect();
                writeln!(out, "  linux {}", words.join(" "))?;
                if !initrds.is_empty() {
                    writeln!(out, "  initrd {}", initrds.iter().map(|name| path(name)).collect::<Vec<_>>().join(" "))?;
                }
            }
            Boot::Program(program) => writeln!(out, "  chainloader {}", path(program))?,
            Boot::Iso(_) | Boot::Windows { .. } => {}
        }
        writeln!(out, "}}")?;
    }
    Ok(())
}

/// GRUB's name of a processor (`grub_cpu`).
fn cpu(platform: Platform) -> Option<&'static str> {
    Some(match platform {
        Platform::Bios => return None,
        Platform::EfiIa32 => "i386",
        Platform::EfiX64 => "x86_64",
        Platform::EfiArm32 => "arm",
        Platform::EfiArm64 => "arm64",
        Platform::EfiRiscv32 => "riscv32",
        Platform::EfiRiscv64 => "riscv64",
        Platform::EfiLoongArch64 => "loongarch64",
    })
}

fn path(name: &str) -> String {
    quoted(&format!("/{name}"))
}

/// In single quotes nothing has a meaning but the quote that ends them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
