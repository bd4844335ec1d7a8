//! The boot root: whether it is there, who may read it, and what of it can be booted.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::processes::quoted;
use super::{Check, Finding, Host};
use crate::boot::catalogue::Packages;
use crate::boot::{Choices, Root, RootError, Settings, Shelf};
use crate::report::BootList;

/// Files and folders whose rights are looked at.
const MAX_LOOKED_AT: usize = 20_000;

/// What is known.
#[derive(Debug)]
struct Facts {
    root: PathBuf,
    trouble: Option<RootError>,
    /// Folders on the way to it that only their owner may enter.
    closed: Vec<PathBuf>,
    /// What is below it and not open to everybody.
    unreadable: Vec<PathBuf>,
    list: BootList,
}

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    match &host.config.boot {
        Some(settings) => judge(&gather(settings)),
        None => {
            vec![Finding::pass(Check::BootRoot, "boot root", "nobody is booted: no --boot-root, and no default one")]
        }
    }
}

fn gather(settings: &Settings) -> Facts {
    let root = Root::new(&settings.root);
    let trouble = root.check().err();
    let is_there = trouble.is_none();
    let shelf = Shelf::new(root, settings.clone(), Packages::below(Path::new("/")), Choices::default());
    Facts {
        root: settings.root.clone(),
        trouble,
        closed: if is_there { closed(&settings.root) } else { Vec::new() },
        unreadable: if is_there { unreadable(&settings.root) } else { Vec::new() },
        list: shelf.list(),
    }
}

fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|metadata| metadata.mode())
}

fn closed(root: &Path) -> Vec<PathBuf> {
    let whole = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let closed = whole.ancestors().filter(|path| mode(path).is_some_and(|mode| mode & 0o001 == 0));
    let mut closed: Vec<_> = closed.map(Path::to_owned).collect();
    if mode(&whole).is_some_and(|mode| mode & 0o004 == 0) && !closed.contains(&whole) {
        closed.push(whole);
    }
    closed
}

fn unreadable(root: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found, mut left) = (vec![root.to_owned()], Vec::new(), MAX_LOOKED_AT);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Some(still) = left.checked_sub(1) else { return found };
            left = still;
            let name = entry.file_name();
            let Ok(metadata) = entry.metadata() else { continue };
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            let is_closed = match metadata.is_dir() {
                true => metadata.mode() & 0o005 != 0o005,
                false => metadata.is_file() && metadata.mode() & 0o004 == 0,
            };
            if is_closed {
                found.push(entry.path());
            } else if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort_unstable();
    found
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let subject = facts.root.display().to_string();
    let root = quoted(&subject);
    if let Some(trouble) = &facts.trouble {
        let remedy = match trouble {
            RootError::Missing(_) => Some(format!("mkdir -p {root}")),
            RootError::NotAFolder(_) => None,
            RootError::Unreadable { .. } => Some(format!("chmod o+rx {root}")),
        };
        return vec![Finding::fail(Check::BootRoot, &subject, trouble.to_string(), remedy)];
    }
    let mut findings = Vec::new();
    let has_anything = !facts.list.entries.is_empty() || facts.list.programs.iter().any(|program| program.is_offered);
    if let Some(first) = facts.unreadable.first() {
        let more = match facts.unreadable.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let evidence = format!("{}{more}: not everybody may read it, and so it is not served", first.display());
        let remedy = Some(format!("chmod -R o+rX {root}"));
        let finding = if has_anything { Finding::warn } else { Finding::fail };
        findings.push(finding(Check::BootRoot, &subject, evidence, remedy));
    } else if !has_anything {
        let evidence = "there is nothing to boot below it: put a kernel, a disc image or a boot program there";
        findings.push(Finding::fail(Check::BootRoot, &subject, evidence, Some("apt install ipxe".to_owned())));
    }
    if let Some(folder) = facts.closed.first() {
        let evidence = format!(
            "{} is closed to all but its owner: a service with a user of its own cannot read it",
            folder.display()
        );
        let remedy = format!("chmod o+rx {}", quoted(&folder.display().to_string()));
        findings.push(Finding::warn(Check::BootRoot, &subject, evidence, Some(remedy)));
    }
    findings.extend(facts.list.warnings.iter().map(|why| Finding::warn(Check::BootRoot, &subject, why.clone(), None)));
    if findings.is_empty() {
        let platforms = facts.list.programs.iter().filter(|program| program.is_offered);
        let mut platforms: Vec<_> = platforms.map(|program| program.platform.clone()).collect();
        platforms.dedup();
        let evidence = format!(
            "{} entries; firmware that is told a boot program: {}",
            facts.list.entries.len(),
            if platforms.is_empty() { "none".to_owned() } else { platforms.join(", ") }
        );
        findings.push(Finding::pass(Check::BootRoot, &subject, evidence));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Outcome;
    use super::*;

    /// What is said of a root as `prepare` leaves it.
    fn checked(prepare: impl FnOnce(&Path)) -> Vec<Finding> {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        prepare(folder.path());
        judge(&gather(&Settings { root: folder.path().join("root"), ..Settings::default() }))
    }

    #[test]
    fn a_root_that_is_missing_is_made() {
        let findings = checked(|_| {});
        assert_eq!((findings.len(), findings[0].result), (1, Outcome::Fail));
        assert!(findings[0].remedy.as_ref().unwrap().starts_with("mkdir -p "), "{findings:?}");
    }

    #[test]
    fn a_file_without_rights_is_named_and_opened() {
        let findings = checked(|folder| {
            fs::create_dir(folder.join("root")).unwrap();
            let file = folder.join("root/disc.iso");
            fs::write(&file, "x").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        });
        assert!(findings[0].evidence.contains("disc.iso: not everybody may read it"), "{findings:?}");
        assert!(findings[0].remedy.as_ref().unwrap().starts_with("chmod -R o+rX "), "{findings:?}");
    }

    #[test]
    fn a_folder_that_only_its_owner_enters_is_doubtful() {
        let findings = checked(|folder| {
            fs::create_dir(folder.join("root")).unwrap();
            fs::set_permissions(folder.join("root"), fs::Permissions::from_mode(0o700)).unwrap();
        });
        assert!(
            findings.iter().any(|finding| finding.evidence.contains("closed to all but its owner")),
            "{findings:?}"
        );
    }
}
