//! Guests as they are known at the moment: a thread of its own looks, so that files that do not answer keep nobody waiting.
//!
//! Proxmox VE's are in a file system of the cluster's, by way of FUSE, which tells nobody of a change that another node makes.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use pxeguard_common::net::Ifindex;
use tokio::sync::watch;

use super::guest_name::Meant;
use super::{Guest, GuestName, Lookup, proxmox};

/// How often it is looked whether names have changed ...
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// ... and how soon after a port is new: libvirt makes a port first, and then writes whose it is.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Ports by name, with the numbers that tell one from an earlier one of the same name.
pub type Ports = BTreeMap<String, Ifindex>;

/// The guests of the host's ports.
#[derive(Debug)]
pub struct Guests {
    ports: Ports,
    asked: mpsc::Sender<Ports>,
    found: watch::Receiver<Arc<Found>>,
}

/// What the last look has found.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// For these ports; `None` before the first look.
    ports: Option<Ports>,
    guests: BTreeMap<String, Guest>,
}

impl Guests {
    /// Starts to look below this folder, which is `/` but for tests.
    pub fn follow(root: impl Into<PathBuf>) -> io::Result<Self> {
        let mut lookup = Lookup::below(root);
        let (asked, questions) = mpsc::channel();
        let (told, found) = watch::channel(Arc::default());
        // It ends with the process: a look at a file system that hangs cannot be broken off.
        thread::Builder::new().name("guests".to_owned()).spawn(move || {
            let (mut ports, mut pause) = (Ports::new(), LOOK_EVERY);
            loop {
                match questions.recv_timeout(pause) {
                    Ok(others) => (ports, pause) = (questions.try_iter().last().unwrap_or(others), LOOK_AGAIN),
                    Err(RecvTimeoutError::Timeout) => pause = LOOK_EVERY.min(pause * 4),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                let guests = lookup.guests(ports.keys().map(String::as_str));
                let found = Found { guests, ports: Some(ports.clone()) };
                told.send_if_modified(|last: &mut Arc<Found>| {
                    let is_new = **last != found;
                    if is_new {
                        *last = Arc::new(found);
                    }
                    is_new
                });
            }
        })?;
        Ok(Self { ports: Ports::new(), asked, found })
    }

    /// Says which ports there are.
    pub fn look_at(&mut self, ports: &Ports) {
        if self.ports != *ports {
            self.ports.clone_from(ports);
            // The thread lives as long as this value.
            let _ = self.asked.send(self.ports.clone());
        }
    }

    /// Says when something else is known than before.
    pub fn changes(&self) -> watch::Receiver<Arc<Found>> {
        self.found.clone()
    }

    /// What is known now.
    pub fn known(&self) -> Arc<Found> {
        self.found.borrow().clone()
    }

    /// Waits until the ports have been looked at, but not longer than this; whether they have.
    pub async fn wait(&self, limit: Duration) -> bool {
        let mut found = self.found.clone();
        let looked = found.wait_for(|found| found.ports.as_ref() == Some(&self.ports));
        tokio::time::timeout(limit, looked).await.is_ok_and(|looked| looked.is_ok())
    }

    /// The guest of a port; of one that nobody has looked at yet, what its name says.
    pub fn of(&self, port: &str) -> Option<Guest> {
        self.found.borrow().guests.get(port).cloned().or_else(|| proxmox::guest_of(port))
    }

    /// The same in words.
    pub fn in_words(&self, port: &str) -> Option<String> {
        self.of(port).map(|guest| guest.to_string())
    }

    /// The ports that a guest's name means.  A port that has got its name since the last look may be another guest's than
    /// the files say.
    pub fn meant(&self, name: &GuestName, ports: &Ports) -> Meant<Ifindex> {
        let found = self.found.borrow();
        let guest = |port: &String, index: &Ifindex| {
            let is_known = found.ports.as_ref().is_some_and(|ports| ports.get(port) == Some(index));
            let known = found.guests.get(port).filter(|_| is_known);
            known.cloned().or_else(|| proxmox::guest_of(port))
        };
        name.among(ports.iter().filter_map(|(port, index)| Some((*index, guest(port, index)?))))
    }
}
