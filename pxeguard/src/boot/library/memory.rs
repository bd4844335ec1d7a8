//! What is remembered of clients that asked.

use std::collections::HashMap;
use std::time::Instant;

use pxeguard_common::arch::Platform;
use pxeguard_common::net::Mac;

use super::IPXE_START;

/// Clients that are remembered; then all are forgotten.  It only costs a round: iPXE is asked for its platform, or fetched
/// once more.
const MAX_CLIENTS: usize = 16_384;

/// What is remembered, by client.
#[derive(Debug, Default)]
pub(super) struct Memory {
    platforms: HashMap<Mac, Platform>,
    ipxes: HashMap<Mac, Instant>,
}

impl Memory {
    /// It said by DHCP what it is.
    pub(super) fn note_platform(&mut self, mac: Mac, platform: Platform) {
        insert(&mut self.platforms, mac, platform);
    }

    /// What it said.
    pub(super) fn platform(&self, mac: Mac) -> Option<Platform> {
        self.platforms.get(&mac).copied()
    }

    /// It fetched the boot root's iPXE.
    pub(super) fn note_ipxe(&mut self, mac: Mac, now: Instant) {
        insert(&mut self.ipxes, mac, now);
    }

    /// Whether it did so just now: then it is that iPXE which asks.
    pub(super) fn has_ipxe(&self, mac: Mac, now: Instant) -> bool {
        self.ipxes.get(&mac).is_some_and(|then| now.saturating_duration_since(*then) < IPXE_START)
    }
}

fn insert<T>(clients: &mut HashMap<Mac, T>, mac: Mac, value: T) {
    if clients.len() >= MAX_CLIENTS && !clients.contains_key(&mac) {
        clients.clear();
    }
    clients.insert(mac, value);
}
