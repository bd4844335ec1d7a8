//! Who may be served: limits, and requests that come twice.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Limits;

/// A client that was silent for so long, and asks the same from the same port, has been started anew: boot ROMs begin
/// with the same port each time.  One that waits for a lost answer asks again before it has had any.
const RESTARTED_AFTER: Duration = Duration::from_secs(2);

/// The transfers that live.
#[derive(Debug)]
pub(super) struct Admission {
    limits: Limits,
    /// Ends all of them.
    stop: CancellationToken,
    /// Beginning of the times in [`Lives::heard_ms`].
    epoch: Instant,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    by_client: HashMap<SocketAddrV4, Taken>,
    by_address: HashMap<Ipv4Addr, usize>,
    next: u64,
}

#[derive(Debug)]
struct Taken {
    number: u64,
    request: Box<[u8]>,
    lives: Arc<Lives>,
}

/// What a transfer and its place know of each other.
#[derive(Debug)]
struct Lives {
    /// When the client was heard last, 0 for never.
    heard_ms: AtomicU64,
    /// Cancelled if another request takes the place, and with all others.
    ended: CancellationToken,
}

/// Whether a request is served.
#[derive(Debug)]
pub(super) enum Admitted {
    /// By this place.
    Yes(Place),
    /// It came before, and is being served.
    Twice,
    /// There are too many; in words for the client.
    No(String),
}

impl Admission {
    pub(super) fn new(limits: Limits, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { limits, stop, epoch: Instant::now(), places: Mutex::default() })
    }

    /// A place for a client's request, as it came.
    pub(super) fn admit(self: &Arc<Self>, client: SocketAddrV4, request: &[u8], now: Instant) -> Admitted {
        let mut places = self.places();
        if let Some(taken) = places.by_client.get(&client) {
            if *taken.request == *request && !self.is_silent(&taken.lives, now) {
                return Admitted::Twice;
            }
            taken.lives.ended.cancel();
            places.remove(client);
        }
        let of_client = places.by_address.get(client.ip()).copied().unwrap_or_default();
        if of_client >= self.limits.per_client {
            return Admitted::No(format!("more than {} transfers of one client at once", self.limits.per_client));
        }
        if places.by_client.len() >= self.limits.in_all {
            return Admitted::No(format!("more than {} transfers at once; try again later", self.limits.in_all));
        }
        let lives = Arc::new(Lives { heard_ms: AtomicU64::new(0), ended: self.stop.child_token() });
        let number = places.next;
        places.next += 1;
        places.by_client.insert(client, Taken { number, request: request.into(), lives: Arc::clone(&lives) });
        places.by_address.insert(*client.ip(), of_client + 1);
        Admitted::Yes(Place { admission: Arc::clone(self), client, number, lives })
    }

    fn is_silent(&self, lives: &Lives, now: Instant) -> bool {
        let heard = lives.heard_ms.load(Ordering::Relaxed);
        heard > 0 && self.milliseconds(now).saturating_sub(heard) >= RESTARTED_AFTER.as_millis() as u64
    }

    /// Since the beginning, from 1.
    fn milliseconds(&self, now: Instant) -> u64 {
        now.duration_since(self.epoch).as_millis() as u64 + 1
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn remove(&mut self, client: SocketAddrV4) {
        self.by_client.remove(&client);
        if let Some(count) = self.by_address.get_mut(client.ip()) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(client.ip());
            }
        }
    }
}

/// The place of one transfer, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    client: SocketAddrV4,
    number: u64,
    lives: Arc<Lives>,
}

impl Place {
    /// The client sent something.
    pub(super) fn heard(&self, now: Instant) {
        self.lives.heard_ms.store(self.admission.milliseconds(now), Ordering::Relaxed);
    }

    /// Waits until another request of the client has taken its place, or all are ended.
    ///
    /// One wait for both, which lasts as long as the transfer: to begin one takes locks, and all would share that of the end.
    pub(super) fn ended(&self) -> WaitForCancellationFutureOwned {
        self.lives.ended.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.admission.places();
        if places.by_client.get(&self.client).is_some_and(|taken| taken.number == self.number) {
            places.remove(self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 2070);

    fn admission(per_client: usize, in_all: usize) -> Arc<Admission> {
        Admission::new(Limits { per_client, in_all }, CancellationToken::new())
    }

    fn place(admission: &Arc<Admission>, client: SocketAddrV4, request: &[u8], now: Instant) -> Option<Place> {
        match admission.admit(client, request, now) {
            Admitted::Yes(place) => Some(place),
            Admitted::Twice | Admitted::No(_) => None,
        }
    }

    fn with_port(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(*CLIENT.ip(), port)
    }

    #[test]
    fn a_request_that_comes_twice_has_one_place_and_the_next_one_after_its_end_has_its_own() {
        let (admission, now) = (admission(9, 9), Instant::now());
        let first = place(&admission, CLIENT, b"request", now).unwrap();
        assert!(matches!(admission.admit(CLIENT, b"request", now + RESTARTED_AFTER), Admitted::Twice));
        drop(first);
        assert!(place(&admission, CLIENT, b"request", now).is_some());
    }

    #[tokio::test]
    async fn another_request_from_the_same_port_takes_the_place_of_the_first() {
        let (admission, now) = (admission(1, 1), Instant::now());
        let first = place(&admission, CLIENT, b"one", now).unwrap();
        let second = place(&admission, CLIENT, b"another", now).unwrap();
        first.ended().await;
        drop(first);
        assert!(matches!(admission.admit(CLIENT, b"another", now), Admitted::Twice), "the second lives");
        drop(second);
    }

    #[test]
    fn a_client_that_was_heard_and_fell_silent_may_have_been_started_anew() {
        let (admission, now) = (admission(1, 1), Instant::now());
        let first = place(&admission, CLIENT, b"request", now).unwrap();
        first.heard(now);
        let soon = now + RESTARTED_AFTER - Duration::from_millis(2);
        assert!(matches!(admission.admit(CLIENT, b"request", soon), Admitted::Twice));
        assert!(place(&admission, CLIENT, b"request", now + RESTARTED_AFTER).is_some());
    }

    #[test]
    fn one_client_has_a_limit_and_all_have_one() {
        let (admission, now) = (admission(2, 3), Instant::now());
        let _one = place(&admission, with_port(1), b"", now).unwrap();
        let two = place(&admission, with_port(2), b"", now).unwrap();
        assert!(place(&admission, with_port(3), b"", now).is_none());
        let other = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 3), 1);
        let _three = place(&admission, other, b"", now).unwrap();
        let third = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 4), 1);
        assert!(place(&admission, third, b"", now).is_none());
        drop(two);
        assert!(place(&admission, third, b"", now).is_some());
    }
}
