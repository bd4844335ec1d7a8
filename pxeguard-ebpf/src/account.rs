//! Counting a reply that was judged, and telling it.
#![expect(clippy::needless_borrows_for_generic_args, reason = "by value, rows and keys would be copied to the stack")]

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_coarse_ns};
use aya_ebpf::maps::PerCpuArray;
use aya_log_ebpf::warn;
use pxeguard_common::event::{Event, EventHead, FRAME_BYTES, Ration};
use pxeguard_common::net::Ifindex;
use pxeguard_common::port::{PortStats, Slot};
use pxeguard_common::reply::ServerReply;
use pxeguard_common::server::{ServerKey, ServerRow, Share};
use pxeguard_common::verdict::Judged;

use crate::frame::Capture;
use crate::maps::{EVENTS, EVENTS_LOST, PORT_STATS, PORTS, SERVERS, TOTALS, slot_of};

/// From `linux/bpf.h`: the entry must not exist.
const BPF_NOEXIST: u64 = 1;

/// Counts a reply in all, for its port and for its server, and tells it unless its like was told a moment ago.
#[inline(always)]
pub fn account(frame: &impl Capture, port: Ifindex, reply: &mut ServerReply, judged: &Judged, at_hook: u32) {
    count(&TOTALS, judged.index());
    reply.sender.port = port.0;
    let key = &reply.sender;
    // SAFETY: no memory is touched.
    let tick = unsafe { bpf_jiffies64() };
    let mut flags = at_hook;
    let slot = slot_of(port);
    // A slot is always there.
    let Some(stats) = PORT_STATS.get_ptr_mut(slot.0) else { return };
    // SAFETY: the map's own memory, which other CPUs change by atomic addition only.
    let stats = unsafe { &mut *stats };
    if let Some(counter) = stats.replies.get_mut(judged.verdict()) {
        add(counter, 1);
    }
    let row = SERVERS.get_ptr_mut(key).or_else(|| {
        flags |= Event::FIRST;
        new_row(key, slot, stats, judged.share())
    });
    let (now_ns, untold) = if let Some(row) = row {
        // SAFETY: as above; what is not added to is written whole, and the last one wins.
        let row = unsafe { &mut *row };
        if let Some(counter) = row.counter(judged.verdict(), reply.message_type()) {
            add(counter, 1);
        }
        if reply.is_relayed() {
            add(&mut row.relayed, 1);
        }
        if reply.is_pxe() {
            add(&mut row.pxe, 1);
        }
        row.reason = judged.reason();
        // Replies that pass are some client's, and few: each is told, as long as its server's ration lasts.
        let is_trusted = judged.passes();
        let now_ns = if is_trusted { Some(now()) } else { now_if_new(&mut row.tick, tick) };
        let Some(now_ns) = now_ns else { return };
        if row.first_seen_ns == 0 {
            row.first_seen_ns = now_ns;
        }
        row.last_seen_ns = now_ns;
        let ration = if is_trusted { Ration::TRUSTED } else { Ration::OTHERS };
        if !ration.take(&mut row.told_until_ns, now_ns) {
            return;
        }
        (now_ns, untold(&mut row.told, row.replies.iter().flatten().sum()))
    } else {
        flags = at_hook | Event::UNLISTED;
        add(&mut stats.unlisted, 1);
        let Some(now_ns) = now_if_new(&mut stats.tick, tick) else { return };
        if !Ration::OTHERS.take(&mut stats.told_until_ns, now_ns) {
            return;
        }
        (now_ns, untold(&mut stats.told, stats.unlisted))
    };
    let (judgement, type_code) = (judged.index(), reply.type_code.into());
    let frame_len = frame.len();
    let captured = frame_len.min(FRAME_BYTES as u32);
    tell(frame, || EventHead { at_ns: now_ns, untold, server: *key, judgement, type_code, frame_len, flags, captured });
}

/// The time, unless this tick was seen before: the clock goes from tick to tick as well, so that what is done once in a
/// while was done or put off then.  To read the clock takes as long as half a look-up in a hash map; the tick, nothing.
#[inline(always)]
fn now_if_new(seen: &mut u64, tick: u64) -> Option<u64> {
    if *seen == tick {
        return None;
    }
    *seen = tick;
    Some(now())
}

/// The time of the last tick, in nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
fn now() -> u64 {
    // SAFETY: no memory is touched.
    unsafe { bpf_ktime_get_coarse_ns() }
}

/// Makes a server's row, if its port's share of rows is not used up.
#[inline(always)]
fn new_row(key: &ServerKey, slot: Slot, stats: &mut PortStats, share: Share) -> Option<*mut ServerRow> {
    // SAFETY: the map's own memory; aligned words are read.
    let policy = unsafe { &*PORTS.get_ptr(slot.0)? };
    let mut allowed = policy.rows_allowed;
    let made = share.of_array(&mut stats.rows_made);
    if policy.guarded_since_ns == 0 || *made >= *share.of_array(&mut allowed) {
        return None;
    }
    // An error says that another CPU made it just now, or that the map is full.
    let is_new = SERVERS.insert(key, &BLANK, BPF_NOEXIST).is_ok();
    let row = SERVERS.get_ptr_mut(key)?;
    if is_new {
        add(made, 1);
        // SAFETY: the map's own memory; nobody else writes it.
        unsafe { (*row).share = share as u32 };
    }
    Some(row)
}

/// In read-only memory, because the verifier does not let a `memset` of the stack return.
static BLANK: ServerRow = ServerRow::BLANK;

/// Of how many replies before this one nothing was told since the last that was.
#[inline(always)]
fn untold(told: &mut u64, total: u64) -> u64 {
    let before = *told;
    *told = total;
    total.saturating_sub(before + 1)
}

/// Writes an event into the ring; counts it as lost where there is no room.
#[inline(always)]
fn tell(frame: &impl Capture, head: impl FnOnce() -> EventHead) {
    let Some(mut event) = EVENTS.reserve::<Event>(0) else {
        no_room(frame.context());
        return;
    };
    let to = event.as_mut_ptr();
    // SAFETY: the ring's entry is as large as an `Event`, and aligned to eight bytes.
    unsafe {
        (*to).head = head();
        // Bounds that the compiler cannot reason away and the verifier can see: 1 to `FRAME_BYTES`.
        let len = ((*to).head.captured.wrapping_sub(1) & (FRAME_BYTES as u32 - 1)) + 1;
        if !frame.copy_to((&raw mut (*to).frame).cast(), len) {
            (*to).head.captured = 0;
        }
    }
    event.submit(0);
}

/// Counts a lost event; of the first on each CPU, tells the daemon by way of its log.
#[inline(never)]
fn no_room(context: &impl EbpfContext) -> bool {
    let is_first = count(&EVENTS_LOST, 0) == Some(0);
    if is_first {
        warn!(context, "no room for an event: they come faster than the daemon reads them");
    }
    is_first
}

/// Adds for all CPUs.
#[inline(always)]
pub fn add(counter: &mut u64, n: u64) {
    // SAFETY: a u64 of a map is aligned, and lives as long as the reference.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter, n) };
}

/// Adds one for this CPU.  Returns how many there were before.
#[inline(always)]
fn count(counters: &PerCpuArray<u64>, index: u32) -> Option<u64> {
    // SAFETY: the map's own memory, which belongs to this CPU; a program in process context can be interrupted by
    // another, which changes it by atomic addition only.
    let counter = unsafe { &mut *counters.get_ptr_mut(index)? };
    let before = *counter;
    add(counter, 1);
    Some(before)
}
