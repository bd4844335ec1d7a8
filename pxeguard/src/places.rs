//! How many connections there may be, of one client and in all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of a server, and those that are taken.
#[derive(Debug)]
pub(crate) struct Places {
    per_client: usize,
    in_all: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_client: HashMap<IpAddr, usize>,
    in_all: usize,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    client: IpAddr,
}

impl Places {
    /// So many, all free.
    pub(crate) fn new(per_client: usize, in_all: usize) -> Self {
        Self { per_client, in_all, taken: Mutex::default() }
    }

    /// A place for a client, if there is one.
    pub(crate) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let mut taken = self.taken();
        let of_client = taken.by_client.get(&client).copied().unwrap_or_default();
        if of_client >= self.per_client || taken.in_all >= self.in_all {
            return None;
        }
        taken.by_client.insert(client, of_client + 1);
        taken.in_all += 1;
        Some(Place { places: Arc::clone(self), client })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.in_all -= 1;
        if let Some(count) = taken.by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_client_does_not_take_the_places_of_others() {
        let places = Arc::new(Places::new(3, 9));
        let (one, other) = (Ipv4Addr::new(10, 0, 0, 2).into(), Ipv4Addr::new(10, 0, 0, 3).into());
        let mut taken: Vec<_> = (0..3).map(|_| places.take(one).unwrap()).collect();
        assert!(places.take(one).is_none());
        assert!(places.take(other).is_some());
        taken.pop();
        assert!(places.take(one).is_some());
        drop(taken);
        assert!(places.taken().by_client.is_empty());
    }

    #[test]
    fn there_are_so_many_places_in_all() {
        let places = Arc::new(Places::new(3, 9));
        let clients = (0..9).map(|client| Ipv4Addr::from_bits(client).into());
        let taken: Vec<_> = clients.map(|client| places.take(client).unwrap()).collect();
        assert!(places.take(Ipv4Addr::BROADCAST.into()).is_none());
        drop(taken);
        assert!(places.take(Ipv4Addr::BROADCAST.into()).is_some());
    }
}
