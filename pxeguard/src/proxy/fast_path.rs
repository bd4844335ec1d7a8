//! The fast path: the kernel answers plain requests by itself, with replies that are prepared here.
//!
//! What it answers is decided here by the same function that answers the others ([`super::answer`]), once for each kind of
//! client.  Whom it answered it tells, so that learning and the list of clients know of it.  Clients that are told
//! something of their own get replies of their own; one that is being tried what works is left to user space.

mod prepare;
mod special;
mod told;

pub(super) use prepare::{Group, replies};

use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use pxeguard_common::net::Mac;
use pxeguard_common::request::Asker;
use pxeguard_common::responder::{Special, Variant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::record::Film;
use super::service::Parts;
use crate::boot::Shelf;
use crate::dataplane::{Answered, DataPlaneError, Reply, ResponderMaps};
use crate::networks::Networks;
use special::{Place, Specials};

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
    /// What is in force, and its generation.
    replies: Vec<Reply>,
    generation: u32,
    /// The variant of each group for which there are replies in force.
    variants: HashMap<Group, u16>,
    networks: Arc<Networks>,
    specials: Specials,
    film: Film,
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
        Some(Self {
            maps,
            answered,
            parts,
            shelf,
            doubts,
            replies: Vec::new(),
            generation: 0,
            variants: HashMap::new(),
            networks: Arc::default(),
            specials: Specials::new(),
            film: Film::default(),
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
        self.recall();
        let mut is_first = true;
        loop {
            mark_seen(&mut changes);
            self.renew()?;
            if std::mem::take(&mut is_first) {
                self.forget_others()?;
            }
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
        let chosen = settings.clients.keys().map(|mac| mac.0).chain(self.shelf.chosen_clients());
        let changed = self.specials.choose(chosen.map(|mac| (mac, self.shelf.own(mac))).collect());
        // Before there are replies in force that may be wrong for them.
        for (mac, asker) in changed.iter().flat_map(|mac| ASKERS.map(|asker| (*mac, asker))) {
            if self.specials.place(mac, asker) != Place::Common {
                self.maps.set_special(Special::new(mac, asker as u8), Variant::LEFT)?;
            }
        }
        if self.networks.heard_by != networks.heard_by {
            self.maps.set_served(&networks.heard_by)?;
        }
        let groups = self.specials.groups();
        let replies = replies(&networks, &settings, &*self.shelf, &groups);
        drop(settings);
        let variants = (Variant::COMMON..).zip(groups).map(|(number, group)| (group, number)).collect();
        if replies != self.replies || variants != self.variants || self.replies.is_empty() {
            self.generation = self.maps.set_replies(&replies)?;
            log::debug!("{} replies are prepared for the kernel", replies.len());
            (self.replies, self.variants) = (replies, variants);
            for (mac, asker) in self.specials.all().collect::<Vec<_>>() {
                self.place(mac, asker)?;
            }
        }
        for (mac, asker) in changed.iter().flat_map(|mac| ASKERS.map(|asker| (*mac, asker))) {
            self.place(mac, asker)?;
        }
        self.networks = networks;
        Ok(())
    }

    /// Says in the kernel by which replies a client is answered.
    fn place(&mut self, mac: Mac, asker: Asker) -> Result<(), FastPathError> {
        let client = Special::new(mac, asker as u8);
        let variant = match self.specials.place(mac, asker) {
            Place::Common => return Ok(self.maps.unset_special(client)?),
            Place::In(group) => self.variants.get(&group).map(|number| Variant::new(self.generation, *number)),
            Place::Left => None,
        };
        Ok(self.maps.set_special(client, variant.unwrap_or(Variant::LEFT))?)
    }

    /// Takes what an earlier daemon has learnt.
    fn recall(&mut self) {
        let learning = self.parts.learning.lock().unwrap_or_else(PoisonError::into_inner);
        for mac in learning.special().collect::<Vec<_>>() {
            self.specials.learn(mac, learning.standing(mac));
        }
    }

    /// Forgets the clients of an earlier daemon's that have nothing of their own any more.
    fn forget_others(&mut self) -> Result<(), FastPathError> {
        for client in self.maps.special()? {
            if !self.specials.has(&client) {
                self.maps.unset_special(client)?;
            }
        }
        Ok(())
    }

    /// Hears of all that the kernel has answered since; whether there was anything.
    fn hear(&mut self) -> Result<bool, FastPathError> {
        let mut steps = Vec::new();
        while let Some(told) = self.answered.next().map(|entry| told::read(&entry)) {
            let Some(told) = told else { continue };
            told::note(&told, &self.parts, &mut steps, &mut self.film);
            if told.request.kind.asker == Asker::Pxe as u8 {
                self.settle(told.request.values.chaddr)?;
            }
        }
        let has_heard = !steps.is_empty();
        self.film.hand_over(&self.parts.recorder);
        self.parts.observer.tell_all(&mut steps);
        Ok(has_heard)
    }

    /// Answers a client's firmware as learning says now.
    fn settle(&mut self, mac: Mac) -> Result<(), FastPathError> {
        let standing = self.parts.learning.lock().unwrap_or_else(PoisonError::into_inner).standing(mac);
        for mac in self.specials.learn(mac, standing) {
            self.place(mac, Asker::Pxe)?;
        }
        Ok(())
    }
}

const ASKERS: [Asker; 4] = [Asker::Pxe, Asker::Http, Asker::Ipxe, Asker::IpxeHttp];

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
