//! The limit on what the DHCP clients behind a port may send.

use aya_ebpf::helpers::bpf_ktime_get_coarse_ns;
use pxeguard_common::event::{Excess, TELL_EVERY_NS};
use pxeguard_common::limit::{Bucket, Draw};
use pxeguard_common::net::Ifindex;
use pxeguard_common::trust::{Mode, Policy as _};
use pxeguard_common::verdict::Verdict;

use crate::account::add;
use crate::maps::{EVENTS, PORT_STATS, PORTS, slot_of};
use crate::policy::AT_INGRESS;

/// Counts a client's message.  Returns whether it ends here, because more came in by its port than its limit allows.
///
/// Many CPUs can draw from one bucket at the same time.  Each adds what it takes, by atomic addition, so a bucket that
/// several found with one token left is overdrawn by one for each further CPU, and paid back before the next is given:
/// the rate holds.  Only a full bucket is written whole: what other CPUs took between the look and the write is
/// forgotten, some messages, and one burst at the worst, where the machine under a virtual machine stops its CPU just
/// there.  While a flood goes on no bucket is full.
///
/// A function of its own: called by clients' messages alone, it takes nothing from the stack of the programs, of which
/// replies need nearly all.
#[inline(never)]
pub fn exceeds(port: Ifindex) -> bool {
    let slot = slot_of(port);
    let (Some(policy), Some(stats)) = (PORTS.get_ptr(slot.0), PORT_STATS.get_ptr_mut(slot.0)) else { return false };
    // SAFETY: the maps' own memory, of which aligned words are read and written; other CPUs do the same, see above.
    let (policy, stats) = unsafe { (&*policy, &mut *stats) };
    let limit = &policy.clients;
    if !limit.is_set() {
        add(&mut stats.clients[Verdict::Pass as usize], 1);
        return false;
    }
    // The clock that goes from tick to tick, 10 ms at the most: what comes within one is taken out of the bucket.
    // SAFETY: no memory is touched.
    let now_ns = unsafe { bpf_ktime_get_coarse_ns() };
    match limit.draw(&stats.bucket, now_ns) {
        Draw::FromFull { full_at_ns } => stats.bucket = Bucket { full_at_ns, fill_ns: limit.fill_ns() },
        Draw::One { interval_ns } => add(&mut stats.bucket.full_at_ns, interval_ns),
        Draw::Nothing => {
            if now_ns.wrapping_sub(stats.excess_told_ns) >= TELL_EVERY_NS {
                stats.excess_told_ns = now_ns;
                // Where there is no room, the next one is told in a second.
                let _ = EVENTS.output::<Excess>(&Excess { port: port.0.into() }, 0);
            }
            let drops = AT_INGRESS.config().mode() == Mode::Enforce;
            let verdict = if drops { Verdict::Drop } else { Verdict::WouldDrop };
            add(&mut stats.clients[verdict as usize], 1);
            return drops;
        }
    }
    add(&mut stats.clients[Verdict::Pass as usize], 1);
    false
}
