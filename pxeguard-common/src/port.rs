//! What is known of each port.

use crate::pod::pod;
use crate::server::{ROWS_PER_PORT, Share};
use crate::verdict::Verdict;

/// Value of the `PORTS` map, by ifindex: a port that is guarded.  Only the daemon writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct PortPolicy {
    /// Rows of servers that may ever have been made for each share of this port; raised by as many as are removed.
    pub rows_allowed: [u64; Share::COUNT],
    /// When the port's ingress program was attached, in nanoseconds of `CLOCK_REALTIME`.
    pub guarded_since_ns: u64,
}
pod!(PortPolicy, 8 * 2, 8);

impl PortPolicy {
    /// A port that is guarded from now on.
    pub const fn new(guarded_since_ns: u64) -> Self {
        Self { rows_allowed: [ROWS_PER_PORT; Share::COUNT], guarded_since_ns }
    }
}

/// Value of the `PORT_STATS` map, by ifindex; 0 is for ports that are not guarded yet.  Only the kernel writes it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct PortStats {
    /// Replies by verdict.
    pub replies: [u64; Verdict::ALL.len()],
    /// Replies of servers that have no row, because the port's share is used up.
    pub unlisted: u64,
    /// When one of those was last told, in nanoseconds of `CLOCK_MONOTONIC`.
    pub told_ns: u64,
    /// How many of them there had been then, that one included.
    pub told: u64,
    /// Rows of servers ever made, by share.
    pub rows_made: [u64; Share::COUNT],
}
pod!(PortStats, 8 * 3, 8, 8, 8, 8 * 2);

/// Ports that can be guarded at once.
pub const MAX_PORTS: u32 = 4096;
