//! What the kernel tells the daemon at once.

use crate::pod::pod;
use crate::server::ServerKey;

/// Bytes of the frame that an event holds at the most, a power of two: replies have some 350, and 590 where a server
/// fills the least that every client takes (RFC 2131 §2).
pub const FRAME_BYTES: usize = 1024;

/// One reply, told: what is known of it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct EventHead {
    /// When it came, in nanoseconds of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// Replies of the same source that were not told since the last one that was.
    pub untold: u64,
    /// Who sent it.
    pub server: ServerKey,
    /// [`crate::verdict::Judgement::index`].
    pub judgement: u32,
    /// Option 53 as it came; 0 where there is none.
    pub type_code: u32,
    /// Length of the whole frame.
    pub frame_len: u32,
    /// [`Event::FIRST`] and its like.
    pub flags: u32,
    /// How many bytes of the frame the event holds.
    pub captured: u32,
}
pod!(EventHead, 8, 8, size_of::<ServerKey>(), 4, 4, 4, 4, 4);

/// Entry of the `EVENTS` ring: one reply, told and shown.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Event {
    /// What is known of it.
    pub head: EventHead,
    /// Its first bytes; those behind [`EventHead::captured`] mean nothing.
    pub frame: [u8; FRAME_BYTES],
}
pod!(Event, size_of::<EventHead>(), FRAME_BYTES);

impl Event {
    /// The first reply of this server.
    pub const FIRST: u32 = 1;
    /// Of a server that has no row, because its port's share is used up.
    pub const UNLISTED: u32 = 2;
    /// Seen where it would have left, since the port by which it came in is not guarded yet.
    pub const AT_EGRESS: u32 = 4;
}

/// The other entry of the `EVENTS` ring, told from [`Event`] by its length: the clients behind a port send more than its
/// limit allows.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Excess {
    /// The port.
    pub port: u64,
}
pod!(Excess, 8);

/// Size of the ring: some 1,900 events.  As many replies of a trusted server come within tenths of a second where a hall
/// of machines is switched on.
pub const RING_BYTES: u32 = 2 << 20;

/// The least time between two events of one server, of a port's servers that have no row, or of a port's clients.
pub const TELL_EVERY_NS: u64 = 1_000_000_000;

/// How often one source is told: so many at once after a pause, then one each so often.
#[derive(Clone, Copy, Debug)]
pub struct Ration {
    every_ns: u64,
    burst_ns: u64,
}

impl Ration {
    /// For replies that pass because their server is trusted: each is a step of some client's boot.
    pub const TRUSTED: Self = Self::new(10_000_000, 256);
    /// For all others, whose senders anybody can forge.
    pub const OTHERS: Self = Self::new(TELL_EVERY_NS, 4);

    const fn new(every_ns: u64, burst: u64) -> Self {
        Self { every_ns, burst_ns: every_ns * (burst - 1) }
    }

    /// Takes one, if one is left.  `until_ns` is all that is kept of a source: when its ration will be whole again.
    #[inline(always)]
    pub fn take(self, until_ns: &mut u64, now_ns: u64) -> bool {
        let from = if *until_ns > now_ns { *until_ns } else { now_ns };
        if from - now_ns > self.burst_ns {
            return false;
        }
        *until_ns = from + self.every_ns;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ration_is_a_burst_and_then_a_rate() {
        let (mut until, ration) = (0, Ration::new(10, 3));
        let taken = |until: &mut u64, now| (0..5).filter(|_| ration.take(until, now)).count();
        assert_eq!(taken(&mut until, 1000), 3);
        assert_eq!(taken(&mut until, 1009), 0);
        assert_eq!(taken(&mut until, 1010), 1);
        assert_eq!(taken(&mut until, 1030), 2);
        assert_eq!(taken(&mut until, 9000), 3);
    }
}
