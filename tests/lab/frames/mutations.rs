//! The ways to disguise a server's reply.
//!
//! Each is known to get by some filter or into some client: VU#855201 (CVE-2021-27853, -27854, -27861,
//! -27862), RFC 7113 for IPv4, and what udhcpc, dhclient, dhcpcd, iPXE, EDK II and Windows were seen to take.

use super::{Carried, Message};

mod carriers;
mod dhcp;
mod ipv4;

/// A reply in disguise; none of its forms may come from an untrusted server to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Does not change: reports and fuzz corpora refer to it.
    pub name: String,
    /// What to send, in this order.
    pub frames: Vec<Vec<u8>>,
    /// Index of the frame that has to be dropped; without it nobody can put the others together.
    pub telling: usize,
}

impl Mutation {
    fn new(name: impl Into<String>, frame: Vec<u8>) -> Self {
        Self { name: name.into(), frames: vec![frame], telling: 0 }
    }

    /// The reply after a change.
    fn of(name: impl Into<String>, reply: &Message, change: impl FnOnce(&mut Message)) -> Self {
        Self::new(name, reply.with(change).frame())
    }

    /// IPv4 packets of the reply's sender.
    fn packets(name: impl Into<String>, reply: &Message, packets: Vec<Vec<u8>>) -> Self {
        let frames = packets.into_iter().map(|packet| reply.framed(&Carried::ipv4(packet)));
        Self { name: name.into(), frames: frames.collect(), telling: 0 }
    }
}

/// All disguises of a plain OFFER.
pub fn mutations() -> Vec<Mutation> {
    of(&Message::offer())
}

/// All disguises of a reply, which is a plain one to port 68; the first of them is none.
pub fn of(reply: &Message) -> Vec<Mutation> {
    let mut all = vec![Mutation::new("plain", reply.frame())];
    all.extend(carriers::of(reply));
    all.extend(ipv4::of(reply));
    all.extend(dhcp::of(reply));
    all
}
