//! What is known of each port.

use crate::limit::{Bucket, ClientLimit};
use crate::net::Ifindex;
use crate::pod::pod;
use crate::server::{ROWS_PER_PORT, Share};
use crate::verdict::Verdict;

/// Value of the `PORTS` map, by slot: a port that is guarded, or is about to be.  Only the daemon writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct PortPolicy {
    /// Rows of servers that may ever have been made for each share of this port; raised by as many as are removed.
    pub rows_allowed: [u64; Share::COUNT],
    /// When the port's ingress program was attached, in nanoseconds of `CLOCK_REALTIME`; 0 where it is not yet.
    pub guarded_since_ns: u64,
    /// How many messages of DHCP clients may come in by it.
    pub clients: ClientLimit,
}
pod!(PortPolicy, 8 * 2, 8, size_of::<ClientLimit>());

impl PortPolicy {
    /// What nobody guards yet.
    pub const UNGUARDED: Self =
        Self { rows_allowed: [ROWS_PER_PORT; Share::COUNT], guarded_since_ns: 0, clients: ClientLimit::NONE };
}

/// Value of the `PORT_STATS` map, by slot.  The daemon writes it when it gives the slot to a port and when it takes it
/// back; in between only the kernel does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct PortStats {
    /// Whose slot it is.
    pub port: u64,
    /// Replies by verdict.
    pub replies: [u64; Verdict::ALL.len()],
    /// Replies of servers that have no row, because the port's share is used up.
    pub unlisted: u64,
    /// The kernel's tick at which one of those came last.
    pub tick: u64,
    /// When they may be told as often again as at first, see [`Ration`](crate::event::Ration).
    pub told_until_ns: u64,
    /// How many of them there had been then, that one included.
    pub told: u64,
    /// Rows of servers ever made, by share.
    pub rows_made: [u64; Share::COUNT],
    /// What may still come of DHCP clients.
    pub bucket: Bucket,
    /// Messages of DHCP clients by verdict; one that is dropped exceeded the port's limit.
    pub clients: [u64; Verdict::ALL.len()],
    /// When it was last told that the limit is exceeded, in nanoseconds of `CLOCK_MONOTONIC`.
    pub excess_told_ns: u64,
}
pod!(PortStats, 8, 8 * 3, 8, 8, 8, 8, 8 * 2, size_of::<Bucket>(), 8 * 3, 8);

impl PortStats {
    /// Of a port that has not been counted yet.
    pub fn of(port: Ifindex) -> Self {
        Self { port: port.0.into(), ..Self::default() }
    }
}

/// Ports that can be guarded at once.
pub const MAX_PORTS: u32 = 4096;

/// A port's place in the `PORTS` and `PORT_STATS` maps, which are arrays: an entry of those is found in a nanosecond.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(transparent)]
pub struct Slot(pub u32);

impl Slot {
    /// That of all ports that have none of their own.
    pub const SHARED: Self = Self(0);
    /// How many there are.
    pub const COUNT: u32 = MAX_PORTS + 1;

    /// Where a port mostly is.  If it is not, another one was there first, and the `PORT_SLOTS` map tells the place.
    #[inline(always)]
    pub const fn usual(port: Ifindex) -> Self {
        Self(1 + port.0 % MAX_PORTS)
    }

    /// All that can be given to a port, the best first.
    pub fn for_port(port: Ifindex) -> impl Iterator<Item = Self> {
        core::iter::once(Self::usual(port)).chain((1..Self::COUNT).map(Self))
    }
}
