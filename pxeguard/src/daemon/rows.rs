//! Keeping room in the table of servers.
//!
//! The kernel gives each port a share of rows, so that whoever forges sources fills his own share and nobody else's.
//! Here the share is emptied again: of those behind one port, the servers that said least and longest ago go first,
//! which a real server is not.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pxeguard_common::net::Ifindex;
use pxeguard_common::server::{ROWS_PER_PORT, ServerKey, ServerRow};

use super::guard::Guard;
use crate::dataplane::DataPlaneError;
use crate::time::{KernelClock, Timestamp};

/// A share that is fuller than this is emptied ...
const FULL: usize = ROWS_PER_PORT as usize * 3 / 4;
/// ... down to this.
const EMPTIED: usize = ROWS_PER_PORT as usize / 2;
/// How long a server is remembered whose port is gone.
const REMEMBER_NS: u64 = 3600 * 1_000_000_000;

impl Guard {
    /// What the slow timer does besides reconciling.
    pub(super) fn tidy(&mut self) {
        if let Err(error) = self.remove_rows() {
            log::error!("cannot make room for servers: {:#}", anyhow::Error::from(error));
        }
        self.teller.forget();
        match self.totals() {
            Ok(totals) => self.history.take(Timestamp::now(), &totals),
            Err(error) => log::error!("cannot read the totals: {:#}", anyhow::Error::from(error)),
        }
    }

    fn remove_rows(&mut self) -> Result<(), DataPlaneError> {
        let rows = self.plane.maps.servers()?;
        let now_ns = KernelClock::read().monotonic_ns();
        let (here, gone): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(key, _)| self.ports.contains_key(&Ifindex(key.port)));
        let mut stale = over_share(here);
        let (forgotten, remembered): (Vec<_>, Vec<_>) =
            gone.into_iter().partition(|(_, row)| row.last_seen_ns + REMEMBER_NS < now_ns);
        self.gone.retain(|port, _| remembered.iter().any(|(key, _)| key.port == port.0));
        stale.extend(forgotten);
        self.plane.maps.remove_servers(&stale)
    }
}

/// The rows that have to go.
fn over_share(rows: Vec<(ServerKey, ServerRow)>) -> Vec<(ServerKey, ServerRow)> {
    let mut shares: BTreeMap<(u32, u32), Vec<(ServerKey, ServerRow)>> = BTreeMap::new();
    for (key, row) in rows {
        shares.entry((key.port, row.share)).or_default().push((key, row));
    }
    let full = shares.into_values().filter(|share| share.len() > FULL);
    full.flat_map(|mut share| {
        // Replies by powers of four: a server that said a little more, but long ago, is not worth more.
        share.sort_by_key(|(_, row)| Reverse((row.total().max(1).ilog2() / 2, row.last_seen_ns)));
        share.split_off(EMPTIED)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(port: u32, mac: u32, replies: u64, last_seen_ns: u64) -> (ServerKey, ServerRow) {
        let [a, b, c, d] = mac.to_be_bytes();
        let key = ServerKey { port, source: [0; 4], server_id: [0; 4], mac: [2, 0, a, b, c, d], vlan: 0 };
        let mut row = ServerRow { last_seen_ns, ..ServerRow::BLANK };
        row.replies[0][0] = replies;
        (key, row)
    }

    #[test]
    fn a_real_server_outlives_a_flood_of_later_forged_ones() {
        let mut rows: Vec<_> = (1..250).map(|forged| row(7, forged, 1, 1000 + u64::from(forged))).collect();
        rows.push(row(7, 0, 40, 5));
        let gone = over_share(rows);
        assert_eq!(gone.len(), 250 - EMPTIED);
        assert!(gone.iter().all(|(key, _)| key.mac != [2, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn a_port_that_is_not_full_loses_nothing_to_one_that_is() {
        let rows = (0..250).map(|forged| row(7, forged, 1, 9)).chain([row(8, 0, 1, 1)]).collect();
        assert!(over_share(rows).iter().all(|(key, _)| key.port == 7));
    }
}
