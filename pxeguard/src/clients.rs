//! Who boots: what each client asked for, what it was answered, and how far it came.
//!
//! The services tell each [`Step`] to [`Clients`], which writes a line of the log for it, counts it, keeps what
//! `pxeguard clients` shows, and passes it on to those who watch.

mod attempt;
mod case;
mod client;
mod counts;
mod file;
mod lines;
mod neighbours;
mod remembered;
mod reply;
mod step;
mod story;
mod table;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use pxeguard_common::net::Mac;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use crate::proxy::frame::Checksum;
use crate::report::BootClient;
use crate::time::Timestamp;
use neighbours::Neighbours;
use remembered::Who;
use table::{Table, Taken};

pub use attempt::Answer;
pub use case::{Boot, Case};
pub use counts::{BootCounts, KernelAnswers};
pub use reply::Reply;
pub use step::{Ending, Observer, Step, TransferId};
pub use story::{Entry, Happened};

/// All clients, as the services tell of them.  Bounded: who invents addresses displaces nobody who has fetched a file.
pub struct Clients {
    table: Mutex<Table>,
    neighbours: Neighbours,
    transfers: AtomicU64,
    revision: AtomicU64,
    watchers: broadcast::Sender<Arc<Told>>,
    hooks: RwLock<Vec<Hook>>,
}

type Hook = Box<dyn Fn(&Fetched) + Send + Sync>;

/// A step, when it was told, and of whom.
#[derive(Clone, Debug)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// The client's Ethernet address, as far as it is known.
    pub mac: Option<Mac>,
    /// What happened.
    pub step: Step,
}

/// A client has got bytes of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetched {
    /// The client.
    pub mac: Mac,
    /// The file.
    pub file: Arc<str>,
    /// Whether it has all of it.
    pub is_whole: bool,
}

/// Steps that a watcher can be late before it loses the oldest.
const WATCHED_STEPS: usize = 1024;
/// How often it is looked for clients that have gone silent.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A moment, by both clocks: one to measure, one to show.
#[derive(Clone, Copy, Debug)]
struct Now {
    instant: Instant,
    time: Timestamp,
}

impl Now {
    fn read() -> Self {
        Self { instant: Instant::now(), time: Timestamp::now() }
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            table: Mutex::new(Table::new(Now::read())),
            neighbours: Neighbours::default(),
            transfers: AtomicU64::new(1),
            revision: AtomicU64::new(0),
            watchers: broadcast::Sender::new(WATCHED_STEPS),
            hooks: RwLock::default(),
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

impl Clients {
    /// Calls `hook` whenever a client has got a file, or a part of it before the transfer broke off.
    ///
    /// It is called by the service that sent the file, and must not wait for anything.
    pub fn on_fetched(&self, hook: impl Fn(&Fetched) + Send + Sync + 'static) {
        self.hooks.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// What happens from now on.  Who is late loses the oldest steps, and holds nobody up.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Told>> {
        self.watchers.subscribe()
    }

    /// The clients, the one heard of last first.
    pub fn report(&self) -> Vec<BootClient> {
        self.table().report(Now::read())
    }

    /// The same without their attempts.
    pub fn summaries(&self) -> Vec<BootClient> {
        self.table().summaries(Now::read())
    }

    /// Clients that boot, the one heard of last first, and whether each has fetched something: others may be invented.
    pub fn macs(&self) -> Vec<(Mac, bool)> {
        self.table().macs()
    }

    /// How many steps were told: whoever keeps what is known sees whether there is anything new.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// All that is known of one client.
    pub fn case(&self, mac: Mac) -> Case {
        self.table().case(mac, Now::read())
    }

    /// What was counted until now.
    pub fn counts(&self) -> BootCounts {
        self.table().counts.clone()
    }

    /// Tells of clients that have gone silent, until it is told to stop.
    pub async fn attend(&self, stop: CancellationToken) {
        let mut timer = interval(LOOK_EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(timer.tick()).await.is_some() {
            self.look(Now::read());
        }
    }

    fn look(&self, now: Now) {
        let lines = self.table().look(now);
        for line in lines {
            line.write();
        }
    }

    fn take(&self, step: Step, now: Now) {
        let who = self.named_by_ip(&step);
        let taken = self.table().take(&step, who, now);
        self.pass_on(step, taken, now);
    }

    /// Whom a step is about that names no Ethernet address.
    fn named_by_ip(&self, step: &Step) -> Option<Who> {
        match step {
            Step::Started { ip, .. } | Step::Denied { ip, .. } => Some(self.mac_of(*ip).map_or(Who::Ip(*ip), Who::Mac)),
            _ => None,
        }
    }

    /// Tells others of a step and of what follows from it.
    fn pass_on(&self, step: Step, taken: Taken, now: Now) {
        self.revision.fetch_add(1, Ordering::Relaxed);
        if let Some(line) = taken.line {
            line.write();
        }
        if let Some(fetched) = taken.fetched {
            for hook in self.hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
                hook(&fetched);
            }
        }
        if self.watchers.receiver_count() > 0 {
            // The last one may have gone meanwhile.
            let _ = self.watchers.send(Arc::new(Told { at: now.time, mac: taken.mac, step }));
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic while it was held was told by itself; what is in it is no worse for it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Clients {
    fn tell(&self, step: Step) {
        self.take(step, Now::read());
    }

    /// Reads the clocks and locks the table once: a hall of clients that are switched on together asks by the thousand.
    fn tell_all(&self, steps: &mut Vec<Step>) {
        let now = Now::read();
        let who: Vec<_> = steps.iter().map(|step| self.named_by_ip(step)).collect();
        let taken: Vec<_> = {
            let mut table = self.table();
            steps.iter().zip(who).map(|(step, who)| table.take(step, who, now)).collect()
        };
        for (step, taken) in steps.drain(..).zip(taken) {
            self.pass_on(step, taken, now);
        }
    }

    fn next_transfer(&self) -> TransferId {
        TransferId(self.transfers.fetch_add(1, Ordering::Relaxed))
    }

    fn mac_of(&self, ip: Ipv4Addr) -> Option<Mac> {
        let told = self.table().mac_of(ip);
        told.or_else(|| self.neighbours.mac_of(ip))
    }
}

#[cfg(test)]
mod tests;
