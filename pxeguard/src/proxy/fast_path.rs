//! The fast path: the kernel answers plain requests by itself, with replies that are prepared here.
//!
//! What it answers is decided here by the same function that answers the others ([`super::answer`]), once for each kind of
//! client.  Whom it answered it tells, so that learning and the list of clients know of it.  A client that is told
//! something of its own, or is being tried what works, is left to user space.

mod prepare;
mod told;

pub(super) use prepare::replies;

use std::collections::HashSet;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use lru::LruCache;
use pxeguard_common::net::Mac;
use pxeguard_common::request::Asker;
use pxeguard_common::responder::Left;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::learning::CLIENTS;
use super::service::Parts;
use crate::boot::Shelf;
use crate::dataplane::{Answered, DataPlaneError, Reply, ResponderMaps};
use crate::networks::Networks;

/// The least time between two preparations: a copy of a large folder changes it a thousand times.
const PREPARE_AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// After what time it is looked again for answers that the kernel did not wake us for: only of the first in a tick it does.
const HEAR_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Says of clients that they may have become special, or are no more.
pub type Doubts = mpsc::UnboundedSender<Mac>;

/// The fast path.
pub struct FastPath {
    maps: ResponderMaps,
    answered: Answered,
    parts: Parts,
    shelf: Arc<Shelf>,
    doubts: mpsc::UnboundedReceiver<Mac>,
    /// What is in force.
    replies: Vec<Reply>,
    networks: Arc<Networks>,
    /// Clients with something of their own by configuration or command.
    chosen: HashSet<Mac>,
    /// Firmware that learning says is special; as many as it remembers itself.
    tried: LruCache<Mac, ()>,
}

impl FastPath {
    /// Over the kernel's maps; nothing is changed in them yet.
    pub fn new(
        mut maps: ResponderMaps,
        parts: Parts,
        shelf: Arc<Shelf>,
        doubts: mpsc::UnboundedReceiver<Mac>,
    ) -> Option<Self> {
        let answered = maps.take_answered()?;
        let tried = NonZeroUsize::new(CLIENTS.get() * 2).expect("it is not zero");
        Some(Self {
            maps,
            answered,
            parts,
            shelf,
            doubts,
            replies: Vec::new(),
            networks: Arc::default(),
            chosen: HashSet::new(),
            tried: LruCache::new(tried),
        })
    }

    /// Keeps the kernel's replies as they should be, and hears of its answers, until it is stopped.
    pub async fn serve(mut self, stop: CancellationToken) {
        if let Err(error) = self.follow(&stop).await {
            log::error!("the kernel answers no PXE clients any more: {:#}", anyhow::Error::from(error));
            if let Err(error) = self.maps.switch_off() {
                log::error!("{:#}", anyhow::Error::from(error));
            }
            stop.cancelled().await;
        }
    }

    async fn follow(&mut self, stop: &CancellationToken) -> Result<(), FastPathError> {
        let mut changes = (self.parts.networks.clone(), self.parts.settings.clone(), self.shelf.changes());
        // SAFETY: the descriptor is the ring's own map, which lives as long as this task.
        let ring = unsafe { AsyncFd::register_with_interest(self.answered.as_raw_fd(), Interest::READABLE) };
        let ring = ring.map_err(|error| FastPathError::Ring(error.into()))?;
        self.forget_left()?;
        loop {
            mark_seen(&mut changes);
            self.renew()?;
            let at_least = tokio::time::sleep(PREPARE_AT_MOST_EVERY);
            tokio::pin!(at_least);
            let (mut is_due, mut has_heard) = (false, false);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    ready = ring.readable() => {
                        ready.map_err(FastPathError::Ring)?.clear_ready();
                        has_heard = self.hear()?;
                    }
                    () = tokio::time::sleep(HEAR_AGAIN_AFTER), if has_heard => has_heard = self.hear()?,
                    Some(mac) = self.doubts.recv() => self.settle(mac)?,
                    () = changed(&mut changes), if !is_due => is_due = true,
                    () = &mut at_least, if is_due => break,
                }
            }
        }
    }

    /// Prepares all replies anew, and puts them in force where they differ.
    fn renew(&mut self) -> Result<(), FastPathError> {
        let networks = Arc::clone(&self.parts.networks.borrow());
        // Held until the replies are prepared: meanwhile nobody changes the settings, or those of the shelf.
        let settings = self.parts.settings.clone();
        let settings = settings.borrow();
        self.leave_chosen(settings.clients.keys().map(|mac| mac.0).chain(self.shelf.chosen_clients()).collect())?;
        if self.networks.heard_by != networks.heard_by {
            self.maps.set_served(&networks.heard_by)?;
        }
        let replies = replies(&networks, &settings, &*self.shelf);
        if replies != self.replies || self.replies.is_empty() {
            self.maps.set_replies(&replies)?;
            log::debug!("{} replies are prepared for the kernel", replies.len());
            self.replies = replies;
        }
        self.networks = networks;
        Ok(())
    }

    /// An earlier daemon's; the list is made anew from what is known.
    fn forget_left(&mut self) -> Result<(), FastPathError> {
        let special: Vec<Mac> = {
            let learning = self.parts.learning.lock().unwrap_or_else(PoisonError::into_inner);
            learning.special().collect()
        };
        for mac in special {
            self.settle(mac)?;
        }
        let tried: HashSet<Left> = self.tried.iter().map(|(mac, ())| firmware(*mac)).collect();
        for left in self.maps.left()? {
            if !tried.contains(&left) {
                self.maps.stop_leaving(left)?;
            }
        }
        Ok(())
    }

    /// Leaves clients of their own to user space before they may get what all get, and not after.
    fn leave_chosen(&mut self, chosen: HashSet<Mac>) -> Result<(), FastPathError> {
        for mac in chosen.difference(&self.chosen) {
            for asker in ASKERS {
                self.maps.leave(Left::new(*mac, asker as u8))?;
            }
        }
        let gone: Vec<Mac> = self.chosen.difference(&chosen).copied().collect();
        self.chosen = chosen;
        for mac in gone {
            for asker in ASKERS {
                self.maps.stop_leaving(Left::new(mac, asker as u8))?;
            }
            self.settle(mac)?;
        }
        Ok(())
    }

    /// Hears of all that the kernel has answered since; whether there was anything.
    fn hear(&mut self) -> Result<bool, FastPathError> {
        let mut steps = Vec::new();
        while let Some(told) = self.answered.next().map(|entry| told::read(&entry)) {
            let Some(told) = told else { continue };
            told::note(&told, &self.parts, &mut steps);
            if told.request.kind.asker == Asker::Pxe as u8 {
                self.settle(told.request.values.chaddr)?;
            }
        }
        let has_heard = !steps.is_empty();
        self.parts.observer.tell_all(&mut steps);
        Ok(has_heard)
    }

    /// Leaves a client's firmware to user space, or not, as learning says.
    fn settle(&mut self, mac: Mac) -> Result<(), FastPathError> {
        let is_special = self.parts.learning.lock().unwrap_or_else(PoisonError::into_inner).is_special(mac);
        let was_special = self.tried.contains(&mac);
        if is_special && !was_special {
            self.maps.leave(firmware(mac))?;
            let given_up = self.tried.push(mac, ()).filter(|(other, ())| *other != mac);
            if let Some((other, ())) = given_up.filter(|(other, ())| !self.chosen.contains(other)) {
                self.maps.stop_leaving(firmware(other))?;
            }
        } else if !is_special && was_special {
            self.tried.pop(&mac);
            if !self.chosen.contains(&mac) {
                self.maps.stop_leaving(firmware(mac))?;
            }
        }
        Ok(())
    }
}

const ASKERS: [Asker; 4] = [Asker::Pxe, Asker::Http, Asker::Ipxe, Asker::IpxeHttp];

const fn firmware(mac: Mac) -> Left {
    Left::new(mac, Asker::Pxe as u8)
}

type Changes = (watch::Receiver<Arc<Networks>>, watch::Receiver<Arc<crate::boot::Settings>>, watch::Receiver<u64>);

fn mark_seen((networks, settings, shelf): &mut Changes) {
    networks.mark_unchanged();
    settings.mark_unchanged();
    shelf.mark_unchanged();
}

/// Waits for a change; for ever where nobody can change anything any more, because the process is about to stop.
async fn changed((networks, settings, shelf): &mut Changes) {
    let is_over = tokio::select! {
        changed = networks.changed() => changed.is_err(),
        changed = settings.changed() => changed.is_err(),
        changed = shelf.changed() => changed.is_err(),
    };
    if is_over {
        std::future::pending::<()>().await;
    }
}

/// Why the fast path has to end.
#[derive(Debug, thiserror::Error)]
enum FastPathError {
    /// A map.
    #[error(transparent)]
    Maps(#[from] DataPlaneError),
    /// The ring.
    #[error("cannot wait for the kernel's answers")]
    Ring(#[source] io::Error),
}
