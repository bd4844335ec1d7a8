//! From files to a catalogue: each file is looked into once, as long as it does not change.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Catalogue, Item, Origin, Packages};
use crate::boot::entry::{BadSidecar, Sidecar, described_by};
use crate::boot::root::{Found, Root};
use crate::boot::{Content, FileError, Image, Source};

/// Makes catalogues, and remembers what it saw.
#[derive(Debug, Default)]
pub struct Scanner {
    packages: Packages,
    seen: HashMap<Arc<str>, Seen>,
}

/// A file as it was when it was looked into.
#[derive(Clone, Debug)]
struct Seen {
    len: u64,
    modified: SystemTime,
    image: Image,
}

/// Length of the longest description of a file.
const MAX_SIDECAR: u64 = 64 << 10;

impl Scanner {
    /// One that finds these packages.
    pub fn new(packages: Packages) -> Self {
        Self { packages, seen: HashMap::new() }
    }

    /// Looks at everything; at what is inside only where a file is new or has changed.
    pub fn scan(&mut self, root: &Root) -> io::Result<Catalogue> {
        let found = root.walk()?;
        let sidecars = sidecars(root, &found);
        let mut items: HashMap<Arc<str>, Item> = HashMap::new();
        for (name, path) in self.packages.files() {
            let Ok(content) = open(&name, &path) else { continue };
            items.insert(content.name.clone(), self.item(content, Origin::Package(path)));
        }
        for Found { name, len, modified } in found {
            if name.chars().any(char::is_control) {
                log::warn!("{name:?} has a name that no client can ask for: it is not offered");
                continue;
            }
            let known = self.seen.get(name.as_str()).filter(|seen| seen.len == len && seen.modified == modified);
            let mut item = match known {
                Some(seen) => Item {
                    name: name.as_str().into(),
                    len,
                    image: seen.image.clone(),
                    sidecar: None,
                    origin: Origin::Root,
                },
                None => match root.file(name.as_bytes()) {
                    Ok(content) => self.item(Content { name: name.as_str().into(), ..content }, Origin::Root),
                    // It went away since, and the next look follows.
                    Err(FileError::NotFound | FileError::Denied(_)) => continue,
                    Err(FileError::Io(error)) => {
                        log::warn!("{name}: cannot read it: {error}");
                        continue;
                    }
                },
            };
            item.sidecar = sidecars.get(name.as_str()).cloned();
            items.insert(item.name.clone(), item);
        }
        self.seen.retain(|name, _| items.contains_key(name));
        Ok(Catalogue::new(items.into_values().collect()))
    }

    fn item(&mut self, content: Content, origin: Origin) -> Item {
        let known =
            self.seen.get(&content.name).filter(|seen| seen.len == content.len && seen.modified == content.modified);
        let image = match known {
            Some(seen) => seen.image.clone(),
            None => Image::recognise(&content).unwrap_or_else(|error| {
                log::warn!("{}: cannot read it: {error}", content.name);
                Image::Other
            }),
        };
        let Content { name, len, modified, .. } = content;
        self.seen.insert(name.clone(), Seen { len, modified, image: image.clone() });
        Item { name, len, image, sidecar: None, origin }
    }
}

/// A file of a package.
pub fn open(name: &str, path: &Path) -> io::Result<Content> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok(Content {
        len: metadata.len(),
        modified: metadata.modified()?,
        name: name.into(),
        bytes: Source::File(Arc::new(file)),
    })
}

/// The descriptions, by the names of the files that they are about.
fn sidecars(root: &Root, found: &[Found]) -> HashMap<String, Result<Sidecar, BadSidecar>> {
    let is_there = |name: &str| found.binary_search_by(|file| file.name.as_str().cmp(name)).is_ok();
    let described = found.iter().filter_map(|file| {
        let name = described_by(&file.name).filter(|name| is_there(name))?;
        Some((name.to_owned(), sidecar(root, file)))
    });
    described.collect()
}

fn sidecar(root: &Root, file: &Found) -> Result<Sidecar, BadSidecar> {
    if file.len > MAX_SIDECAR {
        return Err(BadSidecar::NotText);
    }
    let unreadable = |error: &dyn std::fmt::Display| BadSidecar::Unreadable(error.to_string());
    let content = root.file(file.name.as_bytes()).map_err(|error| unreadable(&error))?;
    let mut bytes = vec![0; MAX_SIDECAR as usize];
    let len = content.read_at(&mut bytes, 0).map_err(|error| unreadable(&error))?;
    Sidecar::parse(&bytes[..len])
}
