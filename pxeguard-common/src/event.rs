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

/// Size of the ring.
pub const RING_BYTES: u32 = 512 * 1024;

/// The least time between two events of one server, of a port's servers that have no row, or of a port's clients.
pub const TELL_EVERY_NS: u64 = 1_000_000_000;
