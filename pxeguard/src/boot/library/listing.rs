//! What there is to boot, as `pxeguard boot list` shows it.

use pxeguard_common::arch::{Platform, Transport};
use serde::{Deserialize, Serialize};

use super::{Shelf, lock};
use crate::boot::catalogue::Origin;
use crate::boot::choice::Choice;
use crate::boot::entry::LOCAL;
use crate::trust::MacAddress;

/// What there is to boot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Listing {
    /// What menus show.
    pub entries: Vec<ListedEntry>,
    /// What firmware can be told to load, best first.
    pub programs: Vec<ListedProgram>,
    /// What is chosen for clients at run time.
    pub choices: Vec<(MacAddress, Choice)>,
    /// What is not as it should be, each on one line.
    pub warnings: Vec<String>,
}

/// An entry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ListedEntry {
    /// The name by which it is chosen.
    pub id: String,
    /// Its line in the menus.
    pub title: String,
    /// The file that makes it an entry.
    pub file: String,
    /// The names of the platforms that boot it.
    pub platforms: Vec<String>,
}

/// A boot program.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ListedProgram {
    /// Its name, as it is served.
    pub file: String,
    /// The name of its platform.
    pub platform: String,
    /// What it is: `shim`, `ipxe`, `grub`, `syslinux` or `program`.
    pub loader: String,
    /// Where it is, if it is of a package.
    pub package: Option<String>,
    /// Whether it is the one that the platform's firmware is told to load.
    pub is_offered: bool,
    /// Why it cannot be offered.
    pub unusable: Option<String>,
}

impl Shelf {
    /// What there is to boot now.
    pub fn list(&self) -> Listing {
        let (settings, catalogue) = (self.settings(), self.catalogue());
        let best = Platform::ALL.map(|platform| catalogue.program(platform, Transport::Tftp, None));
        let program = |program: &crate::boot::catalogue::Program| ListedProgram {
            file: program.file.to_string(),
            platform: program.platform.name().to_owned(),
            loader: program.loader.name().to_owned(),
            package: match &program.origin {
                Origin::Root => None,
                Origin::Package(path) => Some(path.display().to_string()),
            },
            is_offered: best.contains(&Some(program)),
            unusable: catalogue.is_usable(program, Transport::Tftp).err().map(|why| why.to_string()),
        };
        let entry = |entry: &crate::boot::entry::Entry| ListedEntry {
            id: entry.id.clone(),
            title: entry.title.clone(),
            file: entry.file.to_string(),
            platforms: entry.boots.keys().map(|platform| platform.name().to_owned()).collect(),
        };
        let choices: Vec<_> = lock(&self.choices).iter().map(|(mac, choice)| (mac, choice.clone())).collect();
        let mut warnings: Vec<_> = catalogue.warnings.iter().map(ToString::to_string).collect();
        let is_there = |id: &str| id == LOCAL || catalogue.entry(id).is_some();
        let by_command = choices.iter().flat_map(|(mac, choice)| [(mac, &choice.next), (mac, &choice.always)]);
        let by_file = settings.clients.iter().map(|(mac, client)| (mac, &client.entry));
        for (mac, chosen) in by_command.chain(by_file) {
            if let Some(id) = chosen.as_deref().filter(|id| !is_there(id)) {
                warnings.push(format!("{mac}: the entry \"{id}\" that is chosen for it is not there"));
            }
        }
        if let Some(id) = settings.default.as_deref().filter(|id| !is_there(id)) {
            warnings.push(format!("the default entry \"{id}\" is not there"));
        }
        Listing {
            entries: catalogue.entries.iter().map(entry).collect(),
            programs: catalogue.programs.iter().map(program).collect(),
            choices,
            warnings,
        }
    }
}
