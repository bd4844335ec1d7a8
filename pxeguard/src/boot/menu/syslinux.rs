//! The menu of pxelinux and syslinux.efi (syslinux, `doc/syslinux.txt` and `doc/menu.txt`).
//!
//! Words end at blanks, and there are no quotes: a file with a blank in its name cannot be asked for.

use std::fmt::Write;

use pxeguard_common::arch::Platform;
use pxeguard_common::net::Mac;

use super::{Page, Start, plain};
use crate::boot::entry::{Boot, LOCAL, LOCAL_TITLE};
use crate::trust::MacAddress;

/// Where a loader looks at last, below its own folder (`core/fs/pxe/pxe.c`, `pxe_load_config`).
pub const CONFIG: &str = "pxelinux.cfg/default";

/// How the menu is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// By `menu.c32`, which lies beside the loader.
    Menu,
    /// As text, and a prompt.
    Prompt,
}

/// Whether these loaders can boot something.
pub fn shows(boot: &Boot) -> bool {
    match boot {
        Boot::Linux { kernel, initrds, .. } => std::iter::once(kernel).chain(initrds).all(|name| is_word(name)),
        Boot::Program(_) | Boot::Iso(_) | Boot::Windows { .. } => false,
    }
}

/// Splits the name of a menu into the loader's folder and the client that it is for; `None` if it is no menu's name.
pub fn asked(name: &str) -> Option<(&str, Option<Mac>)> {
    let at = name.rfind("pxelinux.cfg/").filter(|at| *at == 0 || name.as_bytes()[at - 1] == b'/')?;
    let (folder, config) = name.split_at(at);
    if name.ends_with(CONFIG) {
        return Some((folder, None));
    }
    // 01 is Ethernet (RFC 1700, "Hardware Type").
    let mac: MacAddress = config.strip_prefix("pxelinux.cfg/01-")?.parse().ok()?;
    Some((folder, Some(mac.0)))
}

/// Writes the menu.
pub fn config(page: &Page, style: Style) -> String {
    let mut config = String::new();
    write(&mut config, page, style).expect("a string takes everything");
    config
}

fn write(out: &mut String, page: &Page, style: Style) -> std::fmt::Result {
    let entries = || page.entries.iter().filter(|(_, boot)| shows(boot));
    // syslinux.efi knows no local boot.
    let has_local = page.platform == Platform::Bios;
    let is_shown = |id: &str| (id == LOCAL && has_local) || entries().any(|(entry, _)| entry.id == id);
    writeln!(out, "# Written by pxeguard for {}.", page.platform.name())?;
    let start = Some(page.start.entry()).filter(|id| is_shown(id));
    match (&page.start, start, style) {
        (Start::Entry(_), Some(id), _) => writeln!(out, "DEFAULT {id}\nPROMPT 0")?,
        (_, _, Style::Menu) => writeln!(out, "DEFAULT menu.c32\nPROMPT 0\nMENU TITLE pxeguard at {}", page.server)?,
        (_, start, Style::Prompt) => {
            writeln!(out, "SAY pxeguard at {}: type a name, or only Enter for the first line.", page.server)?;
            let first = start.into_iter().chain(entries().map(|(entry, _)| entry.id.as_str())).next().unwrap_or(LOCAL);
            let title = |id: &str| entries().find(|(entry, _)| entry.id == id).map(|(entry, _)| plain(&entry.title));
            writeln!(out, "SAY   {first}: {}", title(first).as_deref().unwrap_or(LOCAL_TITLE))?;
            for (entry, _) in entries().filter(|(entry, _)| entry.id != first) {
                writeln!(out, "SAY   {}: {}", entry.id, plain(&entry.title))?;
            }
            if has_local && first != LOCAL {
                writeln!(out, "SAY   {LOCAL}: {LOCAL_TITLE}")?;
            }
            writeln!(out, "DEFAULT {first}\nPROMPT 1")?;
        }
    }
    if let (Start::Menu { timeout, .. }, true) = (&page.start, start.is_some()) {
        // In tenths of a second; 0 is for ever, too.
        writeln!(out, "TIMEOUT {}", timeout.as_millis() / 100)?;
    }
    for (entry, boot) in entries() {
        let Boot::Linux { kernel, initrds, cmdline } = boot else { continue };
        writeln!(out, "\nLABEL {}", entry.id)?;
        write_title(out, &plain(&entry.title), start == Some(entry.id.as_str()))?;
        // LINUX, and not KERNEL, which takes a file named *.bin for a boot sector.
        writeln!(out, "  LINUX {}", path(kernel))?;
        if !initrds.is_empty() {
            writeln!(out, "  INITRD {}", initrds.iter().map(|initrd| path(initrd)).collect::<Vec<_>>().join(","))?;
        }
        if !cmdline.is_empty() {
            writeln!(out, "  APPEND {}", page.cmdline(cmdline))?;
        }
    }
    if has_local {
        writeln!(out, "\nLABEL {LOCAL}")?;
        write_title(out, LOCAL_TITLE, start == Some(LOCAL))?;
        writeln!(out, "  LOCALBOOT 0")?;
    }
    Ok(())
}

fn write_title(out: &mut String, title: &str, is_default: bool) -> std::fmt::Result {
    writeln!(out, "  MENU LABEL {title}")?;
    if is_default { writeln!(out, "  MENU DEFAULT") } else { Ok(()) }
}

/// A name below the boot root, and not below the loader's folder (`core/fs/pxe/urlparse.c`: `::` is this server).
fn path(name: &str) -> String {
    format!("::{name}")
}

/// Whether a name is one word; a comma would begin the next initial RAM disk.
fn is_word(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') && !name.contains("::") && !name.contains("://")
}
