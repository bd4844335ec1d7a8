//! A guard of the bridge that trusts one host, and what it says of ports.

use macaddr::MacAddr6;
use pxeguard_lab::{BRIDGE, Guard, Guest, until};
use serde_json::Value;

pub use crate::hosts::{Scene, offer_of};
use crate::wire::SOON;

/// Where on a port the guard can be.
pub const HOOKS: [&str; 4] = ["tcx", "xdp", "xdp-generic", "clsact"];

impl Scene {
    /// A guard of the bridge that trusts what is behind one port.
    pub fn guard(&self, more: &[&str]) -> Guard<'_> {
        let arguments = [&["--iface", BRIDGE, "--trust-port", self.trusted.port()], more].concat();
        Guard::start(&self.lab, arguments).unwrap()
    }

    /// Whether an OFFER arrives at the client that a guest sends by somebody's MAC address.
    pub fn offer_of_arrives(&self, from: &Guest, source: MacAddr6) -> bool {
        self.arrives(from, &offer_of(source))
    }

    /// The same, once the guard has the guest's port; and whoever blocks the OFFER, it is counted there.
    pub fn assert_blocked(&self, guard: &Guard<'_>, rogue: &Guest) {
        let before = guarded(guard, rogue.port())["dropped"].as_u64().unwrap();
        assert!(!self.offer_arrives(rogue), "an OFFER came by {}", rogue.port());
        assert_eq!(guarded(guard, rogue.port())["dropped"], before + 1, "{}", rogue.port());
    }
}

/// An OFFER of a guest's.
pub fn offer(from: &Guest) -> Vec<u8> {
    offer_of(from.mac())
}

/// What `ports` says of one port; `None` where it does not list it.
pub fn port(guard: &Guard<'_>, name: &str) -> Option<Value> {
    let ports = guard.json("ports").unwrap();
    ports.as_array().unwrap().iter().find(|port| port["name"] == name).cloned()
}

/// Waits until a port is guarded; what `ports` says of it.
pub fn guarded(guard: &Guard<'_>, name: &str) -> Value {
    let mut found = None;
    let looked = until(SOON, &format!("{name} is guarded"), || {
        found = port(guard, name).filter(|port| !port["guarded_since"].is_null());
        found.is_some()
    });
    looked.unwrap_or_else(|why| panic!("{why}\n{}", guard.process().output()));
    found.expect("it was waited for")
}

/// Waits until the guard has nothing to do with a port any more.
pub fn released(guard: &Guard<'_>, name: &str) {
    let looked = until(SOON, &format!("{name} is released"), || port(guard, name).is_none());
    looked.unwrap_or_else(|why| panic!("{why}\n{}", guard.process().output()));
}
