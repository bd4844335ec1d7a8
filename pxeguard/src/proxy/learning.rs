//! What is known of each client: how it was answered, whether it fetched its file, and what to try next.
//!
//! A client that asks again without having fetched what it was told gets the next strategy; the one with which it
//! fetched is kept.  When is it asking *again*?  The transaction number does not say: edk2 repeats a DISCOVER after 4,
//! 8 and 16 s under the same number (`mPxeDhcpTimeout`), old ROMs derive it from their address, and OVMF was seen to have
//! the same one after each power-on.  So time says it:
//!
//! - for [`PATIENCE`] after a strategy was first told it is told again: edk2's DISCOVERs at 0 and 4 s get the same
//!   answer, that at 12 s the next strategy, within the same attempt.  That mends firmware that waits for an offer it
//!   likes (seen with seconds 0, 4, 12, 28), and harms none: edk2 collects all offers and takes the one it likes best.
//! - under another number a client asks anew after [`RESTART`] already: it has given up.  Sooner than that it cannot
//!   have tried: edk2 listens for offers for 4 s, ROMs for one or more.
//! - a strategy that has worked is given up only after two attempts in a row in which the client got an address and
//!   nothing from us: without an address it cannot fetch, whatever it is told.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use pxeguard_common::arch::Platform;
use pxeguard_common::net::Mac;
use serde::{Deserialize, Serialize};

use super::Strategy;
use crate::trust::MacAddress;

#[cfg(test)]
mod tests;

/// For so long a strategy is told again after it was first told.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// After so long a client that asks under another transaction number has given up what it was told.
pub const RESTART: Duration = Duration::from_secs(2);
/// Attempts in vain after which a strategy that has worked is given up.
const STRIKES: u32 = 2;

/// So many clients are remembered; those not seen for the longest time are forgotten first.
///
/// Whoever invents addresses can push out what is being tried (256 bytes each), but not what has worked: a client comes
/// there only by fetching a file.
pub(super) const CLIENTS: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not zero");

/// So many times in [`LOOP_WINDOW`] a client loads the same boot program: a loop.
pub const LOOP_LOADS: u32 = 5;
/// See [`LOOP_LOADS`]; firmware and a menu that fails at once take ten seconds or more for a round.
pub const LOOP_WINDOW: Duration = Duration::from_secs(10 * 60);

/// What is known of clients.
#[derive(Debug)]
pub struct Learning {
    trying: LruCache<(Mac, Stage), Trial>,
    proven: LruCache<Mac, Strategy>,
}

/// What outlives the daemon: the strategy that worked for each client, the latest client first.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Learnt(pub Vec<(MacAddress, Strategy)>);

/// What of a machine asks: its firmware and an iPXE that it has loaded ask under the same address.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Stage {
    /// PXE firmware: the only one that knows more than one strategy.
    Pxe,
    /// UEFI HTTP boot.
    Http,
    /// iPXE.
    Ipxe,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Pxe, Self::Http, Self::Ipxe];
}

/// How the firmware of a client is answered, beside all others of its kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// As they are.
    Usual,
    /// It was told something and has not fetched it yet: the next question may get another answer.
    Tried,
    /// By another strategy than the first of all, with which it has fetched.
    Settled(Strategy),
}

/// A client that is told something to load.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Who.
    pub mac: Mac,
    /// What of it.
    pub stage: Stage,
    /// The number of its transaction.
    pub xid: u32,
    /// What it is made for.
    pub platform: Option<Platform>,
    /// The operator's choice, which no experience changes.
    pub chosen: Option<Strategy>,
    /// Whether it asks by way of a relay, from another network.
    pub is_remote: bool,
    /// What it is told to load, by its name below the boot root.
    pub file: &'a Arc<str>,
}

/// A client's attempts since it last fetched its file.
#[derive(Clone, Debug)]
struct Trial {
    stage: Stage,
    strategy: Strategy,
    xid: u32,
    /// When this strategy was first told, in this attempt.
    since: Instant,
    /// Attempts in vain with this strategy, in a row.
    strikes: u32,
    /// Messages that were answered.
    asked: u32,
    /// Whether it asked a DHCP server for an address, in this attempt.
    has_address: bool,
    is_remote: bool,
    /// Whether the operator has chosen the strategy, and nothing is tried.
    is_chosen: bool,
    file: Arc<str>,
    loads: Loads,
}

/// How often a client has loaded the same boot program.
#[derive(Clone, Debug)]
struct Loads {
    file: Arc<str>,
    count: u32,
    since: Instant,
}

impl Learning {
    /// Nothing but what an earlier daemon has learnt.
    pub fn new(learnt: &Learnt) -> Self {
        let mut proven = LruCache::new(CLIENTS);
        for (mac, strategy) in learnt.0.iter().rev() {
            proven.put(mac.0, *strategy);
        }
        Self { trying: LruCache::new(CLIENTS), proven }
    }

    /// What is to be kept for the next daemon.
    pub fn learnt(&self) -> Learnt {
        Learnt(self.proven.iter().map(|(mac, strategy)| (MacAddress(*mac), *strategy)).collect())
    }

    /// The strategy for a client that asks for an offer now.
    pub fn strategy(&mut self, told: &Told<'_>, now: Instant) -> Strategy {
        let proven = self.proven.get(&told.mac).copied();
        let first = told.chosen.or(proven).unwrap_or(Strategy::order(told.platform)[0]);
        let trial = self.trying.get_or_insert_mut((told.mac, told.stage), || Trial::new(first, told, now));
        trial.asked = trial.asked.saturating_add(1);
        trial.file = Arc::clone(told.file);
        match told.chosen {
            // The operator has changed the choice.
            Some(chosen) if chosen != trial.strategy => *trial = Trial { asked: 1, ..Trial::new(chosen, told, now) },
            _ if trial.is_over(told.xid, now) => trial.ask_again(told, proven.is_some(), now),
            _ => {}
        }
        trial.xid = told.xid;
        trial.is_remote = told.is_remote;
        trial.is_chosen = told.chosen.is_some();
        trial.strategy
    }

    /// How the firmware of a client is answered, beside all others of its kind.
    pub fn standing(&self, mac: Mac) -> Standing {
        let tried = self.trying.peek(&(mac, Stage::Pxe));
        let is_tried = tried.is_some_and(|trial| trial.asked > 0 && !trial.is_chosen);
        match self.proven.peek(&mac) {
            _ if is_tried => Standing::Tried,
            Some(strategy) if *strategy != Strategy::Direct => Standing::Settled(*strategy),
            _ => Standing::Usual,
        }
    }

    /// All clients whose standing is not the usual one.
    pub fn special(&self) -> impl Iterator<Item = Mac> {
        let tried = self.trying.iter().filter(|((_, stage), _)| *stage == Stage::Pxe).map(|((mac, _), _)| *mac);
        let all = tried.chain(self.proven.iter().map(|(mac, _)| *mac));
        all.filter(|mac| self.standing(*mac) != Standing::Usual)
    }

    /// Whether a client was told something lately, or has ever fetched it.
    pub fn knows(&self, mac: Mac) -> bool {
        self.proven.contains(&mac) || Stage::ALL.iter().any(|stage| self.trying.contains(&(mac, *stage)))
    }

    /// Whether a client was told something by way of a relay: it comes from another network then.
    pub fn is_remote(&self, mac: Mac) -> bool {
        let mut trials = Stage::ALL.iter().filter_map(|stage| self.trying.peek(&(mac, *stage)));
        trials.any(|trial| trial.is_remote)
    }

    /// A client asked a DHCP server for an address, or came to port 4011 with one.
    pub fn has_address(&mut self, mac: Mac) {
        self.trials(mac, |trial| trial.has_address = true);
    }

    /// A client has fetched a file, whole; `file` is its name below the boot root.
    ///
    /// Returns what to tell the operator if it loads the same boot program again and again.
    pub fn fetched(&mut self, mac: Mac, file: &str, now: Instant) -> Option<String> {
        let (mut worked, mut told) = (None, None);
        self.trials(mac, |trial| {
            if *trial.file == *file {
                trial.succeed(now);
                worked = worked.or((trial.stage == Stage::Pxe).then_some(trial.strategy));
                told = trial.loads.is_loop(now).then(|| trial.loads.in_words(MacAddress(mac)));
            }
        });
        worked.map(|strategy| self.proven.put(mac, strategy));
        told
    }

    fn trials(&mut self, mac: Mac, mut change: impl FnMut(&mut Trial)) {
        for stage in Stage::ALL {
            self.trying.get_mut(&(mac, stage)).into_iter().for_each(&mut change);
        }
    }
}

impl Default for Learning {
    fn default() -> Self {
        Self::new(&Learnt::default())
    }
}

impl Trial {
    fn new(strategy: Strategy, told: &Told<'_>, now: Instant) -> Self {
        Self {
            stage: told.stage,
            strategy,
            xid: told.xid,
            since: now,
            strikes: 0,
            asked: 0,
            has_address: false,
            is_remote: told.is_remote,
            is_chosen: told.chosen.is_some(),
            file: Arc::clone(told.file),
            loads: Loads { file: Arc::clone(told.file), count: 0, since: now },
        }
    }

    /// Whether a message begins another attempt.
    fn is_over(&self, xid: u32, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        age >= if xid == self.xid { PATIENCE } else { RESTART }
    }

    /// Judges the attempt that is over, and begins another.
    fn ask_again(&mut self, told: &Told<'_>, is_proven: bool, now: Instant) {
        if self.asked > 1 && (!is_proven || self.has_address) {
            self.strikes += 1;
        }
        let limit = if is_proven { STRIKES } else { 1 };
        if self.strikes >= limit && told.chosen.is_none() {
            self.strategy = self.strategy.next(told.platform);
            self.strikes = 0;
        }
        self.since = now;
        self.has_address = false;
    }

    /// The client has what it was told.
    fn succeed(&mut self, now: Instant) {
        if !Arc::ptr_eq(&self.loads.file, &self.file) && self.loads.file != self.file {
            self.loads = Loads { file: Arc::clone(&self.file), count: 0, since: now };
        } else if now.saturating_duration_since(self.loads.since) > LOOP_WINDOW {
            self.loads.count = 0;
            self.loads.since = now;
        }
        self.loads.count += 1;
        self.strikes = 0;
        self.asked = 0;
    }
}

impl Loads {
    /// True once for each loop.
    fn is_loop(&self, now: Instant) -> bool {
        self.count == LOOP_LOADS && now.saturating_duration_since(self.since) <= LOOP_WINDOW
    }

    fn in_words(&self, mac: MacAddress) -> String {
        let (file, count, minutes) = (&self.file, self.count, LOOP_WINDOW.as_secs() / 60);
        format!(
            "{mac} has loaded {file} {count} times in {minutes} minutes: what it loads seems to end, or to load itself again"
        )
    }
}
