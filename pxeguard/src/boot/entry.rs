//! Boot entries: what a menu can show, found among the files below the boot root.

mod id;
mod linux;
mod sidecar;
#[cfg(test)]
mod tests;
mod whole;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use pxeguard_common::arch::Platform;

use super::catalogue::{Item, Items, Warning};

pub use sidecar::{BadSidecar, Sidecar, described_by};

/// The entry that every menu has: the machine's own disk.
pub const LOCAL: &str = "local";
/// Its line in the menus.
pub const LOCAL_TITLE: &str = "Boot from the local disk";

/// Something that can be booted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The name by which it is chosen: ASCII letters, digits and `-+._`; it stays as long as its file's name.
    pub id: String,
    /// Its line in a menu; printable.
    pub title: String,
    /// The file that makes it an entry.
    pub file: Arc<str>,
    /// How it is booted, by platform; on others it is not shown.
    pub boots: BTreeMap<Platform, Boot>,
}

/// How something is booted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Boot {
    /// A kernel.
    Linux {
        /// The kernel.
        kernel: Arc<str>,
        /// Initial RAM disks, in the order in which they are put together.
        initrds: Vec<Arc<str>>,
        /// The command line; see [`Sidecar::cmdline`].
        cmdline: String,
    },
    /// A UEFI program or a BIOS' network boot program.
    Program(Arc<str>),
    /// A disc image, as a disc: only by HTTP, and only by iPXE.
    Iso(Arc<str>),
    /// Windows, by wimboot.
    Windows {
        /// wimboot.
        wimboot: Arc<str>,
        /// What it is given: the names under which it looks for them, and the files.
        files: Vec<(&'static str, Arc<str>)>,
    },
}

impl Boot {
    /// The file whose loading shows that the entry was chosen.
    pub fn first_file(&self) -> &Arc<str> {
        match self {
            Self::Linux { kernel: file, .. } | Self::Program(file) | Self::Iso(file) => file,
            Self::Windows { wimboot, .. } => wimboot,
        }
    }
}

/// Finds the entries, in the order of the menus, and what the operator has to know about them.
pub fn entries(items: &Items) -> (Vec<Entry>, Vec<Warning>) {
    let mut found = Found { items, entries: Vec::new(), warnings: Vec::new() };
    linux::find(&mut found);
    windows::find(&mut found);
    whole::find(&mut found);
    let Found { mut entries, warnings, .. } = found;
    entries.sort_by(|one, other| (&one.id, &one.file).cmp(&(&other.id, &other.file)));
    id::make_unique(&mut entries);
    (entries, warnings)
}

/// Entries so far.
struct Found<'a> {
    items: &'a Items,
    entries: Vec<Entry>,
    warnings: Vec<Warning>,
}

impl Found<'_> {
    fn warn(&mut self, item: &Item, text: impl Into<String>) {
        self.warnings.push(Warning { file: item.name.clone(), text: text.into() });
    }

    /// Adds an entry that the operator does not hide, if it boots anywhere.
    fn add(&mut self, item: &Item, id: &str, title: String, boots: BTreeMap<Platform, Boot>) {
        match &item.sidecar {
            Some(Err(bad)) => self.warn(item, format!("not in the menus, because its description is wrong: {bad}")),
            Some(Ok(sidecar)) if sidecar.hidden => {}
            sidecar => {
                let named = sidecar.as_ref().and_then(|sidecar| sidecar.as_ref().ok()?.title.clone());
                let title = named.unwrap_or(title);
                self.entries.push(Entry { id: id::slug(id), title, file: item.name.clone(), boots });
            }
        }
    }
}

/// A name's folder with its last `/`, and the rest.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_at(name.rfind('/').map_or(0, |slash| slash + 1))
}

/// A name without its last ending.
fn stem(name: &str) -> &str {
    let (folder, file) = split(name);
    let len = file.rfind('.').filter(|dot| *dot > 0).unwrap_or(file.len());
    &name[..folder.len() + len]
}
