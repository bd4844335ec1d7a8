//! All that is served and offered: the files of the boot root, boot programs of this host's packages, and the menus.

mod listing;
mod memory;
mod menus;
mod offers;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use pxeguard_common::net::Mac;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::catalogue::{Catalogue, Origin, Packages, Scanner, open};
use super::choice::{Choices, Term};
use super::entry::LOCAL;
use super::root::Watch;
use super::{Content, FileError, Library, Root, Settings, Source, Visitor};
use memory::Memory;

/// How long an iPXE that was fetched is taken for the one that asks next.
const IPXE_START: Duration = Duration::from_secs(120);

/// All that is served and offered; shared by TFTP, HTTP and proxyDHCP.
#[derive(Debug)]
pub struct Shelf {
    root: Root,
    settings: RwLock<Arc<Settings>>,
    catalogue: RwLock<Arc<Catalogue>>,
    scanner: Mutex<Scanner>,
    choices: Mutex<Choices>,
    memory: Mutex<Memory>,
    generation: watch::Sender<u64>,
    since: Instant,
}

/// There is no entry of this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no entry \"{0}\"; pxeguard boot list shows those that there are")]
pub struct UnknownEntry(pub String);

impl Shelf {
    /// Looks at all files, and tells what the operator has to know about them.
    pub fn new(root: Root, settings: Settings, packages: Packages, choices: Choices) -> Self {
        let shelf = Self {
            root,
            settings: RwLock::new(Arc::new(settings)),
            catalogue: RwLock::default(),
            scanner: Mutex::new(Scanner::new(packages)),
            choices: Mutex::new(choices),
            memory: Mutex::default(),
            generation: watch::Sender::new(0),
            since: Instant::now(),
        };
        shelf.rescan();
        shelf
    }

    /// Looks again; waits for the disk.
    pub fn rescan(&self) {
        let scanned = lock(&self.scanner).scan(&self.root);
        let is_readable = scanned.is_ok();
        let mut catalogue = scanned.unwrap_or_else(|error| {
            // At the start it is told why, and that nothing is booted, before this.
            log::debug!("cannot look into the boot root: {error}");
            Catalogue::default()
        });
        catalogue.warnings.extend(offers::unfit_programs(&self.settings(), &catalogue));
        let catalogue = Arc::new(catalogue);
        let before =
            std::mem::replace(&mut *self.catalogue.write().unwrap_or_else(PoisonError::into_inner), catalogue.clone());
        self.tell(&before, &catalogue, is_readable);
        self.changed();
    }

    /// Tells what is new: each thing once, as long as it lasts.
    fn tell(&self, before: &Catalogue, now: &Catalogue, is_readable: bool) {
        for warning in now.warnings.iter().filter(|warning| !before.warnings.contains(warning)) {
            log::warn!("{warning}");
        }
        let is_first = *self.generation.borrow() == 0;
        match (now.has_anything(), before.has_anything()) {
            (false, was_there) if was_there || (is_first && is_readable) => {
                let root = self.settings().root.display().to_string();
                log::warn!("there is nothing to boot below {root}: no PXE client is offered anything");
            }
            (true, false) => log::info!("{} entries and {} boot programs", now.entries.len(), now.programs.len()),
            _ => {}
        }
    }

    /// Looks again whenever a file changes, until it is told to stop.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        // Watched first, looked at then: nothing is missed in between.
        let mut watch = Watch::new(&self.root);
        loop {
            let shelf = self.clone();
            tokio::task::spawn_blocking(move || shelf.rescan()).await.expect("looking does not panic");
            tokio::select! {
                () = stop.cancelled() => return,
                () = watch.changed() => {}
            }
        }
    }

    /// Takes other settings; the boot root stays.
    pub fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.changed();
    }

    /// Chooses what a client boots without being asked.
    pub fn choose(&self, mac: Mac, entry: &str, term: Term) -> Result<(), UnknownEntry> {
        if entry != LOCAL && self.catalogue().entry(entry).is_none() {
            return Err(UnknownEntry(entry.to_owned()));
        }
        lock(&self.choices).set(mac, entry, term);
        self.changed();
        Ok(())
    }

    /// Takes back what was chosen for a client at run time; says whether there was anything.
    pub fn unchoose(&self, mac: Mac) -> bool {
        self.changed();
        lock(&self.choices).clear(mac)
    }

    /// What is chosen at run time, to be kept.
    pub fn choices(&self) -> Choices {
        lock(&self.choices).clone()
    }

    /// A client has fetched a file whole.  Returns whether the choices changed by it, and have to be kept anew.
    ///
    /// What was chosen for the next boot is forgotten when the client has the entry's kernel or program; for the local
    /// disk, which has none, when it has its menu.
    pub fn note_fetched(&self, mac: Mac, file: &str, now: Instant) -> bool {
        let catalogue = self.catalogue();
        if catalogue.programs.iter().any(|program| program.is_ipxe() && &*program.file == file) {
            lock(&self.memory).note_ipxe(mac, now);
            self.changed();
        }
        let mut choices = lock(&self.choices);
        let Some(next) = choices.of(mac).and_then(|choice| choice.next.as_deref()) else { return false };
        let is_begun = match catalogue.entry(next) {
            _ if next == LOCAL => menus::is_menu(file),
            Some(entry) => entry.boots.values().any(|boot| &**boot.first_file() == file),
            None => false,
        };
        if is_begun {
            choices.consume_next(mac);
            self.changed();
        }
        is_begun
    }

    fn changed(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Tells whenever what clients are offered may have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Clients for which something is chosen at run time.
    pub fn chosen_clients(&self) -> Vec<Mac> {
        lock(&self.choices).iter().map(|(mac, _)| mac.0).collect()
    }

    /// What there is to boot, now.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Library for Shelf {
    fn open(&self, name: &[u8], visitor: &Visitor) -> Result<Content, FileError> {
        // What the operator wrote wins over what is generated.
        match self.root.file(name) {
            Err(FileError::NotFound) => {}
            served => return served,
        }
        let name = str::from_utf8(name).map_err(|_| FileError::NotFound)?.replace('\\', "/");
        let name = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/");
        let catalogue = self.catalogue();
        if let Some(item) = catalogue.items.get_ignoring_case(&name)
            && let Origin::Package(path) = &item.origin
        {
            return open(&item.name, path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => FileError::NotFound,
                _ => FileError::Io(error),
            });
        }
        let text = self.menu(&catalogue, &name, visitor).ok_or(FileError::NotFound)?;
        Ok(Content {
            len: text.len() as u64,
            modified: SystemTime::now(),
            name: name.into(),
            bytes: Source::Memory(Bytes::from(text)),
        })
    }
}

/// Nothing that is locked here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
