//! How many connections there may be.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of one client: more than any boot program opens, and than a person's test with a hundred streams.
pub(super) const PER_CLIENT: usize = 256;
/// Connections in all: a room of machines that boot at once, each with one or two.
pub(super) const IN_ALL: usize = 4096;

/// The places that are taken.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    by_client: HashMap<Ipv4Addr, usize>,
    in_all: usize,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    client: Ipv4Addr,
}

impl Places {
    /// A place for a client, if there is one.
    pub(super) fn take(self: &Arc<Self>, client: Ipv4Addr) -> Option<Place> {
        let mut taken = self.taken();
        let of_client = taken.by_client.get(&client).copied().unwrap_or_default();
        if of_client >= PER_CLIENT || taken.in_all >= IN_ALL {
            return None;
        }
        taken.by_client.insert(client, of_client + 1);
        taken.in_all += 1;
        Some(Place { places: Arc::clone(self), client })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    use super::*;

    #[test]
    fn one_client_does_not_take_the_places_of_others() {
        let places = Arc::new(Places::default());
        let (one, other) = (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 3));
        let mut taken: Vec<_> = (0..PER_CLIENT).map(|_| places.take(one).unwrap()).collect();
        assert!(places.take(one).is_none());
        assert!(places.take(other).is_some());
        taken.pop();
        assert!(places.take(one).is_some());
        drop(taken);
        assert!(places.taken().by_client.is_empty());
    }

    #[test]
    fn there_are_so_many_places_in_all() {
        let places = Arc::new(Places::default());
        let clients = (0..u32::try_from(IN_ALL).unwrap()).map(Ipv4Addr::from_bits);
        let taken: Vec<_> = clients.map(|client| places.take(client).unwrap()).collect();
        assert!(places.take(Ipv4Addr::BROADCAST).is_none());
        drop(taken);
        assert!(places.take(Ipv4Addr::BROADCAST).is_some());
    }
}
