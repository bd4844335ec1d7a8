//! The clients that are remembered.  Bounded, and who invents clients displaces none that has fetched a file.

use std::cmp::Reverse;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;

use lru::LruCache;
use pxeguard_common::net::Mac;

use super::Now;
use super::client::Client;

/// Clients that have fetched something.
pub(super) const MAX_FETCHED: NonZeroUsize = NonZeroUsize::new(4096).expect("not 0");
/// Clients that have only asked so far: anybody can invent some.
pub(super) const MAX_ASKED: NonZeroUsize = NonZeroUsize::new(2048).expect("not 0");

/// A client: by its Ethernet address, or where that is not known, by its IP address.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Who {
    Mac(Mac),
    Ip(Ipv4Addr),
}

impl Who {
    pub(super) const fn mac(self) -> Option<Mac> {
        match self {
            Self::Mac(mac) => Some(mac),
            Self::Ip(_) => None,
        }
    }
}

/// All of them; of each kind those that were heard of longest ago give way.
pub(super) struct Remembered {
    fetched: LruCache<Who, Client>,
    asked: LruCache<Who, Client>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { fetched: LruCache::new(MAX_FETCHED), asked: LruCache::new(MAX_ASKED) }
    }
}

impl Remembered {
    /// The client, which is heard of now, perhaps for the first time.
    pub(super) fn heard_of(&mut self, who: Who, now: Now) -> &mut Client {
        let clients = if self.fetched.contains(&who) { &mut self.fetched } else { &mut self.asked };
        let client = clients.get_or_insert_mut(who, || Client::new(now));
        client.seen(now);
        client
    }

    /// The same for those who only look: it gives way no later for that.
    pub(super) fn peek(&self, who: Who) -> Option<&Client> {
        self.fetched.peek(&who).or_else(|| self.asked.peek(&who))
    }

    /// Clients whose Ethernet address is known, the one heard of last first, and whether each has fetched something.
    pub(super) fn macs(&self) -> Vec<(Mac, bool)> {
        let of =
            |has_fetched| move |(who, client): (&Who, &Client)| Some((who.mac()?, has_fetched, client.last_instant()));
        let mut macs: Vec<_> =
            self.fetched.iter().filter_map(of(true)).chain(self.asked.iter().filter_map(of(false))).collect();
        macs.sort_by_key(|(.., last)| Reverse(*last));
        macs.into_iter().map(|(mac, has_fetched, _)| (mac, has_fetched)).collect()
    }

    /// The client, if it was heard of before.
    pub(super) fn known(&mut self, who: Who) -> Option<&mut Client> {
        self.fetched.get_mut(&who).or_else(|| self.asked.get_mut(&who))
    }

    /// It has fetched something, and so is no invention.
    pub(super) fn has_fetched(&mut self, who: Who) {
        if let Some(client) = self.asked.pop(&who) {
            self.fetched.put(who, client);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Who, &Client)> {
        self.fetched.iter().chain(self.asked.iter()).map(|(who, client)| (*who, client))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Who, &mut Client)> {
        self.fetched.iter_mut().chain(self.asked.iter_mut()).map(|(who, client)| (*who, client))
    }
}
