//! The pins: `pxeguard/maps-LAYOUT/NAME` and `pxeguard/links/IFINDEX_HOOK_DIRECTION` in the BPF file system.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pxeguard_common::LAYOUT;
use pxeguard_common::net::Ifindex;

use super::bpffs::{self, BpffsError, Lock};
use super::{DataPlaneError, Expedited, attach};
use crate::hook::Hook;

/// Which way frames go that a link's program sees.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// Into the host, by the port.
    Ingress,
    /// Out of the host, by the port.
    Egress,
    /// Into the host, behind XDP: only to answer PXE clients.
    Respond,
}

impl Direction {
    const ALL: [Self; 3] = [Self::Ingress, Self::Egress, Self::Respond];

    const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Respond => "respond",
        }
    }
}

/// One link's pin.  For clsact, whose filters are no links and need no pin to stay, it is an empty folder that marks
/// where one is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Pin {
    /// The port.
    pub port: Ifindex,
    /// The hook.
    pub hook: Hook,
    /// The direction.
    pub direction: Direction,
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.port.0, self.hook, self.direction.name())
    }
}

impl Pin {
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('_');
        let (port, hook, direction) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            port: Ifindex(port.parse().ok()?),
            hook: Hook::ALL.into_iter().find(|known| known.name() == hook)?,
            direction: Direction::ALL.into_iter().find(|known| known.name() == direction)?,
        })
    }
}

/// The folder of pins.
pub struct Pins {
    bpffs: PathBuf,
    root: PathBuf,
    maps: PathBuf,
    links: PathBuf,
}

impl Pins {
    /// Makes the folders, where they are not there.
    pub fn open(bpffs: &Path) -> Result<Self, BpffsError> {
        let pins = Self::at(bpffs);
        bpffs::folder(&pins.maps)?;
        bpffs::folder(&pins.links)?;
        Ok(pins)
    }

    fn at(bpffs: &Path) -> Self {
        let root = bpffs.join(bpffs::FOLDER);
        Self { maps: root.join(format!("maps-{LAYOUT}")), links: root.join("links"), root, bpffs: bpffs.to_owned() }
    }

    /// The BPF file system.
    pub fn bpffs(&self) -> &Path {
        &self.bpffs
    }

    /// What the lock is on.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the maps are pinned.
    pub fn maps(&self) -> &Path {
        &self.maps
    }

    /// The path of a link's pin.
    pub fn path(&self, pin: Pin) -> PathBuf {
        self.links.join(pin.to_string())
    }

    /// All links that are pinned.
    pub fn links(&self) -> Result<Vec<Pin>, DataPlaneError> {
        let entries = fs::read_dir(&self.links).map_err(|source| self.error("read", &self.links, source))?;
        Ok(entries.flatten().filter_map(|entry| Pin::parse(entry.file_name().to_str()?)).collect())
    }

    /// Removes maps of another layout, once no program of ours uses them any more.
    pub fn remove_other_layouts(&self) {
        let Ok(entries) = fs::read_dir(&self.root) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let is_maps = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("maps-"));
            if is_maps && path != self.maps && remove_folder(&path).is_ok() {
                log::info!("removed the maps of another version: {}; its counters are gone", path.display());
            }
        }
    }

    /// What could not be done with a pin.
    pub fn error(&self, what: &'static str, path: &Path, source: io::Error) -> DataPlaneError {
        DataPlaneError::Pin { what, path: path.display().to_string(), source }
    }
}

/// What [`detach`] removed.
#[derive(Debug, Default)]
pub struct Detached {
    /// Programs at ports.
    pub links: usize,
    /// Ports they were at.
    pub ports: usize,
}

/// Removes every program, link and map of pxeguard.  Refused while a daemon runs, which would put them back.
pub fn detach(bpffs: &Path) -> Result<Detached, DataPlaneError> {
    let pins = Pins::at(bpffs);
    if !pins.root.exists() {
        return Ok(Detached::default());
    }
    let _lock = Lock::take(&pins.root)?;
    let links = pins.links()?;
    let expedited = Expedited::begin();
    for pin in &links {
        attach::remove(&pins, *pin)?;
    }
    drop(expedited);
    let mut ports: Vec<_> = links.iter().map(|pin| pin.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let entries = fs::read_dir(&pins.root).map_err(|source| pins.error("read", &pins.root, source))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        remove_folder(&path).map_err(|source| pins.error("remove", &path, source))?;
    }
    fs::remove_dir(&pins.root).map_err(|source| pins.error("remove", &pins.root, source))?;
    Ok(Detached { links: links.len(), ports: ports.len() })
}

fn remove_folder(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(path)
}
