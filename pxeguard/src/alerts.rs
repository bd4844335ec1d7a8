//! What somebody should look at: it opens by itself, and closes by itself.
//!
//! The guard tells what it sees; this keeps what is open, and says what has changed.  Bounded: whoever forges sources
//! opens so many alerts at his port, and one for all the others.

mod hook;
mod silence;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use pxeguard_common::net::{Ifindex, Mac};

use crate::report::{Alert, AlertKind};
use crate::time::Timestamp;
use crate::trust::MacAddress;

pub use hook::{HookProgram, Hooks};
pub use silence::{Answering, Silences};

/// Open alerts of one kind at one port that name their cause; of the others there is one more.
const MAX_PER_PORT: usize = 8;
/// Closed alerts that are remembered.
const MAX_CLOSED: usize = 100;
/// So many refusals of one server in [`NAK_WITHIN`] are a storm: a client that is refused asks anew after some ten
/// seconds (RFC 2131 §3.1), and takes what it is offered.
const NAKS: usize = 10;
const NAK_WITHIN: Duration = Duration::from_secs(60);
/// Servers whose refusals are counted.
const MAX_REFUSING: usize = 256;

/// Who or what causes an alert.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// What it is about.
    pub kind: AlertKind,
    /// The port.
    pub port: Ifindex,
    /// The server; `None` for those that are too many to be named, or where no server is to blame.
    pub mac: Option<Mac>,
    /// The VLAN, 0 for none.
    pub vlan: u16,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Name of the port.
    pub port: String,
    /// What happens, in a sentence.
    pub message: String,
    /// What to do.
    pub next: String,
    /// How many replies or messages caused it, this time.
    pub count: u64,
}

/// An alert opened or closed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It opened.
    Opened(Alert),
    /// It closed.
    Closed(Alert),
}

/// The alerts.
#[derive(Debug)]
pub struct Alerts {
    open: BTreeMap<Key, Open>,
    closed: VecDeque<Alert>,
    opened: [u64; AlertKind::ALL.len()],
    refusals: HashMap<(Ifindex, Mac, u16), VecDeque<Instant>>,
    next_id: u64,
    close_after: Duration,
}

#[derive(Debug)]
struct Open {
    alert: Alert,
    seen: Instant,
}

impl Alerts {
    /// None yet; one closes when its cause was not seen for so long.
    pub fn new(close_after: Duration) -> Self {
        Self {
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            opened: [0; AlertKind::ALL.len()],
            refusals: HashMap::new(),
            next_id: 1,
            close_after,
        }
    }

    /// Closes alerts sooner or later than before.
    pub fn set_close_after(&mut self, close_after: Duration) {
        self.close_after = close_after;
    }

    /// Its cause is seen.
    pub fn see(&mut self, key: Key, sight: Sight, now: Instant, time: Timestamp) -> Option<Change> {
        let key = self.place(key);
        if let Some(open) = self.open.get_mut(&key) {
            open.seen = now;
            open.alert.last_seen = time;
            open.alert.count += sight.count;
            // The last words are the truest: they have the newest evidence.
            open.alert.message = sight.message;
            return None;
        }
        let subject = match (key.mac, key.kind) {
            (Some(mac), _) => format!("{} at {}", MacAddress(mac), sight.port),
            (None, AlertKind::Flood) => format!("clients at {}", sight.port),
            (None, _) => format!("further servers at {}", sight.port),
        };
        let alert = Alert {
            id: self.next_id,
            kind: key.kind,
            subject,
            mac: key.mac.map(MacAddress),
            port: Some(sight.port),
            message: sight.message,
            next: sight.next,
            count: sight.count,
            opened: time,
            last_seen: time,
            closed: None,
        };
        self.next_id += 1;
        self.opened[key.kind as usize] += 1;
        self.open.insert(key, Open { alert: alert.clone(), seen: now });
        Some(Change::Opened(alert))
    }

    /// A server refuses an address; says whether there is a storm of them.
    pub fn refuses(&mut self, port: Ifindex, mac: Mac, vlan: u16, count: u64, now: Instant) -> bool {
        let is_known = self.refusals.contains_key(&(port, mac, vlan));
        if !is_known && self.refusals.len() >= MAX_REFUSING {
            self.refusals.retain(|_, times| times.back().is_some_and(|last| now - *last < NAK_WITHIN));
            if self.refusals.len() >= MAX_REFUSING {
                return false;
            }
        }
        let times = self.refusals.entry((port, mac, vlan)).or_default();
        times.extend(std::iter::repeat_n(now, (count as usize).min(NAKS)));
        times.drain(..times.len().saturating_sub(NAKS));
        times.len() == NAKS && now - times[0] < NAK_WITHIN
    }

    /// Its cause is gone.
    pub fn close(&mut self, key: Key, time: Timestamp) -> Option<Change> {
        let mut alert = self.open.remove(&key)?.alert;
        alert.closed = Some(time);
        if self.closed.len() == MAX_CLOSED {
            self.closed.pop_front();
        }
        self.closed.push_back(alert.clone());
        Some(Change::Closed(alert))
    }

    /// Closes those whose cause was not seen for long.  What goes on until it is said to be over stays.
    pub fn look(&mut self, now: Instant, time: Timestamp) -> Vec<Change> {
        let is_over = |(key, open): (&Key, &Open)| {
            let ends_by_silence = !matches!(key.kind, AlertKind::Flood | AlertKind::TrustedServerSilent);
            (ends_by_silence && now.saturating_duration_since(open.seen) >= self.close_after).then_some(*key)
        };
        let over: Vec<_> = self.open.iter().filter_map(is_over).collect();
        over.into_iter().filter_map(|key| self.close(key, time)).collect()
    }

    /// Keys of the open ones of a kind.
    pub fn open_of(&self, kind: AlertKind) -> Vec<Key> {
        self.open.keys().filter(|key| key.kind == kind).copied().collect()
    }

    /// Whether there is one.
    pub fn is_any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The alerts: those that are open, the newest first; then those that were, the one that closed last first.
    pub fn report(&self) -> Vec<Alert> {
        let mut open: Vec<_> = self.open.values().map(|open| open.alert.clone()).collect();
        open.sort_by_key(|alert| std::cmp::Reverse(alert.id));
        open.extend(self.closed.iter().rev().cloned());
        open
    }

    /// How many ever opened, by kind.
    pub fn opened(&self) -> impl Iterator<Item = (AlertKind, u64)> {
        AlertKind::ALL.into_iter().map(|kind| (kind, self.opened[kind as usize]))
    }

    /// The key itself, or that of the further ones where there are too many at its port.
    fn place(&self, key: Key) -> Key {
        let is_alike = |other: &&Key| other.kind == key.kind && other.port == key.port;
        match self.open.contains_key(&key) || self.open.keys().filter(is_alike).count() < MAX_PER_PORT {
            true => key,
            false => Key { mac: None, vlan: 0, ..key },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [2, 0, 0, 0, 0, 1];
    const CLOSE_AFTER: Duration = Duration::from_secs(120);

    fn key(mac: Mac) -> Key {
        Key { kind: AlertKind::UntrustedServer, port: Ifindex(7), mac: Some(mac), vlan: 0 }
    }

    fn sight(count: u64) -> Sight {
        let words = |text: &str| text.to_owned();
        Sight { port: words("tap1"), message: words("it offers 10.6.0.9"), next: words("trust it"), count }
    }

    #[test]
    fn an_alert_opens_once_counts_and_closes_by_itself() {
        let (mut alerts, start, time) = (Alerts::new(CLOSE_AFTER), Instant::now(), Timestamp::now());
        let Some(Change::Opened(opened)) = alerts.see(key(MAC), sight(3), start, time) else { panic!("it opens") };
        assert_eq!((opened.subject.as_str(), opened.count), ("02:00:00:00:00:01 at tap1", 3));
        let later = start + Duration::from_secs(100);
        assert_eq!(alerts.see(key(MAC), sight(4), later, time), None);
        assert_eq!(alerts.look(start + CLOSE_AFTER, time), []);
        let closed = alerts.look(later + CLOSE_AFTER, time);
        let [Change::Closed(closed)] = &closed[..] else { panic!("{closed:?}") };
        assert_eq!((closed.id, closed.count, closed.closed), (opened.id, 7, Some(time)));
        assert_eq!(alerts.report(), std::slice::from_ref(closed));
        // The same again is another one.
        let Some(Change::Opened(again)) = alerts.see(key(MAC), sight(1), later, time) else { panic!("it opens again") };
        assert_ne!(again.id, opened.id);
        assert_eq!(alerts.opened().next(), Some((AlertKind::UntrustedServer, 2)));
    }

    #[test]
    fn whoever_forges_sources_opens_few() {
        let (mut alerts, now, time) = (Alerts::new(CLOSE_AFTER), Instant::now(), Timestamp::now());
        let opened = (0..10_000_u32).filter(|number| {
            let [a, b, c, d] = number.to_be_bytes();
            alerts.see(key([2, 0, a, b, c, d]), sight(1), now, time).is_some()
        });
        assert_eq!(opened.count(), MAX_PER_PORT + 1);
        let others = alerts.report();
        assert_eq!(others[0].subject, "further servers at tap1");
        assert_eq!(others.iter().map(|alert| alert.count).sum::<u64>(), 10_000);
    }

    #[test]
    fn ten_refusals_in_a_minute_are_a_storm_and_slower_ones_are_not() {
        let (mut alerts, now) = (Alerts::new(CLOSE_AFTER), Instant::now());
        let slow = (0..30).any(|n| alerts.refuses(Ifindex(7), MAC, 0, 1, now + Duration::from_secs(7 * n)));
        assert!(!slow);
        let fast = (0..10).map(|n| alerts.refuses(Ifindex(8), MAC, 0, 1, now + Duration::from_secs(n)));
        assert_eq!(fast.filter(|is_storm| *is_storm).count(), 1);
        assert!(alerts.refuses(Ifindex(9), MAC, 0, 50, now));
    }
}
