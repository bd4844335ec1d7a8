//! The maps.  All are pinned by name, so that what one daemon began the next one continues.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, ProgramArray, RingBuf};
use pxeguard_common::event::RING_BYTES;
use pxeguard_common::net::Ifindex;
use pxeguard_common::port::{MAX_PORTS, PortPolicy, PortStats, Slot};
use pxeguard_common::request::Desk;
use pxeguard_common::responder::{
    Answers, MAX_REPLIES, MAX_SPECIAL, Prepared, ReplyKey, Responder, Special, TOLD_BYTES, Variant,
};
use pxeguard_common::server::{MAX_SERVERS, ServerKey, ServerRow};
use pxeguard_common::trust::{Bound, Config, Grant, MAX_TRUSTS, Place};
use pxeguard_common::verdict::Judgement;

/// Rows come and go: memory only for those that are there.
const BPF_F_NO_PREALLOC: u32 = 1;

/// What holds for all ports: one entry.
#[map]
pub static CONFIG: Array<Config> = Array::pinned(1, 0);

/// Who may answer.
#[map]
pub static TRUST: HashMap<Place, Grant> = HashMap::pinned(MAX_TRUSTS, BPF_F_NO_PREALLOC);

/// To which port a MAC address was bound at first sight.
#[map]
pub static BINDINGS: HashMap<Bound, u32> = HashMap::pinned(MAX_TRUSTS, BPF_F_NO_PREALLOC);

/// The slot of each port that is guarded or about to be, by ifindex.
#[map]
pub static PORT_SLOTS: HashMap<u32, u32> = HashMap::pinned(MAX_PORTS, BPF_F_NO_PREALLOC);

/// How each port is guarded, by slot.
#[map]
pub static PORTS: Array<PortPolicy> = Array::pinned(Slot::COUNT, 0);

/// Interfaces with an address of their own, by ifindex: the host routes what comes in by them.
#[map]
pub static ROUTED: HashMap<u32, u32> = HashMap::pinned(MAX_PORTS, BPF_F_NO_PREALLOC);

/// What came in by each port, by slot.
#[map]
pub static PORT_STATS: Array<PortStats> = Array::pinned(Slot::COUNT, 0);

/// What each server said.
#[map]
pub static SERVERS: HashMap<ServerKey, ServerRow> = HashMap::pinned(MAX_SERVERS, BPF_F_NO_PREALLOC);

/// All replies, by judgement.
#[map]
pub static TOTALS: PerCpuArray<u64> = PerCpuArray::pinned(Judgement::COUNT as u32, 0);

/// Events that found no room in the ring.
#[map]
pub static EVENTS_LOST: PerCpuArray<u64> = PerCpuArray::pinned(1, 0);

/// What the daemon is told at once.
#[map]
pub static EVENTS: RingBuf = RingBuf::pinned(RING_BYTES, 0);

/// The program that answers PXE clients, where the guard's ingress program goes on to it: one entry.
#[map]
pub static RESPOND: ProgramArray = ProgramArray::pinned(1, 0);

/// Whether the kernel answers, and by which replies: one entry.
#[map]
pub static RESPONDER: Array<Responder> = Array::pinned(1, 0);

/// By which guarded interface user space receives what comes in by a port, by their ifindexes.
#[map]
pub static SERVED: HashMap<u32, u32> = HashMap::pinned(MAX_PORTS, BPF_F_NO_PREALLOC);

/// Replies to PXE clients.
#[map]
pub static REPLIES: HashMap<ReplyKey, Prepared> = HashMap::pinned(MAX_REPLIES, BPF_F_NO_PREALLOC);

/// Clients that get other replies than all, or that user space answers.
#[map]
pub static SPECIAL: HashMap<Special, Variant> = HashMap::pinned(MAX_SPECIAL, BPF_F_NO_PREALLOC);

/// Where a request is read.
#[map]
pub static DESK: PerCpuArray<Desk> = PerCpuArray::with_max_entries(1, 0);

/// What was answered.
#[map]
pub static ANSWERS: PerCpuArray<Answers> = PerCpuArray::pinned(1, 0);

/// What was answered, one by one, for user space.
#[map]
pub static ANSWERED: RingBuf = RingBuf::pinned(TOLD_BYTES, 0);

/// Where a port is guarded and counted; the shared slot if it has none of its own.
#[inline(always)]
pub fn slot_of(port: Ifindex) -> Slot {
    let usual = Slot::usual(port);
    // SAFETY: the map's own memory; an aligned word is read.
    let is_there = PORT_STATS.get_ptr(usual.0).is_some_and(|stats| unsafe { (*stats).port } == port.0.into());
    if is_there {
        return usual;
    }
    // SAFETY: an aligned word; a removed entry is read as it was or as the next one is.
    unsafe { PORT_SLOTS.get(port.0) }.map_or(Slot::SHARED, |slot| Slot(*slot))
}
