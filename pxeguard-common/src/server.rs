//! What is known of each server.

use crate::dhcp::MessageType;
use crate::net::Mac;
use crate::pod::pod;
use crate::verdict::{Reason, Verdict};

/// Key of the `SERVERS` map.  All but the port is what the sender claims.
///
/// A part of [`ServerReply`](crate::reply::ServerReply), whose fields have their order for a reason told there.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(C)]
pub struct ServerKey {
    /// Source address of its frames.
    pub mac: Mac,
    /// The VLAN, 0 where there is none.
    pub vlan: u16,
    /// Source address of its datagrams; 0.0.0.0 where it could not be read.
    pub source: [u8; 4],
    /// Option 54 (RFC 2132 §9.7); 0.0.0.0 where there is none that can be read.
    pub server_id: [u8; 4],
    /// The port by which its replies come in; 0 where that is not known yet.
    pub port: u32,
}
pod!(ServerKey, 6, 2, 4, 4, 4);

/// Value of the `SERVERS` map: what a server said, counted.  Times are nanoseconds of `CLOCK_MONOTONIC`.
///
/// What each reply changes stands together, in one cache line or two.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct ServerRow {
    /// The kernel's tick at which its last reply came.
    pub tick: u64,
    /// Reason of the last verdict.
    pub reason: u32,
    /// The share of its port's rows that it was made from.
    pub share: u32,
    /// Replies by verdict and message type.
    pub replies: [[u64; MessageType::ALL.len()]; Verdict::ALL.len()],
    /// Replies that came, or were to go, through a relay (`giaddr`).
    pub relayed: u64,
    /// Replies that give no address and refuse none: a PXE server's.
    pub pxe: u64,
    /// When its first reply came.
    pub first_seen_ns: u64,
    /// When its last reply came, or one less than a tick before it.
    pub last_seen_ns: u64,
    /// When it may be told as often again as at first, see [`Ration`](crate::event::Ration).
    pub told_until_ns: u64,
    /// How many replies it had sent then, that one included.
    pub told: u64,
}
pod!(ServerRow, 8, 4, 4, 8 * 12, 6 * 8);

impl ServerRow {
    /// A row that nothing is written in yet.
    pub const BLANK: Self = {
        Self {
            tick: 0,
            reason: 0,
            share: 0,
            replies: [[0; MessageType::ALL.len()]; Verdict::ALL.len()],
            relayed: 0,
            pxe: 0,
            first_seen_ns: 0,
            last_seen_ns: 0,
            told_until_ns: 0,
            told: 0,
        }
    };

    /// The counter of one verdict, by its number, and type.
    #[inline(always)]
    pub fn counter(&mut self, verdict: usize, message_type: MessageType) -> Option<&mut u64> {
        let [offers, acks, naks, others] = self.replies.get_mut(verdict)?;
        Some(match message_type {
            MessageType::Offer => offers,
            MessageType::Ack => acks,
            MessageType::Nak => naks,
            MessageType::Other => others,
        })
    }

    /// How many replies of this type had this verdict.
    pub const fn count(&self, verdict: Verdict, message_type: MessageType) -> u64 {
        self.replies[verdict as usize][message_type as usize]
    }

    /// How many replies had this verdict.
    pub fn of_verdict(&self, verdict: Verdict) -> u64 {
        self.replies[verdict as usize].iter().sum()
    }

    /// How many replies were of this type.
    pub fn of_type(&self, message_type: MessageType) -> u64 {
        self.replies.iter().map(|by_type| by_type[message_type as usize]).sum()
    }

    /// How many replies there were.
    #[inline(always)]
    pub fn total(&self) -> u64 {
        self.replies.iter().flatten().sum()
    }

    /// Why the last reply passed or not.
    pub fn last_reason(&self) -> Option<Reason> {
        Reason::ALL.get(self.reason as usize).copied()
    }
}

/// Rows in the `SERVERS` map.
pub const MAX_SERVERS: u32 = 16_384;

/// Rows that the servers of each standing behind one port can have: whoever forges sources fills his own port's share,
/// and neither another port's nor that of the trusted servers.
pub const ROWS_PER_PORT: u64 = 256;

/// Which share of a port's rows a server's row comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u32)]
pub enum Share {
    /// Servers that are trusted.
    Trusted,
    /// All others.
    Untrusted,
}

impl Share {
    /// How many there are.
    pub const COUNT: usize = 2;

    /// Its counter in an array of one for each share; always there, but the compiler for the kernel does not see it.
    #[inline(always)]
    pub fn of_array(self, shares: &mut [u64; Self::COUNT]) -> &mut u64 {
        let [trusted, untrusted] = shares;
        match self {
            Self::Trusted => trusted,
            Self::Untrusted => untrusted,
        }
    }
}
