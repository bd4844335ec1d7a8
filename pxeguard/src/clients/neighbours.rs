//! Which Ethernet address has an IP address, by the kernel's table of neighbours.
//!
//! It is read from /proc: netlink would answer for a single address, but before Linux 6.17 takes a lock for that, which
//! others hold for as long as a driver resets a card; a service must not wait for that.

use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pxeguard_common::net::Mac;

use crate::trust::MacAddress;

/// The table, of the namespace that the calling thread is in (proc(5)).
const TABLE: &str = "/proc/thread-self/net/arp";
/// How long a neighbour holds; another machine can get its address.
const HOLDS: Duration = Duration::from_secs(5);
/// Between two readings: who invents addresses costs no more than some 20 readings a second.
const PAUSE: Duration = Duration::from_millis(50);
/// `ATF_COM` (linux/if_arp.h): the neighbour has answered.
const COMPLETE: u32 = 0x02;

/// The table, as it was read last.
#[derive(Debug, Default)]
pub(super) struct Neighbours(Mutex<Option<Read>>);

#[derive(Debug)]
struct Read {
    at: Instant,
    macs: HashMap<Ipv4Addr, Mac>,
}

impl Neighbours {
    /// Who has this address, if the kernel knows.
    pub(super) fn mac_of(&self, ip: Ipv4Addr) -> Option<Mac> {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = last.as_ref().is_some_and(|read| {
            let age = now.saturating_duration_since(read.at);
            age < PAUSE || (age < HOLDS && read.macs.contains_key(&ip))
        });
        if !is_good {
            // Without /proc nobody is known; the client is shown by its IP address.
            let text = fs::read_to_string(TABLE).unwrap_or_default();
            *last = Some(Read { at: now, macs: text.lines().filter_map(neighbour).collect() });
        }
        last.as_ref()?.macs.get(&ip).copied()
    }
}

/// A line such as `10.0.0.2  0x1  0x2  52:54:00:12:34:56  *  vmbr0` (arp_format_neigh_entry in net/ipv4/arp.c).
fn neighbour(line: &str) -> Option<(Ipv4Addr, Mac)> {
    let mut words = line.split_whitespace();
    let ip = words.next()?.parse().ok()?;
    let flags = u32::from_str_radix(words.nth(1)?.strip_prefix("0x")?, 16).ok()?;
    let mac: MacAddress = words.next()?.parse().ok()?;
    (flags & COMPLETE != 0).then_some((ip, mac.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_that_has_answered_is_read() {
        let line = "10.0.0.2         0x1         0x2         52:54:00:12:34:56     *        vmbr0";
        assert_eq!(neighbour(line), Some((Ipv4Addr::new(10, 0, 0, 2), [0x52, 0x54, 0, 0x12, 0x34, 0x56])));
        assert_eq!(neighbour(&line.replace("0x2", "0x0")), None);
        let other_lines =
            ["IP address       HW type     Flags       HW address            Mask     Device", "", "10.0.0.2 0x1 0x2"];
        for other in other_lines {
            assert_eq!(neighbour(other), None, "{other}");
        }
    }
}
