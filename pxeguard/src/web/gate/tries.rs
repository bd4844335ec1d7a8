//! How many wrong tokens an address may still try.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

/// Wrong tokens at once.
pub(super) const AT_ONCE: u32 = 10;
/// How long until one more may be tried.
pub(super) const EVERY: Duration = Duration::from_secs(2);
/// Addresses that are remembered; who has more to try from is not kept by this from guessing 128 bits, but by these.
const MAX_ADDRESSES: NonZeroUsize = NonZeroUsize::new(1024).expect("not 0");

/// For each address, when it will have all its tries again.
#[derive(Debug)]
pub(super) struct Tries(LruCache<IpAddr, Instant>);

impl Default for Tries {
    fn default() -> Self {
        Self(LruCache::new(MAX_ADDRESSES))
    }
}

impl Tries {
    /// Whether it has one left.
    pub(super) fn has_one(&mut self, peer: IpAddr, now: Instant) -> bool {
        let owed = self.0.get(&peer).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        owed <= EVERY * (AT_ONCE - 1)
    }

    /// Takes one.
    pub(super) fn take(&mut self, peer: IpAddr, now: Instant) {
        let at = self.0.get(&peer).map_or(now, |at| now.max(*at));
        self.0.put(peer, at + EVERY);
    }
}
