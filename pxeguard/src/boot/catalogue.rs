//! The catalogue: what lies below the boot root and in Debian's packages, what it is, and what can be made of it.

mod packages;
mod program;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use pxeguard_common::arch::{Platform, Transport};

use super::Image;
use super::entry::{self, BadSidecar, Boot, Entry, Sidecar, split};
use super::menu;

pub use packages::Packages;
pub use program::{Program, Unusable};
pub use scan::Scanner;
pub(super) use scan::open;

/// A file, and what it is.
#[derive(Clone, Debug)]
pub struct Item {
    /// The name by which it is served.
    pub name: Arc<str>,
    /// Its length in bytes.
    pub len: u64,
    /// What it is.
    pub image: Image,
    /// What the operator says about it.
    pub sidecar: Option<Result<Sidecar, BadSidecar>>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a file comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The boot root.
    Root,
    /// A package of this host; with its place there.
    Package(PathBuf),
}

/// All files, by name.
#[derive(Clone, Debug, Default)]
pub struct Items(BTreeMap<Arc<str>, Item>);

impl Items {
    /// The file of a name.
    pub fn get(&self, name: &str) -> Option<&Item> {
        self.0.get(name)
    }

    /// The same, whatever the case of its ASCII letters, as the boot root finds it, too.
    pub fn get_ignoring_case(&self, name: &str) -> Option<&Item> {
        self.get(name).or_else(|| self.0.values().find(|item| item.name.eq_ignore_ascii_case(name)))
    }

    /// Those below the boot root.
    pub fn of_root(&self) -> impl Iterator<Item = &Item> {
        self.0.values().filter(|item| item.origin == Origin::Root)
    }

    /// Those in the folder of a file, with itself.
    pub fn beside<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Item> {
        let (folder, _) = split(name);
        let below = self.0.range::<str, _>((std::ops::Bound::Included(folder), std::ops::Bound::Unbounded));
        let below = below.map(|(_, item)| item).take_while(move |item| item.name.starts_with(folder));
        below.filter(move |item| split(&item.name).0 == folder)
    }
}

impl FromIterator<Item> for Items {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        Self(items.into_iter().map(|item| (item.name.clone(), item)).collect())
    }
}

/// Something about a file that the operator has to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The file.
    pub file: Arc<str>,
    /// What about it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.text)
    }
}

/// What there is to boot, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// All files.
    pub items: Items,
    /// What menus can show.
    pub entries: Vec<Entry>,
    /// What firmware can be told to load, best first.
    pub programs: Vec<Program>,
    /// What the operator has to know.
    pub warnings: Vec<Warning>,
}

impl Catalogue {
    /// Makes a catalogue of files.
    pub fn new(items: Items) -> Self {
        let (entries, mut warnings) = entry::entries(&items);
        let programs = program::programs(&items);
        let mut catalogue = Self { items, entries, programs, warnings: Vec::new() };
        warnings.extend(catalogue.program_warnings());
        catalogue.warnings = warnings;
        catalogue
    }

    /// The entries that a platform boots, with how.
    pub fn entries_for(&self, platform: Platform) -> impl Iterator<Item = (&Entry, &Boot)> {
        self.entries.iter().filter_map(move |entry| Some((entry, entry.boots.get(&platform)?)))
    }

    /// The entry of a name.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The program that firmware of a platform is told to load; where it is to boot `wanted`, one that can show that, if
    /// any can.
    pub fn program(&self, platform: Platform, transport: Transport, wanted: Option<&Entry>) -> Option<&Program> {
        let usable = || {
            let fit = self.programs.iter().filter(move |program| program.platform == platform);
            fit.filter(|program| self.is_usable(program, transport).is_ok())
        };
        let shows = |program: &&Program| {
            let boot = wanted.and_then(|wanted| wanted.boots.get(&platform));
            boot.is_some_and(|boot| program.shows(boot))
        };
        usable().find(shows).or_else(|| usable().next())
    }

    /// The best program that is not iPXE, for an iPXE that has no entry to show.
    pub fn program_but_ipxe(&self, platform: Platform, transport: Transport) -> Option<&Program> {
        let mut fit = self.programs.iter().filter(|program| program.platform == platform && !program.is_ipxe());
        fit.find(|program| self.is_usable(program, transport).is_ok())
    }

    /// The iPXE that a platform's firmware is given.
    pub fn ipxe(&self, platform: Platform) -> Option<&Program> {
        self.programs.iter().find(|program| program.platform == platform && program.is_ipxe())
    }

    /// A disc image for firmware that boots by HTTP.
    pub fn disc(&self, platform: Platform) -> Option<&Item> {
        let boots = self.entries_for(platform).map(|(_, boot)| boot);
        let mut discs = boots.filter(|boot| matches!(boot, Boot::Iso(_)));
        discs.find_map(|boot| self.items.get(boot.first_file()))
    }

    /// Whether there is anything that a client can be offered.
    pub fn has_anything(&self) -> bool {
        !self.entries.is_empty() || self.programs.iter().any(|program| self.is_usable(program, Transport::Tftp).is_ok())
    }

    /// Whether iPXE has something to show on a platform.
    pub fn has_script(&self, platform: Platform) -> bool {
        self.items.get(menu::IPXE_SCRIPT).is_some() || self.entries_for(platform).next().is_some()
    }
}
