//! What there is to boot, as `pxeguard boot list` shows it.

use pxeguard_common::arch::{Platform, Transport};

use super::{Shelf, lock};
use crate::boot::Settings;
use crate::boot::catalogue::{Catalogue, Origin, Program};
use crate::boot::choice::Choices;
use crate::boot::entry::{Entry, LOCAL};
use crate::report::{BootChoice, BootEntry, BootList, BootProgram};
use crate::trust::{MacAddress, Source};

impl Shelf {
    /// What there is to boot now.
    pub fn list(&self) -> BootList {
        let (settings, catalogue) = (self.settings(), self.catalogue());
        let clients = choices(&lock(&self.choices), &settings, &catalogue);
        let mut warnings: Vec<_> = catalogue.warnings.iter().map(ToString::to_string).collect();
        if let Some(missing) = settings.default.as_deref().filter(|name| !is_there(name, &catalogue)) {
            warnings.push(format!("the default entry \"{missing}\" is not there"));
        }
        BootList {
            entries: catalogue.entries.iter().map(entry).collect(),
            programs: programs(&catalogue),
            clients,
            warnings,
        }
    }
}

fn entry(entry: &Entry) -> BootEntry {
    BootEntry {
        name: entry.id.clone(),
        title: entry.title.clone(),
        file: entry.file.to_string(),
        platforms: entry.boots.keys().map(|platform| platform.name().to_owned()).collect(),
    }
}

fn programs(catalogue: &Catalogue) -> Vec<BootProgram> {
    let best = Platform::ALL.map(|platform| catalogue.program(platform, Transport::Tftp, None));
    let listed = |program: &Program| BootProgram {
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
    catalogue.programs.iter().map(listed).collect()
}

/// What was set at run time, which wins, and then what the configuration says.
fn choices(choices: &Choices, settings: &Settings, catalogue: &Catalogue) -> Vec<BootChoice> {
    let listed = |mac: MacAddress, name: &str, once, source| BootChoice {
        mac,
        entry: name.to_owned(),
        once,
        source,
        note: (!is_there(name, catalogue)).then(|| "there is no such entry".to_owned()),
    };
    let at_run_time = choices.iter().flat_map(|(mac, choice)| {
        let both = [(choice.next.as_deref(), true), (choice.always.as_deref(), false)];
        both.into_iter().filter_map(move |(name, once)| Some(listed(mac, name?, once, Source::State)))
    });
    let configured = settings.clients.iter();
    let configured =
        configured.filter_map(|(mac, client)| Some(listed(*mac, client.entry.as_deref()?, false, Source::Config)));
    at_run_time.chain(configured).collect()
}

fn is_there(name: &str, catalogue: &Catalogue) -> bool {
    name == LOCAL || catalogue.entry(name).is_some()
}
