//! A bridge with a trusted host, a rogue and a client.

use macaddr::MacAddr6;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Raw};
use serde_json::Value;

use crate::wire;

pub struct Scene {
    pub lab: Lab,
    pub trusted: Guest,
    pub rogue: Guest,
    pub client: Guest,
    /// What arrives at the client.
    pub at_client: Raw,
}

impl Scene {
    pub fn new() -> Self {
        let lab = Lab::new().unwrap();
        let [trusted, rogue, client] = ["trusted", "rogue", "client"].map(|name| lab.attach(name).unwrap());
        let at_client = client.raw().unwrap();
        Self { lab, trusted, rogue, client, at_client }
    }

    /// A guard of the bridge.
    pub fn guard(&self, more: &[&str]) -> Guard<'_> {
        Guard::start(&self.lab, [&["--iface", BRIDGE], more].concat()).unwrap()
    }

    /// Whether a frame that a guest sends arrives at the client.
    pub fn arrives(&self, from: &Guest, frame: &[u8]) -> bool {
        let socket = from.raw().unwrap();
        wire::arrives(|frame| socket.send(frame), &self.at_client, frame)
    }

    /// Whether an OFFER arrives at the client that a guest sends.
    pub fn offer_arrives(&self, from: &Guest) -> bool {
        self.arrives(from, &offer_of(from.mac()))
    }
}

/// An OFFER by somebody's MAC address.
pub fn offer_of(source: MacAddr6) -> Vec<u8> {
    Message::offer().with(|offer| offer.source_mac = source).frame()
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
