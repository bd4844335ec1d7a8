//! A bridge with a trusted host, a rogue and a client.

use macaddr::MacAddr6;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{Guest, Lab, Raw};

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
