//! A guard of the bridge, and what it says of servers.

use macaddr::MacAddr6;
use pxeguard_lab::{BRIDGE, Guard, Guest};
use serde_json::Value;

pub use crate::hosts::{Scene, offer_of};

impl Scene {
    /// A guard of the bridge.
    pub fn guard(&self, more: &[&str]) -> Guard<'_> {
        Guard::start(&self.lab, [&["--iface", BRIDGE], more].concat()).unwrap()
    }
}

/// A guest's address, and the port behind which it is: the narrowest trust.
pub fn place(guest: &Guest) -> String {
    format!("{}@{}", text(guest.mac()), guest.port())
}

/// An address as pxeguard writes it.
pub fn text(mac: MacAddr6) -> String {
    mac.to_string().to_lowercase()
}

/// What `servers` says of the only server that was seen behind a guest's port.
pub fn server_behind(guard: &Guard<'_>, guest: &Guest) -> Value {
    let servers = guard.json("servers").unwrap();
    let behind = |server: &&Value| server["port"] == guest.port();
    let found: Vec<_> = servers.as_array().unwrap().iter().filter(behind).cloned().collect();
    let [server] = found.try_into().unwrap_or_else(|found| panic!("not one server: {found:#?}"));
    server
}

/// How many replies had a verdict for a reason.
pub fn total(guard: &Guard<'_>, verdict: &str, reason: &str) -> u64 {
    let status = guard.json("status").unwrap();
    status["totals"][verdict][reason].as_u64().unwrap_or_else(|| panic!("no {verdict}, {reason}: {status:#}"))
}
