//! The policy in force, read out of the maps.

use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::trust::{Bound, Config, Grant, Mode, Place, Policy, Shapes};

use crate::maps::{BINDINGS, CONFIG, PORTS, ROUTED, TRUST};

/// From `linux/bpf.h`: the entry must not exist.
const BPF_NOEXIST: u64 = 1;

#[inline(always)]
fn config() -> Config {
    // An array's entry is always there.
    CONFIG.get(0).copied().unwrap_or(Config::new(Mode::Observe, Shapes::NONE))
}

#[inline(always)]
fn grant(place: &Place) -> Option<Grant> {
    // SAFETY: one aligned word, written at once; a removed entry is read as it was or as the next one is.
    unsafe { TRUST.get(place) }.copied()
}

/// For frames that come in by a guarded port.
pub struct AtIngress;

impl Policy for AtIngress {
    #[inline(always)]
    fn config(&self) -> Config {
        config()
    }

    #[inline(always)]
    fn grant(&self, place: &Place) -> Option<Grant> {
        grant(place)
    }

    #[inline(always)]
    fn bind(&self, mac: Mac, port: Ifindex) -> Option<Ifindex> {
        let bound = Bound::new(mac);
        // SAFETY: one aligned word, written at once.
        if let Some(bound_to) = unsafe { BINDINGS.get(bound) } {
            return Some(Ifindex(*bound_to));
        }
        // Of two CPUs that see the address first, one wins; the other reads what that one wrote.
        if BINDINGS.insert(bound, port.0, BPF_NOEXIST).is_ok() {
            return Some(port);
        }
        // SAFETY: as above.
        unsafe { BINDINGS.get(bound) }.map(|bound_to| Ifindex(*bound_to))
    }
}

/// For frames that came in by a port that is not guarded: nothing is bound there.
pub struct AtEgress;

impl Policy for AtEgress {
    #[inline(always)]
    fn config(&self) -> Config {
        config()
    }

    #[inline(always)]
    fn grant(&self, place: &Place) -> Option<Grant> {
        grant(place)
    }

    #[inline(always)]
    fn bind(&self, mac: Mac, _: Ifindex) -> Option<Ifindex> {
        // SAFETY: one aligned word, written at once.
        unsafe { BINDINGS.get(Bound::new(mac)) }.map(|bound_to| Ifindex(*bound_to))
    }
}

/// Whether no ingress program saw what came in by `port`: neither the host's own frames nor what it routes.
#[inline(always)]
pub fn came_unjudged(port: Ifindex) -> bool {
    port != Ifindex(0) && PORTS.get_ptr(port.0).is_none() && ROUTED.get_ptr(port.0).is_none()
}
