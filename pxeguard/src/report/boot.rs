//! What can be booted, and which client boots what.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{Text, dash, printable, table};
use crate::trust::{MacAddress, Source};

/// What there is to boot.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootList {
    /// The entries, in the order of the menu.
    pub entries: Vec<BootEntry>,
    /// What firmware can be told to load, best first.
    pub programs: Vec<BootProgram>,
    /// Clients that boot an entry without a menu.
    pub clients: Vec<BootChoice>,
    /// What is not as it should be, each on one line.
    pub warnings: Vec<String>,
}

/// Something that can be booted.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootEntry {
    /// The name by which it is set for a client.
    pub name: String,
    /// The line in the menu.
    pub title: String,
    /// The file that makes it an entry.
    pub file: String,
    /// Platforms that can boot it, [`pxeguard_common::arch::Platform::name`].
    pub platforms: Vec<String>,
}

/// A boot program.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootProgram {
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

/// A client that boots an entry without a menu.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootChoice {
    /// The client.
    pub mac: MacAddress,
    /// The entry's name.
    pub entry: String,
    /// Whether this counts for its next boot only.
    pub once: bool,
    /// Who says so: the configuration, or the state file, which has what was set at run time and wins.
    pub source: Source,
    /// What is to be known about it, such as that there is no such entry.
    pub note: Option<String>,
}

/// What there is to boot, and who boots what.
pub fn boot_table(list: &BootList) -> String {
    let mut text = if list.entries.is_empty() {
        "nothing yet: there is nothing to boot in the boot root\n".to_owned()
    } else {
        let rows = list
            .entries
            .iter()
            .map(|entry| [entry.name.clone(), entry.platforms.join(","), entry.title.clone(), entry.file.clone()]);
        table([Text("ENTRY"), Text("PLATFORMS"), Text("TITLE"), Text("FILE")], rows)
    };
    if !list.programs.is_empty() {
        let rows = list.programs.iter().map(|program| {
            let offered = if program.is_offered { "first" } else { "" };
            let note = program.unusable.clone().unwrap_or_else(|| offered.to_owned());
            [program.platform.clone(), program.file.clone(), program.loader.clone(), note]
        });
        text.push('\n');
        text += &table([Text("PLATFORM"), Text("BOOT PROGRAM"), Text("LOADER"), Text("NOTE")], rows);
    }
    if !list.clients.is_empty() {
        let rows = list.clients.iter().map(|choice| {
            let when = if choice.once { "next boot" } else { "every boot" };
            let source = choice.source.name();
            [
                choice.mac.to_string(),
                choice.entry.clone(),
                when.to_owned(),
                source.to_owned(),
                dash(choice.note.clone()),
            ]
        });
        text.push('\n');
        text += &table([Text("CLIENT"), Text("ENTRY"), Text("WHEN"), Text("SOURCE"), Text("NOTE")], rows);
    }
    if !list.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &list.warnings {
        writeln!(text, "warning: {}", printable(warning)).expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_entries_programs_clients_and_warnings() {
        let list = BootList {
            entries: vec![BootEntry {
                name: "memtest86+".to_owned(),
                title: "Memory test".to_owned(),
                file: "memtest86+x64.efi".to_owned(),
                platforms: vec!["bios".to_owned(), "efi-x64".to_owned()],
            }],
            programs: vec![BootProgram {
                file: "ipxe.efi".to_owned(),
                platform: "efi-x64".to_owned(),
                loader: "ipxe".to_owned(),
                package: None,
                is_offered: true,
                unusable: None,
            }],
            clients: vec![BootChoice {
                mac: "52:54:00:12:34:56".parse().unwrap(),
                entry: "gone".to_owned(),
                once: true,
                source: Source::State,
                note: Some("there is no such entry".to_owned()),
            }],
            warnings: vec!["x.efi: not for any platform".to_owned()],
        };
        let expected = "\
ENTRY       PLATFORMS     TITLE        FILE
memtest86+  bios,efi-x64  Memory test  memtest86+x64.efi

PLATFORM  BOOT PROGRAM  LOADER  NOTE
efi-x64   ipxe.efi      ipxe    first

CLIENT             ENTRY  WHEN       SOURCE  NOTE
52:54:00:12:34:56  gone   next boot  state   there is no such entry

warning: x.efi: not for any platform
";
        assert_eq!(boot_table(&list), expected);
        assert!(boot_table(&BootList::default()).starts_with("nothing yet: "));
    }
}
