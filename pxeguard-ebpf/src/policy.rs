//! The policy in force, read out of the maps.

use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::trust::{Bound, Config, Grant, Mode, Place, Policy, Shapes};

use crate::maps::{BINDINGS, CONFIG, PORTS, ROUTED, TRUST, slot_of};

/// From `linux/bpf.h`: the entry must not exist.
const BPF_NOEXIST: u64 = 1;

/// The policy; whether it binds a MAC address to the port where it is first seen depends on the hook.
pub struct InForce<const BINDS: bool>;

/// For frames that come in by a guarded port.
pub const AT_INGRESS: InForce<true> = InForce;
/// For frames that came in by a port that is not guarded: nothing is bound there.
pub const AT_EGRESS: InForce<false> = InForce;

impl<const BINDS: bool> Policy for InForce<BINDS> {
    #[inline(always)]
    fn config(&self) -> Config {
        // An array's entry is always there.
        CONFIG.get(0).copied().unwrap_or(Config::new(Mode::Observe, Shapes::NONE))
    }

    #[inline(always)]
    fn grant(&self, place: &Place) -> Option<Grant> {
        // SAFETY: one aligned word, written at once; a removed entry is read as it was or as the next one is.
        unsafe { TRUST.get(place) }.copied()
    }

    #[inline(always)]
    fn bind(&self, mac: Mac, port: Ifindex) -> Option<Ifindex> {
        // Ifindex 0 is never a port's.  A `None` would leave the number unwritten, the compiler compares it all the
        // same, and the verifier refuses that.
        Some(bind::<BINDS>(mac, port))
    }
}

/// The port to which the address is bound, be it only now; 0 where there is none.
///
/// A function of its own, because it is needed at each of the places that are looked up.
#[inline(never)]
fn bind<const BINDS: bool>(mac: Mac, port: Ifindex) -> Ifindex {
    let bound = Bound::new(mac);
    // SAFETY: one aligned word, written at once.
    let bound_to = || unsafe { BINDINGS.get(bound) }.map_or(0, |ifindex| *ifindex);
    let mut found = bound_to();
    if BINDS && found == 0 {
        // Of two CPUs that see the address first, one wins; the other reads what that one wrote.
        let _won_or_lost = BINDINGS.insert(bound, port.0, BPF_NOEXIST);
        found = bound_to();
    }
    Ifindex(found)
}

/// Whether no ingress program saw what came in by `port`: neither the host's own frames nor what it routes.
#[inline(always)]
pub fn came_unjudged(port: Ifindex) -> bool {
    port != Ifindex(0) && !is_guarded(port) && ROUTED.get_ptr(port.0).is_none()
}

/// Whether an ingress program sees what comes in by `port`.
#[inline(always)]
fn is_guarded(port: Ifindex) -> bool {
    // SAFETY: an aligned word of the map's own memory.
    PORTS.get_ptr(slot_of(port).0).is_some_and(|policy| unsafe { (*policy).guarded_since_ns } != 0)
}
